"""Whole runs whose store is a database: they are what they are in a folder, and no secret of them is in it."""

import asyncio
import re
from pathlib import Path

import pytest

from bulk_publisher import Client, publish
from bulk_publisher.jobs import Job, Portal
from bulk_publisher.operations.access import Reached
from bulk_publisher.operations.moving import move_run
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Scenario, User, serve
from bulk_publisher.store import open_store, shared_state
from tests.oracle import ALL_OF_IT, assert_journal_tells_the_truth, journal_of, run_job
from tests.postgres_server import PostgresServer, name_in

pytestmark = pytest.mark.service

SECRETS = ("f1rstC0de00000000", "sec0ndC0de1111111")
_OF_ITS_OWN = re.compile(
    rb"\d{8}T\d{6}Z-[0-9a-f]{4}|\d{4}-\d\d-\d\dT[0-9:.]+Z|127\.0\.0\.1:\d+|\d+\.\d+(?:e-\d+)?"
)
"""What no two runs have in common: their names, the sandbox's port, moments and seconds."""


async def _run(place: str | Path, seed: int = 5) -> Finished:
    # Without shared limits: those would wait for a real thread in virtual time.
    async with serve(Scenario(pages=400, seed=seed, cost=0.05, denied_pages=[7, 90])) as sandbox:
        finished = await run_job(sandbox, place)
        assert_journal_tells_the_truth(journal_of(finished), sandbox)
        return finished


def _told(folder: Path) -> dict[str, bytes]:
    return {
        path.name: _OF_ITS_OWN.sub(b"", path.read_bytes())
        for path in folder.iterdir()
        if path.name != "lock"
    }


async def test_an_export_is_the_folder_that_the_same_run_would_have_made(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    in_folder = await _run(tmp_path / "runs")
    in_database = await _run(postgres.prepared())

    exported = move_run(in_database.kept, open_store(tmp_path / "exported"))

    mine, theirs = _told(Path(exported.place)), _told(Path(in_folder.kept.place))
    assert mine.keys() == theirs.keys()
    for name, content in theirs.items():
        assert mine[name] == content, name


@pytest.mark.real_time
async def test_a_program_keeps_runs_and_limits_in_a_database(postgres: PostgresServer) -> None:
    url = postgres.prepared()

    async with (
        serve(Scenario(pages=30, cost=0.0, latency=0.0)) as sandbox,
        Client(Webhook(sandbox.webhook), state=url) as client,
    ):
        result = await publish(client, range(1, 31), scope="KNOWLEDGE", store=url)

    assert result.is_good
    assert open_store(url).find(result.id).read_description().is_whole
    assert postgres.sql("SELECT count(*) FROM bulk_publisher.handover", name=name_in(url)).strip() == "1"  # fmt: skip


@pytest.mark.real_time
async def test_no_secret_of_two_runs_in_one_process_is_in_a_dump(postgres: PostgresServer) -> None:
    url = postgres.prepared()
    state = shared_state(url, {})

    async def one(number: int, secret: str) -> None:
        user = User(id=1, is_admin=True, code=secret)
        scenario = Scenario(pages=40, seed=number, users=[user], cost=0.0, latency=0.0)
        async with serve(scenario) as sandbox:
            portal = Portal(webhook=None)
            entry = Reached(Webhook(sandbox.webhook), portal, state)
            job = Job(name=f"job {number}", select=ALL_OF_IT, portal=portal)
            finished = await run_job(sandbox, url, job=job, credential=entry)
            assert finished.ending.is_whole
            assert_journal_tells_the_truth(journal_of(finished), sandbox)

    await asyncio.gather(*(one(number, secret) for number, secret in enumerate(SECRETS, start=1)))

    dump = postgres.run("pg_dump", "-h", str(postgres.folder), "-U", "postgres", "--inserts", name_in(url))  # fmt: skip
    store = open_store(url)
    assert len(store.runs()) == 2
    kept = [piece for run in store.runs() for _, pieces in run.contents() for piece in pieces]
    assert "handover" in dump
    for secret in SECRETS:
        assert secret not in dump
        assert secret.encode().hex() not in dump
        assert not [piece for piece in kept if secret.encode() in piece]
