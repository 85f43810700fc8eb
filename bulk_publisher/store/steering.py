"""What a run is asked from outside while it goes on: to stop, or to rest for a while. Pure."""

from enum import StrEnum
from typing import Annotated

import msgspec

from bulk_publisher.model import Epoch
from bulk_publisher.store.description import When


class Wish(StrEnum):
    """What is asked of a run."""

    STOP = "stop"
    """To end in order; somebody resumes it, or nobody."""
    PAUSE = "pause"
    """To end in order, and to go on by itself later where a daemon looks after it."""


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was asked last. It stands until the run goes on.

    Attributes:
        at: When it was asked, in UTC seconds.
        until: When a pause ends, in UTC seconds; None where ``resume`` ends it.
        by: Who asked, as the store's users know each other.
    """

    wish: Wish
    at: When
    until: When | None = None
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""

    def is_resting(self, now: Epoch) -> bool:
        """Whether the run is not to go on by itself at *now*."""
        return self.wish is Wish.STOP or self.until is None or now < self.until
