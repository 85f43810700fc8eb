"""An application's tokens: renewed once for all, kept before they are used, never lost unnoticed."""

import asyncio
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bulk_publisher.client.oauth import OAuth
from bulk_publisher.errors import BadSetting, PortalUnusable
from bulk_publisher.jobs import Pace
from bulk_publisher.model import Fault, FaultClass, Status
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.portal import faults
from bulk_publisher.portal.wire import Answer
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store.secret_file import SecretFile, SecretLock
from tests.applications import application, client_of, keep_tokens, tokens_in
from tests.oracle import Seen, assert_journal_tells_the_truth, contents, journal_of, run_job
from tests.resumption import resume

EXPIRED = "expired_token"


def portal_of(**settings: Any) -> Scenario:
    """A portal that takes as many requests as come."""
    return Scenario(plan="self-hosted", **settings)


def events_of(finished: Finished) -> set[str]:
    """What the run's log tells of."""
    lines = Path(finished.kept.names.log).read_text().splitlines()
    return {json.loads(line)["event"] for line in lines}


async def asked_at_once(credential: OAuth, times: int) -> list[Any]:
    async with client_of(credential) as client:
        return await asyncio.gather(*(client.call("scope", {}) for _ in range(times)))


async def test_hours_of_tokens_that_last_a_minute_cost_no_page_and_no_attempt(
    tmp_path: Path,
) -> None:
    async with serve(Scenario(pages=3_000, cost=2.5, token_lifetime=60.0)) as sandbox:
        credential, seen = application(sandbox, tmp_path), Seen()
        finished = await run_job(sandbox, tmp_path, watch=seen, credential=credential)

    lines = journal_of(finished)
    assert finished.ending.seconds > 2 * 3600
    assert sandbox.truth.refreshes > 30
    assert {line.attempts for line in lines} == {1}
    assert Counter(line.status for line in lines) == {Status.PUBLISHED: 3_000}
    assert set(sandbox.truth.publications.values()) == {1}
    assert not seen.lost
    assert not seen.refused
    assert_journal_tells_the_truth(lines, sandbox)
    assert tokens_in(tmp_path / "tokens.json").refresh_token == sandbox.oauth.refresh_token


async def test_fifty_rejections_at_once_are_one_renewal(tmp_path: Path) -> None:
    async with serve(portal_of(pages=1, token_latency=1.0)) as sandbox:
        credential = application(sandbox, tmp_path)
        sandbox.expire_token()
        answers = await asked_at_once(credential, 50)

    assert {type(answer) for answer in answers} == {Answer}
    assert sandbox.truth.refreshes == 1
    assert sandbox.truth.errors == {EXPIRED: 50}


async def test_two_who_keep_one_file_renew_once_between_them(tmp_path: Path) -> None:
    async with serve(portal_of(pages=1, token_latency=1.0)) as sandbox:
        one = application(sandbox, tmp_path)
        other = OAuth.from_file(tmp_path / "tokens.json")
        sandbox.expire_token()
        answers = await asyncio.gather(asked_at_once(one, 10), asked_at_once(other, 10))

    assert {type(answer) for both in answers for answer in both} == {Answer}
    assert sandbox.truth.refreshes == 1


async def test_a_token_that_is_not_known_is_not_renewed(tmp_path: Path) -> None:
    async with serve(portal_of(pages=1)) as sandbox:
        credential = application(sandbox, tmp_path, access_token="nobody-knows-this-one")
        (fault,) = await asked_at_once(credential, 1)

    assert (fault.kind, fault.code) == (FaultClass.CREDENTIAL, "invalid_token")
    assert "bulk-publisher login" in fault.hint
    assert sandbox.truth.refreshes == 0


async def test_a_token_that_another_process_has_renewed_is_taken_from_the_file(
    tmp_path: Path,
) -> None:
    async with serve(portal_of(pages=1)) as sandbox:
        stale = application(sandbox, tmp_path, access_token="nobody-knows-this-one")
        keep_tokens(sandbox, tmp_path / "tokens.json")
        (answer,) = await asked_at_once(stale, 1)

    assert isinstance(answer, Answer)
    assert sandbox.truth.refreshes == 0


async def test_the_new_tokens_are_on_disk_before_a_request_has_them(tmp_path: Path) -> None:
    kept: list[bool] = []

    class Watching(OAuth):
        async def admit(self, method: str) -> Any:
            admitted = await super().admit(method)
            token = tokens_in(tmp_path / "tokens.json").access_token
            kept.append(admitted.fields["auth"] == token)
            return admitted

    async with serve(portal_of(pages=1)) as sandbox:
        credential = Watching.from_file(keep_tokens(sandbox, tmp_path / "tokens.json"))
        sandbox.expire_token()
        await asked_at_once(credential, 3)

    assert kept == [True] * 6


async def test_what_limits_go_by_survives_each_renewal(tmp_path: Path) -> None:
    async with serve(portal_of(pages=1)) as sandbox:
        credential = application(sandbox, tmp_path)
        before = credential.identity
        sandbox.expire_token()
        await asked_at_once(credential, 1)
        again = OAuth.from_file(tmp_path / "tokens.json")

    assert sandbox.truth.refreshes == 1
    assert before == credential.identity == again.identity
    assert sandbox.oauth.client_id not in before


async def test_no_answer_moves_the_endpoint_or_the_portal(tmp_path: Path) -> None:
    async with serve(portal_of(pages=1)) as sandbox:
        credential = application(sandbox, tmp_path)
        kept = tokens_in(tmp_path / "tokens.json")
        sandbox.oauth.client_endpoint = "https://evil.example/rest/"
        sandbox.expire_token()
        (answer,) = await asked_at_once(credential, 1)
        after = tokens_in(tmp_path / "tokens.json")

    assert isinstance(answer, Answer)
    assert after.access_token != kept.access_token
    assert (after.token_endpoint, after.client_endpoint) == (
        kept.token_endpoint,
        kept.client_endpoint,
    )


async def test_a_lost_answer_that_was_none_is_asked_for_again(tmp_path: Path) -> None:
    scenario = portal_of(pages=1, token_faults={"html502": 0.6, "reset": 0.2}, seed=3)
    async with serve(scenario) as sandbox:
        credential = application(sandbox, tmp_path)
        sandbox.expire_token()
        (answer,) = await asked_at_once(credential, 1)

    assert isinstance(answer, Answer)
    assert sandbox.truth.faults
    assert tokens_in(tmp_path / "tokens.json").asked_at is None


@pytest.mark.parametrize("fault", ["reset_after", "html504_after", "hang_after"])
async def test_a_lost_answer_with_the_tokens_in_it_is_said_and_wants_a_login(
    tmp_path: Path, fault: str
) -> None:
    async with serve(portal_of(pages=1, token_faults={fault: 1.0})) as sandbox:
        credential = application(sandbox, tmp_path)
        sandbox.expire_token()
        told = await asked_at_once(credential, 3)
        requests = sandbox.truth.errors["invalid_grant"]
        later = await asked_at_once(OAuth.from_file(tmp_path / "tokens.json"), 1)

    # What the server says of the second time is lost as well: so it may still be had.
    assert {(one.kind, one.code) for one in told} == {
        (FaultClass.TRANSIENT, faults.TOKEN_NOT_RENEWED)
    }
    assert requests == 4
    assert later[0].code == faults.TOKEN_NOT_RENEWED
    assert tokens_in(tmp_path / "tokens.json").asked_at is not None


async def test_a_refusal_after_a_lost_answer_tells_that_the_tokens_are_lost(
    tmp_path: Path,
) -> None:
    async with serve(portal_of(pages=1)) as sandbox:
        credential = application(sandbox, tmp_path, asked_at=1_772_000_000.0)
        sandbox.portal.tokens.refresh(_form(sandbox), sandbox.now())
        sandbox.expire_token()
        stale = tokens_in(tmp_path / "tokens.json")
        sandbox.portal.tokens._expires_at[stale.access_token] = float("-inf")
        (fault,) = await asked_at_once(credential, 1)

    assert (fault.kind, fault.code) == (FaultClass.CREDENTIAL, "invalid_grant")
    assert "cut off between asking" in fault.description
    assert "2026-02-25" in fault.description
    assert "bulk-publisher login" in fault.hint
    assert tokens_in(tmp_path / "tokens.json").asked_at == 1_772_000_000.0


def _form(sandbox: Sandbox) -> dict[str, str]:
    app = sandbox.oauth
    return {
        "grant_type": "refresh_token",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "refresh_token": app.refresh_token,
    }


async def test_a_refused_renewal_is_not_asked_for_again_and_leaves_no_word_of_doubt(
    tmp_path: Path,
) -> None:
    async with serve(portal_of(pages=1)) as sandbox:
        credential = application(sandbox, tmp_path, client_secret="s0me-0ther-secret")
        sandbox.expire_token()
        told = await asked_at_once(credential, 5)
        told += await asked_at_once(credential, 5)

    assert {(one.kind, one.code) for one in told} == {(FaultClass.CREDENTIAL, "invalid_client")}
    assert sandbox.truth.errors["invalid_client"] == 1
    assert "cut off" not in told[0].description
    assert "client ID and secret" in told[0].hint
    assert tokens_in(tmp_path / "tokens.json").asked_at is None


async def test_a_run_whose_token_cannot_be_renewed_stops_for_resume_and_goes_on_after_a_login(
    tmp_path: Path,
) -> None:
    scenario = Scenario(pages=400, cost=0.5, token_lifetime=20.0)
    async with serve(scenario) as sandbox:
        file = tmp_path / "tokens.json"
        credential = application(sandbox, tmp_path, refresh_token="a-void-refresh-token")
        first = await run_job(
            sandbox, tmp_path, pace=Pace(batch_size=5, concurrency=2), credential=credential
        )
        keep_tokens(sandbox, file)
        sandbox.portal.tokens.refresh(_form(sandbox), sandbox.now())
        keep_tokens(sandbox, file)
        second = await resume(sandbox, first.kept, credential=OAuth.from_file(file))

    error = first.ending.error
    assert isinstance(error, PortalUnusable)
    assert error.exit_status == 4
    assert "bulk-publisher login" in error.hint
    assert 0 < first.totals.pages < 400
    assert first.totals.bad == 0
    assert second.ending.is_whole
    assert_journal_tells_the_truth(journal_of(second), sandbox)


async def test_no_secret_of_an_application_is_kept_or_shown(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    scenario = Scenario(pages=200, cost=0.5, token_lifetime=10.0)
    secrets: set[str] = set()
    async with serve(scenario) as sandbox:
        credential = application(sandbox, tmp_path)
        secrets |= set(tokens_in(tmp_path / "tokens.json").secrets)
        finished = await run_job(sandbox, runs, pace=Pace(batch_size=5), credential=credential)
        secrets |= set(tokens_in(tmp_path / "tokens.json").secrets)
        shown = [repr(credential), str(credential), repr(tokens_in(tmp_path / "tokens.json"))]
        admitted = await credential.admit("scope")

    assert finished.ending.is_whole
    assert len(secrets) == 5
    texts = [*contents(runs), *shown, repr(admitted)]
    assert not [one for one in secrets for text in texts if one in text]
    assert "token.renewed" in events_of(finished)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_read_is_refused_with_what_mends_it(
    tmp_path: Path, mode: int
) -> None:
    file = tmp_path / "tokens.json"
    file.write_text("{}")
    file.chmod(mode)

    with pytest.raises(BadSetting, match="others on this machine") as caught:
        OAuth.from_file(file)

    assert caught.value.hint == f"Protect it with: chmod 600 {file}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_refused_with_what_mends_it(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text("{}")
    file.chmod(0o600)
    os.chown(file, 12345, -1)

    with pytest.raises(BadSetting, match="another user") as caught:
        OAuth.from_file(file)

    assert caught.value.hint == f"Make it yours with: sudo chown 0 {file}"


def test_a_link_in_the_place_of_the_tokens_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BadSetting, match="it is a link"):
        OAuth.from_file(tmp_path / "tokens.json")


async def test_a_disk_without_room_is_found_before_the_server_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(SecretFile):
        def room(self, size: int) -> Any:
            raise OSError(28, "No space left on device")

    async with serve(portal_of(pages=1)) as sandbox:
        file = keep_tokens(sandbox, tmp_path / "tokens.json")
        credential = OAuth(Full(file))
        sandbox.expire_token()
        (fault,) = await asked_at_once(credential, 1)

    assert isinstance(fault, Fault)
    assert (fault.kind, fault.code) == (FaultClass.CREDENTIAL, faults.TOKENS_NOT_KEPT)
    assert sandbox.truth.refreshes == 0


class _Lost(SecretLock):
    """A lock of a process that was stopped for long."""

    is_ours = False

    def close(self) -> None:
        """Nobody minds."""


async def test_nothing_is_asked_once_the_lock_may_be_another_s(tmp_path: Path) -> None:
    class Late(SecretFile):
        def try_lock(self) -> SecretLock:
            return _Lost()

    async with serve(portal_of(pages=1)) as sandbox:
        file = keep_tokens(sandbox, tmp_path / "tokens.json")
        credential = OAuth(Late(file))
        sandbox.expire_token()
        (fault,) = await asked_at_once(credential, 1)

    assert isinstance(fault, Fault)
    assert (fault.kind, fault.code) == (FaultClass.TRANSIENT, faults.TOKEN_NOT_RENEWED)
    assert fault.sent is False
    assert sandbox.truth.refreshes == 0
    # It never left: who comes next is not told that tokens may have been lost.
    assert tokens_in(file).asked_at is None


async def test_who_was_late_uses_what_the_other_one_was_given(tmp_path: Path) -> None:
    async with serve(portal_of(pages=1)) as sandbox:
        file = keep_tokens(sandbox, tmp_path / "tokens.json")

        class Late(SecretFile):
            def note(self, content: bytes) -> None:
                # Whoever has the lock by now is done.
                keep_tokens(sandbox, file)

            def try_lock(self) -> SecretLock:
                return _Lost()

        credential = OAuth(Late(file))
        sandbox.expire_token()
        tokens, app = sandbox.portal.tokens, sandbox.oauth
        form = {"grant_type": "refresh_token", "client_id": app.client_id, "client_secret": app.client_secret, "refresh_token": app.refresh_token}  # fmt: skip
        before = app.access_token
        tokens.refresh(form, sandbox.now())
        (answer,) = await asked_at_once(credential, 1)

    assert isinstance(answer, Answer)
    assert sandbox.oauth.access_token != before


async def test_who_leaves_while_a_token_is_renewed_leaves_the_new_one_behind(
    tmp_path: Path,
) -> None:
    async with serve(portal_of(pages=1, token_latency=2.0)) as sandbox:
        credential = application(sandbox, tmp_path)
        sandbox.expire_token()
        async with client_of(credential) as client:
            asking = asyncio.create_task(client.call("scope", {}))
            await asyncio.sleep(1.0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    assert sandbox.truth.refreshes == 1
    assert tokens_in(tmp_path / "tokens.json").refresh_token == sandbox.oauth.refresh_token
