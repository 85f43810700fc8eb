"""A run's story in words, for a terminal."""

from collections.abc import Iterator

from bulk_publisher.report.story import Story
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


def story_lines(story: Story, name: str) -> Iterator[str]:
    """A run in words: what it was, how its pages ended, what held it, why pages failed.

    Args:
        name: How a command that is given here names the run.
    """
    description, totals, seconds, told = story.description, story.totals, story.seconds, story.told
    action = description.job.action
    yield f"Run {story.run}: {action} on {printable(str(description.portal))}"
    yield settled_line(totals.pages, seconds, action=action, is_whole=story.is_whole)
    yield from counts_lines(totals)
    yield from passed_over_lines(description.selected)
    yield from waits_lines(story.waited, of_all=not description.has_lost_a_process)
    stopped = told.stopped_by
    if stopped is not None:
        yield from wrapped(printable(f"Stopped: {stopped.message} {stopped.hint}"), indent=0)
    for site, code in told.stopped_sites.items():
        yield printable(f"Site {site} was left: {code}")
    if totals.failures:
        yield "Why pages failed:"
        yield from failures_lines(totals)
        if story.can_be_followed and story.is_whole:
            # What is left comes first: a retry would not take it up.
            yield f"Try them again with: bulk-publisher retry {name}"
    if not story.has_ended:
        yield f"It has not come to its end; how it stands says: bulk-publisher status {name}"
    elif not story.is_whole and story.can_be_followed and description.is_for_resume:
        yield go_on_line(story.left, name)
    yield from rollback_lines(story)


def rollback_lines(story: Story) -> Iterator[str]:
    """Which runs have taken down what this one had put up, if any."""
    rollbacks = story.description.rollbacks
    if rollbacks:
        yield printable(f"Rolled back by: {', '.join(rollbacks)}")
