"""``bulk-publisher resume``: go on where a run stopped."""

import sys
from contextlib import ExitStack
from typing import Any

import click

from bulk_publisher.cli.commands.parameters.job_options import watching_options
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.run_options import (
    changes_of,
    confirm,
    pace_changes,
    portal_changes,
    run_argument,
    yes_option,
)
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output


@click.command("resume")
@run_argument
@runs_option
@watching_options
@yes_option
@portal_changes
@pace_changes
@click.pass_obj
@says_errors
def resume(output: Output, /, *, name: str, runs: Runs, is_yes: bool, **options: Any) -> None:
    """Continue RUN, a run's folder, its ID or the start of it, or "latest", where it stopped.

    Pages in its journal are settled; pages that were in flight go first. The selection is the
    run's own; the pace may change. The webhook is read again, as for publish. What its job asks for
    afterwards, [after] and [notify], is done then.
    """
    from bulk_publisher.cli.commands.doing import go_on
    from bulk_publisher.operations.resuming import reopened, status_of_whole
    from bulk_publisher.report.text import pages_in_words
    from bulk_publisher.store import open_store
    from bulk_publisher.store.database_address import is_database

    store = open_store(name if is_database(name) else runs)
    folder = store.find(name)
    changes = changes_of(options)
    status = status_of_whole(folder)
    if status is not None:
        output.say(
            f"Run {folder.run_id} is complete: every page is in its journal. Nothing is left to do."
        )
        if status:
            output.say(
                f"Some of its pages failed. Retry them with: bulk-publisher retry {name_for_commands(folder)}"
            )
        sys.exit(status)
    with ExitStack() as opened:
        again = opened.enter_context(reopened(folder, changes))
        if again.was_changed and not confirm(
            f"{again.undertaking.job.select.file} has changed since the run began. Continue with the current file?",
            is_yes=is_yes,
            output=output,
        ):
            sys.exit(2)
        for rollback in again.undertaking.description.rollbacks:
            output.explain(
                f"Run {rollback} took down pages of this run: those in the journal stay down, all others are published.",
                colour="yellow",
            )
        output.say(
            f"Already settled: {pages_in_words(again.settled)}; in flight when it stopped: {len(again.undertaking.out):,}."
        )
        sys.exit(go_on(again, opened, output, store, runs=runs))
