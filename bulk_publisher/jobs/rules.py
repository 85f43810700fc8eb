"""What a job may say: a table of rules, one for each key, and what cannot be combined. Pure.

How it works:
    A rule takes a value as TOML gives it and returns it in the form in which `Job` wants it, or
    a `Wrong`. The same tables hold for a job file and for a job built of command-line options.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC
from enum import StrEnum
from typing import TypeGuard
from unicodedata import is_normalized
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bulk_publisher.client.conditions import Field, parse_condition
from bulk_publisher.client.pace import Pace
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs.cron import Cron
from bulk_publisher.jobs.hours import Hours
from bulk_publisher.jobs.job import WAYS_IN, After, Notify, Overlap, Portal, Schedule, Selection
from bulk_publisher.jobs.moments import parse_duration, parse_moment
from bulk_publisher.jobs.options import PACE, PORTAL, Kind, Option, Whole
from bulk_publisher.jobs.recipients import (
    MOST_RETRIES,
    after_conflicts,
    notify_conflicts,
    occasions,
    recipients,
)
from bulk_publisher.model import Action, Epoch, Only, Order, Scope
from bulk_publisher.page_ids.page_set import LARGEST_ID
from bulk_publisher.sources.cells import Wrong, parse_scope, parse_url
from bulk_publisher.sources.given import parse_pages
from bulk_publisher.text.redaction import IS_WEBHOOK, is_webhook_url
from bulk_publisher.text.shown import nearest, shown

Rule = Callable[[object], object]
"""Gives the value as `Job` wants it, or `Wrong`."""

Conflict = tuple[str, str]
"""A key, and why it can't stand together with the others."""

Naming = Callable[[str], str]
"""How a key is called where it was given: by itself in a job file, as an option elsewhere."""

_PORTAL_NAME = re.compile(r"[^\W_][\w.-]{0,59}")
_PATTERN = re.compile(r"[\w.*?\[\]!-]{1,100}")
PORTAL_NAMES = "a portal's name is up to 60 letters, digits, '.', '_' and '-', and begins with one of the first two"
"""What a name may be, as the beginning of a sentence."""

_DIGITS_SAID = 40
_LONGEST_SAID = 10**_DIGITS_SAID
"""Beyond it Python may refuse to write a number out, and nobody would read it."""

_LONGEST_TIME = 1_000_000
"""Seconds; far more than any portal grants, so that infinity is refused."""


def _text(value: object) -> object:
    if isinstance(value, str) and is_webhook_url(value):
        return Wrong(f'{IS_WEBHOOK}: write webhook = {{ env = "BITRIX24_WEBHOOK" }} in [portal]')
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return value
    return Wrong(f"must be a text that is not empty, not {_said(value)}")


def _flag(value: object) -> object:
    return value if isinstance(value, bool) else Wrong(f"must be true or false, not {_said(value)}")


def _whole(low: int, high: int = LARGEST_ID) -> Rule:
    span = f"of {low} or more" if high == LARGEST_ID else f"from {low} to {high}"

    def rule(value: object) -> object:
        if _is_whole(value) and low <= value <= high:
            return value
        if _is_whole(value) and value > LARGEST_ID:
            return Wrong(f"{_said(value)} is too large")
        return Wrong(f"must be a whole number {span}, not {_said(value)}")

    return rule


def _positive(value: object) -> object:
    if _is_number(value) and 0 < value <= _LONGEST_TIME:
        return float(value)
    return Wrong(f"must be a number of seconds, above 0 and below a million, not {_said(value)}")


def _share(value: object) -> object:
    if _is_number(value) and 0 < value <= 1:
        return float(value)
    return Wrong(f"must be a number above 0 and up to 1, not {_said(value)}")


def _one_of(words: type[StrEnum]) -> Rule:
    def rule(value: object) -> object:
        if isinstance(value, str) and value in list(words):
            return str(value)
        return Wrong(
            f"can't be {_said(value)}{nearest(value if isinstance(value, str) else '', words)}"
        )

    return rule


def _scope(value: object) -> object:
    if not isinstance(value, str):
        return Wrong(f"must be one of {', '.join(Scope)}, not {_said(value)}")
    found = parse_scope(value)
    return found.value if isinstance(found, Scope) else found


def _ids(what: str) -> Rule:
    def rule(value: object) -> object:
        ids = value if isinstance(value, list | tuple) else [value]
        is_id = _whole(1, LARGEST_ID)
        if not ids or any(isinstance(is_id(one), Wrong) for one in ids):
            return Wrong(f"must be a {what} id, which is a whole number from 1, or a list of them")
        return list(ids)

    return rule


def _conditions(value: object) -> object:
    conditions = value if isinstance(value, list | tuple) else [value]
    texts = [text for text in conditions if isinstance(text, str)]
    if not texts or len(texts) < len(conditions):
        return Wrong('must be a condition such as "title~handbook", or a list of them')
    try:
        for text in texts:
            parse_condition(text)
    except BadSetting as error:
        return Wrong(error.message)
    return texts


def _list_of_pages(value: object) -> object:
    return (
        Wrong("must be a file, not standard input: a resume reads it again")
        if value == "-"
        else _text(value)
    )


def _list_of_portals(value: object) -> object:
    return (
        Wrong("must be a file, not standard input: it is read each time that the job is done")
        if value == "-"
        else _text(value)
    )


def _pages(value: object) -> object:
    pages = value if isinstance(value, list | tuple) else [value]
    if not pages or not all(isinstance(page, str) or _is_whole(page) for page in pages):
        return Wrong('must be an id such as 351, a range such as "400-420", or a list of them')
    texts = [page if isinstance(page, str) else _said(page) for page in pages]
    try:
        parse_pages(texts)
    except BadSetting as error:
        return Wrong(error.message)
    return texts


def _columns(value: object) -> object:
    columns = value if isinstance(value, list | tuple) else [value]
    judged = [_text(column) for column in columns]
    wrong = next((one for one in judged if isinstance(one, Wrong)), None)
    return columns if wrong is None else wrong


def _urls(value: object) -> object:
    urls = value if isinstance(value, list | tuple) else [value]
    if not urls or not all(isinstance(url, str) for url in urls):
        return Wrong("must be a page's address, or a list of them")
    for number, found in enumerate(map(parse_url, urls), 1):
        if isinstance(found, Wrong):
            # It is not repeated: what was mistyped may be a secret.
            return (
                found if len(urls) == 1 else Wrong(f"address {number} of {len(urls)}: {found.why}")
            )
    return list(urls)


_SECRETS = {
    "env": ("an environment variable's name", r"[A-Za-z_][A-Za-z0-9_]*"),
    "file": ("a file's name", r"(?!.*://)[^\0\n]*[^\0\s][^\0\n]*"),
    "keyring": (
        "a name of up to 200 characters in the system keyring",
        r"(?!.*://)(?!\s)[^\x00-\x1f\x7f]{1,200}(?<!\s)",
    ),
}
"""What may name a secret: in words, and its form."""


def _secret(value: object) -> object:
    """Names no part of what was written, which may be the secret itself."""
    how = 'write { env = "BITRIX24_WEBHOOK" }, { file = "webhook.secret" } or { keyring = "NAME" }'
    if not isinstance(value, Mapping):
        return Wrong(f"a secret is named, never written: {how}")
    given = {key: text for key, text in value.items() if text is not None}
    if len(given) != 1 or not set(given) <= set(_SECRETS):
        return Wrong(f"must have env, file or keyring, one of them and nothing else: {how}")
    ((kind, text),) = given.items()
    what, pattern = _SECRETS[kind]
    if not isinstance(text, str) or not re.fullmatch(pattern, text) or is_webhook_url(text):
        return Wrong(f"{kind} must be {what}, never the secret: {how}")
    return given


def _cron(value: object) -> object:
    if not isinstance(value, str):
        return Wrong(f'must be an expression such as "0 3 * * *", not {_said(value)}')
    try:
        Cron(value, UTC)
    except ValueError as error:
        return Wrong(f"{shown(value)} is no cron expression: {error}")
    return value


def is_timezone(name: str) -> bool:
    """Whether a time zone is called *name* on this machine."""
    try:
        return bool(name) and ZoneInfo(name).key == name
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False


def _timezone(value: object) -> object:
    if isinstance(value, str) and is_timezone(value):
        return value
    return Wrong(f'must be the name of a time zone such as "Europe/Berlin", not {_said(value)}')


def _duration(value: object) -> object:
    if _is_number(value) and 0 <= value <= _LONGEST_TIME:
        return float(value)
    if isinstance(value, str):
        return parse_duration(value)
    return Wrong(f'must be seconds or a duration such as "90m", not {_said(value)}')


def _tokens(value: object) -> object:
    """Where an application's tokens are: they change, so it can be written to."""
    judged = _secret(value)
    if isinstance(judged, Wrong) or "env" in judged:  # type: ignore[operator]  # a secret is a table
        return Wrong(
            "an application's tokens are kept where they can be changed:"
            ' write { file = "tokens.json" } or { keyring = "NAME" }'
        )
    return judged


def _portal_name(value: object) -> object:
    if isinstance(value, str) and is_portal_name(value):
        return value
    return Wrong(f"{PORTAL_NAMES}, not {_said(value)}")


def _patterns(value: object) -> object:
    patterns = value if isinstance(value, list | tuple) else [value]
    for one in patterns:
        if not isinstance(one, str) or not _PATTERN.fullmatch(one):
            return Wrong(f'must be names or patterns such as "client-*", not {_said(one)}')
    return list(patterns) or Wrong(
        'must be a name or a pattern such as "client-*", or a list of them'
    )


def _portal_tables(value: object) -> object:
    """Tables alone: what stands in them is judged one by one."""
    tables = value if isinstance(value, list | tuple) else [value]
    if tables and all(isinstance(one, Mapping) for one in tables):
        return list(tables)
    if any(isinstance(one, str) for one in tables):
        return Wrong(
            "names and patterns belong in [portal]; here each portal has a table: [[portals]]"
        )
    return Wrong("must be a table for each portal: [[portals]]")


def is_portal_name(text: str) -> bool:
    """Whether *text* may name a portal: it also names files, and is looked for by patterns."""
    # Letters of any script have several spellings: one name is one.
    return _PORTAL_NAME.fullmatch(text) is not None and is_normalized("NFC", text)


def _lasting(value: object) -> object:
    return Wrong(f"must be above 0, not {_said(value)}") if value in (0, 0.0) else _duration(value)


def _hours(value: object) -> object:
    if not isinstance(value, str):
        return Wrong(f'must be hours such as "22:00-06:00", not {_said(value)}')
    try:
        return Hours(value, UTC).text
    except ValueError as error:
        return Wrong(f"{error}, not {shown(value)}")


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return Wrong(f'must be a time such as "06:00", in quotes, not {_said(value)}')
    moment = parse_moment(value, now=Epoch(0.0), zone=UTC)
    return moment if isinstance(moment, Wrong) else value


def _rules_of(options: Iterable[Option]) -> dict[str, Rule]:
    return {option.key: _rule_of(option.kind) for option in options}


def _rule_of(kind: Whole | Kind | type[StrEnum]) -> Rule:
    match kind:
        case Whole(least, most):
            return _whole(least, LARGEST_ID if most is None else most)
        case Kind():
            return _RULES[kind]
        case words:
            return _one_of(words)


_RULES: Mapping[Kind, Rule] = {
    Kind.SECONDS: _positive,
    Kind.SHARE: _share,
    Kind.FLAG: _flag,
    Kind.HOURS: _hours,
    Kind.ZONE: _timezone,
    Kind.MOMENT: _moment,
    Kind.DURATION: _lasting,
    Kind.FILE: _text,
    Kind.SECRET_FILE: _secret,
    Kind.SECRET_ENTRY: _secret,
    Kind.PORTAL: _portal_name,
}

TOP: Mapping[str, Rule] = {"name": _text, "action": _one_of(Action), "portals": _portal_tables}
"""The keys outside of any table."""

TABLES: Mapping[str, Mapping[str, Rule]] = {
    "portal": {
        "webhook": _secret,
        "oauth": _tokens,
        "name": _portal_name,
        "named_in": _text,
        "sandbox": _text,
        "portals": _patterns,
        "portals_file": _list_of_portals,
        # Of tokens the kind of the option says too little.
        **_rules_of(row for row in PORTAL if row.key != "oauth"),
    },
    "select": {
        "csv": _text,
        "xlsx": _text,
        "sheet": _text,
        "column": _text,
        "skip_bad_rows": _flag,
        "carry": _columns,
        "site": _ids("site"),
        "folder": _ids("folder"),
        "page": _pages,
        "url": _urls,
        "urls": _text,
        "scope": _scope,
        "only": _one_of(Only),
        "where": _conditions,
        "exclude": _list_of_pages,
        "order": _one_of(Order),
        "limit": _whole(1),
        "lookup": _flag,
        "plan": _list_of_pages,
    },
    "pace": _rules_of(PACE),
    "schedule": {
        "cron": _cron,
        "timezone": _timezone,
        "jitter": _duration,
        "catch_up": _flag,
        "overlap": _one_of(Overlap),
    },
    "after": {
        "verify": _flag,
        "retry": _whole(0, MOST_RETRIES),
        "expected": _list_of_pages,
    },
    "notify": {"on": occasions, "to": recipients, "late_after": _duration},
}
"""The keys of each table, as `Portal`, `Selection`, `Pace`, `Schedule`, `After` and `Notify` have them."""

OPTIONAL: Mapping[str, str] = {"schedule": "cron", "notify": "to"}
"""Tables that a job may be without, and the key that each must have where it is there."""


WAYS = ("csv", "xlsx", "page", "url", "urls", "site", "folder", "plan")
"""Keys that select pages by themselves, one of them alone."""

PARTS = {
    "sheet": ("xlsx",),
    "column": ("csv", "xlsx"),
    "skip_bad_rows": ("csv", "xlsx", "url", "urls"),
    "carry": ("csv", "xlsx"),
}
"""Keys that add to others, and to which."""

NAMED_PORTAL: Mapping[str, Rule] = {
    key: TABLES["portal"][key] for key in ("webhook", "oauth", "plan", "ca_file")
}
"""The keys of a named portal: a sandbox needs no name, and no name stands for another one."""


ONE_OF_MANY: Mapping[str, Rule] = {
    key: rule for key, rule in TABLES["portal"].items() if key not in {"portals", "portals_file"}
}
"""The keys of a portal among many that are written one by one."""


def portal_problems(portal: Portal, *, naming: Naming = str) -> list[str]:
    """What is wrong with *portal*, a sentence each; it may have a name beside its webhook."""
    conflicts = portal_conflicts(portal, is_one_of_many=True)
    return _broken_rules("portal", portal, naming) + [why for _, why in conflicts]


def selection_problems(
    selection: Selection, *, naming: Naming = str, is_whole: bool = True
) -> list[str]:
    """What is wrong with *selection*, a sentence each: it must say in exactly one way which pages.

    Args:
        is_whole: It must; not where it only adds to what is named elsewhere.
    """
    conflicts = selection_conflicts(selection, naming=naming) if is_whole else []
    return _broken_rules("select", selection, naming) + [why for _, why in conflicts]


def pace_problems(pace: Pace, *, naming: Naming = str) -> list[str]:
    """What is wrong with *pace*, a sentence each."""
    return _broken_rules("pace", pace, naming)


def schedule_problems(schedule: Schedule | None, *, naming: Naming = str) -> list[str]:
    """What is wrong with *schedule*, a sentence each."""
    return [] if schedule is None else _broken_rules("schedule", schedule, naming)


def after_problems(after: After, portal: Portal, *, naming: Naming = str) -> list[str]:
    """What is wrong with *after*, a sentence each."""
    conflicts = after_conflicts(after, portal)
    return _broken_rules("after", after, naming) + [why for _, why in conflicts]


def notify_problems(notify: Notify | None, portal: Portal, *, naming: Naming = str) -> list[str]:
    """What is wrong with *notify*, a sentence each."""
    if notify is None:
        return []
    conflicts = notify_conflicts(notify, portal)
    return _broken_rules("notify", notify, naming) + [why for _, why in conflicts]


def portal_conflicts(portal: Portal, *, is_one_of_many: bool = False) -> list[Conflict]:
    """What in *portal* contradicts itself.

    Args:
        is_one_of_many: It may be called by a name that stands beside its webhook.
    """
    ways = [way for way in WAYS_IN if getattr(portal, way) is not None]
    if is_one_of_many and "name" in ways and any(way in ways for way in _CREDENTIALS):
        ways.remove("name")
    conflicts: list[Conflict] = []
    if len(ways) > 1:
        last, *others = reversed(ways)
        why = _WHY_ALONE.get(last, "each is a way in by itself")
        conflicts.append(
            (last, f"{last} and {' and '.join(reversed(others))} can't be combined: {why}")
        )
    if portal.named_in is not None and not any((portal.name, portal.portals, portal.portals_file)):
        conflicts.append(
            ("named_in", "named_in needs name: it is the file that the name stands in")
        )
    return conflicts


_CREDENTIALS = ("webhook", "oauth", "sandbox")
_WHY_ALONE = {
    "sandbox": "a sandbox has no secrets",
    "name": "a named portal has its own credential",
    "portals": "it names portals, each with its own credential",
    "portals_file": "it names portals, each with its own credential",
}


def selection_conflicts(selection: Selection, *, naming: Naming = str) -> list[Conflict]:
    """What in *selection* contradicts itself; under the key ``""`` what concerns all of it."""
    scope, only = map(naming, ("scope", "only"))
    conflicts: list[Conflict] = []
    ways = [way for way in WAYS if getattr(selection, way)]
    if not selection.is_named:
        conflicts.append(
            (
                "",
                f"no pages selected: use {', '.join(map(naming, WAYS))}, or a whole {scope}",
            )
        )
    if selection.plan is not None:
        return conflicts + _conflicts_of_plan(selection, naming)
    if ways == ["site", "folder"]:
        # The site says where the folder is.
        ways = ["folder"]
    if len(ways) > 1:
        conflicts.append(
            (
                ways[-1],
                f"{' and '.join(map(naming, ways))} can't be combined: each selects pages by itself",
            )
        )
    conflicts.extend(
        (key, f"{naming(key)} needs {' or '.join(map(naming, of))}")
        for key, of in PARTS.items()
        if getattr(selection, key) and not any(getattr(selection, way) for way in of)
    )
    if not selection.lookup and selection.only is not Only.ALL:
        conflicts.append(
            ("only", f"{only} {selection.only} needs the lookup: nothing else tells a page's state")
        )
    return conflicts + _conflicts_of_choice(selection, naming)


def _conflicts_of_plan(selection: Selection, naming: Naming) -> list[Conflict]:
    """What else a selection says beside its plan."""
    usual = Selection(plan=selection.plan)
    others = [key for key in TABLES["select"] if getattr(selection, key) != getattr(usual, key)]
    plan = naming("plan")
    return [
        (key, f"{plan} and {naming(key)} can't be combined: a plan says all of it")
        for key in others
    ]


def _conflicts_of_choice(selection: Selection, naming: Naming) -> list[Conflict]:
    """What in the conditions and the order contradicts the pages that they are about."""
    where = naming("where")
    ways = (way for way in WAYS if way not in {"site", "folder"})
    named = [naming(way) for way in ways if getattr(selection, way)]
    conflicts: list[Conflict] = []
    if not named:
        return conflicts
    if selection.where and not selection.lookup:
        conflicts.append(("where", f"{where} needs the lookup: nothing else tells about a page"))
    if any(parse_condition(one).field is Field.MODIFIED for one in selection.where):
        conflicts.append(
            (
                "where",
                f"{where} {Field.MODIFIED} and {named[0]} can't be combined: it needs pages that the portal lists, of a site, a folder or a scope",
            )
        )
    if selection.order is not Order.LIST:
        conflicts.append(
            (
                "order",
                f"{naming('order')} {selection.order} and {named[0]} can't be combined: a list keeps its own order",
            )
        )
    return conflicts


def _broken_rules(
    table: str, asked: Portal | Selection | Pace | Schedule | After | Notify, naming: Naming
) -> list[str]:
    said = msgspec.to_builtins(asked).items()
    judged = [
        (key, TABLES[table][key](value)) for key, value in said if value not in (None, (), [])
    ]
    return [f"{naming(key)}: {value.why}" for key, value in judged if isinstance(value, Wrong)]


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, float) or _is_whole(value)


def _said(value: object) -> str:
    """*value* fit for a message."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) > _LONGEST_SAID:
            return f"a number of over {_DIGITS_SAID} digits"
        case int() | float():
            return str(value)
        case str():
            return shown(value)
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
