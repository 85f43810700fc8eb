"""The summary at the end of a run: what happened, why, and what to do next."""

from collections.abc import Iterator
from typing import Any

from bulk_publisher.cli.output import name_for_commands
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.report.story import pages_left
from bulk_publisher.report.text import (
    counts_lines,
    failures_lines,
    go_on_line,
    passed_over_lines,
    printable,
    settled_line,
    waits_lines,
    wrapped,
)

NO_PAGE = "No page was selected: does the site have pages, is --scope right, and may the webhook's owner see them?"


def summary_lines(finished: Finished, *, can_be_followed: bool) -> Iterator[str]:
    """The lines of the summary, without colours.

    Args:
        can_be_followed: Other commands can go on with the run: its portal is still there.
    """
    totals, ending = finished.totals, finished.ending
    action = finished.description.job.action
    yield settled_line(totals.pages, ending.seconds, action=action, is_whole=ending.is_whole)
    yield from counts_lines(totals)
    yield from passed_over_lines(finished.selected.counts)
    waited = {limit.value: seconds for limit, seconds in ending.waited.items()}
    yield from waits_lines(waited, of_all=not finished.description.has_lost_a_process)
    for stop in ending.stopped_sites:
        yield printable(f"Site {stop.site} was left: {stop.fault.code}")
        if stop.fault.code not in totals.failures:
            yield from wrapped(printable(stop.fault.hint), indent=4)
    if totals.failures:
        yield "Why pages failed:"
        yield from failures_lines(totals)
        if ending.is_whole and can_be_followed:
            # What is left comes first: a retry would not take it up.
            yield f"Try them again with: bulk-publisher retry {name_for_commands(finished.folder.path)}"
    yield f"The run's folder: {finished.folder.path}"


def summary_fields(finished: Finished) -> dict[str, Any]:
    """The summary for programs."""
    totals, ending = finished.totals, finished.ending
    return {
        "run": finished.folder.run_id,
        "folder": str(finished.folder.path),
        "pages": totals.pages,
        "counts": {status.value: count for status, count in totals.counts.items()},
        "errors": {code: failures.count for code, failures in totals.failures.items()},
        "seconds": round(ending.seconds, 3),
        "is_whole": ending.is_whole,
    }


def how_to_go_on(finished: Finished) -> str:
    """How a run goes on that has stopped before its end, and how much of it is left."""
    left = pages_left(finished.description, finished.totals.pages)
    return go_on_line(left, name_for_commands(finished.folder.path))
