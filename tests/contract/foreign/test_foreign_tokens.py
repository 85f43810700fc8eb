"""Four clients on a portal that rotates tokens, side by side, each in the version that is installed.

| | ten calls at once meet an expired token | two processes do | refused for another reason, 401 | kept before use |
|---|---|---|---|---|
| ours | one renewal, ten answers | one renewal between them | no renewal | on disk |
| fast_bitrix24 | one renewal, ten answers | the caller's affair | renews without end | the caller's affair |
| b24pysdk | each thread asks: half of the calls fail | - | - | no, told afterwards |
| b24jssdk | one renewal, ten answers | two renewals, one process fails | - | no, told afterwards |
"""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bulk_publisher.client.oauth import OAuth
from bulk_publisher.portal.wire import Answer
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from tests.applications import application, client_of

pytestmark = [pytest.mark.foreign, pytest.mark.real_time]

CALLS = 10


def portal(**changes: Any) -> Scenario:
    return Scenario(pages=CALLS, cost=0.002, plan="self-hosted", token_latency=0.2, **changes)


def form(sandbox: Sandbox) -> dict[str, str]:
    app = sandbox.oauth
    return {
        "grant_type": "refresh_token",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "refresh_token": app.refresh_token,
    }


async def test_ours_renews_once(tmp_path: Path) -> None:
    async with serve(portal()) as sandbox:
        credential = application(sandbox, tmp_path)
        sandbox.expire_token()
        async with client_of(credential) as client:
            answers = await asyncio.gather(*(client.call("scope", {}) for _ in range(CALLS)))

    assert {type(answer) for answer in answers} == {Answer}
    assert (sandbox.truth.refreshes, sandbox.truth.errors["invalid_grant"]) == (1, 0)


async def test_ours_renews_for_no_other_refusal(tmp_path: Path) -> None:
    async with (
        serve(portal(envelope_error="user_access_error")) as sandbox,
        client_of(application(sandbox, tmp_path)) as client,
    ):
        await client.call("scope", {})

    assert sandbox.truth.refreshes == 0


class _Tokens:
    """What a caller of fast_bitrix24 has to write himself."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._is_first = True

    async def get(self) -> str:
        if self._is_first:
            self._is_first = False
            return self._sandbox.oauth.access_token
        await asyncio.sleep(0.05)
        tokens = self._sandbox.portal.tokens.answer(form(self._sandbox), self._sandbox.now())
        self._sandbox.truth.refreshes += 1
        return str(tokens["access_token"])


async def test_fast_bitrix24_renews_once(fast_bitrix24) -> None:
    async with serve(portal()) as sandbox:
        sandbox.expire_token()
        endpoint = sandbox.oauth.client_endpoint
        client = fast_bitrix24.BitrixAsync(endpoint, verbose=False, token_func=_Tokens(sandbox).get)
        pages = [{"lid": page, "scope": "KNOWLEDGE"} for page in range(1, CALLS + 1)]
        await asyncio.gather(*(client.call("landing.landing.publication", page) for page in pages))

    assert len(sandbox.truth.publications) == CALLS
    assert (sandbox.truth.refreshes, sandbox.truth.errors["invalid_grant"]) == (1, 0)


async def test_fast_bitrix24_renews_for_any_401_without_end(fast_bitrix24) -> None:
    async with serve(portal(envelope_error="user_access_error")) as sandbox:
        endpoint = sandbox.oauth.client_endpoint
        client = fast_bitrix24.BitrixAsync(endpoint, verbose=False, token_func=_Tokens(sandbox).get)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0):
                await client.call("landing.landing.publication", {"lid": 1})

    assert sandbox.truth.refreshes > 3


async def test_b24pysdk_renews_for_each_thread(b24pysdk, behind_tls, monkeypatch) -> None:
    from b24pysdk.api.requesters import BitrixOAuthRequester

    async with serve(portal()) as sandbox:
        sandbox.expire_token()
        front = urlsplit(await behind_tls(sandbox))
        # It knows one authorisation server, and no setting for another.
        server = f"https://{front.netloc}/oauth/token/"
        monkeypatch.setattr(BitrixOAuthRequester, "_OAUTH_TOKEN_URL", server)
        app = b24pysdk.BitrixAppLocal(
            domain=front.netloc,
            client_id=sandbox.oauth.client_id,
            client_secret=sandbox.oauth.client_secret,
        )
        token = b24pysdk.BitrixToken(
            domain=front.netloc,
            auth_token=sandbox.oauth.access_token,
            refresh_token=sandbox.oauth.refresh_token,
            bitrix_app=app,
        )
        publication = b24pysdk.Client(token).landing.landing.publication
        requests = [publication(page, scope="KNOWLEDGE") for page in range(1, CALLS + 1)]
        told = await asyncio.gather(
            *(asyncio.to_thread(lambda one=one: one.result) for one in requests),
            return_exceptions=True,
        )

    failed = [one for one in told if isinstance(one, Exception)]
    assert failed
    assert {type(one).__name__ for one in failed} == {"BitrixOAuthInvalidGrant"}
    assert sandbox.truth.errors["invalid_grant"] == len(failed)


def oauth_of(sandbox: Sandbox, url: str) -> dict[str, Any]:
    """What b24jssdk wants to know."""
    app = sandbox.oauth
    params = {
        "applicationToken": "a",
        "userId": 1,
        "memberId": "m",
        "accessToken": app.access_token,
        "refreshToken": app.refresh_token,
        "expires": 1,
        "expiresIn": 3600,
        "scope": "landing",
        "domain": urlsplit(url).netloc,
        "clientEndpoint": f"{url}/rest",  # it puts a slash behind it
        "serverEndpoint": f"{url}/rest/",
        "status": "L",
    }
    secret = {"clientId": app.client_id, "clientSecret": app.client_secret}
    return {"params": params, "secret": secret}


STEPS = [
    {
        "action": "call",
        "method": "landing.landing.publication",
        "params": {"lid": page, "scope": "KNOWLEDGE"},
    }
    for page in range(1, CALLS + 1)
]


async def test_b24jssdk_renews_once_in_a_process(b24jssdk, behind_tls) -> None:
    async with serve(portal()) as sandbox:
        url = (await behind_tls(sandbox)).partition("/rest/")[0]
        outcomes = await b24jssdk("", STEPS, oauth=oauth_of(sandbox, url))

    assert [one for one in outcomes if "thrown" in one] == []
    assert (sandbox.truth.refreshes, sandbox.truth.errors["invalid_grant"]) == (1, 0)


async def test_of_two_processes_with_b24jssdk_one_is_locked_out(b24jssdk, behind_tls) -> None:
    async with serve(portal()) as sandbox:
        url = (await behind_tls(sandbox)).partition("/rest/")[0]
        oauth = oauth_of(sandbox, url)
        both = await asyncio.gather(*(b24jssdk("", STEPS, oauth=oauth) for _ in range(2)))

    assert sorted(any("thrown" in one for one in outcomes) for outcomes in both) == [False, True]
    assert sandbox.truth.errors["invalid_grant"] >= 1


async def test_two_of_ours_with_one_file_renew_once_between_them(tmp_path: Path) -> None:
    async with serve(portal()) as sandbox:
        one = application(sandbox, tmp_path)
        other = OAuth.from_file(tmp_path / "tokens.json")
        sandbox.expire_token()
        async with client_of(one) as first, client_of(other) as second:
            answers = await asyncio.gather(first.call("scope", {}), second.call("scope", {}))

    assert {type(answer) for answer in answers} == {Answer}
    assert (sandbox.truth.refreshes, sandbox.truth.errors["invalid_grant"]) == (1, 0)
