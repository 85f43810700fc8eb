"""One portal's part of a job, where its store or its plan do not answer as they should."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bulk_publisher.clock import WallClock
from bulk_publisher.errors import (
    BadJournal,
    BadSetting,
    BulkPublisherError,
    JournalLost,
    RunBusy,
)
from bulk_publisher.jobs import Job
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.serve.beginning import BeginningMeans
from bulk_publisher.serve.part import PartDoing, Surroundings
from bulk_publisher.store import KeptRun, Store, open_store
from bulk_publisher.store.agenda import Part

JOB = Job(name="nightly")


class Beginning:
    """A run that ends, each time, by the next of *errors*."""

    def __init__(self, *errors: BulkPublisherError) -> None:
        self.errors = list(errors)
        self.clock = WallClock()
        self.begun_at: list[float] = []

    def begun(self, _store: Store) -> str:
        return ""

    async def begin(self, _job: Job, _entry: Entry, _means: BeginningMeans) -> Finished:
        self.begun_at.append(self.clock.now())
        raise self.errors.pop(0)


@asynccontextmanager
async def entrance(_job: Job) -> AsyncIterator[Webhook]:
    yield Webhook("https://example.bitrix24.com/rest/1/x/")


class SlowStore:
    """A store that hosts share, and that answers late."""

    def __init__(self) -> None:
        self.agenda = SimpleNamespace(is_shared=True)
        self.has_answered = False

    def find(self, name: str) -> KeptRun:
        time.sleep(0.5)
        self.has_answered = True
        raise BadJournal(f"{name}: no such run")


def part(
    tmp_path: Path,
    beginning: Beginning,
    note: Callable[[Part], None],
    store: Any = None,
    of: Part = Part(),  # noqa: B008 - frozen
) -> PartDoing:
    store = store or open_store(tmp_path / "runs")
    around = Surroundings(store, entrance, lambda _: None, WallClock())
    return PartDoing(JOB, "", of, around, note, asyncio.Semaphore(1), beginning)


async def test_what_another_process_is_at_work_on_is_looked_at_once_a_second(
    tmp_path: Path,
) -> None:
    beginning = Beginning(RunBusy("busy"), RunBusy("busy"), BadSetting("nothing to retry"))

    ends = await part(tmp_path, beginning, lambda _: None).do()

    assert ends is not None
    assert ends.why == "nothing to retry"
    first, second, third = beginning.begun_at
    assert (second - first, third - second) == pytest.approx((1.0, 1.0), abs=0.1)


async def test_nothing_is_begun_that_another_daemon_does(tmp_path: Path) -> None:
    beginning = Beginning(BadSetting("it was begun"))

    def note(_part: Part) -> None:
        raise JournalLost("another daemon does it now", "", "")

    with pytest.raises(JournalLost):
        await part(tmp_path, beginning, note).do()

    assert beginning.begun_at == []


@pytest.mark.real_time
async def test_a_database_that_answers_late_holds_up_no_other_part(tmp_path: Path) -> None:
    store = SlowStore()
    doing = part(tmp_path, Beginning(), lambda _: None, store, Part(run="gone"))
    task = asyncio.create_task(doing.do())

    await asyncio.sleep(0.1)
    assert not store.has_answered
    ends = await task

    assert ends is not None
    assert "no such run" in ends.why
