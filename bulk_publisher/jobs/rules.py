"""What a job may say: a table of rules, one for each key, and what cannot be combined. Pure.

How it works:
    A rule takes a value as TOML gives it and returns it in the form in which `Job` wants it, or
    a `Wrong`. The same tables hold for a job file and for a job built of command-line options.
"""

from collections.abc import Callable, Mapping

import msgspec

from bulk_publisher.client.conditions import Field, parse_condition
from bulk_publisher.client.pace import Pace
from bulk_publisher.jobs import values
from bulk_publisher.jobs.job import WAYS_IN, After, Notify, Overlap, Portal, Schedule, Selection
from bulk_publisher.jobs.options import PACE, PORTAL
from bulk_publisher.jobs.recipients import (
    MOST_RETRIES,
    after_conflicts,
    notify_conflicts,
    occasions,
    recipients,
)
from bulk_publisher.jobs.values import Rule
from bulk_publisher.model import Action, Only, Order
from bulk_publisher.sources.cells import Wrong

Conflict = tuple[str, str]
"""A key, and why it can't stand together with the others."""

Naming = Callable[[str], str]
"""How a key is called where it was given: by itself in a job file, as an option elsewhere."""

TOP: Mapping[str, Rule] = {
    "name": values.text,
    "action": values.one_of(Action),
    "portals": values.portal_tables,
}
"""The keys outside of any table."""

TABLES: Mapping[str, Mapping[str, Rule]] = {
    "portal": {
        "webhook": values.secret,
        "oauth": values.tokens,
        "name": values.portal_name,
        "named_in": values.text,
        "sandbox": values.text,
        "portals": values.patterns,
        "portals_file": values.list_of_portals,
        # Of tokens the kind of the option says too little.
        **values.rules_of(row for row in PORTAL if row.key != "oauth"),
    },
    "select": {
        "csv": values.text,
        "xlsx": values.text,
        "sheet": values.text,
        "column": values.text,
        "skip_bad_rows": values.flag,
        "carry": values.columns,
        "site": values.ids("site"),
        "folder": values.ids("folder"),
        "page": values.pages,
        "url": values.urls,
        "urls": values.text,
        "scope": values.scope,
        "only": values.one_of(Only),
        "where": values.conditions,
        "exclude": values.list_of_pages,
        "order": values.one_of(Order),
        "limit": values.whole(1),
        "lookup": values.flag,
        "plan": values.list_of_pages,
    },
    "pace": values.rules_of(PACE),
    "schedule": {
        "cron": values.cron,
        "timezone": values.timezone,
        "jitter": values.duration,
        "catch_up": values.flag,
        "overlap": values.one_of(Overlap),
    },
    "after": {
        "verify": values.flag,
        "retry": values.whole(0, MOST_RETRIES),
        "expected": values.list_of_pages,
    },
    "notify": {"on": occasions, "to": recipients, "late_after": values.duration},
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
