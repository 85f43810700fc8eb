"""What came after a run, in lines: what the portal shows, what was tried again, what is left."""

from collections.abc import Iterator, Sequence
from typing import Any

from bulk_publisher.jobs import After
from bulk_publisher.operations.afterwards import Aftermath
from bulk_publisher.report.text import pages_in_words, printable

_LISTED = 10


def after_lines(after: Aftermath, wanted: After, run: str) -> Iterator[str]:
    """The lines.

    Args:
        run: How a command that is given here names the last run.
    """
    if after.verified:
        pages = after.verified[0].pages
        undone = sum(len(one.undone) for one in after.verified)
        found = f"{undone:,} differ" if undone else "all match"
        yield f"Verified {pages_in_words(pages)}: {found}."
        yield from _some(sorted({f"page {page}" for one in after.verified for page in one.undone}))
    if len(after.runs) > 1:
        retries = ", ".join(one.run_id for one in after.runs[1:])
        still = (
            f"{pages_in_words(len(after.left))} still failed" if after.left else "all are done now"
        )
        yield f"Retried what may work now, in {retries}: {still}."
    if wanted.expected is not None:
        yield from _known_lines(after, wanted.expected)
    if after.status and len(after.runs) > 1:
        yield f"Retry them with: bulk-publisher retry {run}"


def after_fields(after: Aftermath) -> dict[str, Any]:
    """The same for programs."""
    return {
        "runs": [run.run_id for run in after.runs],
        "verified": sum(one.pages for one in after.verified),
        "failed": len(after.new),
        "known": len(after.known),
        "healed": list(after.healed),
    }


def _known_lines(after: Aftermath, expected: str) -> Iterator[str]:
    if len(after.known):
        yield f"{pages_in_words(len(after.known))} failed as expected by {printable(expected)}."
    if after.new:
        yield f"Not listed there: {pages_in_words(len(after.new))}."
        yield from _some([f"page {page}: {printable(code)}" for page, code in after.new.items()])
    if after.healed:
        pages = ", ".join(map(str, after.healed[:_LISTED]))
        more = len(after.healed) - _LISTED
        listed = f"{pages} and {more:,} more" if more > 0 else pages
        yield f"No longer failing: {listed}. Remove them from {printable(expected)}."


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines[:_LISTED])
    if (more := len(lines) - _LISTED) > 0:
        yield f"  and {more:,} more"
