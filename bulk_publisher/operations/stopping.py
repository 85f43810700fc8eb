"""Ends a run that another process is at work on, through where it is kept, and waits until it has ended."""

from bulk_publisher.clock import Clock
from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Mono
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.steering import Steering, Wish

_LOOK_EVERY = 0.2


async def end_run(kept: KeptRun, steering: Steering, clock: Clock, *, is_waited_for: bool) -> bool:
    """Ask *kept* to end, as *steering* says, and wait for that if it is wanted; see ``ask_to_end``."""
    if not ask_to_end(kept, steering):
        return False
    if is_waited_for:
        await _wait_for(kept, steering, clock)
    return True


def ask_to_end(kept: KeptRun, steering: Steering) -> bool:
    """Ask *kept* to end, as *steering* says.

    Of a run that rests and that a daemon would go on with, it is noted that it is not to.

    Returns:
        Whether a process is at work on it.

    Raises:
        BadSetting: If the run is whole, or that can't be written down.
        BadJournal: If the run can't be read.
    """
    if kept.is_locked:
        kept.steer(steering)
        return True
    if kept.read_description().is_whole:
        to_do = "stop" if steering.wish is Wish.STOP else "pause"
        raise BadSetting(f"Run {kept.run_id} has ended; there is nothing to {to_do}.")
    kept.steer(steering)
    return False


async def _wait_for(kept: KeptRun, steering: Steering, clock: Clock) -> None:
    while kept.is_locked:
        if kept.read_steering() is None:
            # It was about to begin, and took this for what it was asked before.
            kept.steer(steering)
        await clock.sleep_until(Mono(clock.now() + _LOOK_EVERY))
