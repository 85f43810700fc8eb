"""When a planned run would be done, in words: its windows, the jobs that it meets, and whom it would hold up."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulk_publisher.operations.plan_file import Course, OtherJob, Plan

_LONG = 3600.0
"""Seconds after which it is worth a line when a run would be done, and that it was at the limit."""


def course_lines(made: "Plan") -> Iterator[str]:
    """Nothing of a plan without a page, and of one that an earlier version has made."""
    from bulk_publisher.jobs import decode_job
    from bulk_publisher.operations.deadlines import hours_of, zone_of

    course = made.course
    if course is None or not made.sent:
        return
    pace = decode_job(made.job).pace
    hours, zone = hours_of(pace), zone_of(pace)
    begins, ends = _told(course.begins, zone), _told(course.ends, zone)
    if hours is not None:
        many = course.windows > 1
        windows = f" in {course.windows} windows" if many else ""
        yield f"Within {hours.text} ({zone}) it would begin on {begins} and end on {ends}{windows}."
        if many:
            yield "A daemon (serve) continues it by itself; otherwise resume it in each window."
    elif course.left or made.estimate.seconds >= _LONG:
        yield f"Begun now, it would end on {ends}."
    if course.left:
        yield from _left_lines(course)
    yield from _other_lines(course, zone)
    yield from _busy_lines(course)


def _left_lines(course: "Course") -> Iterator[str]:
    from bulk_publisher.report.text import in_words

    yield f"By then {in_words(course.left)} of work would be left for resume."


def _other_lines(course: "Course", zone: tzinfo) -> Iterator[str]:
    if course.others:
        yield "Jobs of the daemon on this portal at that time, not in the estimate:"
        yield from (f"  {_other(one, zone)}" for one in course.others)
        yield "Runs with one webhook take turns: each takes longer."


def _other(other: "OtherJob", zone: tzinfo) -> str:
    from bulk_publisher.report.text import in_words, printable

    when = "under way" if other.due is None else f"due on {_told(other.due, zone)}"
    took = "" if other.seconds is None else f", took {in_words(other.seconds)} last time"
    doubt = "" if other.is_certain else ", if it is on this portal: it has not run yet"
    return printable(f"{other.name}: {when}{took}{doubt}")


def _busy_lines(course: "Course") -> Iterator[str]:
    from bulk_publisher.operations.course import WORKING_TIME
    from bulk_publisher.report.text import in_words

    if course.busy >= _LONG:
        yield (
            f"In working time ({WORKING_TIME}) it would be at the portal's limit for {in_words(course.busy)}. "
            "Bitrix24 may block a webhook for high load: consider --between 20:00-06:00 or --profile gentle."
        )


def _told(moment: str, zone: tzinfo) -> str:
    from bulk_publisher.jobs.moments import moment_in_words
    from bulk_publisher.model import Epoch

    return moment_in_words(Epoch(datetime.fromisoformat(moment).timestamp()), zone)
