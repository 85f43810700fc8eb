"""A credential that changes its secret while it is used: nothing above the client hears of it."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from bulk_publisher.jobs import Pace
from bulk_publisher.log import log
from bulk_publisher.model import FaultClass, Status
from bulk_publisher.portal.throttle import Door
from bulk_publisher.portal.transport import PortalClient
from bulk_publisher.sandbox import Scenario, serve
from tests.oracle import Seen, assert_journal_tells_the_truth, contents, journal_of, run_job
from tests.rotating import Rotating

FREE = Door(capacity=float("inf"), drain=1.0)


class _Repeats(Seen):
    """Says every token so far in the run's log."""

    def __init__(self, credential: Rotating) -> None:
        super().__init__()
        self.credential = credential

    def on_settled(self) -> None:
        super().on_settled()
        log.warning("tokens.repeated", tokens=list(self.credential.tokens))


def log_lines(place: str) -> list[str]:
    return Path(place).read_text().splitlines()


async def test_a_token_that_expires_costs_no_page_and_no_attempt(tmp_path: Path) -> None:
    scenario = Scenario(pages=600, cost=0.05, cost_spread=0.0)
    pace = Pace(batch_size=10, concurrency=8)
    async with serve(scenario) as sandbox:
        credential = Rotating(sandbox, expires_after=20)
        seen = _Repeats(credential)
        finished = await run_job(sandbox, tmp_path, pace=pace, watch=seen, credential=credential)

    lines = journal_of(finished)
    assert len(credential.tokens) > 3
    assert sandbox.truth.errors["expired_token"] > len(credential.tokens)
    assert finished.ending.is_whole
    assert Counter(line.status for line in lines) == {Status.PUBLISHED: 600}
    assert {line.attempts for line in lines} == {1}
    assert set(sandbox.truth.publications.values()) == {1}
    assert not seen.lost
    assert not seen.refused
    assert_journal_tells_the_truth(lines, sandbox)
    kept = contents(tmp_path)
    assert not [token for token in credential.tokens for text in kept if token in text]
    told = [json.loads(line) for line in log_lines(finished.kept.names.log)]
    said = [line["tokens"] for line in told if line["event"] == "tokens.repeated"]
    assert {token for tokens in said for token in tokens} == {"***"}


async def test_all_that_meet_an_old_token_wait_for_one_new_one() -> None:
    async with serve(Scenario(pages=40)) as sandbox:
        credential = Rotating(sandbox, expires_after=1_000)
        sandbox.expire_token()
        async with PortalClient(credential, FREE, ca_file=None, connections=20) as client:
            answers = await asyncio.gather(*(client.call("scope", {}) for _ in range(20)))

    assert [answer.result for answer in answers] == [answers[0].result] * 20
    assert len(credential.tokens) == 2
    assert sandbox.truth.errors == {"expired_token": 20}


@pytest.mark.parametrize("code", ["expired_token", "invalid_token"])
async def test_a_portal_that_refuses_every_token_is_not_asked_for_ever(code: str) -> None:
    async with serve(Scenario(pages=1, envelope_error=code, envelope_status=401)) as sandbox:
        credential = Rotating(sandbox, expires_after=1_000)
        async with PortalClient(credential, FREE, ca_file=None, connections=1) as client:
            fault = await client.call("scope", {})

    assert (fault.kind, fault.code) == (FaultClass.TOKEN, code)
    assert sandbox.truth.requests == 4
