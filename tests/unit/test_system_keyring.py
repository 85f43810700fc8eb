"""Secrets in the system's keyring are found again; a keyring that hides nothing is refused."""

import sys
from collections.abc import Iterator

import pytest
from keyring.backends import chainer, fail, null

from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Secret
from bulk_publisher.operations.secrets import read_webhook
from bulk_publisher.store.system_keyring import (
    is_in_keyring,
    read_from_keyring,
    remove_from_keyring,
    write_to_keyring,
)
from tests.keyrings import KeptKeyring, LockedKeyring, Nothing, PlaintextThing, used

URL = "https://shop.bitrix24.com/rest/1/0123456789abcdef/"


@pytest.fixture
def kept() -> Iterator[KeptKeyring]:
    backend = KeptKeyring()
    with used(backend):
        yield backend


def test_a_secret_is_found_again_and_removed_once(kept: KeptKeyring) -> None:
    write_to_keyring("shop", "one")
    write_to_keyring("shop", "two")

    assert read_from_keyring("shop") == "two"
    assert kept.entries == {"bulk-publisher/shop": "two"}
    assert is_in_keyring("shop")
    assert [remove_from_keyring("shop"), remove_from_keyring("shop")] == [True, False]
    assert not is_in_keyring("shop")


def test_a_secret_that_is_not_there_is_a_line(kept: KeptKeyring) -> None:
    with pytest.raises(BadSetting, match="no secret named 'shop'") as caught:
        read_from_keyring("shop")

    assert "keyring set bulk-publisher" in caught.value.hint


@pytest.mark.parametrize(
    "backend",
    [fail.Keyring(), null.Keyring(), PlaintextThing(), Nothing()],
    ids=["none", "null", "plain text", "without priority"],
)
def test_a_keyring_that_keeps_no_secret_is_refused_with_other_ways(backend) -> None:
    with used(backend), pytest.raises(BadSetting, match="no system keyring") as caught:
        write_to_keyring("shop", "secret-of-mine")

    assert "{ file = … }" in caught.value.hint
    assert "{ env = … }" in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    assert "secret-of-mine" not in caught.value.message


def test_of_several_keyrings_the_first_that_hides_is_used(monkeypatch) -> None:
    good, plain = KeptKeyring(), PlaintextThing()
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [plain, good])

    with used(chainer.ChainerBackend()):
        write_to_keyring("shop", "one")

    assert (good.entries, plain.entries) == ({"bulk-publisher/shop": "one"}, {})


def test_what_a_locked_keyring_says_is_not_repeated() -> None:
    with used(LockedKeyring()):
        with pytest.raises(BadSetting, match=r"'shop' can't be read .* \(KeyringLocked\)") as read:
            read_from_keyring("shop")
        with pytest.raises(BadSetting, match="'shop' can't be written") as written:
            write_to_keyring("shop", "secret-of-mine")

    for caught in (read, written):
        told = f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"
        assert "leak" not in told
        assert "secret-of-mine" not in told


def test_without_the_extra_it_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(BadSetting, match="needs keyring") as caught:
        read_from_keyring("shop")

    assert "pip install 'bulk-publisher[keyring]'" in caught.value.hint


def test_a_webhook_from_the_keyring_is_redacted_as_any(kept: KeptKeyring) -> None:
    write_to_keyring("shop", f" {URL}\n")

    webhook = read_webhook(Secret(keyring="shop"), {})

    assert webhook.host == "shop.bitrix24.com"
    assert "0123456789abcdef" not in webhook.redactor.text(f"was {URL}")


def test_what_is_no_webhook_is_not_repeated(kept: KeptKeyring) -> None:
    write_to_keyring("shop", "0123456789abcdef")

    with pytest.raises(BadSetting, match="system keyring: The webhook URL is not") as caught:
        read_webhook(Secret(keyring="shop"), {})

    assert "0123456789abcdef" not in caught.value.message + caught.value.hint
