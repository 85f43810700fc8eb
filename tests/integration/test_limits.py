"""At the limit, never over it: whole runs against the sandbox, in virtual time."""

from dataclasses import dataclass

import pytest

from bulk_publisher.engine.events import Refused, WaitBegun, Warned
from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.model import Scope
from bulk_publisher.operations.publishing import Finished, publish
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Scenario, TimedFault, serve
from bulk_publisher.sandbox.truth import Truth
from bulk_publisher.store import open_store

PUBLICATION = "landing.landing.publication"


class Onlooker:
    """Notes refusals and waits."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.waits: list[str] = []
        self.warnings: list[str] = []

    def __call__(self, event) -> None:
        match event:
            case Refused(fault):
                self.refused.append(fault.code)
            case WaitBegun(wait):
                self.waits.append(wait.because)
            case Warned(text):
                self.warnings.append(text)


@dataclass(frozen=True)
class Ran:
    """A run that ended, what an onlooker noted, and what the portal saw."""

    done: Finished
    onlooker: Onlooker
    truth: Truth
    learned: float

    @property
    def highest_meter(self) -> float:
        return max(self.truth.highest_meter.values())

    @property
    def seconds(self) -> float:
        return self.done.ending.seconds


@pytest.fixture
def run(tmp_path):
    """Publishes every page of a scenario."""

    async def execute(pace: Pace | None = None, **scenario: object) -> Ran:
        onlooker, started = Onlooker(), []
        async with serve(Scenario(**scenario)) as sandbox:
            job = Job(name="limits", select=Selection(scope=Scope.KNOWLEDGE), pace=pace or Pace())
            done = await publish(
                job,
                Webhook(sandbox.webhook),
                store=open_store(tmp_path),
                seed=1,
                watch=onlooker,
                on_start=started.append,
            )
            governor = started[0].session.governor
            assert done.ending.is_whole
            if not scenario.get("denied_share"):
                assert len(sandbox.truth.publications) == scenario["pages"]
            return Ran(done, onlooker, sandbox.truth, governor.operating_limit)

    return execute


@pytest.mark.parametrize("billing", ["method", "batch", "both"])
async def test_whoever_pays_for_a_batch_nothing_is_refused_where_the_limit_is_known(run, billing):
    ran = await run(pages=1000, cost=1.0, billing=billing)

    assert (ran.truth.refused, ran.truth.highest_meter != {}) == ({}, True)
    assert ran.highest_meter <= 480.0


@pytest.mark.parametrize("limit", [420.0, 240.0])
async def test_a_lower_limit_that_is_told_is_kept(run, limit):
    ran = await run(Pace(operating_limit=limit), pages=1000, cost=1.0, operating_limit=limit)

    assert ran.truth.refused == {}
    assert ran.highest_meter <= limit


async def test_a_lower_limit_that_is_not_told_is_learned_from_one_volley(run):
    ran = await run(pages=2000, cost=0.5, operating_limit=240.0)

    # Four in flight meet it, and one page asks whether it was a ban.
    assert len(ran.onlooker.refused) <= 5
    # A sum moves by a whole request at once, which takes 20 s.
    assert 240.0 - 20.0 <= ran.learned <= 240.0
    (told,) = ran.onlooker.warnings
    assert f"from about {ran.learned:.0f} s of operating time, not from 480 s" in told


async def test_a_ban_is_waited_out_and_does_not_come_again(run):
    ran = await run(pages=2000, cost=0.5, operating_limit=240.0, ban=True)

    assert len(ran.onlooker.refused) <= 4
    assert ran.done.ending.is_whole


async def test_requests_that_the_bucket_has_room_for_wait_for_nothing(run):
    ran = await run(pages=70, cost=0.05, batch_allowed=False)

    assert not ran.truth.refused["QUERY_LIMIT_EXCEEDED"]
    # 48 at once, and two a second after that.
    assert ran.truth.requests > 70
    assert ran.seconds < (ran.truth.requests - 48) / 2 + 3


async def test_other_tenants_of_the_bucket_cost_hardly_a_refusal(run):
    ran = await run(pages=8000, cost=0.01, tenant_rate=1.6)

    assert ran.truth.refused["QUERY_LIMIT_EXCEEDED"] <= 0.02 * ran.truth.requests
    assert ran.truth.highest_bucket <= 50.0


@pytest.mark.parametrize("second", [0, 17, 34, 51])
async def test_another_program_on_the_credential_is_allowed_for(run, second):
    ran = await run(pages=1500, cost=0.5, tenant_operating=0.1, starts_at=1_800_000_000.0 + second)

    assert ran.truth.refused["OPERATION_TIME_LIMIT"] <= 2
    assert ran.done.ending.is_whole


@pytest.mark.parametrize("offset", [-900.0, 900.0])
async def test_a_portal_clock_that_is_off_changes_nothing(run, offset):
    ran = await run(pages=1000, cost=1.0, clock_offset=offset)

    assert ran.truth.refused == {}
    # 1,000 s of work are twice the limit, and 40 s for four at once.
    assert ran.seconds <= 1.05 * (1200.0 + 40.0 / 4)


async def test_baskets_that_leave_with_their_minute_are_no_trouble(run):
    ran = await run(pages=1000, cost=1.0, release="minute", whole_seconds=True)

    assert ran.truth.refused == {}
    assert ran.seconds <= 1.05 * (1200.0 + 40.0 / 4)


async def test_a_portal_without_meters_is_limited_by_what_is_in_flight_alone(run):
    ran = await run(pages=2000, cost=0.3, plan="self-hosted")

    assert not any("operating" in because for because in ran.onlooker.waits)
    assert ran.seconds <= 1.05 * 2000 * 0.3 / 4


async def test_a_portal_that_takes_no_batches_gets_single_calls(run):
    ran = await run(pages=60, cost=0.2, batch_allowed=False)

    assert ran.truth.requests_by_method[PUBLICATION] == 60
    assert ["pages now go one by one" in text for text in ran.onlooker.warnings] == [True]


async def test_a_portal_that_swallows_batches_gets_single_calls_after_two_volleys(run):
    ran = await run(pages=300, cost=0.2, batch_allowed=False, batch_refusal="silence")

    assert ran.truth.requests_by_method["batch"] <= 10
    assert ran.seconds <= 900.0


async def test_after_an_outage_pages_go_together_again(run):
    away = TimedFault(at=8, fault="html502", seconds=45)
    ran = await run(pages=3000, cost=0.1, script=[away])

    assert ran.truth.requests_by_method[PUBLICATION] <= 40
    assert ran.seconds <= 75.0 + 8 + 45 + 15


async def test_a_portal_that_tells_no_times_of_pages_loses_no_speed(run):
    ran = await run(pages=2000, cost=0.1, batch_times=False)

    assert ran.seconds <= 1.05 * 2000 * 0.1 / 4


@pytest.mark.parametrize("ban", [False, True])
async def test_a_portal_that_tells_no_times_of_pages_is_kept_to_its_limit_all_the_same(run, ban):
    ran = await run(pages=1500, cost=0.4, batch_times=False, ban=ban)

    assert ran.truth.refused == {}
    assert 460.0 < ran.highest_meter <= 480.0


async def test_pages_that_fail_make_no_others_dear_where_no_times_of_pages_are_told(run):
    told = await run(pages=1500, cost=0.2, denied_share=0.05)
    untold = await run(pages=1500, cost=0.2, denied_share=0.05, batch_times=False)

    assert untold.seconds < 1.2 * told.seconds


@pytest.mark.parametrize("refusal", ["envelope", "silence"])
async def test_after_a_refusal_a_portal_that_takes_no_batches_is_asked_by_a_page_s_own_request(
    run, refusal
):
    ran = await run(
        pages=250, cost=0.28, batch_allowed=False, batch_refusal=refusal,
        operating_limit=60.0, tenant_operating=0.05, ban=True,
    )  # fmt: skip

    assert ran.truth.requests_by_method["batch"] <= 20


async def test_while_it_waits_it_says_for_what(run):
    ran = await run(pages=600, cost=1.0)

    assert any("of 480 s used" in because for because in ran.onlooker.waits)


async def test_a_portal_that_says_with_a_page_that_its_time_is_used_up_is_waited_for(run):
    ran = await run(
        pages=300, cost=0.5, plan="self-hosted", operating_limit=60.0, counters="absent",
        operating_refusal_page=429,
    )  # fmt: skip

    # That each page was published is held by the fixture.
    assert ran.done.ending.is_whole


async def test_a_portal_that_says_when_to_ask_again_is_asked_then(run):
    ran = await run(pages=400, cost=0.01, intensity=(2.0, 0.5), retry_after=30)

    refused = ran.truth.refused["QUERY_LIMIT_EXCEEDED"]
    assert refused > 0
    assert ran.seconds >= 30.0
