"""How does a run stand, and is that a trouble? Pure."""

from enum import StrEnum

from bulk_publisher.model import Epoch
from bulk_publisher.report.past import How, PastRun
from bulk_publisher.store.steering import Steering, Wish

_TURN, _OUTAGE = "turn", "outage"
"""Limits that hold a run whose end nobody knows."""


class RunState(StrEnum):
    """How a run stands. The worst stand first."""

    DAMAGED = "damaged"
    """What it says can't be read."""
    DIED = "died"
    """Its process is gone, and has not said how it ended."""
    SILENT = "silent"
    """Its process is at work and has said nothing for a while: it is stopped, or can't write."""
    UNREACHED = "unreached"
    """The portal does not answer it."""
    STOPPED = "stopped"
    """It was stopped before its end, and does not go on by itself."""
    FAILED = "failed"
    """It has come to its end, and some pages failed or are unknown."""
    STOPPING = "stopping"
    """It was asked to stop, and what is in flight ends."""
    PAUSING = "pausing"
    """It was asked to rest, and what is in flight ends."""
    PAUSED = "paused"
    """Somebody has paused it."""
    RESTING = "resting"
    """It has stopped in order, and goes on by itself later."""
    TURN = "waiting for its turn"
    """Other runs use the same credential."""
    WAITING = "waiting"
    """A limit of the portal holds it for a while."""
    RUNNING = "running"
    """A process is at work on it."""
    DONE = "done"
    """Every page is done."""
    PLANNED = "planned"
    """Nothing has begun yet."""

    @property
    def is_at_work(self) -> bool:
        """Whether a process is at work on it."""
        return self in _AT_WORK

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look at it."""
        return self in _TROUBLES

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {state: number for number, state in enumerate(RunState)}
_AT_WORK = frozenset({
    RunState.SILENT, RunState.UNREACHED, RunState.STOPPING, RunState.PAUSING, RunState.TURN, RunState.WAITING,
    RunState.RUNNING,
})  # fmt: skip
_TROUBLES = frozenset({
    RunState.DAMAGED, RunState.DIED, RunState.SILENT, RunState.UNREACHED, RunState.STOPPED, RunState.FAILED,
})  # fmt: skip


def state_of(
    past: PastRun, steering: Steering | None, *, goes_on_at: float | None, now: Epoch
) -> RunState:
    """How *past* stands.

    Args:
        steering: What was asked of it last.
        goes_on_at: When a daemon means to go on with it; None where none does.
    """
    match past.how:
        case How.DAMAGED:
            return RunState.DAMAGED
        case How.DONE:
            return RunState.DONE
        case How.FAILED:
            return RunState.FAILED
        case How.RUNNING:
            return _state_at_work(past, steering)
        case How.DIED | How.STOPPED | How.INTERRUPTED:
            return _state_at_rest(past, steering, goes_on_at, now)


def _state_at_work(past: PastRun, steering: Steering | None) -> RunState:
    if past.heard is None:
        return RunState.RUNNING
    if past.heard.is_silent:
        return RunState.SILENT
    if steering is not None:
        return RunState.STOPPING if steering.wish is Wish.STOP else RunState.PAUSING
    wait = past.heard.snapshot.waiting
    if wait is None:
        return RunState.RUNNING
    if wait.limit == _OUTAGE:
        return RunState.UNREACHED
    return RunState.TURN if wait.limit == _TURN else RunState.WAITING


def _state_at_rest(
    past: PastRun, steering: Steering | None, goes_on_at: float | None, now: Epoch
) -> RunState:
    if steering is not None and steering.wish is Wish.PAUSE and steering.is_resting(now):
        return RunState.PAUSED
    if goes_on_at is not None:
        return RunState.RESTING
    return RunState.DIED if past.how is How.DIED else RunState.STOPPED
