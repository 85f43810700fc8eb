"""When the portal does not answer: ask now and then, and give up in the end.

Rules: told the time and given the dice; no requests.

How it works: one lost request is the page's business. Several in a row, with no answer in between,
make a growing pause. When that has gone on for a while it is an outage: nothing is sent but one page
at a time, so that it ends by itself instead of using up the attempts of thousands of pages. After a
patience without any answer the run stops, and the rest is for a resume.
"""

import random

from bulk_publisher.limits.backoff import delay
from bulk_publisher.model import Mono

_IN_A_ROW = 3
"""Lost requests without an answer in between that make a pause."""
_SILENCE = 15.0
"""Seconds of such losses that make an outage: a portal that loses two of three answers still works."""


class Outage:
    """Whether the portal answers at all."""

    def __init__(self, *, patience: float, rng: random.Random) -> None:
        """It answers, as far as we know.

        Args:
            patience: Seconds without any answer after which to give up.
        """
        self.patience = patience
        self._rng = rng
        self.in_a_row = 0
        """Requests that were lost since the last answer."""
        self._began_at: Mono | None = None
        self._last_at = Mono(float("-inf"))
        self.until = Mono(float("-inf"))
        """Nothing may be sent before."""

    @property
    def is_on(self) -> bool:
        """Whether only one page at a time may be sent."""
        return self.lasted(self._last_at) >= _SILENCE

    def lasted(self, now: Mono) -> float:
        """Seconds since the first of several requests that were lost in a row; 0 without any."""
        return 0.0 if self._began_at is None or self.in_a_row < _IN_A_ROW else now - self._began_at

    def is_over_patience(self, now: Mono) -> bool:
        """Whether to give up."""
        return self.lasted(now) > self.patience

    def on_answer(self) -> None:
        """The portal answered, whatever it said."""
        self.in_a_row = 0
        self._began_at = None
        self.until = Mono(float("-inf"))

    def on_lost(self, now: Mono) -> None:
        """A request was lost."""
        self.in_a_row += 1
        self._last_at = now
        if self._began_at is None:
            self._began_at = now
        if self.in_a_row >= _IN_A_ROW:
            self.until = Mono(now + delay(self.in_a_row - _IN_A_ROW + 1, self._rng))
