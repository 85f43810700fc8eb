"""What the governor can say: send so many, wait until then, or stop."""

from enum import StrEnum

import msgspec

from bulk_publisher.model import Mono

NEVER = Mono(float("inf"))
"""When only something that happens ends a wait."""


class Lane(StrEnum):
    """How pages travel."""

    BATCH = "batch"
    """Several in one request."""
    SINGLE = "single"
    """One in a request of its own."""
    UNLISTED = "unlisted"
    """Several in one request that the portal does not list: hardly any of them is there."""


class Limit(StrEnum):
    """What keeps a request from leaving."""

    INTENSITY = "intensity"
    """Requests a second."""
    OPERATING = "operating"
    """Operating seconds in ten minutes."""
    WINDOW = "window"
    """As many pages are in flight as the portal takes well."""
    QUESTION = "question"
    """One request asks how the portal is, and the others wait for what it is answered."""
    OUTAGE = "outage"
    """The portal does not answer; it is asked again now and then."""
    TURN = "turn"
    """Another run on this machine uses the same credential just now."""
    READER = "reader"
    """The program that takes the outcomes has not taken the last ones yet."""
    SOURCE = "source"
    """There is no page to send."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing goes on while it holds: no request is in flight for it, and no page is sought."""
        return self not in _BUSY


_BUSY = (Limit.WINDOW, Limit.QUESTION, Limit.SOURCE)


class Send(msgspec.Struct, frozen=True, gc=False):
    """Send *pages* pages in one request, now."""

    pages: int
    lane: Lane


class WaitUntil(msgspec.Struct, frozen=True, gc=False):
    """Nothing may leave before *at*; ``NEVER``: before something happens.

    Attributes:
        because: A sentence for a person: ``operating time, 479 of 480 s used``.
    """

    at: Mono
    limit: Limit
    because: str


class Stop(msgspec.Struct, frozen=True, gc=False):
    """Nothing more may leave in this run."""

    because: str


Decision = Send | WaitUntil | Stop


class Permit(msgspec.Struct, frozen=True, gc=False):
    """Leave to send one request; it ends settled, ignored or refused, exactly once."""

    number: int
    lane: Lane
    pages: int
    sent_at: Mono


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One meter, as an answer tells it.

    Attributes:
        meter: Its name.
        operating: Operating seconds in the sum so far, with those of this request.
        worked: Seconds of this request that may have been booked on it.
        reset_at: When the meter's oldest basket leaves, by our clock; None if not told.
    """

    meter: str
    operating: float
    worked: float
    reset_at: Mono | None


class Usage(msgspec.Struct, frozen=True, gc=False):
    """What a request has cost, as far as its answer tells.

    Attributes:
        finished_at: When the portal had ended it, by our clock.
        minute: The minute of the portal's clock in which it began; None if not told.
        readings: One for each meter that the answer shows; empty where there are none.
        costs: Seconds of each page that was done, in order.
        failures: Pages that were not done: each inflates what later ones seem to cost.
        refused: Those of them that the portal refused for operating time.
        untold: Seconds that its pages took, where there are meters and the answer shows none of theirs.
        started_at: When the portal began on it, by our clock, at the latest; None if not told.
        is_answer: Whether it was answered for any of its pages.
    """

    finished_at: Mono
    minute: int | None
    readings: tuple[Reading, ...]
    costs: tuple[float, ...]
    failures: int
    refused: int = 0
    untold: float = 0.0
    started_at: Mono | None = None
    is_answer: bool = True
