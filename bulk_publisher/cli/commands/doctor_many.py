"""``doctor`` for many named portals: a table with a line for each, what is wrong below."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from typing import Any

from bulk_publisher.cli.output.output import Output
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import portals_path, read_portals
from bulk_publisher.model import Scope
from bulk_publisher.operations.checking import CheckVerdict
from bulk_publisher.operations.portal_names import Look, look_at_portals
from bulk_publisher.report.text import printable, table_lines
from bulk_publisher.store import SharedState

_UNUSABLE = 4


def show_portals(
    options: dict[str, Any],
    output: Output,
    state: SharedState,
    *,
    scopes: tuple[Scope | None, ...],
    is_all: bool,
    is_json: bool,
) -> int:
    """Check the portals that a pattern means; gives the exit status.

    Raises:
        BadSetting: If it means none, or an option beside it is for one portal.
    """
    for name, is_given in (("--all", is_all), ("--portal-plan", options["portal_plan"]), ("--ca-file", options["ca_file"])):  # fmt: skip
        if is_given:
            raise BadSetting(f"{name} needs one portal, and a pattern means many.", f"Leave out {name}.")  # fmt: skip
    known = read_portals(portals_path(options["portals"], os.environ))
    names = known.matching([options["portal"]])
    looking = look_at_portals(
        known, names, os.environ, scopes=scopes, state=state, warn=output.warn
    )
    looks = asyncio.run(looking)
    if is_json:
        output.put_json([_fields(look) for look in looks])
    else:
        output.tell(_lines(looks))
    return 0 if all(look.is_usable for look in looks) else _UNUSABLE


def _lines(looks: Sequence[Look]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("", "portal", "host", "user", "sites", "plan")]
    rows += [_cells(look) for look in looks]
    yield from table_lines(rows, right=frozenset({3, 4}))
    unusable = [look for look in looks if not look.is_usable]
    if unusable:
        yield ""
        for look in unusable:
            yield from (f"{look.name}: {why}" for why in _why(look))
    ready = len(looks) - len(unusable)
    yield f"{ready:,} of {len(looks):,} ready." if unusable else f"All {ready:,} ready."


def _cells(look: Look) -> tuple[str, ...]:
    found, mark = look.examination, "ok" if look.is_usable else "NO"
    if found is None:
        return mark, look.name, "-", "-", "-", ""
    user = "-" if found.user is None else str(found.user)
    plan = next((check.found for check in found.checks if check.name == "plan"), "")
    return mark, look.name, found.host, user, f"{len(found.sites):,}", plan.partition(":")[0]


def _why(look: Look) -> Iterator[str]:
    if look.error is not None:
        yield f"{look.error.message} {look.error.hint}".rstrip()
    for check in () if look.examination is None else look.examination.checks:
        if check.verdict is CheckVerdict.BAD:
            yield printable(f"{check.found} {check.advice}".rstrip())


def _fields(look: Look) -> dict[str, Any]:
    told: dict[str, Any] = {"name": look.name, "is_usable": look.is_usable}
    if look.examination is not None:
        return told | look.examination.as_dict()
    error = look.error
    return told | ({} if error is None else {"error": error.message, "hint": error.hint})
