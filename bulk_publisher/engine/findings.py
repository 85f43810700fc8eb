"""What a run finds out about the portal, and a person should know: it makes the run slower.

It asks the limits after each request, and tells a thing once.
"""

from collections.abc import Iterator

from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Mono


class Findings:
    """What was not known when the run began."""

    def __init__(self, governor: Governor) -> None:
        self._governor = governor
        self._limit = governor.operating_limit
        self._has_told_of_batches = False

    def news(self, now: Mono) -> Iterator[str]:
        """What the last answers have shown, in words."""
        governor = self._governor
        # Until a page has passed again, a refusal may teach more.
        if governor.operating_limit < self._limit and not governor.is_refused:
            yield (
                f"The portal refuses from about {governor.operating_limit:.0f} s of operating time, not from"
                f" {self._limit:.0f} s; the run adapts. To start with that limit: --operating-limit."
            )
            self._limit = governor.operating_limit
        if not self._has_told_of_batches and not governor.takes_batches(now):
            self._has_told_of_batches = True
            yield ("The portal refuses batches or does not answer them: pages now go one by one.")
