"""Pressed twice, done once; and only what was asked."""

import asyncio

import pytest
from aiohttp import web

from bulk_publisher.clock import LoopClock
from bulk_publisher.model import Mono
from bulk_publisher.web.deeds.once import VALID_FOR, Once


class Counted:
    """Work that counts how often it is done, and takes a second."""

    def __init__(self, *, fails: int = 0) -> None:
        self.times = 0
        self._fails = fails

    async def __call__(self) -> str:
        self.times += 1
        clock = LoopClock()
        await clock.sleep_until(Mono(clock.now() + 1.0))
        if self.times <= self._fails:
            raise ValueError(f"time {self.times}")
        return f"done {self.times}"


async def test_who_comes_meanwhile_waits_for_the_first() -> None:
    once, work = Once[str](LoopClock()), Counted()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(once.do("key", work)) for _ in range(5)]
    later = await once.do("key", work)

    assert {task.result() for task in tasks} | {later} == {"done 1"}
    assert work.times == 1


async def test_other_keys_are_done_for_themselves() -> None:
    once, work = Once[str](LoopClock()), Counted()

    assert await once.do("one", work) != await once.do("other", work)


async def test_what_has_failed_may_be_pressed_again() -> None:
    once, work = Once[str](LoopClock()), Counted(fails=1)

    with pytest.raises(ValueError, match="time 1"):
        await once.do("key", work)

    assert await once.do("key", work) == "done 2"


async def test_who_waits_is_told_that_it_has_failed() -> None:
    once, work = Once[str](LoopClock()), Counted(fails=1)

    async def tried() -> str:
        try:
            return await once.do("key", work)
        except ValueError as error:
            return str(error)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(tried()) for _ in range(3)]

    assert [task.result() for task in tasks] == ["time 1"] * 3
    assert work.times == 1


async def test_who_leaves_while_waiting_breaks_nothing_off() -> None:
    once, work = Once[str](LoopClock()), Counted()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(once.do("key", work))
        second = group.create_task(once.do("key", work))
        await asyncio.tasks.sleep(0.5)
        second.cancel()

    assert first.result() == "done 1"


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: f"0{token}",
        lambda token: token.replace(".", "!", 1),
        lambda token: f"é{token}",
    ],
    ids=["nothing", "cut", "longer", "other-sign", "no-ascii"],
)
async def test_a_token_that_is_not_ours_answers_nothing(change) -> None:
    once = Once[str](LoopClock())
    token = once.token("anna retry run-1 2")
    once.check(token, "anna retry run-1 2")

    with pytest.raises(web.HTTPConflict):
        once.check(change(token), "anna retry run-1 2")


@pytest.mark.parametrize(
    "about",
    ["berta retry run-1 2", "anna stop run-1 2", "anna retry run-2 2", "anna retry run-1 3"],
)
async def test_a_token_answers_one_question_of_one_person(about: str) -> None:
    once = Once[str](LoopClock())

    with pytest.raises(web.HTTPConflict):
        once.check(once.token("anna retry run-1 2"), about)


async def test_a_question_is_open_for_an_hour() -> None:
    clock = LoopClock()
    once = Once[str](clock)
    token = once.token("about")
    await clock.sleep_until(Mono(clock.now() + VALID_FOR - 1))
    once.check(token, "about")

    await clock.sleep_until(Mono(clock.now() + 2))

    with pytest.raises(web.HTTPConflict):
        once.check(token, "about")


async def test_another_process_knows_no_token_of_this_one() -> None:
    token = Once[str](LoopClock()).token("about")

    with pytest.raises(web.HTTPConflict):
        Once[str](LoopClock()).check(token, "about")
