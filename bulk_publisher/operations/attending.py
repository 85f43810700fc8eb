"""What is done beside a run that is kept: it says how it stands, and hears what it is asked from outside."""

from collections.abc import Callable

from bulk_publisher.clock import Clock
from bulk_publisher.errors import StopRequested
from bulk_publisher.log import log
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.operations.watching import RunWatcher
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.steering import Steering, Wish
from bulk_publisher.utc import as_utc

_LISTEN_EVERY = 1.0
"""Seconds between two looks at what is asked of it."""
_LOOKS_A_WORD = 5
"""Of these looks, how many make one word of how it stands."""


async def attend(
    kept: KeptRun, watcher: RunWatcher, drain: Callable[[StopRequested], None], clock: Clock
) -> None:
    """Attend to the run *kept* until this is cancelled.

    Args:
        watcher: Says how it stands.
        drain: Ends it in order.
    """
    # It goes on: whatever it was asked before is over.
    kept.clear_steering()
    is_asked, looks = False, 0
    try:
        while True:
            if looks % _LOOKS_A_WORD == 0:
                kept.write_progress(watcher.snapshot())
            steering = None if is_asked else kept.read_steering()
            if steering is not None:
                is_asked = True
                log.info("run.steered", wish=steering.wish.value, by=steering.by)
                drain(StopRequested(*_asked(steering)))
            looks += 1
            await clock.sleep_until(Mono(clock.now() + _LISTEN_EVERY))
    finally:
        kept.clear_progress()


def _asked(steering: Steering) -> tuple[str, str]:
    """What was asked, and what to do about it."""
    by = f" by {steering.by}" if steering.by else ""
    if steering.wish is Wish.STOP:
        return f"The run was stopped{by}.", ""
    until = "" if steering.until is None else f" until {as_utc(Epoch(steering.until))}"
    return f"The run was paused{until}{by}.", ""
