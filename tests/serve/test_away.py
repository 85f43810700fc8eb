"""A store that several daemons share, and that does not answer for a moment: nothing is given up for that."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bulk_publisher.errors import BadJournal, JournalLost
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.serve.happenings import JobEnds, RunBegins, RunEnds
from bulk_publisher.serve.submitting import order_for_run, submit_known
from bulk_publisher.store import open_store
from bulk_publisher.store.agenda import NO_SLOTS, OrderKind, Slot
from bulk_publisher.store.steering import Steering, Wish
from tests.serve.daemons import job_file, served
from tests.serve.test_many import job_of, sandboxes, webhooks_of


class Shared:
    """The agenda of a folder, as if there were other daemons; it may not take what ends something."""

    is_shared = True

    def __init__(self, agenda: Any) -> None:
        self._agenda = agenda
        self.refuses_ends = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agenda, name)

    def write_slots(
        self, changes: Mapping[str, Slot], gone: Mapping[str, Slot] = NO_SLOTS
    ) -> Mapping[str, Slot | None]:
        firings = [slot.firing for slot in changes.values() if slot.firing is not None]
        has_ends = any(part.status is not None for one in firings for part in one.parts.values())
        if has_ends and self.refuses_ends:
            self.refuses_ends -= 1
            raise JournalLost("the plan can't be written", "", "").passing()
        return self._agenda.write_slots(changes, gone)


class Run:
    """A run; what was asked of it may not be read for a while, once it has ended."""

    def __init__(self, run: Any, store: "SharedStore") -> None:
        self._run = run
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def read_steering(self) -> Any:
        if self._store.reads_none and not self._run.is_locked:
            self._store.reads_none -= 1
            raise BadJournal("it can't be read").passing()
        return self._run.read_steering()


class SharedStore:
    """The runs of a folder; they may not be found, or read, for a while."""

    def __init__(self, runs: Path) -> None:
        self._store = open_store(runs)
        self.agenda = Shared(self._store.agenda)
        self.finds_none = self.reads_none = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def find(self, name: str) -> Any:
        if self.finds_none:
            self.finds_none -= 1
            raise BadJournal(f"{name}: can't be read").passing()
        return Run(self._store.find(name), self)

    @contextmanager
    def create(self, *about: Any) -> Iterator[Any]:
        with self._store.create(*about) as run:
            yield Run(run, self)


async def test_an_order_waits_for_a_store_that_does_not_answer(tmp_path: Path) -> None:
    path, store = job_file(tmp_path), SharedStore(tmp_path / "runs")
    scenario = Scenario(pages=30, unpaid_pages=[8, 9])
    async with (
        serve(scenario) as sandbox,
        served(sandbox, tmp_path / "runs", path, store=store) as it,
    ):
        now = it.clock.epoch()
        submit_known(store.agenda, "nightly", at=now, now=now, by="anna", rng=random.Random(1))
        await it.until(JobEnds)
        kept = store.find("latest")
        store.finds_none = 2

        order_for_run(store.agenda, OrderKind.RETRY, kept, now=it.clock.epoch(), by="anna")

        ends = await it.until(JobEnds, 2)
        assert [one.why for one in ends.runs] == [""]
        assert store.finds_none == 0
        assert len(store.runs()) == 2


async def test_a_part_whose_end_could_not_be_kept_does_not_wait_for_the_others(
    tmp_path: Path,
) -> None:
    store = SharedStore(tmp_path / "runs")
    slow = Scenario(pages=600, cost=1.0)
    async with sandboxes(quick=Scenario(pages=30), slow=slow) as portals:
        path = job_of(tmp_path, list(portals))
        async with served(
            portals["quick"], tmp_path / "runs", path, store=store, webhooks=webhooks_of(portals)
        ) as it:
            await it.until(RunBegins, 2)
            store.agenda.refuses_ends = 1

            first = await it.until(RunEnds)

            assert (first.portal, first.status) == ("quick", 0)
            assert store.agenda.refuses_ends == 0
            assert not it.heard.of(JobEnds)
            assert (await it.until(JobEnds)).status == 0
            assert len(it.heard.of(RunBegins)) == 2


async def test_a_run_that_was_paused_rests_though_nobody_can_tell_for_how_long(
    tmp_path: Path,
) -> None:
    path, store = job_file(tmp_path, schedule={"cron": "*/30 * * * *"}), SharedStore(tmp_path / "runs")  # fmt: skip
    async with (
        serve(Scenario(pages=600, cost=1.0)) as sandbox,
        served(sandbox, tmp_path / "runs", path, store=store) as it,
    ):
        await it.until(RunBegins)
        await it.wait(10)
        kept = store.find("latest")
        kept.steer(Steering(wish=Wish.PAUSE, at=it.clock.epoch(), until=it.clock.epoch() + 600))
        store.reads_none = 2

        ends = await it.until(JobEnds)

        assert store.reads_none == 0
        assert ends.status == 0
        first, second = it.heard.of(RunBegins)
        assert second.started.kept.run_id == first.started.kept.run_id
