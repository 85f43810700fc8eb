"""Hosts whose tokens are in the database: one renewal for all, and no lock-out that was not noted, whoever is killed."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("psycopg")

from bulk_publisher.portal.tokens import TokenSet, decode_tokens
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import shared_state
from bulk_publisher.store.cluster_key import VARIABLE
from tests.applications import write_private
from tests.postgres_server import PostgresServer, name_in

pytestmark = [pytest.mark.crash, pytest.mark.service, pytest.mark.real_time]

PORTAL = Scenario(pages=4, plan="self-hosted", token_latency=1.0, token_lifetime=3600.0)


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str]:
    """Its exit status and its words."""
    words, _ = await process.communicate()
    return process.returncode or 0, words.decode()


class Host:
    """Commands of one host: its settings are its own, the key is a copy."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.environment = {
            **os.environ,
            "BULK_PUBLISHER_STORE": url,
            "BULK_PUBLISHER_REPORT": "0",
            "PYTHONWARNINGS": "",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
        }

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bulk_publisher", *words),
            env=self.environment,
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def do(self, *words: str) -> tuple[int, str]:
        return await ended(await self.start(*words))


async def two_hosts(sandbox: Sandbox, url: str, folder: Path) -> tuple[Host, Host]:
    """The first has logged in; the other has a copy of its key."""
    one, other = (Host(folder / name, url) for name in ("one", "other"))
    write_private(folder / "tokens.json", sandbox.token_file())
    status, said = await one.do("store", "key", "new")
    assert status == 0, said
    status, said = await one.do("login", "--portal", "shop", "--from-json", str(folder / "tokens.json"))  # fmt: skip
    assert status == 0, said
    assert "the tokens 'shop'" in said or 'the tokens "shop"' in said
    where = folder / "other/config/bulk-publisher"
    where.mkdir(parents=True)
    for name in ("cluster.key", "portals.toml"):
        copied = (folder / "one/config/bulk-publisher" / name).read_bytes()
        (where / name).write_bytes(copied)
        (where / name).chmod(0o600)
    assert 'oauth = { store = "shop" }' in (where / "portals.toml").read_text()
    return one, other


def kept(url: str, host: Host) -> TokenSet:
    """What the database has."""
    key = Path(host.environment["XDG_CONFIG_HOME"]) / "bulk-publisher/cluster.key"
    return decode_tokens(shared_state(url, {}).tokens("shop", {VARIABLE: str(key)}).read())


async def until_asked(sandbox: Sandbox) -> None:
    """The server has granted new tokens; its answer comes a second later."""
    async with asyncio.timeout(30):
        while not sandbox.truth.refreshes:  # noqa: ASYNC110 - it is the sandbox's own count, and has no event
            await asyncio.sleep(0.02)


async def test_two_hosts_renew_once_between_them(database: str, tmp_path: Path) -> None:
    async with serve(PORTAL) as sandbox:
        hosts = await two_hosts(sandbox, database, tmp_path)
        sandbox.expire_token()

        both = [await host.start("doctor", "--portal", "shop") for host in hosts]
        ends = [await ended(process) for process in both]

    assert [status for status, _ in ends] == [0, 0], ends
    assert sandbox.truth.refreshes == 1
    assert sandbox.truth.errors["invalid_grant"] == 0
    tokens = kept(database, hosts[0])
    assert tokens.refresh_token == sandbox.oauth.refresh_token
    assert tokens.asked_at is None


async def test_a_run_on_a_named_portal_uses_them(database: str, tmp_path: Path) -> None:
    job = '[portal]\noauth = { store = "shop" }\n[select]\nscope = "KNOWLEDGE"\n'
    async with serve(PORTAL) as sandbox:
        _, other = await two_hosts(sandbox, database, tmp_path)
        (other.folder / "job.toml").write_text(job)
        sandbox.expire_token()

        status, said = await other.do("run", "job.toml")

    assert status == 0, said
    assert sandbox.truth.refreshes == 1
    assert set(sandbox.truth.publications.values()) == {1}


async def test_a_kill_while_it_asks_is_told_by_the_other_host(
    database: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    async with serve(PORTAL) as sandbox:
        one, other = await two_hosts(sandbox, database, tmp_path)
        sandbox.expire_token()
        process = await one.start("doctor", "--portal", "shop")
        await until_asked(sandbox)

        process.send_signal(signal.SIGKILL)
        await ended(process)
        assert kept(database, one).asked_at is not None
        is_locked_out = kept(database, one).refresh_token != sandbox.oauth.refresh_token
        status, said = await other.do("doctor", "--portal", "shop")
        words = " ".join(said.split())
        write_private(tmp_path / "tokens.json", sandbox.token_file())
        again, told = await other.do("login", "--portal", "shop", "--from-json", str(tmp_path / "tokens.json"))  # fmt: skip
        after, _ = await one.do("doctor", "--portal", "shop")

    assert is_locked_out
    assert status == 4, said
    assert "cut off between asking" in words
    assert "publisher login --portal shop" in words
    assert (again, after) == (0, 0), told
    dump = postgres.run("pg_dump", "-h", str(postgres.folder), "-U", "postgres", "--inserts", name_in(database))  # fmt: skip
    for secret in (sandbox.oauth.access_token, sandbox.oauth.refresh_token, sandbox.oauth.client_secret):  # fmt: skip
        assert secret not in dump
        assert secret.encode().hex() not in dump


async def test_a_host_that_was_stopped_while_it_asked_keeps_what_it_was_given(
    database: str, tmp_path: Path
) -> None:
    async with serve(PORTAL) as sandbox:
        one, other = await two_hosts(sandbox, database, tmp_path)
        sandbox.expire_token()
        process = await one.start("doctor", "--portal", "shop")
        await until_asked(sandbox)
        process.send_signal(signal.SIGSTOP)

        # It takes the lease over, and is refused: only the stopped one has the new tokens.
        status, said = await other.do("doctor", "--portal", "shop")
        process.send_signal(signal.SIGCONT)
        first, told = await ended(process)
        after, _ = await other.do("doctor", "--portal", "shop")

    assert status == 4, said
    assert "cut off between asking" in " ".join(said.split())
    assert (first, after) == (0, 0), told
    assert sandbox.truth.refreshes == 1


@pytest.mark.parametrize("has_one", [False, True])
async def test_a_host_without_the_key_says_so_in_a_line(
    database: str, tmp_path: Path, *, has_one: bool
) -> None:
    async with serve(PORTAL) as sandbox:
        _, other = await two_hosts(sandbox, database, tmp_path)
        (tmp_path / "other/config/bulk-publisher/cluster.key").unlink()
        if has_one:
            await other.do("store", "key", "new")

        status, said = await other.do("doctor", "--portal", "shop")

    assert status == 2
    expected = "this host has the key" if has_one else "this host has no key"
    assert expected in " ".join(said.split())
    assert "Traceback" not in said
    assert json.dumps(sandbox.oauth.access_token) not in said
