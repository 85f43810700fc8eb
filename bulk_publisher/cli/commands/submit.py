"""``bulk-publisher submit`` and ``jobs``: hand a job to a daemon, and see which it has."""

import random
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.completing import files
from bulk_publisher.cli.commands.parameters.moments import now_and_who, parse_time
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.store import Store
    from bulk_publisher.store.agenda import Firing, Part, Slot
    from bulk_publisher.store.steering import Steering


@click.command("submit")
@click.argument("job", metavar="JOB", shell_complete=files)
@runs_option
@click.option("--at", metavar="TIME", help="When: 22:00, 2026-11-27 22:00 or +2h.  [default: now]")
@click.pass_obj
@says_errors
def submit(output: Output, /, *, job: str, runs: Runs, at: str | None) -> None:
    """Have a daemon do JOB once: a job file, or the name of a job that it knows.

    A file is read and checked now, and its lists are copied, so what you do with them afterwards
    changes nothing. "serve" with the same --runs does it.
    """
    import os

    from bulk_publisher.jobs import read_job, with_portals_named
    from bulk_publisher.serve.submitting import check_known, submit_job, submit_known
    from bulk_publisher.store import open_store
    from bulk_publisher.store.database_address import is_database
    from bulk_publisher.utc import as_utc

    now, who = now_and_who()
    moment = now if at is None else parse_time(at, "--at", now)
    opened = open_store(runs)
    agenda, rng = opened.agenda, random.SystemRandom()
    # A folder of this name is no job file: its jobs may be called like it.
    if job.endswith(".toml") or (Path(job).exists() and not Path(job).is_dir()):
        what = with_portals_named(read_job(Path(job)), os.environ)
        order = submit_job(agenda, what, at=moment, now=now, by=who, rng=rng)
    else:
        check_known(job, agenda.read_slots(), is_served=agenda.is_served)
        order = submit_known(agenda, job, at=moment, now=now, by=who, rng=rng)
    when = "now" if at is None else f"at {as_utc(moment)}"
    output.put(f"Submitted {order.name}; due {when}.")
    if not agenda.is_served:
        place = opened.place
        option = "--store" if is_database(place) else "--runs"
        output.warn(
            f"No daemon serves {place} now. Start one with: bulk-publisher serve {option} {shlex.quote(place)}"
        )


@click.command("jobs")
@runs_option
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
@says_errors
def jobs(output: Output, /, *, runs: Runs, is_json: bool) -> None:
    """List the jobs of the daemon, how each ended last, and when it is due next."""
    from bulk_publisher.store import open_store

    store = open_store(runs)
    agenda = store.agenda
    slots, is_served = agenda.read_slots(), agenda.is_served
    if is_json:
        told = {name: _as_dict(slot) for name, slot in slots.items()}
        output.put_json({"is_served": is_served, "jobs": told})
        return
    for line in _lines(slots, store, is_served=is_served):
        output.put(line)
    if not slots and is_served:
        output.say("No jobs: the daemon has none, and none was submitted.")
    elif not slots:
        output.say("No jobs. Start a daemon with: bulk-publisher serve JOB...")
    elif not is_served:
        output.warn("No daemon is running; nothing begins by itself.")


def _lines(slots: "dict[str, Slot]", store: "Store", *, is_served: bool) -> Iterator[str]:
    from bulk_publisher.report.text import table_lines

    rows = [("job", "next", "last", "schedule")]
    for name, slot in slots.items():
        following = _next_in_words(slot, store, is_served=is_served)
        rows.append((name, following, _last_in_words(slot), _schedule_in_words(slot)))
    if slots:
        yield from table_lines(rows)


def _next_in_words(slot: "Slot", store: "Store", *, is_served: bool) -> str:
    if slot.firing is not None:
        return _going_on_in_words(slot.firing, store, is_served=is_served)
    return "when submitted" if slot.next_due is None else _local(slot.next_due)


def _going_on_in_words(firing: "Firing", store: "Store", *, is_served: bool) -> str:
    waiting = [part.goes_on_at for part in firing.parts.values() if part.goes_on_at]
    if waiting:
        return f"continues {_local(min(waiting))}"
    pauses = [_pause_of(part, store) for part in firing.parts.values() if part.status is None]
    if pauses and all(pauses):
        until = [pause.until for pause in pauses if pause and pause.until is not None]
        return f"continues {_local(min(until))}" if until else "paused"
    return "running" if is_served else "with a daemon"


def _pause_of(part: "Part", store: "Store") -> "Steering | None":
    """What its run was asked, if that is to pause and it has."""
    from bulk_publisher.errors import BadJournal
    from bulk_publisher.store.steering import Wish

    if not part.run:
        return None
    try:
        kept = store.find(part.run)
    except BadJournal:
        return None
    steering = None if kept.is_locked else kept.read_steering()
    return steering if steering is not None and steering.wish is Wish.PAUSE else None


def _last_in_words(slot: "Slot") -> str:
    if slot.last is None:
        return "never"
    return f"{_local(slot.last.at)}, status {slot.last.status}"


def _schedule_in_words(slot: "Slot") -> str:
    return f"{slot.cron} ({slot.timezone})" if slot.cron else ""


def _local(moment: float) -> str:
    from bulk_publisher.clock import local_zone
    from bulk_publisher.jobs.moments import date_in_words
    from bulk_publisher.model import Epoch

    return date_in_words(Epoch(moment), local_zone())


def _as_dict(slot: "Slot") -> dict[str, Any]:
    import msgspec

    from bulk_publisher.model import Epoch
    from bulk_publisher.utc import as_utc

    def moment(at: float | None) -> str | None:
        return None if at is None else as_utc(Epoch(at))

    firing, last = slot.firing, slot.last
    return {
        "cron": slot.cron or None,
        "timezone": slot.timezone or None,
        "next_due": moment(slot.next_due),
        "running": None
        if firing is None
        else {"due": moment(firing.due), "parts": msgspec.to_builtins(firing.parts)},
        "last": None
        if last is None
        else {
            "due": moment(last.due),
            "ended": moment(last.at),
            "status": last.status,
            "runs": list(last.runs),
        },
    }
