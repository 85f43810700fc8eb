"""``bulk-publisher doctor``: can this credential do it, and how fast?"""

import asyncio
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.job_options import (
    portal_job,
    portal_options,
    scope_option,
)
from bulk_publisher.cli.commands.parameters.places import Runs, sharing, sharing_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.client.sites import Site
    from bulk_publisher.model import Scope
    from bulk_publisher.operations.checking import Check, Examination

_MARKS = {"good": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "red")}
_NAMES = {"tls": "TLS", "who": "whose webhook"}
_MOST_PAGES = 20_000
"""Forty lists: half a minute on a plain plan."""
_SHOWN_SITES = 40
_OF_PATTERNS = {*"*?["}
"""No name has them."""


@click.command("doctor")
@portal_options
@scope_option
@sharing_option
@click.option("--all", "is_all", is_flag=True, help=f"Count every page, not just the first {_MOST_PAGES:,}.")  # fmt: skip
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
@says_errors
def doctor(
    output: Output,
    /,
    *,
    scope: "Scope | None",
    store: Runs | None,
    is_all: bool,
    is_json: bool,
    **options: Any,
) -> None:
    """Check the portal and the credential, and list what there is to publish. Changes nothing.

    --portal may be a pattern, such as "client-*": a table has a line for each portal.

    Exit status: 0 a run can work, 4 it cannot.
    """
    from bulk_publisher.cli.commands.doing import open_credential
    from bulk_publisher.client.sites import EVERY_SCOPE
    from bulk_publisher.operations.checking import examine

    output.open_log()
    scopes = EVERY_SCOPE if scope is None else (scope,)
    if set(options["portal"] or "") & _OF_PATTERNS:
        from bulk_publisher.cli.commands.doctor_many import show_portals

        state = sharing(store)
        sys.exit(show_portals(options, output, state, scopes=scopes, is_all=is_all, is_json=is_json))  # fmt: skip
    job = portal_job("doctor", options)

    async def look() -> "Examination":
        async with open_credential(job, output, sharing(store)) as reached:
            return await examine(
                job,
                reached,
                scopes=scopes,
                most_pages=None if is_all else _MOST_PAGES,
                warn=output.warn,
            )

    examination = asyncio.run(look())
    if is_json:
        output.put_json(examination.as_dict())
    else:
        lines = _lines(examination, job.portal.name, has_colour=output.colours_stdout)
        output.tell(lines, is_styled=True)
    sys.exit(0 if examination.is_usable else 4)


def _lines(examination: "Examination", name: str | None, *, has_colour: bool) -> Iterator[str]:
    from bulk_publisher.report.text import CLASSIC, portal_in_words

    yield f"{portal_in_words(examination.host, name)}, with the {examination.kind} of user {examination.user}"
    for check in examination.checks:
        yield from _check_lines(check, has_colour=has_colour)
    if examination.sites:
        yield ""
        yield from _sites_table(examination.sites)
        if any(site.scope == "KNOWLEDGE" for site in examination.sites):
            yield CLASSIC
        if not examination.is_counted:
            yield f"Only the first {_MOST_PAGES:,} pages were counted; --all counts them all."
    yield ""
    if examination.is_usable:
        yield "Ready. To see what a run would do: bulk-publisher plan …"
    else:
        yield "Not ready: fix the checks marked ✗ first."


def _check_lines(check: "Check", *, has_colour: bool) -> Iterator[str]:
    from bulk_publisher.report.text import printable, wrapped

    mark, colour = _MARKS[check.verdict]
    name = f"{_NAMES.get(check.name, check.name):<15}"
    lines = wrapped(printable(check.found), indent=19)
    sign = click.style(mark, fg=colour) if has_colour else mark
    yield f"  {sign} {name}{lines[0].lstrip()}"
    yield from lines[1:]
    if check.advice:
        first, *rest = wrapped(f"→ {printable(check.advice)}", indent=19)
        yield from (first, *rest)


def _sites_table(sites: list["Site"]) -> Iterator[str]:
    from bulk_publisher.report.text import printable

    yield f"  {'site':>6}  {'scope':<10}{'pages':>10}{'published':>11}{'changed':>9}{'not yet':>9}  {'may publish':<12}title"  # fmt: skip
    may = {True: "yes", False: "no", None: "unknown"}
    for site in sites[:_SHOWN_SITES]:
        off = " (offline)" if site.is_online is False else ""
        yield (
            f"  {site.id:>6}  {site.scope or 'plain':<10}{site.pages:>10,}{site.published:>11,}"
            f"{site.changed:>9,}{site.unpublished:>9,}  {may[site.may_publish]:<12}"
            f"{printable(site.title)}{off}"
        )
    if len(sites) > _SHOWN_SITES:
        yield f"  … and {len(sites) - _SHOWN_SITES:,} more: --json lists them all."
