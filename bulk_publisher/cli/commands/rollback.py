"""``bulk-publisher rollback``: take down what a run has put up."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.job_options import watching_options
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.run_options import (
    changer,
    confirm,
    pace_changes,
    pages_in_a_line,
    portal_changes,
    run_argument,
    say_out,
    yes_option,
)
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.operations.following import Follower
    from bulk_publisher.page_ids.page_set import PageSet

_TAKES_OUT = ", or take them down too with rollback --include-unknown."


@click.command("rollback")
@run_argument
@click.option(
    "--include-unknown",
    is_flag=True,
    help="Also pages whose earlier state is unknown, or that were sent and are not in the journal.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@runs_option
@watching_options
@yes_option
@portal_changes
@pace_changes
@click.pass_obj
@says_errors
def rollback(
    output: Output,
    /,
    *,
    name: str,
    include_unknown: bool,
    dry_run: bool,
    runs: Runs,
    is_yes: bool,
    **options: Any,
) -> None:
    """Take down exactly the pages that RUN published and that were not online before.

    Newest first, as a run of its own, which can be resumed. Folders and sites stay as they are, and so
    do pages that an earlier rollback of RUN took down.

    Exit status: also 1 if pages remain that may have to be taken down.
    """
    from bulk_publisher.cli.commands.doing import run_task
    from bulk_publisher.operations.following import follow, rollback_of
    from bulk_publisher.report.text import pages_in_words
    from bulk_publisher.store import find_run, open_store

    folder = find_run(runs, name)
    following = rollback_of(folder, includes_unknown=include_unknown)
    follower = follow(folder, following, changer(options))
    is_out = not include_unknown and say_out(folder, output, otherwise=_TAKES_OUT)
    is_rest = _say_left_alone(follower, output) or is_out
    if follower.found.down_already:
        down = pages_in_words(follower.found.down_already)
        output.say(f"Taken down by an earlier rollback: {down}.")
    if not follower.pages:
        output.say(
            "Nothing else to take down."
            if is_rest
            else f"Run {folder.run_id} put no pages online that have to be taken down."
        )
        sys.exit(int(is_rest))
    if dry_run:
        output.put(
            f"Would unpublish {pages_in_words(follower.pages)} that run {folder.run_id} put online."
        )
        output.say("Dry run: nothing was changed.")
        return
    question = f"Take down {pages_in_words(follower.pages)} that run {folder.run_id} put online?"
    if not confirm(question, is_yes=is_yes, output=output):
        sys.exit(2)
    status = run_task(
        follower.job, partial(follower.begin, store=open_store(runs)), output, runs=runs
    )
    sys.exit(status or int(is_rest))


def _say_left_alone(follower: "Follower", output: Output) -> bool:
    """Say which pages are not touched, why, and what can be done; whether there are any."""
    unlooked, unknown = follower.found.unlooked, follower.found.unknown
    earlier, scope = follower.earlier, follower.job.select.scope
    run, name = earlier.run_id, name_for_commands(earlier)
    if unlooked:
        output.explain(
            f"Left online: {_named(unlooked)} that run {run} published. Whether they were online before "
            "is unknown (--no-lookup).",
            colour="yellow",
        )
        scoped = "" if scope is None else f" --scope {scope}"
        output.explain(f"To take them all down: bulk-publisher rollback {name} --include-unknown")
        some = pages_in_a_line(unlooked)
        if some is not None:
            output.explain(f"To take some down: bulk-publisher unpublish{scoped} --page {some}")
    if unknown:
        output.explain(
            f"Left alone: {_named(unknown)} that run {run} may have put online. "
            f"To find out: bulk-publisher verify {name}",
            colour="yellow",
        )
    return bool(unlooked or unknown)


def _named(pages: "PageSet") -> str:
    from bulk_publisher.report.text import pages_in_words

    named = pages_in_a_line(pages)
    return pages_in_words(len(pages)) + (f" ({named})" if named else "")
