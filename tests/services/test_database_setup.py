"""What docs/cluster.md says of a database, done: rights, backup, and an upgrade while others are at work."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("psycopg")

from bulk_publisher.errors import BadSetting
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import open_store
from bulk_publisher.store.database_address import parse_address
from bulk_publisher.store.postgres import schema
from bulk_publisher.store.postgres.database import Database
from bulk_publisher.store.postgres.leases import Lease
from bulk_publisher.store.postgres.postgres_store import PostgresStore
from tests.applications import write_private
from tests.postgres_server import PostgresServer, name_in
from tests.processes import lines_of
from tests.store.making import begun, record
from tests.store.making import lines_of as made

pytestmark = [pytest.mark.service, pytest.mark.real_time]

DOCS = Path(__file__).parents[2] / "docs/cluster.md"


def statements() -> list[str]:
    """Those that the docs have for the role of the hosts."""
    (told,) = re.findall(r"^```sql\n(.*?)^```", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    return [one.strip() for one in told.split(";") if one.strip()]


@pytest.fixture
def role(postgres: PostgresServer) -> Iterator[list[str]]:
    """The statements for a role ``publisher``, which is gone afterwards."""
    names: list[str] = []
    yield names
    for name in names:
        postgres.sql("DROP OWNED BY publisher", name=name)
    postgres.sql("DROP ROLE IF EXISTS publisher")


def grant(postgres: PostgresServer, url: str, role: list[str]) -> str:
    """Do what the docs say; gives the URL of the hosts."""
    role.append(name_in(url))
    for statement in statements():
        postgres.sql(statement, name=name_in(url))
    return postgres.url(name_in(url), user="publisher")


async def do(folder: Path, url: str, *words: str, **more: str) -> tuple[int, str]:
    """A command as the hosts' role."""
    process = await start(folder, url, *words, **more)
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def start(folder: Path, url: str, *words: str, **more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bulk_publisher", *words),
        env={**os.environ, "BULK_PUBLISHER_STORE": url, "PYTHONWARNINGS": "", **more},
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def _until_published(url: str) -> None:
    async with asyncio.timeout(60):
        while not [run for run in open_store(url).runs() if run.read_description().ended]:  # noqa: ASYNC110 - it is another process's
            await asyncio.sleep(0.2)


async def test_the_hosts_role_may_do_all_of_a_daemon_s_work_and_no_more(
    postgres: PostgresServer, role: list[str], tmp_path: Path
) -> None:
    url = grant(postgres, postgres.prepared(), role)
    job = '[portal]\nplan = "self-hosted"\n[select]\nscope = "KNOWLEDGE"\n'
    (tmp_path / "job.toml").write_text(job)
    async with serve(Scenario(pages=20, cost=0.0, plan="self-hosted")) as sandbox:
        webhook = {"BITRIX24_WEBHOOK": sandbox.webhook}
        write_private(tmp_path / "tokens.json", sandbox.token_file())
        daemon = await start(tmp_path, url, "serve", "job.toml", **webhook)
        try:
            ended = {("submit",): await do(tmp_path, url, "submit", "job.toml")}
            await _until_published(url)
        finally:
            daemon.terminate()
            said = (await daemon.communicate())[0].decode()
        for words in (
            ("jobs",),
            ("status", "latest"),
            ("verify", "latest"),
            ("report", "latest"),
            ("history",),
            ("store", "key", "new"),
            ("login", "--portal", "shop", "--from-json", "tokens.json"),
            ("doctor", "--portal", "shop"),
            ("store", "export", "latest", "--to", "exported"),
            ("store", "check"),
            ("store", "prune", "--older-than", "1s", "--yes"),
        ):
            ended[words] = await do(tmp_path, url, *words, **webhook)

    assert (daemon.returncode, {words: end for words, end in ended.items() if end[0]}) == (0, {}), said  # fmt: skip
    assert set(sandbox.truth.publications.values()) == {1}
    assert open_store(url).runs() == []
    for statement in (
        "UPDATE bulk_publisher.store SET version = 9",
        "DROP TABLE bulk_publisher.run",
        "CREATE TABLE bulk_publisher.mine ()",
        "ALTER SEQUENCE bulk_publisher.lease_token RESTART",
    ):
        with pytest.raises(AssertionError, match=r"permission denied|must be owner"):
            postgres.run("psql", "-h", str(postgres.folder), "-U", "publisher", "-d", name_in(url), "-v", "ON_ERROR_STOP=1", "-c", statement)  # fmt: skip


async def test_the_hosts_role_may_not_migrate(
    postgres: PostgresServer, role: list[str], tmp_path: Path
) -> None:
    url = grant(postgres, postgres.prepared(), role)
    postgres.sql("UPDATE bulk_publisher.store SET version = 1", name=name_in(url))
    nothing = postgres.url(name_in(postgres.empty()), user="publisher")

    for place in (url, nothing):
        status, said = await do(tmp_path, place, "store", "migrate")

        assert status == 2
        assert "permission denied" in said
        assert "docs/cluster.md has the statements" in " ".join(said.split())
        assert "Traceback" not in said


async def test_a_backup_is_all_of_it(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.prepared()
    store = PostgresStore(parse_address(url), tmp_path)
    run = begun(store)
    await record(run, made(run, 1, 2, 3))
    last = store.parts.leases.take("portal/of-a-test")
    assert isinstance(last, Lease)
    file = postgres.folder / "backup"
    again = postgres.empty()

    postgres.run("pg_dump", "-h", str(postgres.folder), "-U", "postgres", "-Fc", "-n", "bulk_publisher", "-f", str(file), name_in(url))  # fmt: skip
    postgres.run("pg_restore", "-h", str(postgres.folder), "-U", "postgres", "-d", name_in(again), str(file))  # fmt: skip

    restored = PostgresStore(parse_address(again), tmp_path)
    assert [line.page for line in lines_of(restored.find("latest"))] == [1, 2, 3]
    assert not list(restored.flaws())
    taken = restored.parts.leases.take("portal/another")
    assert isinstance(taken, Lease)
    assert taken.token > last.token


async def test_hosts_are_upgraded_one_after_the_other_while_runs_go_on(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: list[str]
) -> None:
    url = postgres.empty()

    def before(patch: pytest.MonkeyPatch) -> None:
        """A program of the first version."""
        patch.setattr(schema, "CURRENT", 1)
        patch.setattr(schema, "VERSIONS", schema.VERSIONS[:1])

    def a_program(place: str) -> PostgresStore:
        return PostgresStore(parse_address(place), tmp_path)

    with monkeypatch.context() as patch:
        before(patch)
        assert schema.migrate(Database(parse_address(url))) == (0, 1)
        hosts = grant(postgres, url, role)
        old = a_program(hosts)
        run = begun(old)
        await record(run, made(run, 1, 2))
    with pytest.raises(BadSetting, match="version 1, and this program needs 2"):
        a_program(hosts).parts  # noqa: B018 - it is asked for
    with run.lock():
        assert schema.migrate(Database(parse_address(url))) == (1, 2)
    new = a_program(hosts)
    with monkeypatch.context() as patch:
        before(patch)
        # The one that was there before works on, and so does one that is started again.
        await record(run, made(run, 3))
        again = a_program(hosts).find(run.run_id)
        await record(again, made(again, 4))
    found = new.find(run.run_id)
    await record(found, made(found, 5))

    assert [line.page for line in lines_of(found)] == [1, 2, 3, 4, 5]
    assert not list(new.flaws())
    # What the new version has brought is the hosts' role's, too.
    assert new.parts.database.rows("SELECT count(*) FROM credential") == [(0,)]
