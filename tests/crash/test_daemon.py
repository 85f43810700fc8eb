"""Whenever a daemon is killed, the next one does what it left: nothing twice, and nothing not at all."""

import asyncio
import itertools
import random
import re
import signal
import time
from asyncio.subprocess import Process
from collections import Counter
from pathlib import Path

import pytest

from bulk_publisher.clock import utc_now
from bulk_publisher.jobs import read_job
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.serve.submitting import submit_job, submit_known
from bulk_publisher.store import KeptRun, Store, open_store
from tests.processes import do, ended, lines_of, moments, spawn

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
EACH_MINUTE = '[schedule]\ncron = "* * * * *"\noverlap = "queue"\n'
_DUE = re.compile(r"^often: (?:was )?due at (\S+?)[.,]", re.MULTILINE)


def job(path: Path, more: str = "") -> Path:
    path.write_text(JOB.format(name=path.stem) + more)
    return path


def order(store: Store, folder: Path, number: int, rng: random.Random) -> str:
    """Submit a job; gives its name."""
    now = utc_now()
    when = {"at": now, "now": now, "by": "test", "rng": rng}
    if number % 2:
        submit_known(store.agenda, "known", **when)
        return "known"
    name = f"order-{number}"
    submit_job(store.agenda, read_job(job(folder / f"{name}.toml")), **when)
    return name


async def ready(process: Process) -> None:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if line.startswith(b"Jobs:"):
            return


def runs_with_lines(store: Store) -> list[KeptRun]:
    """A run that is killed before the plan names it has sent nothing, and nobody goes on with it."""
    return [run for run in store.runs() if lines_of(run)]


async def struck(
    sandbox: Sandbox, runs: Path, files: tuple[Path, ...], times: int
) -> tuple[list[str], float]:
    """Kill so many daemons or more at random moments, each with an order more, until a minute has begun meanwhile.

    Gives the names of the orders, and when the last daemon began.
    """
    rng, said, asked = random.Random(times), "", []
    store = open_store(runs)
    first_ready = time.time()
    for number in itertools.count():
        if number >= times and time.time() // 60 > first_ready // 60:
            break
        asked.append(order(store, files[0].parent.parent, number, rng))
        daemon = await spawn(sandbox, runs, "serve", *map(str, files))
        await ready(daemon)
        first_ready = first_ready if number else time.time()
        await asyncio.sleep(rng.uniform(0, 1.5))
        daemon.send_signal(signal.SIGKILL)
        said += (await ended(daemon))[1]
    last_began = time.time()
    status, words = await do(sandbox, runs, "serve", "--once", *map(str, files))
    assert status == 0, words
    dues = Counter(_DUE.findall(said + words))
    assert max(dues.values(), default=1) == 1, dues
    assert "Traceback" not in said + words
    return asked, last_began


@pytest.mark.crash
@pytest.mark.real_time
async def test_no_order_no_time_and_no_page_is_done_twice_or_forgotten(tmp_path: Path) -> None:
    runs, folder = tmp_path / "runs", tmp_path / "jobs"
    folder.mkdir()
    files = job(folder / "known.toml"), job(folder / "often.toml", EACH_MINUTE)
    began = time.time()
    async with serve(SLOW) as sandbox:
        asked, last_began = await struck(sandbox, runs, files, moments(20))

        store = open_store(runs)
        done = runs_with_lines(store)
        for run in done:
            pages = [line.page for line in lines_of(run)]
            assert len(pages) == len(set(pages)) == PAGES
        by_job = Counter(run.read_description().job_data["name"] for run in done)
        often = by_job.pop("often", 0)
        assert by_job == Counter(asked)
        assert 1 <= often <= (time.time() - began) / 60 + 1
        assert all(count >= len(done) for count in sandbox.truth.publications.values())
        slots = store.agenda.read_slots()
        assert set(slots) == {"known", "often"}
        assert not [name for name, slot in slots.items() if slot.firing or slot.queued]
        # Every minute up to the last daemon's was seen to, by it or by an earlier one.
        assert (slots["often"].next_due or 0) > last_began
        assert store.agenda.orders() == []
        print(f"{len(asked)} kills, {len(done)} runs of {PAGES} pages, {often} by schedule")  # noqa: T201 - the figures are the point
