"""Runs in tables, for a person. Pure but for the clock, by which ages are told."""

from collections.abc import Iterator, Sequence

from bulk_publisher.clock import utc_now
from bulk_publisher.model import Epoch
from bulk_publisher.report.past import How, PastRun
from bulk_publisher.report.text import in_words, pages_in_words, table_lines

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


def age_in_words(moment: Epoch | None) -> str:
    """How long ago that was: ``just now``, ``12 min ago``, ``5 h ago``, ``93 days ago``."""
    if moment is None:
        return "at a time unknown"
    age = max(0.0, utc_now() - moment)
    if age < _MINUTE:
        return "just now"
    if age < _HOUR:
        return f"{age / 60:.0f} min ago"
    return f"{age / _HOUR:.0f} h ago" if age < 2 * _DAY else f"{age / _DAY:.0f} days ago"


def by_portal(runs: Sequence[PastRun]) -> Iterator[str]:
    """*runs* under a line for each portal, the one with the newest run first."""
    portals: dict[str, list[PastRun]] = {}
    for past in runs:
        portals.setdefault(past.portal, []).append(past)
    rows = {past.kept.name: (past.kept.name, _what(past), _age(past), _took(past), how_in_words(past)) for past in runs}  # fmt: skip
    lines = dict(zip(rows, table_lines([*rows.values()]), strict=True))
    for number, (portal, its_runs) in enumerate(portals.items()):
        if number:
            yield ""
        yield f"{portal or 'unknown portal'}:"
        yield from (f"  {lines[past.kept.name]}" for past in its_runs)


def how_in_words(past: PastRun) -> str:
    """How a run stands, with its pages."""
    pages = pages_in_words(past.pages) + (f", {past.bad:,} failed or unknown" if past.bad else "")
    match past.how:
        case How.RUNNING:
            return f"running: {pages}"
        case How.STOPPED | How.INTERRUPTED:
            return f"stopped early: {pages}"
        case How.DIED:
            return "process died: resume it"
        case How.DAMAGED:
            return f"can't be read: {past.why}"
        case How.DONE | How.FAILED:
            return pages


def _what(past: PastRun) -> str:
    """What a run is for: a rollback bears the name of the job that it undoes."""
    return past.follows or past.job


def _age(past: PastRun) -> str:
    return "" if past.started_at is None else age_in_words(past.started_at)


def _took(past: PastRun) -> str:
    return "" if past.seconds is None else in_words(past.seconds)
