"""When the portal does not answer: ask now and then, and give up in the end.

Rules: told the time and given the dice; no requests.

How it works: one lost request is the page's business. Several in a row, with no answer in between,
make a growing pause; where the portal answers lists meanwhile, it takes more of them, and pauses
stay short. When that has gone on for a while it is an outage: nothing is sent but one page at a time,
so that it ends by itself instead of using up the attempts of thousands of pages. Only an answer about
pages ends it.

Giving up is another matter, and its rule is one for all that may come instead of an answer - losses,
refusals, lists, answers that leave the pages out: after a patience in which no page was answered the
run stops, and the rest is for a resume. What the run waits by its own choice is not part of it.
"""

import random

from bulk_publisher.limits.backoff import delay
from bulk_publisher.model import Mono

_IN_A_ROW = 3
"""Lost requests without an answer in between that make a pause."""
_IN_A_ROW_ALIVE = 10
"""And so many where the portal answers other questions: then it loses many, not all."""
_PAUSE_ALIVE = 3.0
"""Seconds of a pause at most then: it may be these pages that are lost, and nothing else is left."""
_ALIVE_FOR = 60.0
"""Seconds after such an answer in which it counts."""
_SILENCE = 15.0
"""Seconds of such losses that make an outage: a portal that loses two of three answers still works."""


class Outage:
    """Whether the portal answers at all."""

    def __init__(self, *, rng: random.Random) -> None:
        """It answers, as far as we know."""
        self._rng = rng
        self.in_a_row = 0
        """Requests that were lost since the last answer."""
        self._began_at: Mono | None = None
        self._last_at = Mono(float("-inf"))
        self._alive_at = Mono(float("-inf"))
        self.until = Mono(float("-inf"))
        """Nothing may be sent before."""

    @property
    def is_on(self) -> bool:
        """Whether only one page at a time may be sent."""
        return self.lasted(self._last_at) >= _SILENCE

    def lasted(self, now: Mono) -> float:
        """Seconds since the first of several requests that were lost in a row; 0 without any."""
        if self._began_at is None or self.in_a_row < self._enough:
            return 0.0
        return now - self._began_at

    def on_answer(self) -> None:
        """The portal answered, whatever it said."""
        self.in_a_row = 0
        self._began_at = None
        self.until = Mono(float("-inf"))

    def on_sign_of_life(self, now: Mono) -> None:
        """The portal answered, but not for a page: it is there, and may publish nothing all the same."""
        self._alive_at = now

    def on_lost(self, now: Mono) -> None:
        """A request was lost."""
        self.in_a_row += 1
        self._last_at = now
        if self._began_at is None:
            self._began_at = now
        too_many = self.in_a_row - self._enough + 1
        if too_many > 0:
            pause = delay(too_many, self._rng)
            self.until = Mono(now + (min(pause, _PAUSE_ALIVE) if self._is_alive else pause))

    @property
    def _enough(self) -> int:
        return _IN_A_ROW_ALIVE if self._is_alive else _IN_A_ROW

    @property
    def _is_alive(self) -> bool:
        return self._last_at - self._alive_at < _ALIVE_FOR


class Drought:
    """How long nothing of what was asked for was answered, waits of our own choice apart."""

    def __init__(self, *, patience: float) -> None:
        """Nothing was asked.

        Args:
            patience: Seconds after which to give up.
        """
        self._patience = patience
        self._began_at: float | None = None
        self._last_at = 0.0
        self.instead = ""
        """What came the last time instead of an answer, in words."""

    @property
    def lasted(self) -> float:
        """Seconds from the first to the last time since an answer that something else came."""
        # Not until now: who is stopped or put to sleep for an hour has not asked for as long.
        return 0.0 if self._began_at is None else max(0.0, self._last_at - self._began_at)

    @property
    def is_over_patience(self) -> bool:
        """Whether to give up."""
        return self.lasted > self._patience

    def on_answered(self) -> None:
        """What was asked for was answered."""
        self._began_at = None

    def on_unanswered(self, now: Mono, instead: str) -> None:
        """It was asked for, and something else came; *instead* says what in words."""
        self.instead = instead
        self._last_at = now
        if self._began_at is None:
            self._began_at = now

    def on_chosen_wait(self, seconds: float) -> None:
        """Nothing was asked for these seconds, by our own choice."""
        if self._began_at is not None:
            self._began_at += seconds
