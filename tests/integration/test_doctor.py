"""``doctor``: what it finds, and that it changes nothing."""

import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from bulk_publisher.client.notice import say_nothing
from bulk_publisher.client.sites import EVERY_SCOPE
from bulk_publisher.errors import PortalUnusable
from bulk_publisher.jobs import Job
from bulk_publisher.operations import checking
from bulk_publisher.operations.access import session_of
from bulk_publisher.operations.checking import CheckVerdict, Examination, examine
from bulk_publisher.portal import faults
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.sandbox.scenario import make_scenario


async def _examine(most_pages: int | None = None, **scenario: Any) -> Examination:
    async with serve(make_scenario({"pages": 30, **scenario})) as sandbox:
        webhook = Webhook(sandbox.webhook)
        return await examine(Job(name="doctor"), webhook, scopes=EVERY_SCOPE, most_pages=most_pages)


def _verdicts(examination: Examination) -> dict[str, CheckVerdict]:
    return {check.name: check.verdict for check in examination.checks}


async def test_a_portal_in_order_passes_every_check():
    examination = await _examine()

    assert examination.is_usable
    assert set(_verdicts(examination).values()) <= {CheckVerdict.GOOD, CheckVerdict.NOTE}
    assert [check.name for check in examination.checks] == [
        "reachable", "tls", "credential", "distance", "permission", "methods", "who", "plan", "meters", "clock", "sites",
    ]  # fmt: skip


async def test_nothing_is_changed():
    async with serve(Scenario(pages=30)) as sandbox:
        await examine(
            Job(name="doctor"), Webhook(sandbox.webhook), scopes=EVERY_SCOPE, most_pages=None
        )

        assert sandbox.truth.as_dict()["publications"] == 0
        assert not sandbox.world.active_ids()


async def test_the_pages_of_a_site_are_counted_by_their_state():
    examination = await _examine(active_share=0.5, changed_share=0.5)

    site = examination.sites[0]
    assert site.pages == 30
    assert 0 < site.changed < site.published < 30
    assert site.unpublished == 30 - site.published


async def test_counting_stops_at_its_bound_and_says_so():
    examination = await _examine(most_pages=10)

    assert examination.sites[0].pages == 10
    assert not examination.is_counted


async def test_a_webhook_without_the_permission_for_sites_is_told_what_to_tick():
    examination = await _examine(rest_scopes=["user"])

    check = next(check for check in examination.checks if check.name == "permission")
    assert check.verdict is CheckVerdict.BAD
    assert "Sites (landing)" in check.advice
    assert not examination.is_usable


async def test_a_portal_that_is_not_there_ends_the_examination():
    examination = await examine(
        Job(name="doctor"),
        Webhook("http://127.0.0.1:1/rest/1/abc/"),
        scopes=EVERY_SCOPE,
        most_pages=None,
    )

    assert _verdicts(examination) == {"reachable": CheckVerdict.BAD}


@asynccontextmanager
async def _answering(body: str) -> AsyncIterator[Webhook]:
    """The webhook of something that answers every request with *body*."""

    async def answer(_request: web.BaseRequest) -> web.Response:
        return web.Response(text=body)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Webhook("http://{}:{}/rest/1/abc/".format(*runner.addresses[0]))
    await runner.cleanup()


async def _look_at(webhook: Webhook) -> Examination:
    return await examine(Job(name="doctor"), webhook, scopes=EVERY_SCOPE, most_pages=None)


@pytest.mark.parametrize("body", ["<!DOCTYPE html><title>Shop</title>", '{"status": "ok"}'])
async def test_what_is_no_portal_is_said_to_be_none(body):
    async with _answering(body) as webhook:
        examination = await _look_at(webhook)
        with pytest.raises(PortalUnusable) as refused:
            async with session_of(Job(name="t"), webhook, random.Random(1), warn=say_nothing):
                pass

    assert _verdicts(examination) == {"reachable": CheckVerdict.BAD}
    for advice in (examination.checks[0].advice, refused.value.hint):
        assert "does not look like a Bitrix24 portal: check the address" in advice
        assert "the page" not in advice


async def test_an_error_that_is_not_known_is_not_said_to_be_a_page_s():
    async with _answering('{"error": "no such route"}') as webhook:
        examination = await _look_at(webhook)

    assert _verdicts(examination)["credential"] is CheckVerdict.BAD
    assert "check the webhook URL" in examination.checks[-1].advice


@pytest.mark.parametrize(
    ("code", "check"),
    [
        (faults.NO_TLS, "tls"),
        (faults.BAD_CERTIFICATE, "tls"),
        (faults.PROXY_REFUSED, "reachable"),
        (faults.PROXY_WANTS_LOGIN, "reachable"),
        (faults.PROXY_FAILED, "reachable"),
    ],
)
def test_what_is_in_the_way_is_not_the_credential_s_fault(code, check):
    webhook = Webhook("https://portal.example/rest/1/abc/")

    checks = checking._wire_checks(faults.own_fault(code, "It is so.", sent=False), webhook, 0.1)

    assert [one.name for one in checks if one.verdict is CheckVerdict.BAD] == [check]
    assert "credential" not in {one.name for one in checks}


async def test_a_webhook_that_is_not_known_is_the_credential_s_fault():
    examination = await _examine(envelope_error="INVALID_CREDENTIALS")

    assert _verdicts(examination)["reachable"] is CheckVerdict.GOOD
    assert _verdicts(examination)["credential"] is CheckVerdict.BAD


async def test_no_right_on_any_site_means_that_a_run_can_t_work():
    examination = await _examine(users=[{"id": 1, "rights": "read", "is_admin": False}])

    assert _verdicts(examination)["sites"] is CheckVerdict.BAD
    assert [site.may_publish for site in examination.sites] == [False]


async def test_a_portal_without_counters_is_said_to_have_none():
    examination = await _examine(plan="self-hosted")

    meters = next(check for check in examination.checks if check.name == "meters")
    assert "no operating time" in meters.found


@pytest.mark.parametrize(
    "scenario", [{"rest_scopes": ["crm"]}, {"users": [{"id": 1, "rights": "none"}]}], ids=str
)
async def test_a_refusal_tells_nothing_of_the_operating_time(scenario):
    examination = await _examine(**scenario)

    meters = next(check for check in examination.checks if check.name == "meters")
    assert meters.verdict is CheckVerdict.NOTE
    assert "Unknown: the portal refused the list that would show it" in meters.found


async def test_a_clock_that_is_off_is_noticed():
    examination = await _examine(clock_offset=90)

    clock = next(check for check in examination.checks if check.name == "clock")
    assert clock.verdict is CheckVerdict.NOTE
    # Less what a busy machine takes between its two clocks.
    assert re.search(r"(8[5-9]|90) s ahead of", clock.found)


async def test_collections_of_knowledge_base_2_are_named_as_nothing_to_publish():
    names = ["Handbook", "Policies", "FAQ", "Sales", "IT", "Old"]
    examination = await _examine(rest_scopes=["landing", "note"], collections=names)

    check = next(check for check in examination.checks if check.name == "collections")
    assert check.verdict is CheckVerdict.GOOD
    assert "“Handbook”, “Policies”, “FAQ”, “Sales”, “IT” and 1 more" in check.found
    assert "they need no publishing" in check.found


@pytest.mark.parametrize(
    "scenario",
    [{"rest_scopes": ["landing"], "collections": ["A"]}, {"rest_scopes": ["landing", "note"]}],
    ids=["no permission", "none there"],
)
async def test_of_collections_that_are_not_shown_nothing_is_said(scenario):
    examination = await _examine(**scenario)

    assert "collections" not in _verdicts(examination)
    assert examination.is_usable


async def test_a_portal_that_refuses_app_info_alone_can_be_used():
    examination = await _examine(app_info="refused")

    assert examination.is_usable
    assert _verdicts(examination)["plan"] is CheckVerdict.NOTE
