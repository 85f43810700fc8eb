"""The portal's bucket of requests, by the text: each adds 1, and it drains."""

from collections.abc import Iterable


def levels(moments: Iterable[float], drain: float) -> list[float]:
    """How full it is after each request, of those at *moments*; *drain* a second leave it."""
    level, last, after = 0.0, 0.0, []
    for moment in moments:
        level = max(0.0, level - (moment - last) * drain) + 1
        last = moment
        after.append(level)
    return after
