"""Plans on their way from a proposal to their run."""

import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from bulk_publisher.cli.commands.doing import Care, run_task
from bulk_publisher.cli.commands.parameters.moments import now_and_who
from bulk_publisher.cli.commands.parameters.places import Runs
from bulk_publisher.cli.commands.planned_jobs import say_changes
from bulk_publisher.cli.output.output import Output
from bulk_publisher.jobs import Job
from bulk_publisher.operations.approving import find_approved, propose, publish_approved
from bulk_publisher.operations.plan_file import Plan, encode_plan
from bulk_publisher.sources.known_failures import check_known_failures
from bulk_publisher.store import open_store
from bulk_publisher.store.approvals import Door


def propose_made(made: Plan, out: Path, output: Output, *, runs: Runs) -> None:
    """Propose the plan *made*, which was written to *out*.

    Raises:
        BadSetting: If it can't be kept.
    """
    _, who = now_and_who()
    proposal = propose(
        open_store(runs),
        encode_plan(made),
        by=who,
        through=Door.TERMINAL,
        where=str(out),
        folders=folders_of(out),
    )
    output.say(
        f"Proposed as {proposal.name}. Nothing was changed. "
        f"To approve it: bulk-publisher approve {proposal.name}{option_for(runs)}"
    )


def folders_of(plan: Path) -> tuple[Path, ...]:
    """Where the files are looked for that a plan names: as ``publish --plan`` does."""
    return Path(), plan.parent


def option_for(runs: Runs) -> str:
    """``--runs`` or ``--store`` for a command that can be copied, where that is needed."""
    if isinstance(runs, str):
        is_usual = runs == os.environ.get("BULK_PUBLISHER_STORE")
        # As a person is told of it: without a password.
        return "" if is_usual else f" --store {shlex.quote(open_store(runs).place)}"
    is_usual = str(runs) == (os.environ.get("BULK_PUBLISHER_RUNS") or "runs")
    return "" if is_usual else f" --runs {shlex.quote(str(runs))}"


def do_approved(name: str, output: Output, *, runs: Runs, change: Callable[[Job], Job]) -> None:
    """Publish the plan *name*, and exit with the status that the contract gives it.

    Args:
        change: What this command changes in its job.

    Raises:
        BulkPublisherError: If it can't be begun.
    """
    store = open_store(runs)
    approved = find_approved(store, name)
    approved = replace(approved, job=change(approved.job))
    _, who = now_and_who()
    task = partial(
        publish_approved,
        approved,
        store=store,
        by=who,
        through=Door.TERMINAL,
        tell=partial(say_changes, output),
    )
    care = Care(store, check_known_failures(approved.job.after.expected))
    raise SystemExit(run_task(approved.job, task, output, care, runs=runs))
