"""What people did on the page, in any store."""

import os
from pathlib import Path

import msgspec
import pytest

from bulk_publisher.errors import JournalLost
from bulk_publisher.store import Store, open_store
from bulk_publisher.store.audit import Deed
from bulk_publisher.store.files import share_by

DEED = Deed(
    at="2026-11-27T12:00:00.000Z",
    who="anna",
    proof="session",
    role="steer",
    address="127.0.0.1",
    what="POST /runs/1/stop",
    target="run 1",
    outcome="done",
    status=200,
)


def numbered(number: int) -> Deed:
    return msgspec.structs.replace(DEED, target=f"run {number}")


def test_nothing_was_done_in_a_new_store(store: Store) -> None:
    assert list(store.audit.read()) == []


def test_deeds_are_read_in_their_order(store: Store) -> None:
    for number in range(5):
        store.audit.append(numbered(number))

    assert list(store.audit.read()) == [numbered(number) for number in range(5)]


def test_to_check_keeps_nothing(store: Store) -> None:
    store.audit.check()

    assert list(store.audit.read()) == []


def test_the_audit_is_no_flaw(store: Store) -> None:
    store.audit.append(DEED)

    assert list(store.flaws()) == []


def audit_file(folder: Path) -> Path:
    return folder / "runs/serve/web-audit.jsonl"


def test_it_is_its_owners_alone_whatever_others_may_see(tmp_path: Path) -> None:
    share_by(0o000)
    try:
        open_store(tmp_path / "runs").audit.append(DEED)
    finally:
        share_by(0o077)

    assert audit_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_has_cut_is_passed_over_and_the_next_is_whole(tmp_path: Path) -> None:
    audit = open_store(tmp_path / "runs").audit
    audit.append(numbered(1))
    with audit_file(tmp_path).open("ab") as file:
        file.write(b'{"at": "2026')
    audit.append(numbered(2))

    assert list(audit.read()) == [numbered(1), numbered(2)]


@pytest.mark.parametrize("kind", ["link", "pipe", "second name"])
def test_what_was_planted_is_not_written_to(tmp_path: Path, kind: str) -> None:
    file, elsewhere = audit_file(tmp_path), tmp_path / "elsewhere"
    file.parent.mkdir(parents=True)
    elsewhere.write_text("mine")
    match kind:
        case "link":
            file.symlink_to(elsewhere)
        case "pipe":
            os.mkfifo(file)
        case _:
            file.hardlink_to(elsewhere)
    audit = open_store(tmp_path / "runs").audit

    for act in (audit.check, lambda: audit.append(DEED)):
        with pytest.raises(JournalLost):
            act()

    assert elsewhere.read_text() == "mine"
