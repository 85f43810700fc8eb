"""What programs read and press: the same as on the pages, described so that it can't drift."""

import json
import re
from contextlib import AsyncExitStack
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from bulk_publisher.sandbox import Scenario
from bulk_publisher.serve.happenings import JobEnds
from bulk_publisher.web.api import ENDPOINTS
from bulk_publisher.web.api.looking import READERS
from bulk_publisher.web.app import ROUTES
from bulk_publisher.web.guard.roles import Role
from tests.web.steerers import Beside, program, steered

pytestmark = pytest.mark.usefixtures("wall")
BAD = Scenario(pages=30, unpaid_pages=[7, 8])


async def description(it: Beside) -> dict[str, Any]:
    return json.loads((await it.page.get("/api/openapi.json")).text)


def check(told: dict[str, Any], method: str, path: str, status: int, text: str) -> None:
    """See that an answer is as the description says."""
    answer = told["paths"][path][method.lower()]["responses"][str(status)]
    (kind,) = answer["content"].values()
    schema = {**kind["schema"], "components": told["components"]}
    Draft202012Validator(schema).validate(json.loads(text))


async def test_every_way_in_is_described_and_nothing_else(tmp_path):
    async with steered(tmp_path) as it:
        told = await description(it)

    validate(told)
    described = {
        (method.upper(), path) for path, methods in told["paths"].items() for method in methods
    }
    routes = {(one.method, one.path) for one in ROUTES if one.path.startswith("/api/")}
    assert described == routes - {("GET", "/api/openapi.json")}
    ids = [one["operationId"] for methods in told["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids))


async def test_whatever_is_asked_is_answered_as_described(tmp_path):
    async with steered(tmp_path, BAD) as it:
        kept = await it.done_once()
        await it.confirm("/jobs/nightly/plan")
        await it.daemon.until(JobEnds, 2)
        await it.daemon.wait(3)
        (proposal,) = it.store.approvals.proposals()
        names = {"run": kept.name, "job": "nightly", "plan": proposal.name}
        told = await description(it)
        statuses: dict[str, int] = {}
        async with program(it) as robot:
            for one in ENDPOINTS:
                path = re.sub(r"\{(\w+)\}", lambda match: names[match[1]], one.path)
                if one.method == "POST":
                    continue
                answer = await robot.get(path)
                statuses[one.path] = answer.status
                check(told, one.method, one.path, answer.status, answer.text)
            pressed = await robot.post(f"/api/runs/{kept.name}/verify")
            check(told, "POST", "/api/runs/{run}/verify", pressed.status, pressed.text)

    assert pressed.status == 202
    assert {path for path, status in statuses.items() if status != 200} == {
        "/api/runs/{run}/stop",
        "/api/runs/{run}/pause",
        "/api/runs/{run}/resume",
        "/api/plans/{plan}/publish",
    }


async def test_a_program_reads_a_journal_part_by_part(tmp_path):
    async with steered(tmp_path, BAD) as it:
        kept = await it.done_once()
        pages: list[int] = []
        after: int | None = 0
        async with program(it, role=Role.SEE) as robot:
            while after is not None:
                answer = await robot.get(f"/api/runs/{kept.name}/outcomes?limit=7&after={after}")
                part = json.loads(answer.text)
                assert len(part["outcomes"]) <= 7
                pages.extend(one["page"] for one in part["outcomes"])
                after = part["next"]
            bad = json.loads((await robot.get(f"/api/runs/{kept.name}/outcomes?status=bad")).text)

    assert pages == [line.page for line in kept.outcomes()]
    assert [one["page"] for one in bad["outcomes"]] == [7, 8]


async def test_a_program_presses_once_by_its_key(tmp_path):
    async with steered(tmp_path, BAD) as it, program(it) as robot:
        kept = await it.done_once()
        path, key = f"/api/runs/{kept.name}/retry", {"Idempotency-Key": "a-1"}
        question = json.loads((await robot.get(path)).text)

        first = await robot.post(path, headers=key)
        again = await robot.post(path, headers=key)
        other = await robot.post(path)

        assert question["pages"] == 2
        assert (first.status, again.status, other.status) == (202, 202, 409)
        assert first.text == again.text
        retried = [one.outcome for one in it.store.audit.read() if one.target.startswith("retry")]
        assert retried == ["done", "repeated", "refused"]
        await it.daemon.until(JobEnds, 2)
        assert len(it.store.runs()) == 2


async def test_programs_that_read_journals_are_told_to_wait(tmp_path):
    async with steered(tmp_path) as it, program(it) as robot, AsyncExitStack() as reading:
        kept = await it.done_once()
        for _ in range(4):
            await reading.enter_async_context(it.page.app[READERS].place())

        answer = await robot.get(f"/api/runs/{kept.name}/outcomes")

        assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
        assert json.loads(answer.text)["status"] == 429


@pytest.mark.parametrize(
    ("body", "status"),
    [({"job": {"name": "mine"}}, 400), ({"at": 5}, 400), ([], 400), ("nightly", 400), ({"at": "never"}, 422)],
)  # fmt: skip
async def test_a_job_is_never_sent_as_a_body(tmp_path, body, status):
    async with steered(tmp_path) as it, program(it) as robot:
        answer = await robot.post("/api/jobs/nightly/submit", body)

        assert answer.status == status
        assert not it.store.agenda.orders()


async def test_a_file_is_no_body(tmp_path):
    async with steered(tmp_path) as it, program(it) as robot:
        toml = await robot.ask("POST", "/api/jobs/nightly/submit", data=b'name = "x"', headers={"Content-Type": "application/toml"})  # fmt: skip
        form = await robot.ask("POST", "/api/jobs/nightly/submit", data={"at": "+2h"})

        assert (toml.status, form.status) == (415, 415)
        assert "Content-Type: application/json" in json.loads(form.text)["detail"]
        assert not it.store.agenda.orders()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/runs/none", 404),
        ("GET", "/api/runs?size=many", 400),
        ("GET", "/api/now?order=colour", 400),
        ("GET", "/api/nothing", 404),
        ("POST", "/api/now", 405),
        ("POST", "/api/jobs/other/submit", 404),
        ("POST", "/api/plans/p-0123456789/approve", 404),
    ],
)
async def test_what_goes_wrong_is_a_problem(tmp_path, method, path, status):
    async with steered(tmp_path) as it, program(it) as robot:
        answer = await robot.ask(method, path)

        problem = json.loads(answer.text)
        assert (answer.status, problem["status"]) == (status, status)
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert problem["detail"]
        assert "Traceback" not in answer.text


async def test_a_program_without_a_token_or_with_a_wrong_one(tmp_path):
    async with steered(tmp_path) as it, program(it, role=Role.SEE) as robot:
        see = await robot.post("/api/jobs/nightly/submit")
        robot.token = "bpw_wrong"
        wrong = await robot.get("/api/now")
        robot.token = ""
        none = await robot.ask("POST", "/api/jobs/nightly/submit", headers={"Authorization": ""})

        assert (see.status, wrong.status, none.status) == (403, 401, 401)
        assert all("web token add" in json.loads(one.text)["hint"] for one in (see, wrong, none))
        assert "Authorization: Bearer" in json.loads(none.text)["hint"]
        assert not it.store.agenda.orders()


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("GET", "/api/runs?show=bogus", None, "show must be one of all, trouble, work, done."),
        ("GET", "/api/runs?number=x", None, "number must be a whole number."),
        ("POST", "/api/jobs/nightly/submit", b'{"when": 1}', "when is not known: use at."),
        ("POST", "/api/jobs/nightly/submit", b'{"at"', "it is no JSON."),
    ],
)
async def test_what_can_be_asked_is_named(tmp_path, method, path, body, said):
    async with steered(tmp_path) as it, program(it) as robot:
        headers = {"Content-Type": "application/json"}
        answer = await robot.ask(method, path, data=body, headers=headers)

        assert answer.status == 400
        assert json.loads(answer.text)["detail"].endswith(said)


async def test_a_list_stands_under_the_name_of_what_it_lists(tmp_path):
    async with steered(tmp_path) as it, program(it) as robot:
        kept = await it.done_once()
        runs = json.loads((await robot.get("/api/runs?show=done&size=25")).text)
        now = json.loads((await robot.get("/api/now")).text)

        assert [one["run"] for one in runs["runs"]] == [kept.name]
        assert (runs["total"], runs["count"], runs["number"], runs["size"]) == (1, 1, 1, 25)
        assert (len(now["portals"]), now["total"]) == (1, 1)


async def test_a_session_presses_with_what_the_page_carries(tmp_path):
    async with steered(tmp_path) as it:
        csrf = (await it.page.get("/plans")).csrf
        path = "/api/jobs/nightly/submit"

        without = await it.page.ask("POST", path, json={})
        elsewhere = await it.page.ask("POST", path, json={}, headers={"X-CSRF-Token": csrf, "Origin": "https://evil.example"})  # fmt: skip
        own = await it.page.ask("POST", path, json={}, headers={"X-CSRF-Token": csrf})

        assert (without.status, elsewhere.status, own.status) == (403, 403, 202)


async def test_who_has_proposed_a_plan_can_not_approve_it(tmp_path):
    async with steered(tmp_path) as it, program(it) as robot:
        await robot.post("/api/jobs/nightly/plan")
        await it.daemon.until(JobEnds)
        (proposal,) = it.store.approvals.proposals()
        path = f"/api/plans/{proposal.name}"

        own = await robot.post(f"{path}/approve")
        async with program(it, "other") as other:
            approved = await other.post(f"{path}/approve")
            published = await other.post(f"{path}/publish")

        assert (own.status, approved.status, published.status) == (403, 200, 202)
        assert (await it.daemon.until(JobEnds, 2)).status == 0
        audit = json.loads((await robot.get("/api/audit?limit=3")).text)
        assert audit["deeds"][0]["what"] == "publish"
        older = json.loads((await robot.get(f"/api/audit?before={audit['next']}")).text)
        assert older["deeds"][0]["number"] == audit["next"] - 1
