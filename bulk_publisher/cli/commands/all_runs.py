"""All runs of a store by their portals, a line each: what ``status`` says where no run is named."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from bulk_publisher.clock import utc_now
from bulk_publisher.report.past import How, PastRun, past_runs
from bulk_publisher.report.past_lines import by_portal
from bulk_publisher.store.protocol import KeptRun, Store


def run_lines(store: Store, *, portal: str | None, most: int) -> Iterator[str]:
    """The newest runs of *store* in words.

    Args:
        portal: As ``past_runs``.
        most: Runs that are told; 0 for all.
    """
    count = len(store.runs())
    found = past_runs(store, portal=portal)
    told = list(islice(found, most or None))
    if not told:
        where = f" on {portal}" if portal is not None and count else ""
        yield f"No runs{where} in {store.place} yet."
        return
    yield from by_portal(told)
    older = count - len(told) if portal is None else sum(1 for _ in found)
    if older:
        runs = "1 older run" if older == 1 else f"{older:,} older runs"
        yield f"and {runs}; -n {len(told) * 5} shows more, -n 0 all"


def runs_as_list(store: Store, *, portal: str | None, most: int) -> list[dict[str, Any]]:
    """Runs of *store* as plain data, the newest first."""
    return [_told(past) for past in islice(past_runs(store, portal=portal), most or None)]


def state_of(*, is_running: bool, has_ended: bool) -> str:
    """How a run stands, in the word that programs get."""
    return "running" if is_running else "ended" if has_ended else "dead"


def whose(kept: KeptRun) -> dict[str, Any]:
    """The host and the process of who is at work on *kept*, or was last; None where that is not known."""
    holder = kept.holder()
    is_known = holder.pid > 0
    return {"host": holder.host if is_known else None, "pid": holder.pid if is_known else None}


def _told(past: PastRun) -> dict[str, Any]:
    """What a run says without a look at its journal."""
    told: dict[str, Any] = {"run": past.kept.name, "job": "", "state": "damaged", "counts": {}}
    told |= whose(past.kept)
    description = past.description
    if description is None:
        return told | {"why": past.why}
    began_at, seconds = past.started_at, past.seconds
    told |= {
        "job": past.job,
        "action": description.job.action.value,
        "portal": description.portal,
        "portal_name": description.portal_name,
        "started": description.started,
        "ended": description.ended,
        "state": state_of(
            is_running=past.how is How.RUNNING, has_ended=description.ended is not None
        ),
        "is_whole": past.heard is None and description.is_whole,
        "counts": past.counts,
        "age": None if began_at is None else round(utc_now() - began_at, 3),
        "seconds": None if seconds is None else round(seconds, 3),
    }
    if past.follows:
        told["follows"] = past.follows
    return told
