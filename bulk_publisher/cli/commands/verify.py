"""``bulk-publisher verify``: ask the portal whether a run's journal is right."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.run_options import (
    changer,
    pages_in_a_line,
    portal_changes,
    run_argument,
    say_out,
)
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.naming import name_for_commands, path_from_here
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.model import Action
    from bulk_publisher.operations.verifying import Verified
    from bulk_publisher.store.protocol import KeptRun
    from bulk_publisher.store.verdicts import Verdict

_SAID_EVERY = 5_000


@click.command("verify")
@run_argument
@click.option("--urls", is_flag=True, help="Also request each public address on the portal's host.")
@runs_option
@portal_changes
@click.pass_obj
@says_errors
def verify(output: Output, /, *, name: str, urls: bool, runs: Runs, **options: Any) -> None:
    """Check on the portal whether each page of RUN matches its journal; changes nothing.

    Unknown pages get a verdict. Verdicts go to verify.jsonl in the run's folder, and pages that
    can be redone to again.csv.

    Exit status: 0 all pages match, 1 some differ or nothing could be verified.
    """
    from bulk_publisher.cli.commands.doing import open_credential
    from bulk_publisher.operations.describing import check_real, job_of
    from bulk_publisher.operations.verifying import verify as verify_run
    from bulk_publisher.report.summary import pages_left
    from bulk_publisher.report.text import go_on_line
    from bulk_publisher.store import find_run, shared_state

    output.open_log()  # fmt: skip
    folder = find_run(runs, name)
    change = changer(options)
    description = folder.read_description()
    job = change(job_of(folder, description))
    check_real(folder, job)

    def tell(verified: "Verified") -> None:
        if verified.pages % _SAID_EVERY == 0:
            output.say(f"{verified.pages:,} pages checked, {verified.differing:,} differ")

    async def ask() -> "Verified":
        async with open_credential(job, output, shared_state(runs, os.environ)) as reached:
            return await verify_run(
                folder,
                reached,
                change=change,
                visits_urls=urls,
                on_progress=tell,
                warn=output.warn,
            )

    try:
        verified = asyncio.run(ask())
    except KeyboardInterrupt:
        sys.exit(130)
    if folder.is_copy:
        output.explain(f"{folder.place} is a copy of run {folder.run_id}, or that run renamed.")
    say_out(folder, output)
    output.tell(_lines(verified, description.rollbacks))
    if not description.is_whole and description.is_for_resume:
        left = pages_left(description, verified.pages)
        output.say(go_on_line(left, name_for_commands(folder)))
    if verified.again:
        output.say(_how_to_do_again(job.action, verified, folder))
    output.say(f"Verdict on each page: {folder.names.verdicts}")
    sys.exit(verified.status)


def _how_to_do_again(action: "Action", verified: "Verified", run: "KeptRun") -> str:
    """By their IDs where that is short and says all, otherwise by the file that names them."""
    from bulk_publisher.report.text import pages_in_words
    from bulk_publisher.store.database_address import is_database

    again = verified.again
    count = sum(len(pages) for pages in again.values())
    scope, pages = next(iter(again.items()))
    is_short = len(again) == 1 and not verified.again_carries
    named = pages_in_a_line(pages) if is_short else None
    if named is None and is_database(run.place):
        name = name_for_commands(run)
        return (
            f"To redo {pages_in_words(count)}: bulk-publisher store export {name} --to exported"
            f" && bulk-publisher {action} --csv exported/{run.name}/again.csv"
        )
    if named is None:
        selection = f"--csv {path_from_here(Path(run.names.again))}"
    else:
        selection = f"{'' if scope is None else f'--scope {scope} '}--page {named}"
    return f"To redo {pages_in_words(count)}: bulk-publisher {action} {selection}"


def _lines(verified: "Verified", rollbacks: Sequence[str]) -> Iterator[str]:
    if rollbacks:
        yield f"Rolled back by {', '.join(rollbacks)}: pages taken down by it stay down."
    yield verified.agreement
    if verified.rolled_back:
        yield f"  {verified.rolled_back:,} of these are down because of a rollback"
    for verdict in verified.first:
        yield f"  {_page(verdict)}: the journal says {verdict.status.value}. {verdict.note}"
    more = verified.differing - verified.rolled_back - len(verified.first)
    if more:
        yield f"  and {more:,} more"
    for status, count in verified.settled.items():
        yield f"  {count:,} unknown pages are now known: {status.value}"
    if verified.unsettled:
        yield f"  {verified.unsettled:,} are still unknown"
    if verified.is_empty:
        yield "Nothing could be verified: the portal shows the state of none of them."
    if verified.untold:
        yield f"  {verified.untold:,} whose state the portal can't show"
    yield from _address_lines(verified)


def _address_lines(verified: "Verified") -> Iterator[str]:
    from bulk_publisher.report.text import printable

    if verified.visited or verified.other_hosts:
        yield f"Public addresses: {verified.visited:,} requested, {verified.bad_urls:,} of published pages did not answer 200, {verified.other_hosts:,} on other hosts left out."
    for verdict in verified.first_bad_urls:
        answer = "no answer" if verdict.url_status is None else f"answered {verdict.url_status}"
        yield printable(f"  {_page(verdict)}: {verdict.url} {answer}")
    if more := verified.bad_urls - len(verified.first_bad_urls):
        yield f"  and {more:,} more"


def _page(verdict: "Verdict") -> str:
    """The page, and what it carries of its list."""
    from bulk_publisher.report.text import row_in_words

    row = row_in_words(verdict.row)
    return f"page {verdict.page}{f' ({row})' if row else ''}"
