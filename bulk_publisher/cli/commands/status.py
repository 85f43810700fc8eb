"""``bulk-publisher status``: how a run stands that another terminal, or cron, has begun."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.completing import runs_there
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.report.story import Story
    from bulk_publisher.store.heard import Heard
    from bulk_publisher.store.protocol import KeptRun, Store

_NEWEST = 20
"""Runs that are told to a person: a nightly job makes hundreds."""


@click.command("status")
@click.argument("name", metavar="[RUN]", required=False, shell_complete=runs_there)
@runs_option
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--portal", metavar="NAME", help="Without RUN: only runs on this portal, such as 'client-*'."
)
@click.option(
    "-n",
    "most",
    type=click.IntRange(0),
    metavar="N",
    help="Without RUN: the N newest runs, 0 for all.  [default: 20; with --json, all]",
)
@click.pass_obj
@says_errors
def status(
    output: Output,
    /,
    *,
    name: str | None,
    runs: Runs,
    is_json: bool,
    portal: str | None,
    most: int | None,
) -> None:
    """Show how RUN stands: running, ended, or left behind by a process that died.

    RUN is a run's folder, its ID or the start of it, or "latest"; without it, the newest runs are
    listed by portal, with their age and duration. Asks the portal nothing.
    """
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.store import open_store
    from bulk_publisher.store.database_address import is_database

    if name is None:
        _say_all(output, open_store(runs), portal, most, is_json=is_json)
        return
    if portal is not None or most is not None:
        raise BadSetting("--portal and -n choose among all runs.", "Leave out RUN, or these.")
    _say_one(output, open_store(name if is_database(name) else runs), name, is_json=is_json)


def _say_all(
    output: Output, store: "Store", portal: str | None, most: int | None, *, is_json: bool
) -> None:
    from bulk_publisher.cli.commands.all_runs import run_lines, runs_as_list

    if is_json:
        output.put_json(runs_as_list(store, portal=portal, most=most or 0))
        return
    for line in run_lines(store, portal=portal, most=_NEWEST if most is None else most):
        output.put(line)


def _say_one(output: Output, store: "Store", name: str, *, is_json: bool) -> None:
    import msgspec

    from bulk_publisher.cli.commands.all_runs import whose
    from bulk_publisher.report.story import read_story

    folder = store.find(name)
    is_going_on = folder.is_locked
    heard = folder.read_progress() if is_going_on else None
    if heard is not None:
        if is_json:
            told = {"state": "running", **whose(folder), "age": round(heard.age, 3)}
            output.put_json({**told, **msgspec.to_builtins(heard.snapshot)})
            return
        for line in _snapshot_lines(heard, folder):
            output.put(line)
        return
    story = read_story(folder)
    if is_json:
        output.put_json(_as_dict(story, is_going_on=is_going_on))
        return
    for line in _story_lines(story, is_going_on=is_going_on):
        output.put(line)
    if not is_going_on and (plan := _plan_line(store, folder.run_id)):
        output.put(plan)


def _snapshot_lines(heard: "Heard", folder: "KeptRun") -> Iterator[str]:
    from bulk_publisher.cli.progress.words import budget_lines, status_line, waiting_line
    from bulk_publisher.report.text import (
        in_words,
        pages_in_words,
        passed_over_lines,
        portal_in_words,
        printable,
    )

    snapshot = heard.snapshot
    where = portal_in_words(snapshot.portal, snapshot.portal_name)
    holder = folder.holder()
    if holder.is_stopped:
        yield f"Run {snapshot.run} on {where} last reported {in_words(heard.age)} ago: its process {holder.pid} is stopped. {holder.what_to_do}"
    elif heard.is_silent:
        yield f"Run {snapshot.run} on {where} last reported {in_words(heard.age)} ago; its process is stopped or can't write:"
    else:
        yield f"Run {snapshot.run} on {where} is running:"
    yield f"  {status_line(snapshot)}"
    for line in (*budget_lines(snapshot), waiting_line(snapshot)):
        if line:
            yield f"  {line}"
    for line in passed_over_lines(folder.read_description().selected):
        yield f"  {line}"
    if snapshot.errors:
        yield "  Why pages failed:"
    for code, count in sorted(snapshot.errors.items(), key=lambda item: -item[1]):
        yield f"    {printable(code)}: {pages_in_words(count)}"
    if snapshot.last_failures:
        yield "  Last failures:"
        yield from (f"    {failure}" for failure in snapshot.last_failures)


def _story_lines(story: "Story", *, is_going_on: bool) -> Iterator[str]:
    from bulk_publisher.report.telling import rollback_lines, story_lines
    from bulk_publisher.report.text import (
        counts_lines,
        failures_lines,
        go_on_line,
        pages_in_words,
        passed_over_lines,
        printable,
    )

    name = name_for_commands(story.kept)
    if story.has_ended and not is_going_on:
        yield from story_lines(story, name)
        return
    done = pages_in_words(story.totals.pages)
    called = story.description.portal_name
    where = "" if called is None else f" on {printable(called)}"
    if is_going_on:
        yield f"Run {story.run}{where} is running: {done} settled so far."
    else:
        yield f"Run {story.run}{where} is unfinished and its process is gone: {done} settled."
    yield from counts_lines(story.totals)
    yield from passed_over_lines(story.description.selected)
    if story.totals.failures:
        yield "Why pages failed:"
        yield from failures_lines(story.totals)
    if not is_going_on:
        yield from rollback_lines(story)
        yield go_on_line(story.left, name)


def _plan_line(store: "Store", run: str) -> str | None:
    """When the daemon of *store* goes on with *run*; None where that is not its plan."""
    from bulk_publisher.clock import local_zone
    from bulk_publisher.errors import BadJournal
    from bulk_publisher.jobs.moments import moment_in_words
    from bulk_publisher.model import Epoch

    try:
        slots = store.agenda.read_slots() if store.agenda.is_served else {}
    except BadJournal:
        # It says so itself; the run is as it is.
        return None
    firings = (slot.firing for slot in slots.values() if slot.firing is not None)
    for part in (part for firing in firings for part in firing.parts.values()):
        if part.run == run and part.goes_on_at is not None:
            return f"The daemon continues it on {moment_in_words(Epoch(part.goes_on_at), local_zone())}."
    return None


def _as_dict(story: "Story", *, is_going_on: bool) -> dict[str, Any]:
    from bulk_publisher.cli.commands.all_runs import state_of, whose
    from bulk_publisher.report.export import story_as_dict

    state = state_of(is_running=is_going_on, has_ended=story.has_ended)
    return {"state": state, **whose(story.kept), **story_as_dict(story)}
