"""One portal's part of a job, where its store or its plan do not answer as they should."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bulk_publisher.clock import WallClock
from bulk_publisher.errors import (
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
from bulk_publisher.store import Store, open_store
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


def part(tmp_path: Path, beginning: Beginning, note: Callable[[Part], None]) -> PartDoing:
    around = Surroundings(open_store(tmp_path / "runs"), entrance, lambda _: None, WallClock())
    return PartDoing(JOB, "", Part(), around, note, asyncio.Semaphore(1), beginning)


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
