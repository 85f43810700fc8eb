"""When to take the turn among runs that share a portal, and when to give it.

A run sends only while the turn is its own. It gives it away when it has to wait anyway, and after a
while to whoever waits for it: once nothing of its own is in flight, so that what it hands over is
all there is to know of the limits.
"""

import msgspec

from bulk_publisher.clock import Clock
from bulk_publisher.errors import StoppedByPortal
from bulk_publisher.limits.decision import NEVER, Limit, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.limits.handover import Handover
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.portal.throttle import Door
from bulk_publisher.store.sharing import Holder, Turn

_POLL = 0.25
"""Seconds between two looks at whether the turn is free."""
_COURTESY = 1.0
"""Seconds after giving in which it is not taken again: four looks of whoever waits."""
_PATIENCE = 900.0
"""Seconds for which one run may keep the turn: it gives it within a third of them, unless it hangs."""
_LONG = 2.0
"""Seconds of waiting in which another run may as well have the turn."""


class DoorTurn:
    """A turn at a door: what that has let through is handed over, whatever the limits say of it."""

    def __init__(self, turn: Turn, door: Door) -> None:
        self._turn = turn
        self._door = door

    @property
    def is_ours(self) -> bool:
        """Whether this run may send."""
        return self._turn.is_ours

    @property
    def is_wanted(self) -> bool:
        """Whether another run waits for it."""
        return self._turn.is_wanted

    @property
    def lasts(self) -> float:
        """Seconds after which it is given to whoever waits for it."""
        return self._turn.lasts

    def holder(self) -> Holder:
        """Who has it, or had it last."""
        return self._turn.holder()

    def try_take(self) -> bool:
        """Take it if no other run has it."""
        return self._turn.try_take()

    def left_by_other(self, now: Mono, epoch: Epoch) -> tuple[Handover, Mono] | None:
        """How another run has left the limits; the door learns of its requests, too."""
        left = self._turn.left_by_other(now, epoch)
        if left is not None:
            handover, since = left
            self._door.raise_to(handover.requests - (now - since) * self._door.drain)
        return left

    def leave_word(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """At the end of a session that had no turn."""
        self._turn.leave_word(self._whole(handover), now, epoch)

    def give(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """Let others have it."""
        self._turn.give(self._whole(handover), now, epoch)

    def _whole(self, handover: Handover) -> Handover:
        requests = max(handover.requests, self._door.level)
        return msgspec.structs.replace(handover, requests=requests)


class Turns:
    """Keeps a run to its turn; where there is none to keep, it is always its own."""

    def __init__(self, turn: Turn | None, governor: Governor, clock: Clock) -> None:
        self._turn = turn
        self._governor = governor
        self._clock = clock
        self._taken_at = Mono(0.0)
        self._not_before = Mono(float("-inf"))
        self._is_others = False
        self._holder: Holder | None = None
        self._held_since = Mono(0.0)

    def wait_for(self, *, in_flight: int) -> WaitUntil | None:
        """What to wait for before anything may be sent; None if it may be sent now.

        Raises:
            StoppedByPortal: If another run has the turn, does nothing with it and does not give it.
        """
        turn = self._turn
        if turn is None:
            return None
        now = self._clock.now()
        if turn.is_ours and now - self._taken_at >= turn.lasts and turn.is_wanted:
            if in_flight:
                return WaitUntil(NEVER, Limit.TURN, "another run waits for its turn")
            self.give()
            self._not_before = Mono(now + _COURTESY)
        if turn.is_ours:
            return None
        if now >= self._not_before and self._take(turn, now):
            # What was decided did not know what the other run has used: decide anew.
            return WaitUntil(now, Limit.TURN, "our turn begins")
        return WaitUntil(Mono(now + _POLL), Limit.TURN, self._because(turn, now))

    def give_while(self, wait: WaitUntil, *, in_flight: int) -> None:
        """Let others have the turn, if *wait* is long and nothing is in flight."""
        if not in_flight and wait.at - self._clock.now() > _LONG:
            self.give()

    def give(self) -> None:
        """Let others have the turn."""
        if self._turn is not None and self._turn.is_ours:
            give(self._turn, self._governor, self._clock)

    def _because(self, turn: Turn, now: Mono) -> str:
        """Who has the turn; whoever keeps it for so long is not waited for any more."""
        holder = turn.holder()
        if self._holder is None or holder.text != self._holder.text:
            self._holder, self._held_since = holder, now
        if now - self._held_since >= _PATIENCE:
            raise StoppedByPortal(
                f"Another run on the same portal has held the turn for {_PATIENCE / 60:.0f} min and sends nothing ({holder.words}).",
                f"{holder.what_to_do} Then resume this run.",
            )
        if holder.is_stopped:
            return f"another run on this machine has the turn, and its process {holder.pid} is stopped: continue it with kill -CONT {holder.pid}, or end it"
        return "another run on this portal has the turn"

    def _take(self, turn: Turn, now: Mono) -> bool:
        if not turn.try_take():
            self._is_others = True
            return False
        self._taken_at = now
        self._holder = None
        has_word = learn_from_other(turn, self._governor, self._clock)
        if self._is_others and not has_word:
            self._governor.on_left_without_word(now=now)
        self._is_others = False
        return True


def learn_from_other(turn: Turn, governor: Governor, clock: Clock) -> bool:
    """Tell *governor* how another run has left the limits; says whether one has left new word."""
    now = clock.now()
    left = turn.left_by_other(now, clock.epoch())
    if left is not None:
        handover, since = left
        governor.take_over(handover, since=since, now=now)
    return left is not None


def give(turn: Turn, governor: Governor, clock: Clock) -> None:
    """Leave word of the limits, and let others have the turn."""
    now = clock.now()
    turn.give(governor.hand_over(now=now), now, clock.epoch())


def leave_word(turn: Turn, governor: Governor, clock: Clock) -> None:
    """Leave word of the limits where no run has the turn."""
    now = clock.now()
    turn.leave_word(governor.hand_over(now=now), now, clock.epoch())
