"""An application is let in: by the portal's page, or with the tokens that it has already."""

import asyncio
import json
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from bulk_publisher.cli import main
from bulk_publisher.errors import BadSetting, PortalUnusable
from bulk_publisher.jobs import Portal, Secret, read_portals
from bulk_publisher.operations.listening import granted_on
from bulk_publisher.operations.login import Application, exchanged, log_in, new_visit, place_of
from bulk_publisher.portal.authorising import NotThisVisit, Visit, portal_origin
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.testing import sandbox_beside
from tests.applications import tokens_in, write_private

ADDRESS = "http://127.0.0.1:8765/done"


def visit_of(sandbox: Sandbox) -> tuple[Visit, Application]:
    app = sandbox.oauth
    visit = new_visit(sandbox.url.removeprefix("http://"), app.client_id)
    return visit, Application(app.client_id, app.client_secret)


def sent_to(sandbox: Sandbox, visit: Visit) -> str:
    """Where a browser is sent from the page of *visit*."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(visit.page).query).items()}
    return sandbox.portal.tokens.authorise(query, ADDRESS, sandbox.now())


def mode_of(path: Path) -> int:
    """Who may do what with it."""
    return path.stat().st_mode & 0o777


def carry_out(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, words, input=stdin)


@pytest.fixture(autouse=True)
def _settings_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("BITRIX24_CLIENT_ID", "BITRIX24_CLIENT_SECRET", "BULK_PUBLISHER_PORTAL"):
        monkeypatch.delenv(name, raising=False)


async def test_a_code_is_exchanged_for_tokens_that_are_kept_under_a_name(tmp_path: Path) -> None:
    async with serve(Scenario(pages=1)) as sandbox:
        visit, application = visit_of(sandbox)
        granted = visit.read(sent_to(sandbox, visit))
        tokens = await exchanged(visit, granted, application, server=None, ca_file=None)
        place = place_of(Portal(name="shop"), os.environ, in_keyring=False, replaces=False)
        done = await log_in(tokens, place, os.environ)

    entry = read_portals(tmp_path / "config" / "bulk-publisher" / "portals.toml").find("shop")
    assert entry.oauth is not None
    kept = Path(entry.oauth.file or "")
    assert [mode_of(path) for path in (kept, kept.parent)] == [0o600, 0o700]
    assert tokens_in(kept).refresh_token == sandbox.oauth.refresh_token
    assert (done.host, done.user, done.has_sites) == (visit.host, 1, True)


async def test_a_code_lives_for_thirty_seconds_and_once() -> None:
    async with serve(Scenario(pages=1)) as sandbox:
        visit, application = visit_of(sandbox)
        late = visit.read(sent_to(sandbox, visit))
        twice = visit.read(sent_to(sandbox, visit))
        await exchanged(visit, twice, application, server=None, ca_file=None)
        with pytest.raises(PortalUnusable) as of_the_second:
            await exchanged(visit, twice, application, server=None, ca_file=None)
        await asyncio.sleep(30.5)
        with pytest.raises(PortalUnusable) as of_the_late:
            await exchanged(visit, late, application, server=None, ca_file=None)

    for caught in (of_the_second, of_the_late):
        assert caught.value.exit_status == 4
        assert "for 30 s" in caught.value.hint


@pytest.mark.parametrize(
    ("told", "error", "words"),
    [
        ("code=c0de&state=another", NotThisVisit, "another login"),
        ("code=c0de", NotThisVisit, "not the address"),
        ("", NotThisVisit, "not the address"),
        ("state={state}", BadSetting, "has not let the application in"),
        ("state={state}&error=access_denied", BadSetting, "access_denied"),
        ("state={state}&code=c0de&domain=evil.example", BadSetting, "another portal"),
        ("state={state}&code=c0de%0A", BadSetting, "can't be one"),
    ],
)
def test_what_comes_back_counts_with_the_state_of_this_visit_alone(told, error, words):
    visit = new_visit("shop.bitrix24.com", "local.1")

    with pytest.raises(error, match=words) as caught:
        visit.read(f"https://app.example/done?{told.format(state=visit.state)}")

    assert "c0de" not in caught.value.message + caught.value.hint


def test_each_visit_has_a_state_of_its_own_and_its_page_no_secret():
    one, other = (new_visit("shop.bitrix24.com", "local.1") for _ in range(2))

    assert one.state != other.state
    assert one.page.startswith(
        "https://shop.bitrix24.com/oauth/authorize/?client_id=local.1&state="
    )


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("shop.bitrix24.com", "https://shop.bitrix24.com"),
        (" https://shop.bitrix24.com/ ", "https://shop.bitrix24.com"),
        ("portal.example:8443", "https://portal.example:8443"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_a_portal_is_called_as_people_call_it(address, origin):
    assert portal_origin(address) == origin


@pytest.mark.parametrize("address", ["", "http://shop.bitrix24.com", "a b", "shop.com/rest/1/x", "https://u:p@x.com"])  # fmt: skip
def test_what_is_no_portal_is_refused(address):
    with pytest.raises(BadSetting, match="not a portal's address"):
        portal_origin(address)


@pytest.mark.real_time
async def test_a_port_of_this_machine_takes_the_visit_with_the_right_state_alone() -> None:
    async with serve(Scenario(pages=1)) as sandbox:
        visit, _ = visit_of(sandbox)
        port = 47_311
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(granted_on(port, visit, seconds=20))
            await asyncio.sleep(0.2)
            wrong = await _get(port, "/?code=stolen&state=guessed")
            junk = await _get(port, "nonsense")
            assert not waiting.done()
            query = urlsplit(sent_to(sandbox, visit)).query
            right = await _get(port, f"/done?{query}")

    assert [one.split()[1] for one in (wrong, junk, right)] == [b"400", b"405", b"200"]
    granted = waiting.result()
    assert granted is not None
    assert granted.code in query


async def _get(port: int, target: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_nobody_waits_at_a_port_for_ever() -> None:
    visit = new_visit("shop.bitrix24.com", "local.1")

    assert await granted_on(47_312, visit, seconds=300) is None


@pytest.mark.real_time
def test_tokens_that_an_application_has_are_tried_and_a_run_uses_them(tmp_path: Path) -> None:
    with sandbox_beside(pages=5, cost=0.01, token_lifetime=3600.0) as sandbox:
        told = {**sandbox.token_file(), "expires": None}
        write_private(tmp_path / "given.json", told)
        done = carry_out("login", "--portal", "shop", "--from-json", str(tmp_path / "given.json"))
        runs = ("--runs", str(tmp_path / "runs"), "--no-report")
        sandbox.expire_token()
        published = carry_out("publish", "--portal", "shop", "--scope", "KNOWLEDGE", *runs)
        verified = carry_out("verify", "latest", *runs[:2])
        piped = carry_out(
            "login", "--portal", "shop", "--from-json", "-", stdin=json.dumps(sandbox.token_file())
        )

    assert (done.exit_code, published.exit_code, verified.exit_code) == (0, 0, 0), done.stderr
    assert piped.exit_code == 0, piped.stderr
    assert len(sandbox.truth.publications) == 5
    secrets = [told["access_token"], told["refresh_token"], told["client_secret"]]
    said = "".join(one.stdout + one.stderr for one in (done, published, verified, piped))
    description = next(tmp_path.glob("runs/*Z-*/run.json")).read_text()
    assert not [one for one in secrets if one in said + description]
    assert '"name": "shop"' in description


@pytest.mark.real_time
def test_a_run_whose_tokens_are_void_ends_with_4_and_says_login(tmp_path: Path) -> None:
    with sandbox_beside(pages=5, token_lifetime=3600.0) as sandbox:
        told = sandbox.token_file() | {"refresh_token": "void-refresh-token"}
        write_private(tmp_path / "tokens.json", told)
        sandbox.expire_token()
        done = carry_out("publish", "--oauth-file", str(tmp_path / "tokens.json"), "--scope", "KNOWLEDGE", "--runs", str(tmp_path / "runs"))  # fmt: skip

    assert done.exit_code == 4
    assert f"bulk-publisher login --oauth-file {tmp_path / 'tokens.json'}" in done.stderr
    assert "void-refresh-token" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Say where to keep the tokens"),
        (("--portal", "shop", "--oauth-file", "x"), "can't be combined"),
        (("--oauth-file", "x", "--keyring"), "Say where to keep the tokens"),
        (
            ("--portal", "shop", "--from-json", "nothere.json"),
            "Error: nothere.json can't be read: there is no such file",
        ),
        (
            ("--portal", "shop", "--from-json", "/dev/null"),
            "Error: /dev/null: these are not an application's tokens",
        ),
        (
            ("--portal", "shop", "--from-json", "-"),
            "Error: <stdin>: these are not an application's tokens",
        ),
        (("--portal", "shop", "--address", "shop.bitrix24.com"), "there is no terminal"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_with_exit_2(words, said):
    done = carry_out("login", *words)

    assert done.exit_code == 2
    assert said in done.stderr


def test_the_secret_of_an_application_is_never_an_argument():
    options = carry_out("login", "--help").output

    assert "--client-secret" not in options
    assert "--client-id" not in options


def test_a_webhooks_portal_keeps_its_webhook_unless_told_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "config" / "bulk-publisher" / "portals.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[shop]\nwebhook = { env = "SHOP" }\nplan = "enterprise"\n')

    with pytest.raises(BadSetting, match="has a webhook already"):
        place_of(Portal(name="shop"), os.environ, in_keyring=False, replaces=False)
    place = place_of(Portal(name="shop"), os.environ, in_keyring=True, replaces=True)

    assert (place.portal.oauth, place.portal.plan) == (Secret(keyring="shop"), "enterprise")
