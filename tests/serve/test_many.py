"""One job of a daemon for many portals: each comes to its own end, and the job to one."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bulk_publisher.errors import BadJobFile
from bulk_publisher.jobs import Job, Portal, Secret, Selection
from bulk_publisher.model import Scope
from bulk_publisher.operations.plan_file import write_plan
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.operations.selecting import check_selection
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox, Scenario, TimedFault, serve
from bulk_publisher.serve.happenings import JobEnds, RunBegins, RunEnds, RunRests
from bulk_publisher.serve.submitting import Permits, check_order
from bulk_publisher.store import open_store
from bulk_publisher.store.steering import Steering, Wish
from tests.oracle import assert_journal_tells_the_truth
from tests.serve.daemons import served

PAGES = 600
AWAY = TimedFault(at=0, fault="html503", seconds=3000)
"""It is due within half an hour, and a down portal is asked for longer than a minute."""


def job_of(folder: Path, names: list[str], schedule: str = "*/5 * * * *") -> Path:
    tables = (
        f'[[portals]]\nname = "{name}"\nwebhook = {{ env = "{name.upper()}" }}' for name in names
    )
    path = folder / "nightly.toml"
    path.write_text(
        "\n".join(
            [
                'name = "nightly"',
                *tables,
                '[select]\nscope = "KNOWLEDGE"',
                f'[schedule]\ncron = "{schedule}"',
            ]
        )
    )
    return path


@asynccontextmanager
async def sandboxes(**scenarios: Scenario) -> AsyncIterator[dict[str, Sandbox]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(serve(scenario))
            for name, scenario in scenarios.items()
        }


def webhooks_of(portals: dict[str, Sandbox]) -> dict[str, str]:
    return {name.upper(): sandbox.webhook for name, sandbox in portals.items()}


async def test_five_portals_of_which_three_are_in_trouble_are_done_once_by_two_daemons(tmp_path):
    runs, slow = tmp_path / "runs", Scenario(pages=PAGES, cost=1.0)
    async with sandboxes(
        good=slow,
        slower=Scenario(pages=PAGES, cost=1.4),
        down=Scenario(pages=PAGES, script=(AWAY,)),
        denied=Scenario(pages=PAGES),
        paused=slow,
    ) as portals:
        path = job_of(tmp_path, list(portals))
        webhooks = webhooks_of(portals)
        webhooks["DENIED"] = webhooks["DENIED"].rstrip("/") + "x/"
        one = portals["good"]

        with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
            async with served(one, runs, path, webhooks=webhooks) as it:
                await it.until(RunBegins, 3)
                await it.wait(5)
                (paused,) = (
                    begins.started.kept
                    for begins in it.heard.of(RunBegins)
                    if begins.portal == "paused"
                )
                until = it.clock.epoch() + 900
                paused.steer(Steering(wish=Wish.PAUSE, at=it.clock.epoch(), until=until))
                await it.until(RunRests)
                clock, first = it.clock, it.heard
                it.task.cancel()
                await it.task

        assert [ends.portal for ends in first.of(RunEnds)] == ["denied"]
        assert [rests.portal for rests in first.of(RunRests)] == ["paused"]
        begun = {run.run_id: len(list(run.outcomes())) for run in open_store(runs).runs()}
        assert max(begun.values()) < PAGES
        assert sum(begun.values()) > 0

        async with served(one, runs, path, webhooks=webhooks, clock=clock) as it:
            (job_ends,) = [await it.until(JobEnds)]

            by_name = {ends.portal: ends for ends in job_ends.runs}
            assert {name: ends.status for name, ends in by_name.items()} == {
                "good": 0,
                "slower": 0,
                "down": 0,
                "denied": 4,
                "paused": 0,
            }
            assert job_ends.status == 4
            assert it.clock.epoch() > until
            for name in ("good", "slower", "down", "paused"):
                lines = list(open_store(runs).find(by_name[name].run).outcomes())
                assert Counter(line.page for line in lines) == Counter(range(1, PAGES + 1))
                assert_journal_tells_the_truth(lines, portals[name])
            assert len(open_store(runs).runs()) == 4
            assert len(it.heard.of(JobEnds)) == 1


async def test_portals_that_rest_hold_up_no_other(tmp_path):
    downs = {f"down{number}": Scenario(pages=10, faults={"html503": 1.0}) for number in range(3)}
    async with sandboxes(**downs, good=Scenario(pages=10)) as portals:
        path = job_of(tmp_path, list(portals))
        webhooks = webhooks_of(portals)

        async with served(
            portals["good"], tmp_path / "runs", path, webhooks=webhooks, parallel=1
        ) as it:
            ends = await it.until(RunEnds)

            assert (ends.portal, ends.status) == ("good", 0)
            assert len(it.heard.of(RunRests)) >= 3


async def test_a_portal_that_a_job_does_not_name_any_more_is_told_and_ends_the_job(tmp_path):
    runs, slow = tmp_path / "runs", Scenario(pages=PAGES, cost=1.0)
    async with sandboxes(one=slow, two=slow) as portals:
        path = job_of(tmp_path, ["one", "two"])
        webhooks = webhooks_of(portals)
        async with served(portals["one"], runs, path, webhooks=webhooks) as it:
            await it.until(RunBegins, 2)
            clock = it.clock
        job_of(tmp_path, ["one", "three"])

        async with served(portals["one"], runs, path, webhooks=webhooks, clock=clock) as it:
            ends = await it.until(JobEnds)

            by_name = {one.portal: one for one in ends.runs}
            assert {name: one.status for name, one in by_name.items()} == {"one": 0, "two": 2}
            assert by_name["two"].run in by_name["two"].hint
            assert "does not name this portal any more" in by_name["two"].why


async def test_portals_that_can_not_be_told_refuse_the_job_alone(tmp_path):
    path = tmp_path / "nightly.toml"
    path.write_text(
        'name = "nightly"\n[portal]\nportals_file = "none.csv"\n[select]\npage = 1\n'
        '[schedule]\ncron = "*/30 * * * *"\n'
    )
    async with serve(Scenario(pages=10)) as sandbox, served(sandbox, tmp_path / "runs", path) as it:
        ends = await it.until(JobEnds)

        assert ends.status == 2
        assert "none.csv can't be read" in ends.runs[0].why


@pytest.mark.parametrize(
    "portals",
    [
        (Portal(webhook=Secret(file="/etc/a.secret")),),
        (Portal(webhook=Secret(env="A_WEBHOOK")), Portal(webhook=Secret(env="PATH"))),
        (Portal(name="a", named_in="/etc/portals.toml"),),
        (Portal(sandbox="/etc/scenario.toml"),),
    ],
)
def test_a_submitted_job_keeps_to_its_permits_on_each_of_its_portals(tmp_path, portals) -> None:
    job = Job(name="j", portals=portals, select=Selection(page=("1",)))

    with pytest.raises(BadJobFile, match="submitted jobs may not"):
        check_order(job, Permits(variables=("A_WEBHOOK",)), copies=tmp_path)


async def test_a_submitted_plan_names_no_list_of_the_daemon_s_machine(tmp_path) -> None:
    (tmp_path / "list.csv").write_text("id\n1\n2\n")
    copies = tmp_path / "copies"
    copies.mkdir()
    select = Selection(csv=str(tmp_path / "list.csv"), scope=Scope.KNOWLEDGE)
    async with serve(Scenario(pages=10)) as sandbox:
        entry = Webhook(sandbox.webhook)
        job = Job(name="j", select=select)
        made = await make_plan(job, check_selection(select), entry, store=None, cost=None)
    write_plan(made, copies / "plan.json")
    planned = Job(name="j", select=Selection(plan=str(copies / "plan.json")))

    check_order(planned, Permits(folders=(tmp_path,)), copies=copies)
    with pytest.raises(BadJobFile, match=r"list\.csv: submitted jobs may not read that file"):
        check_order(planned, Permits(), copies=copies)
