"""The REST methods, as a table.

Pure. A method is a generator of seconds of work that returns what PHP would.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bulk_publisher.sandbox import php
from bulk_publisher.sandbox.calls import DEFAULT_TYPES, Call, RestError, Steps
from bulk_publisher.sandbox.listing import get_list, regional
from bulk_publisher.sandbox.publishing import (
    find_page,
    publication,
    site_publication,
    site_unpublic,
    unpublic,
)
from bulk_publisher.sandbox.resolving import resolve_url
from bulk_publisher.sandbox.scenario import LICENSES
from bulk_publisher.sandbox.world import SiteRow

_ADMIN_RIGHTS = ("denied", "read", "edit", "sett", "public", "delete")


class Method(NamedTuple):
    """One method: the REST scope it needs ("" for none), and what it does."""

    rest_scope: str
    run: Callable[[Call], Steps]


def _public_url(call: Call) -> Steps:
    page_id = call.integer("lid")
    yield call.scenario.failure_cost
    return _whole(call, call.world.url(find_page(call, page_id), is_cloud=call.is_cloud))


def _whole(call: Call, address: str) -> str:
    return f"https://{call.rest_host}{address}" if address.startswith("/") else address


def _add(call: Call) -> Steps:
    fields = call.array("fields", required=True)
    yield call.scenario.failure_cost
    site = call.world.sites.get(php.intval(fields.get("SITE_ID")))
    if site is None or not call.may_see(site):
        raise RestError("SITE_NOT_FOUND", "Site not found.")
    if not str(fields.get("TITLE") or ""):
        raise RestError("BX_EMPTY_REQUIRED", "Title is empty.")
    if call.user.rights != "publish":
        raise RestError("ACCESS_DENIED", "Access denied.")
    folder = php.intval(fields.get("FOLDER_ID"))
    return call.world.add(
        call.now,
        site=site.id,
        folder=folder if folder in call.world.folders else 0,
        title=str(fields["TITLE"]),
        code=str(fields.get("CODE") or ""),
        user=call.user.id,
    )


def _update(call: Call) -> Steps:
    page_id, fields = call.integer("lid"), call.array("fields", required=True)
    yield call.scenario.failure_cost
    world = call.world
    place = find_page(call, page_id)
    if call.user.rights != "publish":
        raise RestError("ACCESS_DENIED", "Access denied.")
    # A change of settings alone leaves PUBLIC as it is (dossier §1.5).
    if "TITLE" in fields:
        world.titles[place] = str(fields["TITLE"])
    if "CODE" in fields:
        world.codes[place] = str(fields["CODE"])
    world.modified[place] = int(call.now)
    world.modified_by[place] = call.user.id
    return True


def _site_list(call: Call) -> Steps:
    params = call.array("params")
    yield call.scenario.list_cost
    wanted = dict(php.items(params.get("filter")))
    rows = [_site_row(call, site) for site in call.world.sites.values() if call.may_see(site)]
    for key, value in wanted.items():
        name = key.lstrip("=@")
        if name == "TYPE" and not _is_own_type(call, value):
            continue
        if rows and name not in rows[0]:
            raise RestError("SYSTEM_ERROR", f"Unknown field definition `{name}` for Site Entity.")
        values = {str(item) for _, item in php.items(value)} or {str(value)}
        rows = [row for row in rows if row[name] in _widened(name, values)]
    names = [str(name) for _, name in php.items(params.get("select"))]
    limit = php.intval(params.get("limit")) or len(rows)
    rows = rows[php.intval(params.get("offset")) :][:limit]
    if not names or "*" in names:
        return rows
    unknown = [name for name in names if rows and name not in rows[0] and "." not in name]
    if unknown:
        raise RestError("SYSTEM_ERROR", f"Unknown field definition `{unknown[0]}` for Site Entity.")
    return [{name: row[name] for name in dict.fromkeys([*names, "ID", "TYPE"]) if name in row} for row in rows]  # fmt: skip


def _is_own_type(call: Call, value: object) -> bool:
    return isinstance(value, str) and value in call.memory.types


def _widened(name: str, values: set[str]) -> set[str]:
    return values | {"SMN"} if name == "TYPE" and "STORE" in values else values


def _site_row(call: Call, site: SiteRow) -> dict[str, str | None]:
    return {
        "ID": str(site.id),
        "TYPE": site.type,
        "TITLE": site.title,
        "CODE": f"/{site.code}/",
        "ACTIVE": "Y" if site.active else "N",
        "DELETED": "Y" if site.deleted else "N",
        "SPECIAL": "Y" if site.special else "N",
        "DOMAIN_ID": "0" if site.type not in DEFAULT_TYPES else str(site.id),
        "XML_ID": None,
        "LANG": None,
        "DESCRIPTION": None,
        "DOMAIN_NAME": urlsplit(_whole(call, site.root(is_cloud=call.is_cloud))).netloc,
        "PUBLIC_URL": _whole(call, site.root(is_cloud=call.is_cloud)),
        "DATE_CREATE": regional(site.created, call.scenario.date_format),
        "DATE_MODIFY": regional(site.modified, call.scenario.date_format),
    }


def _site_url(call: Call) -> Steps:
    wanted = call.required("id")
    yield call.scenario.failure_cost
    is_one = not php.is_array(wanted)
    ids = [php.intval(value) for _, value in php.items([wanted] if is_one else wanted)]
    # Rights and the trash make no difference, the scope does.
    sites = [call.world.sites[site] for site in ids if site in call.world.sites]
    urls = {
        str(site.id): _whole(call, site.root(is_cloud=call.is_cloud)).rstrip("/")
        for site in sites
        if site.type in call.memory.types
    }
    return urls.get(str(ids[0]), "") if is_one else php.array(urls)


def _folders(call: Call) -> Steps:
    site_id = call.integer("siteId")
    yield call.scenario.list_cost
    site = call.world.sites.get(site_id)
    if site is None or not call.may_see(site):
        return []
    wanted = dict(php.items(call.params.get("filter")))
    rows = [
        {
            "ID": str(folder.id),
            "PARENT_ID": None if folder.parent is None else str(folder.parent),
            "SITE_ID": str(folder.site),
            "INDEX_ID": None,
            "ACTIVE": "Y" if folder.active else "N",
            "DELETED": "Y" if folder.deleted else "N",
            "TITLE": folder.title,
            "CODE": folder.code,
            "DATE_CREATE": regional(folder.created, call.scenario.date_format),
        }
        for folder in call.world.folders.values()
        if folder.site == site_id
    ]
    for key, value in wanted.items():
        name = key.lstrip("=")
        if rows and name not in rows[0]:
            raise RestError("SYSTEM_ERROR", f"Unknown field definition `{name}`.")
        if name != "SITE_ID":
            rows = [row for row in rows if row[name] == (None if value is None else str(value))]
    return rows


def _rights(call: Call) -> Steps:
    site_id = call.integer("id")
    yield call.scenario.failure_cost
    site = call.world.sites.get(site_id)
    if site is None or not call.may_see(site):
        return []
    if not call.scenario.rights_model:
        raise RestError("FEATURE_NOT_AVAIL", "Access rights are not on your plan.")
    if call.user.is_admin and call.may_publish(site):
        return list(_ADMIN_RIGHTS)
    may = ["read"] if call.user.rights == "read" else ["read", "edit", "sett"]
    return [*may, "public"] if call.may_publish(site) else may


def _scope(call: Call) -> Steps:
    yield 0.0
    return [*call.scenario.rest_scopes]


def _profile(call: Call) -> Steps:
    yield 0.0
    return {
        "ID": str(call.user.id),
        "ADMIN": call.user.is_admin,
        "NAME": call.user.name,
        "LAST_NAME": "",
        "PERSONAL_GENDER": "",
        "TIME_ZONE": "",
    }


def _method_get(call: Call) -> Steps:
    name = call.params.get("name")
    yield 0.0
    if not isinstance(name, str) or not name:
        raise RestError("ERROR_ARGUMENT", "Argument 'name' is null or empty", argument="name")
    # Looked up as it was written, among names in lower case.
    exists, available = call.method_state(name)
    return {"isExisting": exists, "isAvailable": available}


def _app_info(call: Call) -> Steps:
    yield 0.0
    if call.scenario.app_info == "refused":
        raise RestError("ACCESS_DENIED", "Application context required", status=403)
    license_name = LICENSES[call.scenario.plan]
    if call.credential.kind == "apauth":
        return {"SCOPE": [*call.scenario.rest_scopes], "LICENSE": license_name}
    return {
        "ID": "1",
        "CODE": call.credential.id,
        "VERSION": "1",
        "STATUS": "L",
        "INSTALLED": True,
        "PAYMENT_EXPIRED": "N",
        "DAYS": None,
        "LANGUAGE_ID": "ru",
        "LICENSE": license_name,
        "LICENSE_TYPE": license_name.partition("_")[2],
        "LICENSE_FAMILY": license_name.partition("_")[2].rstrip("0123456789"),
    }


def _collections(call: Call) -> Steps:
    yield call.scenario.list_cost
    return {
        "items": [
            {"id": place, "name": name, "position": place * 100}
            for place, name in enumerate(call.scenario.collections, 1)
        ],
        "nextCursor": None,
    }


def _notify(call: Call) -> Steps:
    """``CIMRestService::notifyAdd``: its parameters are read in any case; false where there is no such user.

    Source: docs/bitrix24.md §11 [source]; what an unknown user gives is an inference.
    """
    params = {name.upper(): value for name, value in call.params.items()}
    user = php.intval(params.get("TO", params.get("USER_ID")))
    text = params.get("MESSAGE")
    yield call.scenario.failure_cost
    if user <= 0:
        raise RestError("USER_ID_EMPTY", "User ID can't be empty")
    message = "" if text is None or php.is_array(text) else str(text).strip()
    if not message:
        raise RestError("MESSAGE_EMPTY", "Message can't be empty")
    if user not in ({one.id for one in call.scenario.users} or {call.user.id}):
        return False
    call.world.truth.notifications.append((user, message))
    return len(call.world.truth.notifications)


def _server_time(call: Call) -> Steps:
    yield 0.0
    moment = datetime.fromtimestamp(int(call.now + call.scenario.clock_offset), UTC)
    return moment.isoformat()


METHODS: dict[str, Method] = {
    "landing.landing.publication": Method("landing", publication),
    "landing.landing.unpublic": Method("landing", unpublic),
    "landing.landing.getlist": Method("landing", get_list),
    "landing.landing.getpublicurl": Method("landing", _public_url),
    "landing.landing.resolveidbypublicurl": Method("landing", resolve_url),
    "landing.landing.add": Method("landing", _add),
    "landing.landing.update": Method("landing", _update),
    "landing.site.getlist": Method("landing", _site_list),
    "landing.site.getpublicurl": Method("landing", _site_url),
    "landing.site.getfolders": Method("landing", _folders),
    "landing.site.getrights": Method("landing", _rights),
    "landing.site.publication": Method("landing", site_publication),
    "landing.site.unpublic": Method("landing", site_unpublic),
    "im.notify.personal.add": Method("im", _notify),
    "scope": Method("", _scope),
    "profile": Method("", _profile),
    "method.get": Method("", _method_get),
    "app.info": Method("", _app_info),
    "server.time": Method("", _server_time),
}

METHODS_3: dict[str, Method] = {"note.collection.list": Method("note", _collections)}
"""Those of REST 3.0, under an address of their own. Source: docs/bitrix24.md §10 [doc]."""


def method_state(name: str, rest_scopes: list[str]) -> tuple[bool, bool]:
    """Whether a method exists, and whether these REST scopes reach it."""
    method: Any = METHODS.get(name)
    if name == "batch":
        return True, True
    if method is None:
        return False, False
    return True, not method.rest_scope or method.rest_scope in rest_scopes
