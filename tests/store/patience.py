"""What a store does beside the loop is there soon."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def soon(ask: Callable[[], T], *, seconds: float = 10.0) -> T:
    """What *ask* gives once that is something; what it gives in the end where it is not within so long."""
    end = time.monotonic() + seconds
    while not (given := ask()) and time.monotonic() < end:
        time.sleep(0.01)
    return given
