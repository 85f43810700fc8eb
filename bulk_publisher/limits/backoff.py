"""How long to wait before asking again: exponential, with jitter.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog; half of the delay is kept, so that
a retry is never at once.
"""

import random

FIRST = 1.0
"""Seconds before the first retry, at most."""
LONGEST = 60.0
"""Seconds between two retries, at most."""


ATTEMPTS_ALONE = 3
"""Attempts that may end with a fault which only a request of its own may cure."""


def delay(attempt: int, rng: random.Random) -> float:
    """Seconds to wait after *attempt* attempts have failed, 1 or more."""
    ceiling = min(LONGEST, FIRST * 2.0 ** min(attempt - 1, 30))
    return ceiling / 2 + rng.random() * ceiling / 2
