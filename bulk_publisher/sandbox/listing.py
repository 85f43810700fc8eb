"""``landing.landing.getList``: the portal's little query language over its pages.

Pure. Source: docs/bitrix24.md §4, dossier §2.1.

How it works. The top-level conditions on ID and SITE_ID narrow the range of places, those on
ACTIVE, PUBLIC and DELETED become one table of 256 flags that is searched at C speed, and whatever
is left is a predicate a place.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bulk_publisher.sandbox import php
from bulk_publisher.sandbox.calls import Call, RestError, Steps
from bulk_publisher.sandbox.world import ACTIVE, DELETED, GONE, PUBLIC, World

Predicate = Callable[[int], bool]

_CHUNK = 65_536
_KEY = re.compile(r"(!=|!@|!%|!><|!|>=|<=|><|>|<|=%|%=|=|@|%)?(.*)", re.DOTALL)
_FLAG_OF = {"ACTIVE": ACTIVE, "PUBLIC": PUBLIC, "DELETED": DELETED}
_EQUAL = {"", "=", "@"}
_UNEQUAL = {"!", "!=", "!@"}


class Field(NamedTuple):
    """One column: ``number``, ``text``, ``flag`` or ``date``, and how to read it."""

    kind: str
    read: Callable[[World, int], Any]


def _flag(bit: int) -> Field:
    return Field("flag", lambda world, place: "Y" if world.flags[place] & bit else "N")


def _always(kind: str, value: object) -> Field:
    return Field(kind, lambda _world, _place: value)


FIELDS: dict[str, Field] = {
    "ID": Field("number", lambda world, place: world.ids[place]),
    "CODE": Field("text", lambda world, place: world.code(place)),
    "RULE": _always("text", None),
    "ACTIVE": _flag(ACTIVE),
    "PUBLIC": _flag(PUBLIC),
    "DELETED": _flag(DELETED),
    "TITLE": Field("text", lambda world, place: world.title(place)),
    "DESCRIPTION": _always("text", None),
    "XML_ID": _always("text", None),
    "TPL_ID": _always("number", None),
    "TPL_CODE": _always("text", None),
    "SITE_ID": Field("number", lambda world, place: world.site_of[place]),
    "FOLDER_ID": Field("number", lambda world, place: world.folder_of[place] or None),
    "SITEMAP": _always("flag", "Y"),
    "VIEWS": _always("number", 0),
    "VERSION": _always("number", 15),
    "SYS": _always("flag", "N"),
    "CREATED_BY_ID": _always("number", 1),
    "MODIFIED_BY_ID": Field("number", lambda world, place: world.modified_by[place]),
    "DATE_CREATE": Field("date", lambda world, place: world.sites[world.site_of[place]].created),
    "DATE_MODIFY": Field("date", lambda world, place: world.modified[place]),
    "DATE_PUBLIC": Field("date", lambda world, place: world.published[place] or None),
    "DOMAIN_ID": _always("number", 0),
}


@dataclass(slots=True)
class Query:
    """A filter made ready: the places it may match, and what they must be like."""

    first: int
    end: int
    places: list[int] | None = None
    flags: bytearray = field(default_factory=lambda: bytearray(range(256)))
    tests: list[Predicate] = field(default_factory=list)


def get_list(call: Call) -> Steps:
    """The method: rows of strings, all of them unless ``limit`` says less."""
    params = call.array("params")
    yield call.scenario.list_cost
    select = _select(call, params.get("select"))
    places = _ordered(call, params)
    rows: dict[str, dict[str, object]] = {}
    for place in places:
        row: dict[str, object] = {name: _shown(call, name, place) for name in select}
        if php.truthy(params.get("get_urls")):
            row["PUBLIC_URL"] = call.world.url(place, is_cloud=call.is_cloud)
        # Rows are collected by their ID: without it in select they all fall into one.
        rows[str(row.get("ID"))] = row
    if call.scenario.row_cost:
        yield call.scenario.row_cost * len(rows)
    return list(rows.values())


def _select(call: Call, wanted: object) -> list[str]:
    names = [str(name) for _, name in php.items(wanted)] or ["*"]
    select: list[str] = []
    for name in names:
        if name == "*":
            select += [known for known in FIELDS if known != "PUBLIC" or call.scenario.public_field]
        elif "." not in name:
            _field(call, name)
            select.append(name)
    return list(dict.fromkeys([*select, "DOMAIN_ID"]))


def _field(call: Call, name: str) -> Field:
    found = FIELDS.get(name)
    if found is None or (name == "PUBLIC" and not call.scenario.public_field):
        raise RestError("SYSTEM_ERROR", f"Unknown field definition `{name}` for Landing Entity.")
    return found


def _shown(call: Call, name: str, place: int) -> object:
    kind, read = FIELDS[name]
    value = read(call.world, place)
    if value is None:
        return None
    if name == "DATE_PUBLIC" and call.scenario.date_public_object:
        # PHP's Date class is not made for JSON: one version of the code lets it through as it is.
        return {}
    return regional(value, call.scenario.date_format) if kind == "date" else str(value)


def regional(epoch: float, date_format: str) -> str:
    """A date in the portal's own format, without an offset."""
    return datetime.fromtimestamp(epoch, UTC).strftime(date_format)


def _ordered(call: Call, params: dict[str, Any]) -> list[int]:
    order = [(name, str(way).upper()) for name, way in php.items(params.get("order"))]
    for name, _ in order:
        _field(call, name)
    limit = php.intval(params.get("limit"))
    skip = max(0, php.intval(params.get("offset")))
    last = skip + limit if limit > 0 else len(call.world)
    query = _query(call, params.get("filter"))
    if not order or order[0][0] == "ID":
        found = _matches(call.world, query, backwards=bool(order) and order[0][1] == "DESC")
        return [place for _, place in zip(range(last), found, strict=False)][skip:]
    places = list(_matches(call.world, query, backwards=False))
    for name, way in reversed(order):
        read = FIELDS[name].read
        places.sort(key=lambda place: _sortable(read(call.world, place)), reverse=way == "DESC")
    return places[skip:last]


def _sortable(value: object) -> tuple[int, object]:
    return (0, 0) if value is None else (1, value)


def _matches(world: World, query: Query, *, backwards: bool) -> Iterator[int]:
    places = (
        _given(world, query)
        if query.places is not None
        else _scan(world, query, backwards=backwards)
    )
    if backwards and query.places is not None:
        places = reversed(list(places))
    tests = query.tests
    for place in places:
        if all(test(place) for test in tests):
            yield place


def _given(world: World, query: Query) -> Iterator[int]:
    for place in query.places or ():
        if query.first <= place < query.end and query.flags[world.flags[place]]:
            yield place


def _scan(world: World, query: Query, *, backwards: bool) -> Iterator[int]:
    starts = range(query.first, query.end, _CHUNK)
    for start in reversed(starts) if backwards else starts:
        chunk = world.flags[start : min(start + _CHUNK, query.end)].translate(query.flags)
        at = chunk.rfind(1) if backwards else chunk.find(1)
        while at >= 0:
            yield start + at
            at = chunk.rfind(1, 0, at) if backwards else chunk.find(1, at + 1)


def _query(call: Call, wanted: object) -> Query:
    world = call.world
    query = Query(first=0, end=len(world))
    query.flags = bytearray(0 if flags & GONE else 1 for flags in range(256))
    terms = [(key, value) for key, value in php.items(wanted) if _is_kept(key)]
    if not any(_operator(key)[1] == "DELETED" for key, _ in terms):
        _narrow(call, query, "=DELETED", "N")
    if str(dict(terms).get("LOGIC", "AND")).upper() == "OR":
        query.tests.append(_group(call, dict(terms)))
    else:
        for key, value in terms:
            _narrow(call, query, key, value)
    hidden = {site.id for site in world.sites.values() if not call.may_see(site)}
    if hidden:
        query.tests.append(lambda place: world.site_of[place] not in hidden)
    if world.unlisted:
        query.tests.append(lambda place: place not in world.unlisted)
    _hide_deleted_folders(call, query, dict(terms))
    return query


def _is_kept(key: str) -> bool:
    return "." not in key and key not in {"runtime", "CHECK_PERMISSIONS"}


def _hide_deleted_folders(call: Call, query: Query, terms: dict[str, Any]) -> None:
    if "SITE_ID" not in terms:
        return
    # An array: only its first site counts. Deeper folders are not looked at.
    first = next(iter(_values(terms["SITE_ID"])), None)
    site_id = php.intval(first)
    deleted = {row.id for row in call.world.folders.values() if row.deleted and row.site == site_id}
    if deleted:
        query.tests.append(lambda place: call.world.folder_of[place] not in deleted)


def _narrow(call: Call, query: Query, key: str, value: object) -> None:
    operator, name = _operator(key)
    if name == "ID" and not php.is_array(value) and operator in {"", "=", ">", ">=", "<", "<="}:
        _narrow_ids(call.world, query, operator, php.intval(value))
    elif name == "ID" and php.is_array(value) and operator in _EQUAL:
        places = {call.world.place(php.intval(item)) for item in _values(value)}
        found = sorted(place for place in places if place is not None)
        query.places = found if query.places is None else [p for p in query.places if p in places]
    elif name in _FLAG_OF and operator in _EQUAL | _UNEQUAL:
        _narrow_flags(call, query, name, operator, value)
    else:
        if name == "SITE_ID" and operator in _EQUAL:
            _narrow_sites(call.world, query, value)
        if key != "LOGIC":
            query.tests.append(_test(call, key, value))


def _narrow_ids(world: World, query: Query, operator: str, page_id: int) -> None:
    if operator in {"", "=", ">", ">="}:
        cut = bisect_right if operator == ">" else bisect_left
        query.first = max(query.first, cut(world.ids, page_id))
    if operator in {"", "=", "<", "<="}:
        cut = bisect_left if operator == "<" else bisect_right
        query.end = min(query.end, cut(world.ids, page_id))


def _narrow_flags(call: Call, query: Query, name: str, operator: str, value: object) -> None:
    _field(call, name)
    values = {str(item) for item in _values(value)}
    wanted = operator in _EQUAL
    bit = _FLAG_OF[name]
    for flags in range(256):
        if (("Y" if flags & bit else "N") in values) != wanted:
            query.flags[flags] = 0


def _narrow_sites(world: World, query: Query, value: object) -> None:
    asked = (world.sites.get(php.intval(item)) for item in _values(value))
    sites = [site for site in asked if site is not None and site.end_place]
    query.first = max(query.first, min((site.first_place for site in sites), default=query.end))
    query.end = min(query.end, max((site.end_place for site in sites), default=0))


def _operator(key: str) -> tuple[str, str]:
    match = _KEY.match(key)
    return ("", key) if match is None else (match[1] or "", match[2])


def _values(value: object) -> list[Any]:
    return [item for _, item in php.items(value)] if php.is_array(value) else [value]


def _group(call: Call, terms: dict[str, Any]) -> Predicate:
    tests = [_test(call, key, value) for key, value in terms.items() if key != "LOGIC"]
    if str(terms.get("LOGIC", "AND")).upper() == "OR":
        return lambda place: any(test(place) for test in tests)
    return lambda place: all(test(place) for test in tests)


def _test(call: Call, key: str, value: object) -> Predicate:
    if php.is_array(value) and (key.isdigit() or not key):
        return _group(call, {k: v for k, v in php.items(value) if _is_kept(k)})
    operator, name = _operator(key)
    kind, read = _field(call, name)
    world = call.world
    if operator.startswith("!"):
        inner = _comparison(call, operator[1:] or "=", kind, value)
        return lambda place: not inner(read(world, place))
    test = _comparison(call, operator, kind, value)
    return lambda place: test(read(world, place))


def _comparison(call: Call, operator: str, kind: str, value: object) -> Callable[[object], bool]:
    values = [_comparable(call, kind, item) for item in _values(value)]
    if operator == "><":
        low, high = [*values, None, None][:2]
        return lambda found: found is not None and low <= found <= high
    if operator in {"%", "=%", "%="} or (operator == "" and kind == "text"):
        return _like(operator, values)
    if operator in {"", "=", "@"}:
        known = set(values)
        return lambda found: (found.lower() if isinstance(found, str) else found) in known
    return _inequality(operator, values[0] if values else None)


def _inequality(operator: str, value: Any) -> Callable[[object], bool]:
    compare: dict[str, Callable[[Any], bool]] = {
        ">": lambda found: found > value,
        ">=": lambda found: found >= value,
        "<": lambda found: found < value,
        "<=": lambda found: found <= value,
    }
    test = compare[operator]
    return lambda found: found is not None and value is not None and test(_lower(found))


def _like(operator: str, values: list[Any]) -> Callable[[object], bool]:
    patterns = []
    for value in values:
        quoted = re.escape(str(value)).replace("%", ".*").replace("_", ".")
        text = re.escape(str(value)) if operator == "%" else quoted
        patterns.append(re.compile(f".*{text}.*" if operator == "%" else text, re.IGNORECASE))
    return lambda found: found is not None and any(p.fullmatch(str(found)) for p in patterns)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _comparable(call: Call, kind: str, value: object) -> Any:
    if value is None or (value == "" and kind != "text"):
        return None
    if kind == "number":
        return php.intval(value)
    if kind != "date":
        return str(value).lower()
    try:
        moment = datetime.strptime(str(value), call.scenario.date_format)  # noqa: DTZ007 - it has no offset
    except ValueError:
        raise RestError("SYSTEM_ERROR", f"Incorrect date/time: {value}") from None
    return int(moment.replace(tzinfo=UTC).timestamp())
