"""What ``store check`` and ``store prune`` say of a database in which something is not as it was left."""

import asyncio
import random

import pytest
from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.errors import BadJournal, JournalLost
from bulk_publisher.model import Epoch
from bulk_publisher.store import KeptRun, Store, open_store
from bulk_publisher.store.description import Description
from tests.postgres_server import PostgresServer, name_in
from tests.store.making import begun, lines_of, record

pytestmark = [pytest.mark.service, pytest.mark.real_time]


@pytest.fixture
def kept_in(database: str) -> Store:
    return open_store(database)


@pytest.fixture
async def run(kept_in: Store) -> KeptRun:
    """A run with three pieces of a line each, and a fourth of two."""
    made = begun(kept_in)
    for pages in ((1,), (2,), (3,), (4, 5)):
        await record(made, lines_of(made, *pages))
    return made


class Sql:
    """What an owner of the database may do to it."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._server = server
        self._name = name_in(url)

    def __call__(self, statement: str) -> str:
        return self._server.sql(
            f"SET search_path = bulk_publisher; {statement}", name=self._name
        ).strip()


@pytest.fixture
def sql(postgres: PostgresServer, database: str) -> Sql:
    return Sql(postgres, database)


def said_of(run: KeptRun) -> str:
    return "\n".join(f"{flaw.kind.value}: {flaw.where} {flaw.what}" for flaw in run.flaws())


def command(url: str, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["store", words[0], "--store", url, *words[1:]])
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout


async def test_a_database_without_a_fault_ends_with_0(database: str, run: KeptRun) -> None:
    assert command(database, "check") == (0, "Runs checked: 1. Nothing is wrong.\n")


async def test_a_piece_that_is_missing_is_told_before_the_run_has_ended(run: KeptRun, sql: Sql) -> None:  # fmt: skip
    sql("DELETE FROM chunk WHERE lines = 2")

    assert "damaged: " in said_of(run)
    assert "outcomes.jsonl misses 2 of the 5 lines that were written" in said_of(run)


async def test_a_damaged_piece_is_told_with_its_number_and_the_others_are_read(run: KeptRun, sql: Sql) -> None:  # fmt: skip
    seq = sql("UPDATE chunk SET data = substr(data, 1, 30) WHERE lines = 2 RETURNING seq")
    sql(f"UPDATE chunk SET lines = 7 WHERE seq < {seq} AND seq > {seq} - 4")

    said = said_of(run)

    assert f"has a damaged piece, number {seq}, of 2 lines: it has no end" in said
    assert "has 1 lines in its piece number" in said
    assert "and was written with 7" in said


async def test_pieces_of_a_process_that_had_lost_the_run_are_told(run: KeptRun, sql: Sql) -> None:
    sql("UPDATE chunk SET token = 1 WHERE lines = 2")
    assert "foreign: " in said_of(run)
    assert "has 1 pieces out of order" in said_of(run)

    sql("UPDATE chunk SET seq = seq + 1000 WHERE lines = 2")
    assert "has 1 pieces that no process has written" in said_of(run)


async def test_a_damaged_description_is_told_and_the_journal_is_read_all_the_same(
    database: str, run: KeptRun, sql: Sql
) -> None:
    sql("UPDATE run SET description = '{'; DELETE FROM chunk WHERE lines = 2")

    status, said = command(database, "check")

    assert status == 1
    assert f"damaged: {run.place}/run.json is damaged: " in said
    assert "misses 2 of the 5 lines" in said


async def test_damaged_notes_and_verdicts_are_told(run: KeptRun, sql: Sql) -> None:
    sql(f"INSERT INTO note SELECT '{run.run_id}', 900, 1, 'x', 'y'")
    sql(f"INSERT INTO verdict SELECT '{run.run_id}', verdicts, 1, 'y' FROM run")

    said = said_of(run)

    assert f"{run.place} a note is damaged: it has no end" in said
    assert f"{run.place}/verify.jsonl is damaged: it has no end" in said


async def test_a_run_whose_holder_is_gone_is_told_once_it_is_quiet_for_long(run: KeptRun, sql: Sql) -> None:  # fmt: skip
    elsewhere = "host elsewhere, pid 4711, boot/1, since 5, take 9"
    sql(f"UPDATE lease SET is_held = true, holder = '{elsewhere}', beat_at = now()")
    assert said_of(run) == ""

    sql("UPDATE lease SET beat_at = now() - interval '1 hour'")

    assert "left: " in said_of(run)
    assert "(host elsewhere, pid 4711)" in said_of(run)


async def test_what_belongs_to_no_run_is_told_and_prune_removes_it(
    database: str, kept_in: Store, run: KeptRun, sql: Sql
) -> None:
    sql("INSERT INTO run (id) VALUES ('half'); INSERT INTO log (run, data) VALUES ('gone', 'x')")

    kinds = sorted((flaw.kind.value, flaw.what) for flaw in kept_in.flaws())
    assert kinds == [
        ("foreign", "has rows of runs that are not there: 1 in table log"),
        ("foreign", "was left by a process that was killed"),
    ]

    assert command(database, "prune", "--older-than", "1d", "--yes")[0] == 0
    assert not list(kept_in.flaws())
    assert [one.name for one in kept_in.runs()] == [run.name]


async def test_a_run_that_is_being_made_is_not_tidied_away(kept_in: Store) -> None:
    with kept_in.create(Epoch(1_772_334_000.0), random.Random(2)) as made:
        assert not list(kept_in.flaws())
        await asyncio.to_thread(kept_in.tidy)
        made.begin(Description(run=made.run_id))

    assert kept_in.find(made.name).is_described


async def test_nothing_is_left_of_a_run_that_was_removed(kept_in: Store, run: KeptRun, sql: Sql) -> None:  # fmt: skip
    with run.lock():
        run.write_report("<p>")
        run.remove()

    tables = ("run", "lease", "chunk", "note", "verdict", "log", "document", "progress")
    assert {sql(f"SELECT count(*) FROM {table}") for table in tables} == {"0"}
    with pytest.raises(BadJournal):
        kept_in.find(run.name)


async def test_who_has_lost_a_run_removes_nothing(run: KeptRun, sql: Sql) -> None:
    with run.lock():
        sql("UPDATE lease SET token = token + 1")
        with pytest.raises(JournalLost, match="another process works on the run now"):
            run.remove()

    assert run.is_described
    assert run.size() > 0


async def test_a_damaged_plan_is_told(kept_in: Store, sql: Sql) -> None:
    sql("INSERT INTO slot VALUES ('nightly', 1, 1, '[]')")

    (flaw,) = kept_in.flaws()

    assert flaw.kind.value == "damaged"
    assert "the plan of nightly is damaged" in flaw.what


async def test_what_was_told_and_is_damaged_is_nothing(kept_in: Store, sql: Sql) -> None:
    sql("INSERT INTO told VALUES ('nightly', '[]')")

    assert kept_in.agenda.read_told("nightly").at == {}
