"""``bulk-publisher stop`` and ``pause``: end a run in order, from another terminal."""

import sys
from typing import TYPE_CHECKING

import click

from bulk_publisher.cli.commands.parameters.moments import now_and_who, parse_time
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.run_options import run_argument
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.store.steering import Steering

_no_wait = click.option("--no-wait", is_flag=True, help="Don't wait until the run has ended.")


@click.command("stop")
@run_argument
@runs_option
@_no_wait
@click.pass_obj
@says_errors
def stop(output: Output, /, *, name: str, runs: Runs, no_wait: bool) -> None:
    """End RUN in order, from any terminal: pages in flight finish, no others are sent.

    RUN is a run's folder, its ID or the start of it, or "latest". It ends with status 3; "resume"
    continues it. A daemon does not continue it by itself.
    """
    from bulk_publisher.store.steering import Steering, Wish

    now, who = now_and_who()
    _end(output, name, runs, Steering(wish=Wish.STOP, at=now, by=who), is_waited_for=not no_wait)


@click.command("pause")
@run_argument
@runs_option
@click.option("--until", metavar="TIME", help="When it may go on: 06:00, 2026-11-27 06:00 or +2h.")
@_no_wait
@click.pass_obj
@says_errors
def pause(output: Output, /, *, name: str, runs: Runs, until: str | None, no_wait: bool) -> None:
    """End RUN in order until TIME, or until "resume".

    A run that a daemon has begun continues by itself at TIME; any other waits for "resume".
    """
    from bulk_publisher.store.steering import Steering, Wish

    now, who = now_and_who()
    moment = None if until is None else parse_time(until, "--until", now)
    steering = Steering(wish=Wish.PAUSE, at=now, until=moment, by=who)
    _end(output, name, runs, steering, is_waited_for=not no_wait)


def _until(steering: "Steering") -> str:
    from bulk_publisher.model import Epoch
    from bulk_publisher.utc import as_utc

    return "" if steering.until is None else f" before {as_utc(Epoch(steering.until))}"


def _end(
    output: Output, name: str, runs: Runs, steering: "Steering", *, is_waited_for: bool
) -> None:
    import asyncio

    from bulk_publisher.clock import LoopClock
    from bulk_publisher.operations.stopping import end_run
    from bulk_publisher.report.story import read_story
    from bulk_publisher.report.text import go_on_line, pages_in_words
    from bulk_publisher.store import find_run

    kept = find_run(runs, name)
    holder = kept.holder()
    if kept.is_locked and holder.is_stopped:
        output.warn(f"Its process {holder.pid} is stopped. {holder.what_to_do}")
    said = "asked to stop" if steering.wish.value == "stop" else "asked to pause"
    if kept.is_locked:
        output.say(f"Run {kept.run_id} is {said}; pages in flight finish.")

    async def end() -> bool:
        return await end_run(kept, steering, LoopClock(), is_waited_for=is_waited_for)

    try:
        was_at_work = asyncio.run(end())
    except KeyboardInterrupt:
        output.complain("No longer waiting; the run still ends.")
        sys.exit(130)
    if not was_at_work:
        output.put(
            f"Run {kept.run_id} isn't running; a daemon will not continue it{_until(steering)}."
        )
    elif is_waited_for:
        story = read_story(kept)
        settled = f"{pages_in_words(story.totals.pages)} settled"
        if story.is_whole:
            output.put(f"Run {kept.run_id} has ended: {settled}, and none is left.")
            return
        output.put(f"Run {kept.run_id} has ended: {settled}.")
        output.put(go_on_line(story.left, name_for_commands(kept)))
