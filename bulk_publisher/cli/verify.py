"""``bulk-publisher verify``: ask the portal whether a run's journal is right."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.earlier import changer, portal_changes, run_argument, say_out
from bulk_publisher.cli.options import runs_option
from bulk_publisher.cli.output import Output, name_for_commands, says_errors

if TYPE_CHECKING:
    from bulk_publisher.app.verdicts import Verdict
    from bulk_publisher.app.verifying import Verified
    from bulk_publisher.model import Action

_SAID_EVERY = 5_000


@click.command("verify")
@run_argument
@click.option("--urls", is_flag=True, help="Also ask for each public address on the portal's host.")
@runs_option
@portal_changes
@click.pass_obj
@says_errors
def verify(output: Output, /, *, name: str, urls: bool, runs: Path, **options: Any) -> None:
    """Ask the portal whether each page of RUN is as its journal says; changes nothing there.

    Unknown pages get a verdict. Everything is written to verify.jsonl in the run's folder.

    Exit status: 0 all as the journal says, 1 something differs.
    """
    from bulk_publisher.app.description import check_real, job_of
    from bulk_publisher.app.verifying import verify as verify_run
    from bulk_publisher.cli.doing import open_webhook
    from bulk_publisher.journal.folder import find_folder
    from bulk_publisher.report.story import pages_left
    from bulk_publisher.report.text import left_in_words

    output.open_log()  # fmt: skip
    folder = find_folder(name, runs)
    change = changer(options)
    description = folder.read_description()
    job = change(job_of(folder, description))
    check_real(folder, job)

    def tell(verified: "Verified") -> None:
        if verified.pages % _SAID_EVERY == 0:
            output.say(f"{verified.pages:,} pages asked for, {verified.differing:,} differ")

    async def ask() -> "Verified":
        async with open_webhook(job) as webhook:
            return await verify_run(
                folder,
                webhook,
                change=change,
                visits_urls=urls,
                on_progress=tell,
                warn=output.explain,
            )

    try:
        verified = asyncio.run(ask())
    except KeyboardInterrupt:
        sys.exit(130)
    say_out(folder, output)
    for line in _lines(verified):
        click.echo(line)
    left = pages_left(description, verified.pages)
    if left:
        name = name_for_commands(folder.path)
        output.say(f"{left_in_words(left)}Go on with: bulk-publisher resume {name}")
    if verified.first:
        output.say(_how_to_do_again(job.action, verified.first))
    output.say(f"What the portal shows of each page, and the verdict: {folder.verdicts}")
    sys.exit(1 if verified.differing or verified.bad_urls else 0)


def _how_to_do_again(action: "Action", differing: Sequence["Verdict"]) -> str:
    scope = differing[0].scope
    alike = ",".join(str(verdict.page) for verdict in differing if verdict.scope == scope)
    scoped = "" if scope is None else f" --scope {scope}"
    return f"To do such pages again, name them: bulk-publisher {action}{scoped} --page {alike}"


def _lines(verified: "Verified") -> Iterator[str]:
    yield f"{verified.pages:,} pages: {verified.agreeing:,} as the journal says, {verified.differing:,} not."
    for verdict in verified.first:
        yield f"  page {verdict.page}: {verdict.status.value} by the journal. {verdict.note}"
    if len(verified.first) < verified.differing:
        yield f"  and {verified.differing - len(verified.first):,} more"
    for status, count in verified.settled.items():
        yield f"  {count:,} unknown ones are settled: {status.value}"
    if verified.unsettled:
        yield f"  {verified.unsettled:,} are still unknown"
    if verified.untold:
        yield f"  {verified.untold:,} of which the portal can't show it"
    if verified.visited or verified.other_hosts:
        yield f"Public addresses: {verified.visited:,} asked for, {verified.bad_urls:,} of published pages not answered with 200, {verified.other_hosts:,} on other hosts left out."
