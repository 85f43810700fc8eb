"""The summary at the end of a run: what happened, why, and what to do next."""

from collections.abc import Iterator
from typing import Any

from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.jobs import Selection
from bulk_publisher.model import Only
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.report.telling import course_lines, failure_lines
from bulk_publisher.report.text import go_on_line
from bulk_publisher.store.database_address import is_database

_NO_PAGE = "No pages selected. Does the site have pages, is --scope right, and can the webhook's owner see them?"


def no_page_line(select: Selection) -> str:
    """Why a run has nothing to do that selected nothing; empty where that is what ``--only`` is for."""
    if select.only is not Only.ALL:
        return ""
    narrowed = [f"--{name}" for name in ("where", "exclude") if getattr(select, name)]
    return f"No pages selected: {' and '.join(narrowed)} left none." if narrowed else _NO_PAGE


def summary_lines(finished: Finished) -> Iterator[str]:
    """The lines of the summary, without colours."""
    hints = {str(stop.site): stop.fault.hint for stop in finished.ending.stopped_sites}
    yield from course_lines(finished)
    yield from failure_lines(finished, name_for_commands(finished.kept), hints=hints)
    place = finished.kept.place
    yield f"Kept in: {place}" if is_database(place) else f"Run folder: {place}"


def summary_fields(finished: Finished) -> dict[str, Any]:
    """The summary for programs."""
    told = finished.told
    return {
        "run": finished.kept.run_id,
        "folder": finished.kept.place,
        "pages": finished.totals.pages,
        "counts": {status.value: count for status, count in told.counts.items()},
        "errors": told.errors,
        "seconds": finished.seconds,
        "is_whole": finished.is_whole,
    }


def how_to_go_on(finished: Finished) -> str:
    """How a run goes on that has stopped before its end, and how much of it is left."""
    return go_on_line(finished.left, name_for_commands(finished.kept))
