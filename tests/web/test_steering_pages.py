"""What is pressed on the page asks first, is done once, and by who may."""

import asyncio
import re

import pytest

from bulk_publisher.operations.approving import approve, propose
from bulk_publisher.sandbox import Scenario
from bulk_publisher.serve.happenings import JobEnds, RunRests
from bulk_publisher.store.approvals import Act, Door
from bulk_publisher.store.steering import Wish
from bulk_publisher.web.guard.roles import Role
from tests.oracle import assert_journal_tells_the_truth
from tests.web.steerers import hidden, steered

pytestmark = pytest.mark.usefixtures("wall")
LONG = Scenario(pages=600, cost=1.0)
BAD = Scenario(pages=30, unpaid_pages=[7, 8])


async def test_a_job_is_submitted_by_its_name_and_done(tmp_path):
    async with steered(tmp_path) as it:
        kept = await it.done_once()

        assert len(list(kept.outcomes())) == 30
        (deed,) = [one for one in it.store.audit.read() if "submit" in one.what]
        assert (deed.who, deed.target, deed.outcome) == ("anna", "submit nightly", "done")


async def test_a_run_is_stopped_and_continued(tmp_path):
    async with steered(tmp_path, LONG) as it:
        kept = await it.going_on()

        assert (await it.confirm(f"/runs/{kept.name}/stop")).status == 303
        assert (await it.daemon.until(JobEnds)).status == 3
        assert 0 < len(list(kept.outcomes())) < 600
        await it.daemon.wait(3)
        assert (await it.confirm(f"/runs/{kept.name}/resume")).status == 303

        assert (await it.daemon.until(JobEnds, 2)).status == 0
        lines = list(kept.outcomes())
        assert len(lines) == 600
        assert_journal_tells_the_truth(lines, it.sandbox)


async def test_a_pause_until_a_moment_ends_by_itself(tmp_path):
    async with steered(tmp_path, LONG) as it:
        kept = await it.going_on()

        assert (await it.confirm(f"/runs/{kept.name}/pause", moment="+2h")).status == 303

        await it.daemon.until(RunRests)
        steering = kept.read_steering()
        assert steering is not None
        assert (steering.wish, steering.by) == (Wish.PAUSE, "anna")
        assert (await it.daemon.until(JobEnds)).status == 0
        assert len(list(kept.outcomes())) == 600


async def test_a_moment_that_is_past_is_refused_in_a_plain_line(tmp_path):
    async with steered(tmp_path, LONG) as it:
        kept = await it.going_on()

        answer = await it.confirm(f"/runs/{kept.name}/pause", moment="2020-01-01 06:00")

        assert answer.status == 422
        assert "that is past" in answer.text
        assert kept.read_steering() is None


async def test_a_retry_asks_with_the_count_and_is_done_once_when_pressed_twice(tmp_path):
    async with steered(tmp_path, BAD) as it:
        kept = await it.done_once()
        path = f"/runs/{kept.name}/retry"
        asked = await it.page.get(path)
        assert "Retry 2 pages that failed or are unknown" in asked.text

        async with asyncio.TaskGroup() as group:
            both = [group.create_task(it.answer(path, asked)) for _ in range(2)]
        third = await it.answer(path, asked)

        answers = [*(one.result() for one in both), third]
        assert [one.status for one in answers] == [303, 303, 303]
        assert {one.headers["Location"] for one in answers} == {f"/runs/{kept.name}"}
        await it.daemon.until(JobEnds, 2)
        await it.daemon.wait(60)
        assert len(it.store.runs()) == 2
        fourth = await it.answer(path, asked)
        assert fourth.status == 303
        assert len(it.store.agenda.orders()) == 0


async def test_who_asks_for_what_another_has_asked_for_is_told_so(tmp_path):
    async with steered(tmp_path, BAD) as it:
        kept = await it.done_once()
        path = f"/runs/{kept.name}/retry"
        first, second = await it.page.get(path), await it.page.get(path)
        assert (await it.answer(path, first)).status == 303

        answer = await it.answer(path, second)

        assert answer.status == 409
        assert "anna has asked for that already" in answer.text


async def test_what_has_changed_since_it_was_asked_is_asked_again(tmp_path):
    async with steered(tmp_path, BAD) as it:
        kept = await it.done_once()
        path = f"/runs/{kept.name}/retry"
        asked = await it.page.get(path)
        assert (await it.confirm(path)).status == 303
        await it.daemon.until(JobEnds, 2)
        await it.daemon.wait(3)

        answer = await it.answer(path, asked)

        assert answer.status == 409
        assert "has changed since" in answer.text
        assert len(it.store.runs()) == 2


async def test_the_run_page_says_what_was_asked_and_only_who_may_steer_sees_buttons(tmp_path):
    async with steered(tmp_path, BAD) as it:
        kept = await it.done_once()
        await it.daemon.wait(3)
        page = await it.page.get(f"/runs/{kept.name}")
        assert f"/runs/{kept.name}/retry" in page.text
        assert "/resume" not in page.text
        assert "/jobs/nightly/submit" in (await it.page.get("/jobs")).text

        await it.enter("otto", Role.SEE)

        assert "/retry" not in (await it.page.get(f"/runs/{kept.name}")).text
        assert "/submit" not in (await it.page.get("/jobs")).text


async def test_what_may_be_pressed_goes_with_the_run_while_it_is_watched(tmp_path):
    async def told(it) -> str:
        async with it.page.session.get(f"{it.page.url}/live/runs/{kept.name}") as response:
            return (await response.content.readuntil(b"\n\n")).decode()

    async with steered(tmp_path, BAD) as it:
        kept = await it.done_once()
        await it.daemon.wait(3)
        steering = await told(it)
        await it.enter("otto", Role.SEE)
        seeing = await told(it)

    assert f"/runs/{kept.name}/retry" in steering
    assert "/retry" not in seeing
    assert "2 failed" in seeing


@pytest.mark.parametrize("action", ["stop", "pause", "resume", "retry", "verify"])
async def test_who_may_only_see_is_refused(tmp_path, action):
    async with steered(tmp_path) as it:
        kept = await it.done_once()
        await it.enter("otto", Role.SEE)

        asked = await it.page.get(f"/runs/{kept.name}/{action}")
        pressed = await it.page.press(f"/runs/{kept.name}/{action}")

        assert (asked.status, pressed.status) == (403, 403)
        refused = [one for one in it.store.audit.read() if one.outcome == "refused"]
        assert [(one.who, one.status) for one in refused] == [("otto", 403)]


async def test_what_another_website_sends_is_refused(tmp_path):
    async with steered(tmp_path, BAD) as it:
        kept = await it.done_once()
        path = f"/runs/{kept.name}/retry"
        form = hidden(await it.page.get(path))

        elsewhere = await it.page.post(path, form, headers={"Origin": "https://evil.example"})
        without = await it.page.post(path, {name: form[name] for name in ("once", "mark")})
        unasked = await it.page.press(path)

        assert (elsewhere.status, without.status, unasked.status) == (403, 403, 409)
        assert not it.store.agenda.orders()


async def test_one_question_answers_no_other(tmp_path):
    async with steered(tmp_path, LONG) as it:
        kept = await it.going_on()
        asked = await it.page.get(f"/runs/{kept.name}/pause")

        answer = await it.answer(f"/runs/{kept.name}/stop", asked)

        assert answer.status == 409
        assert kept.read_steering() is None


async def test_a_run_that_is_whole_is_neither_continued_nor_stopped(tmp_path):
    async with steered(tmp_path) as it:
        kept = await it.done_once()
        await it.daemon.wait(3)

        said = {
            action: await it.page.get(f"/runs/{kept.name}/{action}")
            for action in ("resume", "stop", "pause", "retry")
        }

        assert {one.status for one in said.values()} == {409}
        assert "is complete: every page is in its journal" in said["resume"].text
        assert "nothing to stop" in said["stop"].text
        assert "nothing to retry" in said["retry"].text


@pytest.mark.parametrize(
    "path",
    ["/jobs/other/submit", "/jobs/other/plan", "/runs/20200101T000000Z-0000/stop", "/plans/p-0/approve", "/plans/p-0"],
)  # fmt: skip
async def test_what_nobody_knows_is_not_there(tmp_path, path):
    async with steered(tmp_path) as it:
        assert (await it.page.get(path)).status == 404


async def test_a_plan_is_made_shown_and_approved_by_another(tmp_path):
    async with steered(tmp_path) as it:
        assert (await it.confirm("/jobs/nightly/plan")).headers["Location"] == "/plans"
        await it.daemon.until(JobEnds)
        (proposal,) = it.store.approvals.proposals()
        path = f"/plans/{proposal.name}"
        assert "30 pages" in (await it.page.get(path)).text
        assert proposal.name in (await it.page.get("/plans")).text

        own = await it.page.get(f"{path}/approve")
        early = await it.page.get(f"{path}/publish")
        await it.enter("berta")
        approved = await it.confirm(f"{path}/approve")
        again = await it.page.get(f"{path}/approve")
        published = await it.confirm(f"{path}/publish")

        assert (own.status, early.status) == (403, 409)
        assert "somebody else must approve it" in own.text
        assert (approved.status, again.status, published.status) == (303, 409, 303)
        assert (await it.daemon.until(JobEnds, 2)).status == 0
        assert len(list(it.store.find("latest").outcomes())) == 30
        run = it.store.find("latest").name
        assert re.search(r'data-label="State">published<.*data-label="Run"><a href="/runs/' + run, (await it.page.get("/plans")).text, re.DOTALL)  # fmt: skip
        assert (await it.page.get(f"{path}/publish")).status == 409
        told = [(one.who, one.what, one.outcome) for one in it.store.audit.read()]
        assert ("berta", f"POST {path}/approve", "done") in told
        assert ("berta", "publish", "done") in told


async def test_who_approves_sees_that_an_assistant_has_proposed(tmp_path):
    async with steered(tmp_path) as it:
        await it.confirm("/jobs/nightly/plan")
        await it.daemon.until(JobEnds)
        (own,) = it.store.approvals.proposals()
        told = it.store.approvals.read_plan(own.name)
        proposal = propose(it.store, told, by="root", through=Door.ASSISTANT)

        listed = await it.page.get("/plans")
        shown = await it.page.get(f"/plans/{proposal.name}")
        asked = await it.page.get(f"/plans/{proposal.name}/approve")

        assert "an assistant of root" in listed.text
        assert "waiting for approval" in listed.text
        assert "by an assistant of root" in shown.text
        assert "An assistant of root has proposed it." in asked.text


async def test_a_plan_whose_run_is_not_there_is_not_called_published(tmp_path):
    async with steered(tmp_path) as it:
        await it.confirm("/jobs/nightly/plan")
        await it.daemon.until(JobEnds)
        (own,) = it.store.approvals.proposals()
        approve(it.store, own.name, own.sha256, by="berta", through=Door.TERMINAL)
        act = Act(by="berta", at=it.page.clock.epoch(), through=Door.TERMINAL)
        it.store.approvals.take(own.name, own.sha256, act, "20200101T000000Z-0000")

        listed, shown = await it.page.get("/plans"), await it.page.get(f"/plans/{own.name}")

        assert "used for a run that isn&#39;t there" in listed.text
        assert "<dt>Used</dt>" in shown.text


async def test_a_job_that_was_never_done_counts_no_portals(tmp_path):
    async with steered(tmp_path) as it:
        before = await it.page.get("/jobs")
        await it.done_once()
        await it.daemon.wait(3)
        after = await it.page.get("/jobs")

        assert "0 portals" not in before.text
        assert "1 portal<" in after.text


async def test_a_job_may_be_called_anything(tmp_path):
    name = "north/south & <b>50 %</b> #1"
    path = tmp_path / "odd.toml"
    path.write_text(f'name = "{name}"\n[select]\nscope = "KNOWLEDGE"\n')
    async with steered(tmp_path, more=[path]) as it:
        (link,) = re.findall(r'href="(/jobs/north[^"]*/submit)"', (await it.page.get("/jobs")).text)

        assert (await it.confirm(link)).status == 303

        ends = await it.daemon.until(JobEnds)
        assert (ends.job.name, ends.status) == (name, 0)


async def test_who_steers_sees_who_did_what(tmp_path):
    async with steered(tmp_path) as it:
        kept = await it.done_once()
        await it.daemon.wait(3)
        await it.confirm(f"/runs/{kept.name}/verify")
        await it.daemon.until(JobEnds, 2)

        audit = await it.page.get("/audit")
        await it.enter("otto", Role.SEE)
        refused = await it.page.get("/audit")

        assert "All 30 pages match the journal." in audit.text
        assert 'href="/audit"' in audit.text
        assert 'href="/audit"' not in refused.text
        assert f"verify {kept.name}" in audit.text
        assert f"verify run {kept.name}<" in audit.text
        assert f"POST /runs/{kept.name}/verify" in audit.text
        assert re.search(r"<time [^>]*>\d\d \w{3} \d\d:\d\d</time>", audit.text)
        assert refused.status == 403
