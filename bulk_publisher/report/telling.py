"""How a run ended, in words for a terminal."""

from collections.abc import Iterator, Mapping

from bulk_publisher.report.story import Story
from bulk_publisher.report.summary import Summary
from bulk_publisher.report.text import (
    counts_lines,
    failures_lines,
    go_on_line,
    pages_in_words,
    passed_over_lines,
    portal_in_words,
    printable,
    settled_line,
    waits_lines,
    wrapped,
)


def story_lines(story: Story, name: str) -> Iterator[str]:
    """A run in words: what it was, how its pages ended, what held it, why pages failed.

    Args:
        name: How a command that is given here names the run.
    """
    description = story.description
    where = portal_in_words(description.portal, description.portal_name)
    yield f"Run {story.run}: {description.job.action} on {where}"
    yield from course_lines(story)
    stopped = story.told.stopped_by
    if stopped is not None:
        yield from wrapped(printable(f"Stopped: {stopped.message} {stopped.hint}"), indent=0)
    yield from failure_lines(story, name)
    if not story.has_ended:
        yield f"It has not finished. To see how it stands: bulk-publisher status {name}"
    elif not story.is_whole and story.can_be_followed and description.is_for_resume:
        yield go_on_line(story.left, name)
    yield from rollback_lines(story)


def course_lines(summary: Summary) -> Iterator[str]:
    """How the pages of a run ended, in which time, and what held it."""
    description, totals = summary.description, summary.totals
    action = description.job.action
    yield settled_line(totals.pages, summary.seconds, action=action, is_whole=summary.is_whole)
    yield from counts_lines(totals)
    if summary.missing:
        pages = pages_in_words(summary.missing)
        yield f"The journal has lost lines: {pages} had one when the run ended and have none now."
    yield from passed_over_lines(description.selected)
    yield from waits_lines(summary.waited, of_all=not description.has_lost_a_process)


def failure_lines(
    summary: Summary, name: str, *, hints: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Why sites were left and pages failed, and how these are tried again.

    Args:
        hints: What can be done for a site that was left; None where that is not told any more.
    """
    failures = summary.totals.failures
    for site, code in summary.told.stopped_sites.items():
        yield printable(f"Site {site} was stopped: {code}")
        if hints is not None and code not in failures:
            yield from wrapped(printable(hints[site]), indent=4)
    if failures:
        yield "Why pages failed:"
        yield from failures_lines(summary.totals)
        if summary.can_be_followed and summary.is_whole:
            # What is left comes first: a retry would not take it up.
            yield f"Retry them with: bulk-publisher retry {name}"


def rollback_lines(story: Story) -> Iterator[str]:
    """Which runs have taken down what this one had put up, if any."""
    rollbacks = story.description.rollbacks
    if rollbacks:
        yield printable(f"Rolled back by: {', '.join(rollbacks)}")
