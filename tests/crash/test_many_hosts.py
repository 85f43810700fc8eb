"""Several hosts with much to do: nobody starves, no portal has two of them at once, no time is done twice."""

import asyncio
import json
import os
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bulk_publisher.clock import utc_now
from bulk_publisher.jobs.cron import Cron
from bulk_publisher.model import Epoch
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.serve.submitting import submit_known
from bulk_publisher.store import open_store
from tests.crash.test_hosts import check_lines, whole
from tests.hosts import Asking, Host, PlayedTime, need_faketime, need_namespaces, start_host
from tests.postgres_server import PostgresServer, name_in

pytestmark = [pytest.mark.crash, pytest.mark.real_time]

PORTALS = 300
RUNS = int(os.environ.get("CRASH_RUNS", "1000"))
SMALL = Scenario(pages=5, cost=0.001, plan="self-hosted")
JOB = """
name = "{name}"
[portal]
plan = "self-hosted"
webhook = {{ env = "{variable}" }}
[select]
scope = "KNOWLEDGE"
"""


async def test_no_portal_has_two_hosts_at_once_and_no_run_is_forgotten(
    tmp_path: Path, database: str
) -> None:
    need_namespaces()
    rng, asking, store = random.Random(1), Asking(), open_store(database)
    async with AsyncExitStack() as stack:
        sandboxes = [await stack.enter_async_context(serve(SMALL)) for _ in range(PORTALS)]
        webhooks = {}
        for number, sandbox in enumerate(sandboxes):
            variable = f"BITRIX24_{number}"
            webhooks[variable] = sandbox.webhook
            text = JOB.format(name=f"job{number}", variable=variable)
            (tmp_path / f"job{number}.toml").write_text(text)
        for number in range(RUNS):
            now = utc_now()
            name = f"job{number % PORTALS}"
            submit_known(store.agenda, name, at=now, now=now, by="test", rng=rng)
        began = time.monotonic()
        for name in ("alpha", "beta", "gamma"):
            host = await start_host(
                name, sandboxes, database, "--parallel", "10", str(tmp_path),
                environment=webhooks, asking=asking,
            )  # fmt: skip
            stack.push_async_callback(host.kill)
        done = await whole(store, RUNS, most=1500)

        assert len(done) == RUNS
        check_lines(done, 5)
        assert asking.overlaps == []
        assert not any(sandbox.truth.refused for sandbox in sandboxes)
        print(f"{RUNS} runs on {PORTALS} portals in {time.monotonic() - began:.0f} s")  # noqa: T201 - the figures are the point


async def test_two_runs_of_one_credential_on_two_hosts_keep_to_its_limits(
    tmp_path: Path, database: str
) -> None:
    need_namespaces()
    store = open_store(database)
    # Both together need more than the limit gives in ten minutes: who meets it must know of the other.
    metered = Scenario(pages=600, cost=0.2, operating_limit=100.0)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(serve(metered))
        for half in ("1-300", "301-600"):
            name = f"half{half[0]}"
            text = f'name = "{name}"\n[pace]\noperating_limit = 100\n[select]\nscope = "KNOWLEDGE"\npage = ["{half}"]\n'
            (tmp_path / f"{name}.toml").write_text(text)
            now = utc_now()
            submit_known(store.agenda, name, at=now, now=now, by="test", rng=random.Random(1))
        asking, started = Asking(), []
        for name in ("alpha", "beta"):
            host = await start_host(
                name, [sandbox], database, "--parallel", "1", str(tmp_path), asking=asking
            )
            stack.push_async_callback(host.kill)
            started.append(host)
        before, published = -1, 0
        async with asyncio.timeout(300):
            while published != before or not published:
                before = published
                await asyncio.sleep(15.0)
                published = sum(sandbox.truth.publications.values())

        assert all(host.relay.heard for host in started)
        assert asking.overlaps == []
        assert not sandbox.truth.refused
        assert 300 < published <= 500
        assert max(sandbox.truth.highest_meter.values()) <= 100.0


@pytest.mark.parametrize(
    ("begins", "hours"),
    [("2026-10-25T00:20:00+00:00", 2.5), ("2027-03-28T00:20:00+00:00", 1.5)],
    ids=["autumn", "spring"],
)
async def test_each_time_is_due_once_while_clocks_change_and_hosts_die(
    tmp_path: Path, database: str, postgres: PostgresServer, begins: str, hours: float
) -> None:
    need_namespaces()
    need_faketime()
    postgres.sql(WATCH, name=name_in(database))
    crons = {"often": "*/10 * * * *", "nightly": "30 2 * * *", "third": "0 3 * * *"}
    for name, cron in crons.items():
        schedule = f'[schedule]\ncron = "{cron}"\ntimezone = "Europe/Berlin"\noverlap = "queue"\n'
        text = f'name = "{name}"\n[portal]\nplan = "self-hosted"\n[select]\npage = ["1-5"]\n'
        (tmp_path / f"{name}.toml").write_text(text + schedule)
    since = datetime.fromisoformat(begins).timestamp()
    played, rng = PlayedTime(since, speed=300), random.Random(since)
    places: dict[str, Host] = {}
    async with serve(SMALL) as sandbox:

        async def start(name: str) -> None:
            places[name] = await start_host(
                name, [sandbox], database, str(tmp_path), environment=played.environment()
            )

        for name in ("alpha", "beta", "gamma"):
            await start(name)
        for host in places.values():
            await host.until("Jobs:")
        ready = played.now()
        while played.now() < since + hours * 3600:
            struck = rng.choice(sorted(places))
            await places[struck].kill()
            await start(struck)
            await places[struck].until("Jobs:")
        until = played.now()
        # Nothing is due for some minutes: what was is seen to.
        await asyncio.sleep(2.0)
        for host in places.values():
            await host.kill()

    fell_due = Counter(
        (name, float(due))
        for name, due in json.loads(postgres.sql(SEEN, name=name_in(database)) or "[]")
    )
    assert set(fell_due.values()) == {1}, fell_due
    for name, cron in crons.items():
        wanted = _times(cron, ready, until - 600)
        missed = set(wanted) - {due for job, due in fell_due if job == name}
        assert not missed, (name, [datetime.fromtimestamp(due, UTC) for due in missed])


def _times(cron: str, since: float, until: float) -> list[float]:
    found, due = [], Cron(cron, ZoneInfo("Europe/Berlin")).after(Epoch(since))
    while due is not None and due <= until:
        found.append(float(due))
        due = Cron(cron, ZoneInfo("Europe/Berlin")).after(due)
    return found


WATCH = """
CREATE TABLE seen (name text, due text);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    new_due text := convert_from(NEW.data, 'UTF8')::json -> 'firing' ->> 'due';
    new_queued text := convert_from(NEW.data, 'UTF8')::json ->> 'queued';
    old_due text; old_queued text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        old_due := convert_from(OLD.data, 'UTF8')::json -> 'firing' ->> 'due';
        old_queued := convert_from(OLD.data, 'UTF8')::json ->> 'queued';
    END IF;
    IF new_queued IS NOT NULL AND new_queued IS DISTINCT FROM old_queued THEN
        INSERT INTO public.seen VALUES (NEW.name, new_queued);
    END IF;
    IF new_due IS NOT NULL AND new_due IS DISTINCT FROM old_due AND new_due IS DISTINCT FROM old_queued THEN
        INSERT INTO public.seen VALUES (NEW.name, new_due);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER watch BEFORE INSERT OR UPDATE ON bulk_publisher.slot FOR EACH ROW EXECUTE FUNCTION watch();
"""
"""Keeps each time at which a job fell due, whoever wrote it and whatever becomes of it."""
SEEN = "SELECT json_agg(json_build_array(name, due)) FROM seen"
