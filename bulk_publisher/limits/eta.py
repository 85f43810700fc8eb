"""When will a run have ended? Told from how fast it went, from what it waits for, and from its budgets.

Rules: told the time and the pages that are settled; it shows nothing.
"""

from collections import deque

from bulk_publisher.limits.bounds import Gauge, Levels
from bulk_publisher.limits.decision import Limit, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Mono

NOT_FORESEEN = frozenset({Limit.OUTAGE, Limit.TURN})
"""What ends nobody knows when: the portal's absence, another run's turn."""
_SETTLED_IN = 10.0
"""Seconds after which the rate so far tells the rate to come."""
_RECENT = 30.0
"""Seconds of which the rate is taken for the rate to come: pages that go one by one are slower."""
_BASKETS = 600.0
"""Seconds in which the operating limit is renewed."""


class Eta:
    """When a run will have ended, in seconds from now."""

    def __init__(self, governor: Governor, began_at: Mono) -> None:
        """The process begins.

        Args:
            began_at: When.
        """
        self._governor = governor
        self._began_at = began_at
        self._seen: deque[tuple[Mono, int]] = deque([(began_at, 0)])

    def begin_anew(self, settled: int, now: Mono) -> None:
        """It stood still until *now*: how fast it went meanwhile tells nothing."""
        self._seen = deque([(now, settled)])

    def seconds_left(
        self, left: int, *, settled: int, wait: WaitUntil | None, levels: Levels, now: Mono
    ) -> float | None:
        """Seconds until *left* pages are done; None where nobody can tell.

        Args:
            settled: Pages that this process has settled.
            wait: What it waits for, with nothing in flight.
            levels: Of the limits, at *now*.
        """
        if wait is not None and wait.limit in NOT_FORESEEN:
            return None
        at_best = levels.window / max(levels.cost, 1e-9)
        rate = self._rate_to_come(settled, at_best, now)
        pause = 0.0 if wait is None or wait.at == float("inf") else max(0.0, wait.at - now)
        seconds = pause + left / at_best
        if wait is None or wait.limit is Limit.INTENSITY:
            if rate is None:
                return None
            # The rate knows such waits; the last page is not done before this one is over, though.
            seconds = max(left / rate, seconds if pause else 0.0)
        return max(seconds, self._by_budget(left * levels.cost, levels.operating, now))

    def _by_budget(self, work: float, operating: Gauge | None, now: Mono) -> float:
        """Seconds until the portal has let through *work* seconds; 0 where it limits none."""
        if operating is None or not operating.limit:
            return 0.0
        free_at = self._governor.operating_free_at(work, now=now)
        until_free = free_at - now if free_at < float("inf") else 0.0
        return until_free + max(0.0, work - operating.limit) / operating.limit * _BASKETS

    def _rate_to_come(self, settled: int, at_best: float, now: Mono) -> float | None:
        """Pages a second from now on."""
        while len(self._seen) > 1 and self._seen[1][0] <= now - _RECENT:
            self._seen.popleft()
        self._seen.append((now, settled))
        since, before = self._seen[0]
        if settled > before and now - since >= 1:
            rate = (settled - before) / (now - since)
        elif settled and now - self._began_at > 1:
            rate = settled / (now - self._began_at)
        else:
            return None
        # At first most pages are in flight, and the rate knows nothing of them.
        return max(rate, at_best) if now - since < _SETTLED_IN else rate
