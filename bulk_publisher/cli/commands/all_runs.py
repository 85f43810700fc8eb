"""All runs of a folder, a line each: what ``status`` says where no run is named."""

from collections.abc import Iterator, Mapping
from typing import Any

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Status
from bulk_publisher.report.text import pages_in_words, printable
from bulk_publisher.store.protocol import KeptRun, Store

_NEWEST = 20
"""Runs that are told to a person: a nightly job makes hundreds."""


def run_lines(store: Store) -> Iterator[str]:
    """The newest runs of *store* in words."""
    known = store.runs()
    if not known:
        yield f"No runs in {store.place} yet."
        return
    told = [_told(run) for run in known[:_NEWEST]]
    width = max(len(_what(one)) for one in told)
    for one in told:
        yield f"{one['run']}  {_what(one):{width}}  {_in_words(one)}"
    if len(known) > _NEWEST:
        yield f"and {len(known) - _NEWEST:,} older runs"


def runs_as_list(store: Store) -> list[dict[str, Any]]:
    """All runs of *store* as plain data, the newest first."""
    return [_told(run) for run in store.runs()]


def state_of(*, is_running: bool, has_ended: bool) -> str:
    """How a run stands, in the word that programs get."""
    return "running" if is_running else "ended" if has_ended else "dead"


def _told(folder: KeptRun) -> dict[str, Any]:
    """What a run says without a look at its journal."""
    told: dict[str, Any] = {"run": folder.name, "job": "", "state": "damaged", "counts": {}}
    try:
        description = folder.read_description()
    except BadJournal as error:
        return told | {"why": printable(error.message)}
    is_running, has_ended = folder.is_locked, description.ended is not None
    heard = folder.read_progress() if is_running else None
    final = description.final
    counts = {status.value: count for status, count in final.counts.items()}
    told |= {
        "job": printable(description.job.name),
        "action": description.job.action.value,
        "portal": description.portal,
        "portal_name": description.portal_name,
        "started": description.started,
        "ended": description.ended,
        "state": state_of(is_running=is_running, has_ended=has_ended),
        "is_whole": heard is None and final.is_whole,
        "counts": counts if heard is None else heard.snapshot.counts,
    }
    if following := description.following:
        told["follows"] = f"{following.kind} of {following.run}"
    return told


def _what(told: Mapping[str, Any]) -> str:
    """What a run is for: a rollback bears the name of the job that it undoes."""
    name = told.get("portal_name")
    return printable(f"{told.get('follows', told['job'])}{f' on {name}' if name else ''}")


def _in_words(told: Mapping[str, Any]) -> str:
    counts: dict[str, int] = told["counts"]
    bad = sum(counts.get(status.value, 0) for status in Status if not status.is_good)
    pages = pages_in_words(sum(counts.values())) + (f", {bad:,} failed or unknown" if bad else "")
    match told["state"]:
        case "running":
            return f"running: {pages}"
        case "ended" if told["is_whole"]:
            return pages
        case "ended":
            return f"stopped early: {pages}"
        case "dead":
            return "process died: resume it"
        case _:
            return f"can't be read: {told.get('why', '')}"
