"""What a run finds out about the portal, and a person should know: it makes the run slower.

It asks the limits after each request, and tells a thing once.
"""

from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Mono
from bulk_publisher.runner.ports import Observer


class Findings:
    """What was not known when the run began."""

    def __init__(self, governor: Governor, observer: Observer) -> None:
        self._governor = governor
        self._observer = observer
        self._limit = governor.operating_limit
        self._has_told_of_batches = False

    def tell(self, now: Mono) -> None:
        """Tell the observer what the last answers have shown."""
        governor = self._governor
        # Until a page has passed again, a refusal may teach more.
        if governor.operating_limit < self._limit and not governor.is_refused:
            self._observer.on_warning(
                f"The portal refuses from about {governor.operating_limit:.0f} s of operating time on, and not from"
                f" {self._limit:.0f} s: the run keeps to that. --operating-limit says so from the start."
            )
            self._limit = governor.operating_limit
        if not self._has_told_of_batches and not governor.takes_batches(now):
            self._has_told_of_batches = True
            self._observer.on_warning(
                "The portal takes no requests of several pages, or does not answer them: pages go one by one."
            )
