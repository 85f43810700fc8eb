"""What can go wrong between a run and its database, and what is true of it then; and what its owner does."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bulk_publisher.errors import BadSetting, BulkPublisherError, JournalLost, RunBusy
from bulk_publisher.limits.handover import Handover
from bulk_publisher.log import RunLog, bound
from bulk_publisher.model import Epoch, Mono, Page, PageId
from bulk_publisher.operations.moving import move_run
from bulk_publisher.store import Store, migrate_store, open_store, shared_state
from bulk_publisher.store.approvals import About, Act, Door
from bulk_publisher.store.database_address import parse_address
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.store.postgres.leases import Lease
from bulk_publisher.store.postgres.postgres_store import PostgresStore
from bulk_publisher.store.postgres.schema import CURRENT
from bulk_publisher.store.totals import Totals
from bulk_publisher.text.redaction import Redactor
from tests.postgres_server import PostgresServer, name_in
from tests.store.making import begun, content_of, lines_of, record, standing_of
from tests.store.patience import soon
from tests.store.test_folder import NOW, written
from tests.store.wire import Wire

pytestmark = [pytest.mark.service, pytest.mark.real_time]

PAGES = [Page(PageId(number), scope=None, source=f"a.csv:{number}") for number in range(1, 8)]
DOCS = Path(__file__).parents[2] / "docs" / "cluster.md"
LEFT = Handover(requests=7.0, operating_limit=None, meters={})

HOST = """
import asyncio, random, sys
from bulk_publisher.errors import JournalLost
from bulk_publisher.model import Epoch, Page, PageId
from bulk_publisher.store import open_store
from bulk_publisher.store.description import Description
from bulk_publisher.store.totals import Totals
from tests.store.making import lines_of

async def main():
    with open_store(sys.argv[1]).create(Epoch(1_772_334_000.0), random.Random(1)) as run:
        run.begin(Description(run=run.run_id))
        with run.record(Totals()) as recording:
            await recording.note_sent([Page(PageId(1), scope=None, source="a"), Page(PageId(2), scope=None, source="b")])
            await recording.append(lines_of(run, 1))
            print(run.run_id, flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            for work in (recording.append(lines_of(run, 2)), recording.note_sent([Page(PageId(3), scope=None, source="c")])):
                try:
                    await work
                    print("done", flush=True)
                except JournalLost as error:
                    print("lost:", error.reason, flush=True)

asyncio.run(main())
"""


ACT = Act(by="anna", at=1.0, through=Door.TERMINAL)


@pytest.fixture
def wire(database: str, postgres: PostgresServer) -> Iterator[Wire]:
    """Between us and the database."""
    made = Wire(postgres.folder)
    yield made
    made.close()


def hasty(url: str, tmp_path: Path, *, patience: float = 30.0) -> PostgresStore:
    """A store that waits a second for an answer."""
    return PostgresStore(
        parse_address(url), tmp_path / "lists", patience=patience, answer_timeout=1.0
    )


@contextmanager
def host(database: str) -> "Iterator[subprocess.Popen[str]]":
    """A process that begins a run, sends two pages and settles one; it goes on when it is told a line."""
    words, here = [sys.executable, "-c", HOST, database], Path(__file__).parents[2]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=here) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def pages_of(store: Store) -> list[int]:
    return [mark.page for mark in store.find("latest").marks()]


async def test_lines_whose_answer_is_lost_are_there_once(
    database: str, wire: Wire, tmp_path: Path
) -> None:
    run = begun(hasty(wire.url(database), tmp_path))
    totals = Totals()

    with run.lock(), run.record(totals) as recording:
        for page in range(1, 6):
            wire.loses_answers = 1
            await recording.append(lines_of(run, page))

    assert totals.pages == 5
    assert pages_of(open_store(database)) == [1, 2, 3, 4, 5]


async def test_lines_that_never_arrived_are_sent_again(
    database: str, wire: Wire, tmp_path: Path
) -> None:
    run = begun(hasty(wire.url(database), tmp_path))

    with run.lock(), run.record(Totals()) as recording:
        await recording.append(lines_of(run, 1))
        wire.loses_questions = 1
        await recording.append(lines_of(run, 2))
        # And here the answers to its look-ups and to new connections are lost as well.
        wire.loses_questions, wire.loses_answers = 1, 3
        await recording.append(lines_of(run, 3))

    assert pages_of(open_store(database)) == [1, 2, 3]


async def test_a_connection_that_hangs_is_given_up_and_the_loop_goes_on(
    database: str, wire: Wire, tmp_path: Path
) -> None:
    run = begun(hasty(wire.url(database), tmp_path))
    turns = 0

    with run.lock(), run.record(Totals()) as recording:
        wire.hangs.set()
        appending = asyncio.ensure_future(recording.append(lines_of(run, 1)))
        while not appending.done():
            turns += 1
            if turns == 150:
                wire.hangs.clear()
            await asyncio.sleep(0.01)
        await appending

    assert turns > 150
    assert pages_of(open_store(database)) == [1]


async def test_nothing_counts_that_a_database_did_not_take_which_is_away_for_too_long(
    database: str, wire: Wire, tmp_path: Path
) -> None:
    run = begun(hasty(wire.url(database), tmp_path, patience=0.5))
    totals = Totals()

    with run.lock(), run.record(totals) as recording:
        await recording.note_sent(PAGES[:2])
        await recording.append(lines_of(run, 1))
        wire.hangs.set()
        with pytest.raises(JournalLost, match="can't be written"):
            await recording.append(lines_of(run, 2))

    assert totals.pages == 1
    assert [page.id for page in open_store(database).find("latest").still_out()] == [2]


async def test_who_is_cancelled_leaves_although_the_database_is_away(
    database: str, wire: Wire, tmp_path: Path
) -> None:
    run = begun(hasty(wire.url(database), tmp_path, patience=600.0))

    with run.lock(), run.record(Totals()) as recording:
        wire.hangs.set()
        appending = asyncio.ensure_future(recording.append(lines_of(run, 1)))
        await asyncio.sleep(0.1)
        appending.cancel()
        done, _ = await asyncio.wait([appending], timeout=15)

    assert done


async def test_a_database_that_is_started_again_is_gone_on_with(
    database: str, postgres: PostgresServer
) -> None:
    store = open_store(database)
    run = begun(store)
    with run.lock(), run.record(Totals()) as recording:
        await recording.append(lines_of(run, 1))
        postgres.stop()
        try:
            appending = asyncio.ensure_future(recording.append(lines_of(run, 2)))
            await asyncio.sleep(1.5)
            assert not appending.done()
        finally:
            postgres.start()
        await appending
        await recording.note_sent(PAGES[2:3])
        assert run.is_locked

    assert pages_of(store) == [1, 2]
    assert [page.id for page in run.still_out()] == [3]


async def test_who_looks_on_hears_once_that_the_database_is_away_and_once_that_it_is_back(
    database: str, postgres: PostgresServer
) -> None:
    store, said = open_store(database), []
    run = begun(store)
    with run.lock():
        sink = run.open_log()
        assert sink is not None
        run_log = RunLog(Redactor(), sink=sink)
        with bound(run_log), run.record(Totals(), warn=said.append) as recording:
            await recording.append(lines_of(run, 1))
            postgres.stop()
            try:
                appending = asyncio.ensure_future(recording.append(lines_of(run, 2)))
                await asyncio.sleep(2.5)
                assert said == [
                    "The database does not answer; waiting for it for up to 15 minutes."
                ]
            finally:
                postgres.start()
            await appending
            await recording.append(lines_of(run, 3))
        run_log.close()

    assert said[1:] == ["The database answers again."]
    told = [json.loads(line) for line in content_of(run, "log.jsonl").splitlines()]
    assert [event["event"] for event in told] == ["database.away", "database.back"]


async def test_while_the_database_is_away_nothing_may_leave(
    database: str, postgres: PostgresServer
) -> None:
    run = begun(open_store(database))
    with shared_state(database, {}).turn("a", "1", portal="a") as sharing:
        turn = sharing.turn
        assert turn is not None
        assert soon(turn.try_take)
        with run.lock(), run.record(Totals()) as recording:
            await recording.note_ahead(PAGES[:1])
            postgres.stop()
            try:
                await asyncio.sleep(1.0)
                assert not turn.is_ours
                leaving = asyncio.ensure_future(recording.note_sent(PAGES[:1]))
                await asyncio.sleep(0.5)
                assert not leaving.done()
            finally:
                postgres.start()
            await leaving
            assert soon(lambda: turn.is_ours)


async def test_a_host_that_was_stopped_for_too_long_records_nothing_any_more(database: str) -> None:
    store = open_store(database)
    with host(database) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        run = store.find("latest")
        with pytest.raises(RunBusy, match=str(other.pid)), run.lock():
            pass
        os.kill(other.pid, signal.SIGSTOP)
        # It is silent soon; then whoever wants the run waits until its lease is over.
        await asyncio.sleep(0.8)
        with run.lock():
            assert [page.id for page in run.still_out()] == [2]
            # Nothing was written since: it is the token that keeps it out, and nothing else.
            os.kill(other.pid, signal.SIGCONT)
            other.stdin.write("\n")
            other.stdin.flush()
            said = [await asyncio.to_thread(other.stdout.readline) for _ in range(2)]
            with run.record(Totals(), out=run.still_out()) as recording:
                await recording.append(lines_of(run, 2))
        assert other.wait(20) == 0

    assert said == ["lost: another process works on the run now\n"] * 2
    assert pages_of(store) == [1, 2]
    assert run.read_notes() == ({}, None)


async def test_what_a_killed_process_had_is_free_at_once_on_its_machine(database: str) -> None:
    store = open_store(database)
    with host(database) as other:
        run = store.find("latest")
        assert run.is_locked
        other.kill()
        other.wait()

    assert not run.is_locked
    with run.lock():
        assert [page.id for page in run.still_out()] == [2]


async def test_a_lease_that_is_renewed_is_not_taken_however_long_one_looks(database: str) -> None:
    run = begun(open_store(database))
    other = PostgresStore(parse_address(database), Path())

    with run.lock():
        for _ in range(35):
            assert other.find("latest").is_locked
            await asyncio.sleep(0.1)
        with pytest.raises(RunBusy), other.find("latest").lock():
            pass


def test_a_disk_that_is_full_is_said_and_nothing_of_it_counts(
    database: str, postgres: PostgresServer
) -> None:
    store = open_store(database)
    run, totals = begun(store), Totals()
    # What a full disk is to a statement: it is refused, with the code for that.
    postgres.sql(
        "CREATE FUNCTION bulk_publisher.full() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$; "
        "CREATE TRIGGER disk BEFORE INSERT ON bulk_publisher.chunk FOR EACH ROW EXECUTE FUNCTION bulk_publisher.full()",
        name=name_in(database),
    )

    async def fill() -> None:
        with run.lock(), run.record(totals) as recording:
            await recording.note_sent(PAGES[:1])
            with pytest.raises(JournalLost, match="No space left on device"):
                await recording.append(lines_of(run, 1))

    asyncio.run(fill())

    assert totals.pages == 0
    assert [page.id for page in run.still_out()] == [1]
    assert not run.has_journal


def test_limits_of_one_portal_are_handed_on_to_another_credential_of_it(database: str) -> None:
    state = shared_state(database, {})
    with (
        state.turn("a", "1", portal="p") as one,
        state.turn("b", "2", portal="p") as other,
    ):
        assert one.turn is not None
        assert other.turn is not None
        assert soon(one.turn.try_take)
        assert not other.turn.try_take()
        one.turn.give(LEFT, Mono(1.0), Epoch(1.0))
        assert soon(other.turn.try_take)

        left = other.turn.left_by_other(Mono(1.0), Epoch(1.0))

    assert left is not None
    assert (left[0].requests, left[0].meters) == (7.0, {})


# its owner


def test_a_schema_is_made_once_and_looked_at_before_anything_else(postgres: PostgresServer) -> None:
    url = postgres.empty()
    with pytest.raises(BadSetting, match="no runs are kept there yet") as caught:
        open_store(url).runs()
    assert "store migrate" in caught.value.hint

    assert migrate_store(url) == (0, CURRENT)
    assert migrate_store(url) == (CURRENT, CURRENT)
    assert list(open_store(url).runs()) == []


@pytest.mark.parametrize(
    ("version", "oldest", "words"),
    [
        (0, 0, f"version 0, and this program needs {CURRENT}"),
        (CURRENT + 1, CURRENT + 1, "newer than this program knows"),
    ],
)
def test_another_schema_is_refused(
    postgres: PostgresServer, version: int, oldest: int, words: str
) -> None:
    url = postgres.prepared()
    postgres.sql(
        f"UPDATE bulk_publisher.store SET version = {version}, oldest = {oldest}",
        name=name_in(url),
    )

    with pytest.raises(BadSetting, match=words):
        open_store(url).runs()


def test_a_newer_schema_that_allows_it_is_worked_with(postgres: PostgresServer) -> None:
    url = postgres.prepared()
    postgres.sql(
        f"UPDATE bulk_publisher.store SET version = {CURRENT + 1}, oldest = {CURRENT}",
        name=name_in(url),
    )

    assert begun(open_store(url)).is_described
    with pytest.raises(BadSetting, match="newer"):
        migrate_store(url)


def test_a_database_that_is_not_there_is_said_in_a_line(postgres: PostgresServer) -> None:
    with pytest.raises(BadSetting, match="does not exist") as caught:
        open_store(postgres.url("nowhere")).find("latest")

    assert "\n" not in caught.value.message
    assert "createdb" in caught.value.hint


@pytest.mark.parametrize(
    ("place", "hint"),
    [
        ("127.0.0.1:1", "Check that it is running, and the host and the port in the URL."),
        ("nowhere.invalid", "Check the host's name in the URL."),
    ],
)
def test_a_database_that_is_not_reached_is_said_once_and_with_what_to_do(
    place: str, hint: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        open_store(f"postgresql://{place}/bulk").find("latest")

    assert caught.value.hint == hint
    assert "?" not in caught.value.message


async def test_a_role_needs_no_more_than_the_docs_say(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.prepared()
    grants = re.search(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert grants is not None
    postgres.sql("DROP ROLE IF EXISTS publisher")
    postgres.sql(grants[1].replace("PASSWORD '…'", ""), name=name_in(url))
    store = open_store(postgres.url(name_in(url), user="publisher"))
    moved = move_run(await written(tmp_path / NOW), store)
    await record(moved, lines_of(moved, 8))

    postgres.sql("UPDATE bulk_publisher.store SET version = 1", name=name_in(url))
    with pytest.raises(BadSetting) as refused:
        migrate_store(postgres.url(name_in(url), user="publisher"))
    assert "its owner grants" in refused.value.hint.lower()
    postgres.sql(f"UPDATE bulk_publisher.store SET version = {CURRENT}", name=name_in(url))

    with shared_state(postgres.url(name_in(url), user="publisher"), {}).turn("a", "1", portal="a") as one:  # fmt: skip
        assert one.turn is not None
        assert soon(one.turn.try_take)
        one.turn.give(LEFT, Mono(1.0), Epoch(1.0))
    store.agenda.write_slots({})
    with store.agenda.order("b-1"), store.agenda.serving(lambda: None):
        pass

    assert 8 in standing_of(moved).settled
    for more in ("CREATE TABLE t ()", "UPDATE store SET version = 9", "DROP TABLE run"):
        with pytest.raises(AssertionError, match=r"permission denied|must be owner"):
            postgres.run("psql", "-h", str(postgres.folder), "-U", "publisher", "-d", name_in(url), "-c", f"SET search_path = bulk_publisher; {more}")  # fmt: skip
    postgres.sql("DROP OWNED BY publisher", name=name_in(url))
    postgres.sql("DROP ROLE publisher")


async def test_a_run_comes_back_as_it_went_in(database: str, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    run = await written(tmp_path / "runs" / NOW)
    store = open_store(database)

    moved = move_run(run, store)
    back = move_run(moved, open_store(tmp_path / "back"))

    assert moved.still_out() == run.still_out()
    assert moved.read_description() == run.read_description()
    for path in RunFolder(Path(run.place)).all_kept:
        if path.exists() and path.name != "sent.jsonl":
            assert content_of(back, path.name) == path.read_bytes(), path.name
    assert back.still_out() == run.still_out()
    with pytest.raises(BadSetting, match="there is a run of this name"):
        move_run(run, store)


async def test_what_is_damaged_is_not_taken_in(database: str, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    run = await written(tmp_path / "runs" / NOW)
    RunFolder(Path(run.place)).description.write_text("{", encoding="utf-8")
    store = open_store(database)

    with pytest.raises(Exception, match=r"run\.json is damaged"):
        move_run(run, store)

    assert list(store.runs()) == []
    with store.parts.database.together() as connection:  # type: ignore[attr-defined]
        for table in ("run", "chunk", "note", "lease"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_what_a_database_that_is_away_makes_impossible_may_pass(
    database: str, wire: Wire, tmp_path: Path
) -> None:
    store, other = hasty(wire.url(database), tmp_path), hasty(wire.url(database), tmp_path)
    plan = store.approvals.propose(b"{}", About(portal="a", action="publish", pages=1), ACT)
    wire.hangs.set()

    with pytest.raises(BadSetting) as turn, store.state.turn("a", "1", portal="a"):
        raise AssertionError("nobody can tell whose turn it is")
    with pytest.raises(BadSetting) as unopened:
        _ = other.agenda
    with pytest.raises(BulkPublisherError) as taken:
        store.approvals.approve(plan.name, plan.sha256, ACT)
    with pytest.raises(BulkPublisherError) as proposed:
        store.approvals.propose(b"{}", About(portal="a", action="publish", pages=1), ACT)

    assert [one.value.is_passing for one in (turn, unopened, taken, proposed)] == [True] * 4


def test_who_was_not_heard_for_long_gives_back_without_waiting(
    database: str, wire: Wire, tmp_path: Path
) -> None:
    leases = hasty(wire.url(database), tmp_path).parts.leases
    lease = leases.take("job/a")
    assert isinstance(lease, Lease)
    wire.hangs.set()
    assert soon(lambda: not lease.is_fresh)

    began_at = time.monotonic()
    leases.give_back(lease)
    took = time.monotonic() - began_at
    wire.hangs.clear()

    assert took < 0.5
    other = open_store(database).parts.leases
    assert soon(lambda: isinstance(other.take("job/a"), Lease))


def test_what_is_given_back_late_is_free_soon(database: str) -> None:
    leases = open_store(database).parts.leases
    lease = leases.take("job/a")
    assert isinstance(lease, Lease)
    leases._keeper.every(600.0, "renew", lambda: None)
    assert soon(lambda: not lease.is_fresh)

    leases.give_back(lease)

    assert soon(lambda: not leases.look("job/a").is_held, seconds=1.0)
