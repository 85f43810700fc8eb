"""Several hosts on one database: whichever is killed, stopped or cut off, each page has one line, and nobody's turn overlaps."""

import asyncio
import random
import re
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from bulk_publisher.clock import utc_now
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.serve.submitting import submit_known
from bulk_publisher.store import KeptRun, Store, open_store
from bulk_publisher.store.steering import Steering, Wish
from tests.hosts import Host, need_namespaces, start_host
from tests.postgres_server import PostgresServer, name_in
from tests.processes import lines_of, moments
from tests.store.wire import Wire

pytestmark = [pytest.mark.crash, pytest.mark.real_time]

_BEGINS = re.compile(r" (begins|continues) on ")
PAGES = 150
SLOW = Scenario(pages=PAGES, cost=0.01, cost_spread=0.5, plan="self-hosted")
JOB = """
name = "{name}"
[portal]
plan = "self-hosted"
[select]
scope = "KNOWLEDGE"
[pace]
batch_size = 10
"""
TAKEN_OVER_AFTER = 2.4
"""Seconds, as the fixture ``database`` sets them."""


def job(path: Path) -> Path:
    path.write_text(JOB.format(name=path.stem))
    return path


def submit(store: Store, name: str, rng: random.Random) -> None:
    now = utc_now()
    submit_known(store.agenda, name, at=now, now=now, by="test", rng=rng)


async def whole(store: Store, runs: int, *, most: float) -> list[KeptRun]:
    """Wait until so many runs are whole and nothing is left to do; gives all that have lines."""
    async with asyncio.timeout(most):
        while True:
            slots = await asyncio.to_thread(store.agenda.read_slots)
            if not any(slot.firing or slot.queued for slot in slots.values()):
                done = [run for run in await asyncio.to_thread(store.runs) if lines_of(run)]
                if len(done) >= runs and not store.agenda.orders():
                    return done
            await asyncio.sleep(0.2)


def check_lines(runs: Sequence[KeptRun], pages: int = PAGES) -> None:
    for run in runs:
        lines = [line.page for line in lines_of(run)]
        assert len(lines) == len(set(lines)) == pages, run.run_id


@asynccontextmanager
async def hosts(
    names: Sequence[str], sandboxes: Sequence[Sandbox], url: str, *words: str
) -> AsyncIterator[list[Host]]:
    """Daemons that are at work, and are killed in the end."""
    need_namespaces()
    async with AsyncExitStack() as stack:
        started = []
        for name in names:
            started.append(await start_host(name, sandboxes, url, *words))
            stack.push_async_callback(started[-1].kill)
        for host in started:
            await host.until("Jobs:")
        yield started


async def test_whichever_host_is_killed_each_page_has_one_line(
    tmp_path: Path, database: str
) -> None:
    rng, known = random.Random(1), job(tmp_path / "known.toml")
    store = open_store(database)
    names = ("alpha", "beta", "gamma")
    async with serve(SLOW) as sandbox, hosts(names, [sandbox], database, str(known)) as started:
        places = dict(zip(names, started, strict=True))
        for _ in range(kills := moments(20)):
            submit(store, "known", rng)
            at_work = await _at_work(places, most=20)
            await asyncio.sleep(rng.uniform(0, 1.5))
            struck = rng.choice([*names, *at_work, *at_work])
            await places[struck].kill()
            places[struck] = await start_host(struck, [sandbox], database, str(known))
        killed_last = time.monotonic()
        done = await whole(store, kills, most=120 + 10 * kills)
        took = time.monotonic() - killed_last
        for host in places.values():
            await host.kill()

        check_lines(done)
        assert len(done) == kills
        # Whatever was left, somebody went on with it in time.
        asked = [moment for host in places.values() for moment, _ in host.relay.since(killed_last)]
        assert not asked or min(asked) - killed_last < TAKEN_OVER_AFTER + 30
        repeated = sum(sandbox.truth.publications.values()) - kills * PAGES
        assert repeated <= kills * PAGES
        said = f"{kills} kills, {len(done)} runs, {repeated} pages twice, whole after {took:.1f} s"
        print(said)  # noqa: T201 - the figures are the point


async def test_a_host_that_was_stopped_past_its_lease_asks_nothing_more_and_ends(
    tmp_path: Path, database: str
) -> None:
    known = job(tmp_path / "known.toml")
    store = open_store(database)
    slow = Scenario(pages=PAGES, cost=0.1, plan="self-hosted")
    async with (
        serve(slow) as sandbox,
        hosts(("alpha", "beta"), [sandbox], database, str(known)) as (alpha, beta),
    ):
        submit(store, "known", random.Random(1))
        first, other = await _who_begins(alpha, beta)
        await asyncio.sleep(1.0)
        first.send(signal.SIGSTOP)
        await other.until("continues")
        await asyncio.sleep(0.5)
        woken = time.monotonic()
        first.send(signal.SIGCONT)
        status = await first.ended()
        done = await whole(store, 1, most=120)

        assert status == 75
        # What it had put on its way before it was stopped may arrive; nothing else.
        assert first.relay.since(woken) == []
        assert "others have taken over its jobs" in first.words
        check_lines(done)
        noted = [page for page, count in sandbox.truth.publications.items() if count > 1]
        assert len(noted) <= 50
        # Whoever looks after it starts it again.
        again = await start_host(first.name, [sandbox], database, str(known))
        await again.until("Jobs:")
        submit(store, "known", random.Random(2))
        check_lines(await whole(store, 2, most=60))
        await again.kill()


async def _at_work(places: Mapping[str, Host], *, most: float) -> list[str]:
    """Wait until a host has begun something since it was started; gives the names of those that have."""
    with suppress(TimeoutError):
        async with asyncio.timeout(most):
            while True:
                found = [name for name, host in places.items() if _BEGINS.search(host.words)]
                if found:
                    return found
                await asyncio.sleep(0.02)
    return []


async def _who_begins(*started: Host) -> tuple[Host, Host]:
    async with asyncio.timeout(60):
        while True:
            for host in started:
                if any(" begins on " in line for line in host.said):
                    return host, next(one for one in started if one is not host)
            await asyncio.sleep(0.02)


async def test_a_host_that_is_cut_off_from_the_database_falls_silent_before_another_goes_on(
    tmp_path: Path, database: str, postgres: PostgresServer
) -> None:
    need_namespaces()
    known, store = job(tmp_path / "known.toml"), open_store(database)
    slow = Scenario(pages=600, cost=0.1, plan="self-hosted")
    wire = Wire(postgres.folder)
    try:
        async with serve(slow) as sandbox:
            alpha = await start_host("alpha", [sandbox], wire.url(database), str(known))
            submit(store, "known", random.Random(1))
            await alpha.until(" begins on ")
            beta = await start_host("beta", [sandbox], database, str(known))
            await beta.until("Jobs:")
            await asyncio.sleep(1.0)
            wire.hangs.set()
            cut = time.monotonic()
            await beta.until("continues", most=60)
            done = await whole(store, 1, most=180)
            await alpha.kill()
            await beta.kill()

            check_lines(done, 600)
            last = max(moment for moment, _ in alpha.relay.heard)
            first = min(moment for moment, _ in beta.relay.heard)
            assert cut < first
            assert last < first
            print(f"silent after {last - cut:.1f} s, taken over after {first - cut:.1f} s")  # noqa: T201 - the figures are the point
    finally:
        wire.close()


async def test_a_database_that_is_away_is_waited_for(
    tmp_path: Path, database: str, postgres: PostgresServer
) -> None:
    known, store = job(tmp_path / "known.toml"), open_store(database)
    slow = Scenario(pages=400, cost=0.1, plan="self-hosted")
    async with (
        serve(slow) as sandbox,
        hosts(("alpha", "beta"), [sandbox], database, str(known)) as started,
    ):
        submit(store, "known", random.Random(1))
        await _who_begins(*started)
        await asyncio.sleep(1.0)
        postgres.stop()
        stopped = time.monotonic()
        # Ten times as long as a lease is: as ten minutes are, to leases of a minute.
        await asyncio.sleep(10.0)
        silent = max(one for host in started for one, _ in host.relay.heard) - stopped
        postgres.start()
        done = await whole(store, 1, most=120)

        check_lines(done, 400)
        assert silent < 5.0
        assert all(host.is_alive for host in started)
        assert all("can't be reached" in host.words for host in started)


async def test_a_host_that_loses_one_run_goes_on_with_the_others(
    tmp_path: Path, database: str, postgres: PostgresServer
) -> None:
    store = open_store(database)
    slow = Scenario(pages=1500, cost=0.1, plan="self-hosted")
    async with serve(slow) as one, serve(slow) as two:
        for name in ("one", "two"):
            path = job(tmp_path / f"{name}.toml")
            webhook = f'[portal]\nwebhook = {{ env = "BITRIX24_{name.upper()}" }}'
            path.write_text(path.read_text().replace("[portal]", webhook))
            submit(store, name, random.Random(1))
        webhooks = {"BITRIX24_ONE": one.webhook, "BITRIX24_TWO": two.webhook}
        alpha = await start_host("alpha", [one, two], database, str(tmp_path), environment=webhooks)
        try:
            await alpha.until(" begins on ", times=2)
            await asyncio.sleep(1.0)
            lost = next(run.run_id for run in store.runs())
            stolen = f"UPDATE bulk_publisher.lease SET token = token + 1, beat = beat + 1 WHERE key = 'run/{lost}'"
            postgres.sql(stolen, name=name_in(database))
            assert not store.find(lost).read_description().is_whole
            done = await whole(store, 2, most=120)

            assert alpha.is_alive
            check_lines(done, 1500)
            # Nobody had it in truth, so it went on with that one, too, once that was certain.
            assert alpha.words.count(" continues on ") == 1
        finally:
            await alpha.kill()


async def test_stop_from_anywhere_ends_a_run_on_its_host(tmp_path: Path, database: str) -> None:
    known, store = job(tmp_path / "known.toml"), open_store(database)
    slow = Scenario(pages=2000, cost=0.1, plan="self-hosted")
    async with (
        serve(slow) as sandbox,
        hosts(("alpha",), [sandbox], database, str(known)) as (alpha,),
    ):
        submit(store, "known", random.Random(1))
        await alpha.until(" begins on ")
        await asyncio.sleep(6.0)
        kept = store.find("latest")
        heard = kept.read_progress()
        assert heard is not None
        # It says how it stands every five seconds.
        assert heard.age < 7.0
        asked = time.monotonic()
        kept.steer(Steering(wish=Wish.STOP, at=utc_now(), by="test"))
        await alpha.until("ended with status 3", most=30)

        last_answer = max(moment for moment, _ in alpha.relay.heard)
        assert time.monotonic() - max(asked, last_answer) < 5.0
