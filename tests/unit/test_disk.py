import asyncio
import threading

import pytest

from bulk_publisher.errors import JournalLost
from bulk_publisher.store.disk import Disk, Groups


async def test_what_comes_while_a_group_is_written_is_the_next_group() -> None:
    written: list[list[int]] = []
    with Disk() as disk:
        groups = Groups(disk, lambda items: written.append(list(items)))

        await asyncio.gather(*(groups.add([number]) for number in range(5)))

    assert sorted(item for group in written for item in group) == [0, 1, 2, 3, 4]
    assert len(written) <= 2


async def test_whoever_waits_has_all_on_disk_that_was_added_before() -> None:
    written: list[int] = []
    with Disk() as disk:
        groups = Groups(disk, written.extend)
        adding = asyncio.create_task(groups.add([1]))
        await asyncio.sleep(0)

        await groups.wait()

        assert written == [1]
        await adding


async def test_after_a_group_that_was_lost_nothing_is_said_to_be_on_disk() -> None:
    def full(_: object) -> None:
        raise JournalLost("no room", "make some")

    with Disk() as disk:
        groups = Groups(disk, full)

        for again in ([1], [2]):
            with pytest.raises(JournalLost, match="no room"):
                await groups.add(again)
        with pytest.raises(JournalLost, match="no room"):
            await groups.wait()


@pytest.mark.real_time
async def test_a_task_that_is_cancelled_ends_when_its_writing_has() -> None:
    begun, may_end, has_ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(5)
        has_ended.set()

    with Disk() as disk:
        task = asyncio.create_task(disk.do(work))
        await asyncio.to_thread(begun.wait, 5)
        threading.Timer(0.05, may_end.set).start()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert has_ended.is_set()


@pytest.mark.real_time
async def test_work_that_waits_for_its_thread_is_done_though_its_task_is_cancelled() -> None:
    may_end, done = threading.Event(), []
    with Disk() as disk:
        busy = [asyncio.create_task(disk.do(lambda: may_end.wait(5))) for _ in range(2)]
        queued = asyncio.create_task(disk.do(lambda: done.append(1)))
        await asyncio.sleep(0)
        threading.Timer(0.05, may_end.set).start()
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued

        assert done == [1]
        await asyncio.gather(*busy)


@pytest.mark.real_time
async def test_the_loop_goes_on_while_the_disk_works() -> None:
    may_end = threading.Event()
    with Disk() as disk:
        task = asyncio.create_task(disk.do(lambda: may_end.wait(5)))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not task.done()
        may_end.set()
        await task
