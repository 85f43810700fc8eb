"""Tokens in the database: one renewal for all hosts, no token and no key in it, and a stopped host does no harm."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bulk_publisher.errors import BadSetting
from bulk_publisher.store import shared_state
from bulk_publisher.store.cluster_key import VARIABLE, make_key
from bulk_publisher.store.database_address import parse_address
from bulk_publisher.store.token_keeping import TokenKeeping
from tests.postgres_server import PostgresServer, name_in

pytest.importorskip("psycopg")

from bulk_publisher.store.postgres.leases import Lease
from bulk_publisher.store.postgres.postgres_store import PostgresStore

pytestmark = pytest.mark.service


def another_store(url: str) -> PostgresStore:
    """As another process has it."""
    return PostgresStore(parse_address(url), Path("/nowhere"))


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of this host's key."""
    file = tmp_path / "cluster.key"
    monkeypatch.setenv(VARIABLE, str(file))
    make_key(os.environ, in_keyring=False)
    return file


@pytest.fixture
def host(database: str, key: Path) -> Callable[[], TokenKeeping]:
    """The tokens ``shop``, as each host has them, with connections of its own."""
    return lambda: another_store(database).state.tokens("shop", os.environ)


def keep(tokens: TokenKeeping, content: bytes) -> None:
    """As a login does."""
    lock = tokens.try_lock()
    assert lock is not None
    with lock:
        tokens.write(content)


def test_a_dump_holds_neither_tokens_nor_the_key(
    postgres: PostgresServer, database: str, key: Path, host: Callable[[], TokenKeeping]
) -> None:
    keep(host(), b"access s3cretT0ken refresh 0therT0ken")

    dump = postgres.run("pg_dump", "-h", str(postgres.folder), "-U", "postgres", "--inserts", name_in(database))  # fmt: skip

    assert host().read() == b"access s3cretT0ken refresh 0therT0ken"
    assert "credential" in dump
    told = [b"s3cretT0ken", b"0therT0ken", key.read_bytes().split(b":")[1].strip()]
    for secret in told:
        assert secret.decode() not in dump
        assert secret.hex() not in dump
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_lock_is_one_host_s_and_its_end_is_seen_by_others(
    host: Callable[[], TokenKeeping],
) -> None:
    one, other = host(), host()
    keep(one, b"first")
    lock = one.try_lock()

    assert lock is not None
    assert lock.is_ours
    assert other.try_lock() is None
    lock.close()
    assert not lock.is_ours
    again = other.try_lock()
    assert again is not None
    again.close()


def test_new_tokens_are_kept_by_whoever_was_given_them_if_nobody_has_others(
    host: Callable[[], TokenKeeping],
) -> None:
    stopped, other = host(), host()
    keep(stopped, b"first")
    stopped.read()
    lock = stopped.try_lock()
    assert lock is not None
    with stopped.room(100) as room:
        lock.close()
        # Somebody takes over, is refused, and notes that.
        other.read()
        taken = other.try_lock()
        assert taken is not None
        with taken:
            other.note(b"first, asked")
        room.fill(b"second")

    assert other.read() == b"second"


def test_tokens_that_a_login_has_kept_meanwhile_stay(host: Callable[[], TokenKeeping]) -> None:
    late, person = host(), host()
    keep(late, b"first")
    late.read()
    lock = late.try_lock()
    assert lock is not None
    with lock, late.room(100) as room:
        person.write(b"of a login")

        with pytest.raises(OSError, match="others were kept there meanwhile"):
            room.fill(b"second")
        with pytest.raises(OSError, match="another process renews them now"):
            late.note(b"first, asked")

    assert host().read() == b"of a login"


def test_who_has_lost_the_lock_notes_nothing(host: Callable[[], TokenKeeping]) -> None:
    late, other = host(), host()
    keep(late, b"first")
    late.read()
    lock = late.try_lock()
    assert lock is not None
    lock.close()
    taken = other.try_lock()
    assert taken is not None

    with taken, pytest.raises(OSError, match="another process renews them now"):
        late.note(b"first, asked")

    assert not lock.is_ours
    assert other.read() == b"first"


def test_a_host_that_stands_still_has_no_lock_soon_after(
    database: str, host: Callable[[], TokenKeeping]
) -> None:
    store = another_store(database)
    tokens = store.state.tokens("shop", os.environ)
    keep(tokens, b"first")
    lock = tokens.try_lock()
    assert lock is not None
    silent = store.parts.leases.times.silent_after

    # As a process that was stopped: nothing of it renews anything.
    store.parts.leases._keeper.no_more("renew")
    time.sleep(silent + 0.1)

    assert not lock.is_ours


def test_another_key_is_a_line_with_both_ids(
    host: Callable[[], TokenKeeping], key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(host(), b"tokens")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other.key"))
    other = make_key(os.environ, in_keyring=False)

    with pytest.raises(BadSetting) as caught:
        host().read()

    assert f"this host has the key {other.id}" in caught.value.message
    assert "Copy the key" in caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (None, 0o600, "there is no such file"),
        (b"", 0o600, "that is no key"),
        (b"bulk-publisher-cluster-key:c2hvcnQ=\n", 0o600, "that is no key"),
        (b"\xff\xfe", 0o600, "that is no key"),
        (b"bulk-publisher-cluster-key:" + b"A" * 43 + b"=\n", 0o644, "may read or change the key"),
    ],
)
def test_a_key_that_is_none_is_a_line(
    host: Callable[[], TokenKeeping],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
    mode: int,
    said: str,
) -> None:
    keep(host(), b"tokens")
    file = tmp_path / "bad.key"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    monkeypatch.setenv(VARIABLE, str(file))

    with pytest.raises(BadSetting, match=said):
        host().read()


def test_tokens_under_another_name_are_refused(
    postgres: PostgresServer, database: str, host: Callable[[], TokenKeeping]
) -> None:
    keep(host(), b"tokens")
    postgres.sql("UPDATE bulk_publisher.credential SET name = 'stall'", name=name_in(database))

    with pytest.raises(BadSetting, match="belong to another name"):
        another_store(database).state.tokens("stall", os.environ).read()
    with pytest.raises(BadSetting, match="there are none"):
        host().read()


def test_a_key_is_never_replaced(key: Path) -> None:
    before = key.read_bytes()

    with pytest.raises(BadSetting, match="there is a key already"):
        make_key(os.environ, in_keyring=False)

    assert key.read_bytes() == before


def test_a_machine_without_a_database_keeps_no_tokens_in_one() -> None:
    with pytest.raises(BadSetting, match="kept in a database, and none is named"):
        shared_state("runs", os.environ).tokens("shop", os.environ)


def test_tokens_of_leases_grow_for_ever(database: str) -> None:
    store = another_store(database)
    leases = store.parts.leases
    seen: list[int] = []
    for _ in range(3):
        lease = leases.take("run/again")
        assert isinstance(lease, Lease)
        seen.append(lease.token)
        leases.give_back(lease)
        store.parts.database.once("DELETE FROM lease WHERE key = 'run/again'")

    assert seen == sorted(set(seen))
