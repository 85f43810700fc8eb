"""Portals have names: they are added once, checked, used everywhere, and leave no secret behind."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bulk_publisher.portal.credentials import Webhook
from tests.contract.conftest import sandboxes

FAST = ("--cost", "0.005", "--latency", "0", "--pages", "20")
KEPT = {"PYTHON_KEYRING_BACKEND": "tests.keyrings.KeptKeyring", "PYTHONPATH": os.fspath(Path(__file__).parents[2])}  # fmt: skip

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def config() -> Path:
    """Where portals and secrets are kept by default."""
    return Path(os.environ["XDG_CONFIG_HOME"]) / "bulk-publisher"


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the keyring of the commands keeps."""
    for name, value in {**KEPT, "TEST_KEYRING": str(tmp_path / "ring.json")}.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "ring.json"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    """The webhook of a portal that all of these tests share: they publish, or look."""
    with sandboxes() as start:
        yield start(*FAST)


@pytest.fixture
def webhook(sandbox: str, tmp_path: Path) -> str:
    """Of a sandbox; the file ``url`` holds it, too."""
    (tmp_path / "url").write_text(sandbox)
    (tmp_path / "url").chmod(0o600)
    return sandbox


def code_of(webhook: str) -> str:
    return Webhook(webhook).secret


def test_a_portal_is_added_used_and_removed(
    command: Command, webhook: str, config: Path, tmp_path: Path
) -> None:
    added = command("portals", "add", "shop", "--webhook-file", "url")
    listed = command("portals", "list")
    looked = command("portals", "check", "sh*")
    done = command("publish", "--portal", "shop", "--scope", "KNOWLEDGE")
    verified = command("verify", "latest")
    removed = command("portals", "remove", "shop", "--yes")

    host, code = Webhook(webhook).host, code_of(webhook)
    assert [one.returncode for one in (added, listed, looked, done, verified, removed)] == [0] * 6, added.stderr  # fmt: skip
    assert f"shop is {host}, user 1, 1 site." in added.stdout
    assert listed.stdout.split() == ["shop", "webhook", "in", str(config / "credentials/shop")]
    assert f"ok  shop  {host}" in looked.stdout
    assert f" on shop ({host})" in done.stderr
    assert "All 20 pages match" in verified.stdout
    assert not (config / "credentials/shop").exists()
    assert (config / "portals.toml").read_text() == ""
    kept = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "url"]
    assert kept
    assert not [file for file in kept if code.encode() in file.read_bytes()]
    assert code not in "".join(one.stdout + one.stderr for one in (added, listed, looked, done))


def test_the_keyring_keeps_it_where_that_is_asked(
    command: Command, webhook: str, config: Path, ring: Path
) -> None:
    added = command("portals", "add", "shop", "--webhook-file", "url", "--keyring")
    in_ring = json.loads(ring.read_text())
    done = command("publish", "--webhook-keyring", "shop", "--page", "1", "--scope", "KNOWLEDGE")
    removed = command("portals", "remove", "shop", "--yes")

    assert in_ring == {"bulk-publisher/shop": webhook}, added.stderr
    assert not (config / "credentials").exists()
    assert done.returncode == 0, done.stderr
    assert removed.returncode == 0, removed.stderr
    assert json.loads(ring.read_text()) == {}


def test_the_url_is_asked_for_and_not_shown(at_terminal, webhook: str, config: Path) -> None:
    status, screen = at_terminal("portals", "add", "shop", keys=f"{webhook}\n")

    assert status == 0, screen
    assert "Webhook URL of shop (not shown): " in screen
    assert code_of(webhook) not in screen
    assert (config / "credentials/shop").read_text() == webhook + "\n"


def test_ctrl_c_leaves_a_question_whose_line_is_ended(at_terminal, command: Command, webhook: str) -> None:  # fmt: skip
    command("portals", "add", "shop", "--webhook-file", "url")

    unseen_status, unseen = at_terminal("portals", "add", "wiki", keys="\x03")
    status, screen = at_terminal("portals", "remove", "shop", keys="\x03")

    assert unseen_status == status == 130
    assert unseen.endswith("(not shown): \n")
    assert screen.endswith("[y/N]: ^C\n")


def test_a_file_that_others_may_read_is_named(command: Command, webhook: str, tmp_path: Path) -> None:  # fmt: skip
    (tmp_path / "url").chmod(0o644)

    added = command("portals", "add", "shop", "--webhook-file", "url")

    kept = Path(os.environ["XDG_CONFIG_HOME"]) / "bulk-publisher" / "credentials" / "shop"
    kept.chmod(0o644)
    checked = command("portals", "check", "shop")

    assert added.returncode == checked.returncode == 0
    assert "Protect it with: chmod 600 url" in added.stderr
    assert f"Protect it with: chmod 600 {kept}" in checked.stderr


def test_a_secret_that_is_gone_is_not_said_to_be_left(command: Command, webhook: str, config: Path) -> None:  # fmt: skip
    command("portals", "add", "shop", "--webhook-file", "url")
    (config / "credentials/shop").unlink()

    done = command("portals", "remove", "shop", "--yes")

    assert done.returncode == 0
    assert "gone already" in done.stderr
    assert "was left" not in done.stderr


def test_checking_without_a_portal_is_a_line(command: Command) -> None:
    done = command("portals", "check")

    assert done.returncode == 2
    assert "portals.toml yet." in done.stderr
    assert "'*'" not in done.stderr


def test_nobody_to_ask_is_a_line(command: Command) -> None:
    done = command("portals", "add", "shop")

    assert done.returncode == 2
    assert "no terminal to ask on" in done.stderr
    assert "--webhook-file" in done.stderr


def test_a_webhook_that_does_not_work_is_not_kept(
    command: Command, webhook: str, tmp_path: Path, config: Path
) -> None:
    wrong = webhook.replace(code_of(webhook), "wrongwrongwrongw")
    (tmp_path / "url").write_text(wrong)

    done = command("portals", "add", "shop", "--webhook-file", "url")

    assert done.returncode == 4
    assert "nothing was kept" in done.stderr
    assert "Invalid request credentials. The webhook is wrong" in done.stderr
    assert "wrongwrong" not in done.stderr
    assert not (config / "credentials/shop").exists()
    assert "shop" not in command("portals", "list").stdout


def test_removing_asks(command: Command, webhook: str, at_terminal) -> None:
    command("portals", "add", "shop", "--webhook-file", "url")

    unasked = command("portals", "remove", "shop")
    status, screen = at_terminal("portals", "remove", "shop", keys="n\n")

    assert unasked.returncode == 2
    assert status == 2, screen
    assert "shop" in command("portals", "list").stdout


def test_one_portal_that_cannot_be_used_is_a_4(
    command: Command, webhook: str, tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text(
        '[shop]\nwebhook = { file = "url" }\n'
        '[gone]\nwebhook = { env = "NOT_SET_ANYWHERE" }\n[app]\noauth = { file = "x" }\n'
    )

    all_of_them = command("portals", "check", "--portals", "p.toml")
    one = command("portals", "check", "shop", "--portals", "p.toml", "--json")
    none = command("portals", "check", "x*", "--portals", "p.toml")

    assert all_of_them.returncode == 4
    assert all_of_them.stdout.startswith("ok  shop  ")
    assert "NO  gone  The environment variable NOT_SET_ANYWHERE is not set" in all_of_them.stdout
    assert one.returncode == 0, one.stderr
    assert [(look["name"], look["is_usable"]) for look in json.loads(one.stdout)] == [("shop", True)]  # fmt: skip
    assert none.returncode == 2
    assert "is called 'x*': there is shop, gone, app" in none.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("publish", "--scope", "KNOWLEDGE"),
        ("plan", "--scope", "KNOWLEDGE"),
        ("unpublish", "--scope", "KNOWLEDGE", "--dry-run"),
        ("doctor",),
    ],
    ids=lambda words: words[0],
)
def test_every_command_takes_a_name_or_says_that_it_is_unknown(
    command: Command, webhook: str, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "p.toml").write_text('[shop]\nwebhook = { file = "url" }\n')
    there = ("--portals", "p.toml")

    good = command(*words, "--portal", "shop", *there)
    bad = command(*words, "--portal", "shopp", *there)
    both = command(*words, "--portal", "shop", *there, "--webhook-file", "url")
    alone = command(*words, *there)

    assert good.returncode == 0, good.stderr
    assert (bad.returncode, both.returncode, alone.returncode) == (2, 2, 2)
    assert "There is no portal 'shopp' in p.toml: did you mean shop?" in bad.stderr
    assert "--portal and --webhook-file can't be combined" in both.stderr
    assert "--portals needs --portal NAME" in alone.stderr


def test_a_run_goes_on_by_its_name(command: Command, webhook: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[shop]\nwebhook = { file = "url" }\n[wiki]\nwebhook = { file = "url" }\n')  # fmt: skip
    (tmp_path / "job.toml").write_text(
        'name = "nightly"\n[portal]\nname = "shop"\nnamed_in = "p.toml"\n[select]\npage = ["1-3", 999]\nscope = "KNOWLEDGE"\n'
    )

    done = command("run", "job.toml")
    elsewhere = command("run", "job.toml", "--portal", "wiki", "--portals", "p.toml")
    retried = command("retry", "latest", "--runs", str(tmp_path / "runs"))
    status = command("status")
    report = command("report", "latest", "--json")

    assert done.returncode == 1, done.stderr
    assert " on shop (" in done.stderr
    assert " on wiki (" in elsewhere.stderr
    assert " on wiki (" in retried.stderr
    assert "\nshop:\n" in status.stdout
    assert json.loads(report.stdout)["portal_name"] == "wiki"
    kept = json.loads(next((tmp_path / "runs").iterdir()).joinpath("run.json").read_text())
    assert kept["job"]["portal"]["webhook"] is None


def test_the_environment_names_a_portal_where_nothing_else_does(
    command: Command, webhook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.toml").write_text('[shop]\nwebhook = { file = "url" }\n')
    (tmp_path / "env.toml").write_text('[select]\npage = 1\nscope = "KNOWLEDGE"\n')
    monkeypatch.setattr("tests.contract.conftest.environment", lambda _: dict(os.environ))
    monkeypatch.setenv("BULK_PUBLISHER_PORTALS", "p.toml")
    monkeypatch.setenv("BULK_PUBLISHER_PORTAL", "shop")
    monkeypatch.setenv("BITRIX24_WEBHOOK", "https://nobody.bitrix24.com/rest/1/nobodynobody1/")

    named = command("run", "env.toml", "--no-report")
    by_file = command("publish", "--page", "1", "--scope", "KNOWLEDGE", "--webhook-file", "url", "--no-report")  # fmt: skip

    assert " on shop (" in named.stderr
    assert by_file.returncode == 0, by_file.stderr
    assert "shop" not in by_file.stderr
