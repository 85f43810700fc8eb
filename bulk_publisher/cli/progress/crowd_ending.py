"""The summary of many runs: a table, a line for each that is to be gone on with, and the same for programs."""

from collections.abc import Iterator, Sequence
from typing import Any

from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.progress.crowd import Row, how_it_ended
from bulk_publisher.cli.progress.crowd_progress import who
from bulk_publisher.operations.many import PortalEnd, rank
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.report.text import in_words, table_lines

_SHOWN_HINTS = 20
"""Runs whose resume is named; `status` lists them all."""
_WIDEST = 40
"""Characters of a name in the table."""


def summary_table(rows: Sequence[Row], seconds: float) -> Iterator[str]:
    """A line for each portal and one for all, trouble at the end, where it is seen.

    Args:
        seconds: That it took all together.
    """
    ended = [(row, row.end) for row in rows if row.end is not None]
    ended.sort(key=lambda found: (found[1].is_interrupted, -rank(found[1].status)))
    table: list[tuple[str, ...]] = [("portal", "pages", "failed", "left", "time", "ended")]
    table += [_cells(row.name, end) for row, end in ended]
    finished = [end.finished for _, end in ended if end.finished is not None]
    table.append(
        (
            f"all {len(ended):,}",
            f"{sum(one.totals.pages for one in finished):,}",
            f"{sum(one.totals.bad for one in finished):,}",
            f"{sum(one.left.count or 0 for one in finished):,}",
            in_words(seconds),
            _ended_in_words([end for _, end in ended]),
        )
    )
    yield from table_lines(table, right=frozenset({1, 2, 3, 4}))


def _ended_in_words(ends: Sequence[PortalEnd]) -> str:
    """``190 done well, 8 with failures, 2 not done``."""
    well = sum(end.status == 0 and not end.is_interrupted for end in ends)
    failed = sum(end.status == 1 for end in ends)
    parts = (
        (well, "done well"),
        (failed, "with failures"),
        (len(ends) - well - failed, "not done"),
    )
    return ", ".join(f"{count:,} {words}" for count, words in parts if count)


def _cells(name: str, end: PortalEnd) -> tuple[str, ...]:
    name, finished = name[:_WIDEST], end.finished
    if finished is None:
        return name, "-", "-", "-", "-", how_it_ended(end)
    return (
        name,
        f"{finished.totals.pages:,}",
        f"{finished.totals.bad:,}",
        _left_in_words(finished),
        in_words(finished.seconds),
        how_it_ended(end),
    )


def _left_in_words(finished: Finished) -> str:
    left = finished.left
    if finished.is_whole:
        return "0"
    return "?" if left.count is None else f"{left.count:,}{'' if left.is_all else '+'}"


def go_on_lines(rows: Sequence[Row]) -> Iterator[str]:
    """What to do about each that is not whole, or has pages that failed."""
    lines = [line for row in rows if row.end is not None and (line := _go_on(row.name, row.end))]
    yield from lines[:_SHOWN_HINTS]
    if len(lines) > _SHOWN_HINTS:
        yield f"… and {len(lines) - _SHOWN_HINTS:,} more: bulk-publisher status lists all runs."


def _go_on(name: str, end: PortalEnd) -> str:
    finished, error = end.finished, end.error
    if end.kept is None:
        return f"{name}: {error.hint}" if error is not None and error.hint else ""
    run = name_for_commands(end.kept)
    if finished is None:
        return f"{name}: bulk-publisher resume {run}"
    if not finished.can_be_followed:
        return ""
    if not finished.is_whole and (error is None or error.is_for_resume):
        return f"{name}: bulk-publisher resume {run}"
    return f"{name}: bulk-publisher retry {run}" if finished.totals.failures else ""


def summary_of_all(rows: Sequence[Row], seconds: float, status: int) -> dict[str, Any]:
    """The summary for programs."""
    ends = [row.end for row in rows if row.end is not None]
    return {"status": status, "seconds": seconds, "portals": [_fields(end) for end in ends]}


def _fields(end: PortalEnd) -> dict[str, Any]:
    finished, error = end.finished, end.error
    told: dict[str, Any] = {
        **who(end.of, None if finished is None else finished.description.portal),
        "run": None if end.kept is None else end.kept.run_id,
        "status": end.status,
        "is_interrupted": end.is_interrupted,
        "ended": how_it_ended(end),
        "error": None if error is None else error.message,
        "hint": None if error is None else error.hint or None,
    }
    if finished is None:
        return told
    counts = {status.value: count for status, count in finished.told.counts.items()}
    return told | {
        "pages": finished.totals.pages,
        "counts": counts,
        "errors": finished.told.errors,
        "left": finished.left.count,
        "seconds": finished.seconds,
        "is_whole": finished.is_whole,
    }
