"""Tokens in the system's keyring are renewed there as they are in a file."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from bulk_publisher.client.oauth import OAuth
from bulk_publisher.errors import BadJobFile, BadSetting
from bulk_publisher.jobs import Portal, Secret, read_job
from bulk_publisher.operations.login import Application, log_in, place_of, tokens_from
from bulk_publisher.operations.secrets import read_credential
from bulk_publisher.portal.tokens import decode_tokens
from bulk_publisher.portal.wire import Answer
from bulk_publisher.sandbox import Scenario, serve
from tests.applications import client_of
from tests.keyrings import KeptKeyring, LockedKeyring, used


@pytest.fixture(autouse=True)
def _settings_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


async def test_tokens_in_the_keyring_are_renewed_once_and_kept_there(tmp_path: Path) -> None:
    backend = KeptKeyring()
    with used(backend):
        async with serve(Scenario(pages=1, plan="self-hosted", token_latency=1.0)) as sandbox:
            data = json.dumps(sandbox.token_file()).encode()
            tokens = await tokens_from(data, Application("", ""), where="tokens.json")
            place = place_of(Portal(name="shop"), os.environ, in_keyring=True, replaces=False)
            await log_in(tokens, place, os.environ)
            sandbox.expire_token()
            both = [read_credential(place.portal, os.environ) for _ in range(2)]
            answers = await asyncio.gather(*(_ask(one) for one in both))

    assert [type(answer) for answer in answers] == [Answer, Answer]
    assert sandbox.truth.refreshes == 1
    kept = decode_tokens(backend.entries["bulk-publisher/shop"].encode())
    assert kept.refresh_token == sandbox.oauth.refresh_token
    entry = (tmp_path / "bulk-publisher" / "portals.toml").read_text()
    assert entry == '[shop]\noauth = { keyring = "shop" }\n'


async def _ask(credential: object) -> object:
    assert isinstance(credential, OAuth)
    async with client_of(credential) as client:
        return await client.call("scope", {})


def test_a_keyring_that_is_locked_is_said_without_its_words() -> None:
    with used(LockedKeyring()), pytest.raises(BadSetting, match="can't be read") as caught:
        read_credential(Portal(oauth=Secret(keyring="shop")), os.environ)

    assert "leak" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        ('{ file = "tokens.json" }', "file"),
        ('{ keyring = "shop" }', "keyring"),
        ('{ store = "shop" }', "store"),
    ],
)
def test_a_job_names_the_tokens_of_an_application(tmp_path: Path, written: str, secret: str):
    file = tmp_path / "job.toml"
    file.write_text(f'[portal]\noauth = {written}\n[select]\nscope = "KNOWLEDGE"\n')

    oauth = read_job(file).portal.oauth

    expected = {
        "file": Secret(file=str(tmp_path / "tokens.json")),
        "keyring": Secret(keyring="shop"),
        "store": Secret(store="shop"),
    }
    assert oauth == expected[secret]


@pytest.mark.parametrize("written", ['{ env = "TOKENS" }', '"access-token"', '{ file = "a", keyring = "b" }'])  # fmt: skip
def test_tokens_are_named_where_they_can_be_changed(tmp_path: Path, written: str):
    file = tmp_path / "job.toml"
    file.write_text(f'[portal]\noauth = {written}\n[select]\nscope = "KNOWLEDGE"\n')

    with pytest.raises(BadJobFile, match=r"job.toml:2: oauth: .*kept where they can be changed"):  # fmt: skip
        read_job(file)
