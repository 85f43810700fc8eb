"""Outcomes are written in groups, and the last of them at once."""

import asyncio
from collections.abc import Sequence

from bulk_publisher.clock import LoopClock
from bulk_publisher.errors import JournalLost
from bulk_publisher.model import Mono, Outcome, Page
from bulk_publisher.runner.ports import Observer
from bulk_publisher.runner.recorder import Recorder
from tests.outcomes import outcome


class Disk:
    """A sink that remembers its groups, and takes none any more once it is full."""

    ahead = 0

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.is_full = False

    async def append(self, outcomes: Sequence[Outcome]) -> None:
        if self.is_full:
            raise JournalLost("full", "make room")
        self.groups.append(len(outcomes))

    async def note_sent(self, pages: Sequence[Page]) -> None: ...

    async def note_ahead(self, pages: Sequence[Page]) -> None: ...


async def test_what_comes_shortly_after_a_group_is_the_next_one() -> None:
    disk, clock = Disk(), LoopClock()
    recorder = Recorder(disk, Observer(), lambda _: None, clock=clock)
    recording = asyncio.create_task(recorder.record())

    for _ in range(10):
        recorder.hand_on([outcome(1)])
        await clock.sleep_until(Mono(clock.now() + 0.005))
    recorder.end()
    await recording

    assert disk.groups == [1, 9]


async def test_outcomes_that_come_now_and_then_are_written_as_they_come() -> None:
    disk, clock = Disk(), LoopClock()
    recorder = Recorder(disk, Observer(), lambda _: None, clock=clock)
    recording = asyncio.create_task(recorder.record())

    for number in range(1, 4):
        recorder.hand_on([outcome(1)])
        await clock.sleep_until(Mono(clock.now() + 1.0))
        assert len(disk.groups) == number
    recorder.end()
    await recording


async def test_the_end_is_not_waited_for() -> None:
    disk, clock = Disk(), LoopClock()
    recorder = Recorder(disk, Observer(), lambda _: None, clock=clock)
    recording = asyncio.create_task(recorder.record())
    recorder.hand_on([outcome(1)])
    await clock.sleep_until(Mono(clock.now() + 0.01))
    began_at = clock.now()

    recorder.hand_on([outcome(2)])
    recorder.end()
    await recording

    assert (disk.groups, clock.now() - began_at < 0.01) == ([1, 1], True)


async def test_a_journal_that_is_lost_is_told_once() -> None:
    disk, clock = Disk(), LoopClock()
    told: list[JournalLost] = []
    recorder = Recorder(disk, Observer(), told.append, clock=clock)
    recording = asyncio.create_task(recorder.record())
    disk.is_full = True

    for _ in range(3):
        recorder.hand_on([outcome(1)])
        await clock.sleep_until(Mono(clock.now() + 1.0))
    recorder.end()
    await recording

    assert (len(told), disk.groups) == (1, [])
