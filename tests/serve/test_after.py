"""What a daemon does after a run, and whom it tells."""

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bulk_publisher.errors import BadJobFile
from bulk_publisher.jobs import After, Job, Notify, Recipient, Secret, Selection
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.serve.happenings import JobEnds, RunBegins, RunEnds, RunRests
from bulk_publisher.serve.submitting import Permits, check_order
from bulk_publisher.store import open_store
from bulk_publisher.store.steering import Steering, Wish
from tests.notices.receiver import Receiver, receiving
from tests.serve.daemons import job_file, served

EVERY_HALF_HOUR = {"cron": "*/30 * * * *"}
PASSING = {"SYSTEM_ERROR": [3, 4]}
WEBHOOK = {"webhook": {"env": "NOTIFY_WEBHOOK"}}
ALL = ["failed", "stopped", "finished", "late", "healed"]


def occasions(receiver: Receiver) -> list[str]:
    return [json.loads(one.body)["occasion"] for one in receiver.received if one.method == "POST" and one.body]  # fmt: skip


def notify(*on: str, **more: Any) -> dict[str, Any]:
    return {"on": list(on), "to": [WEBHOOK], **more}


def given(receiver: Receiver) -> dict[str, str]:
    return {"NOTIFY_WEBHOOK": receiver.url}


async def test_a_run_is_verified_and_retried_before_its_end_is_told(tmp_path: Path) -> None:
    path = job_file(
        tmp_path, schedule=EVERY_HALF_HOUR, select={"page": "1-30", "scope": "KNOWLEDGE"},
        after={"verify": True, "retry": 1},
    )  # fmt: skip
    async with (
        serve(Scenario(pages=30, page_errors=PASSING)) as sandbox,
        served(sandbox, tmp_path / "runs", path) as it,
    ):
        await it.until(RunBegins, 2)
        sandbox.world.errors.clear()
        ends = await it.until(RunEnds)

        assert ends.status == 0
        assert len(ends.aftermath.runs) == 2
        assert [one.pages for one in ends.aftermath.verified] == [30, 2]
        assert (await it.until(JobEnds)).status == 0
        assert it.daemon.slots["nightly"].last.status == 0


async def test_a_job_whose_run_was_removed_ends_and_is_told(tmp_path: Path) -> None:
    tables = {"schedule": EVERY_HALF_HOUR, "notify": notify("failed")}
    path, runs = job_file(tmp_path, **tables), tmp_path / "runs"
    async with (
        receiving() as receiver,
        serve(Scenario(pages=600, cost=1.0)) as sandbox,
        served(sandbox, runs, path, environment=given(receiver)) as it,
    ):
        await it.until(RunBegins)
        await it.wait(10)
        kept = open_store(runs).find("latest")
        kept.steer(Steering(wish=Wish.PAUSE, at=it.clock.epoch()))
        await it.until(RunRests)
        shutil.rmtree(kept.place)

        ends = await it.until(JobEnds)

        assert ends.status == 2
        assert "no such run" in ends.runs[0].why
        assert occasions(receiver) == ["failed"]


async def test_a_daemon_that_dies_in_a_retry_is_followed_by_one_that_goes_on_with_it(
    tmp_path: Path,
) -> None:
    path = job_file(
        tmp_path, schedule=EVERY_HALF_HOUR, select={"page": "1-30", "scope": "KNOWLEDGE"},
        after={"verify": True, "retry": 1},
    )  # fmt: skip
    runs = tmp_path / "runs"
    async with serve(Scenario(pages=30, page_errors=PASSING)) as sandbox:
        with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
            async with served(sandbox, runs, path) as it:
                await it.until(RunBegins, 2)
                it.task.cancel()
                await it.task
        sandbox.world.errors.clear()

        async with served(sandbox, runs, path) as it:
            ends = await it.until(JobEnds)

        assert ends.status == 0
        assert len(open_store(runs).runs()) == 2


async def test_known_failures_do_not_make_a_job_fail(tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text("id,code\n7,LANDING_NOT_EXIST\n")
    path = job_file(
        tmp_path, schedule=EVERY_HALF_HOUR, select={"page": "1-30", "scope": "KNOWLEDGE"},
        after={"expected": "known.csv"}, notify=notify("failed"),
    )  # fmt: skip
    async with (
        serve(Scenario(pages=30, missing_pages=[7])) as sandbox,
        receiving() as receiver,
        served(sandbox, tmp_path / "runs", path, environment=given(receiver)) as it,
    ):
        assert (await it.until(JobEnds)).status == 0
        assert receiver.received == []


async def test_a_list_of_known_failures_that_is_gone_ends_the_job_and_is_told(
    tmp_path: Path,
) -> None:
    path = job_file(
        tmp_path, schedule=EVERY_HALF_HOUR, after={"expected": "gone.csv"}, notify=notify("failed")
    )
    async with (
        serve(Scenario(pages=3)) as sandbox,
        receiving() as receiver,
        served(sandbox, tmp_path / "runs", path, environment=given(receiver)) as it,
    ):
        assert (await it.until(JobEnds)).status == 2
        assert "gone.csv" in json.loads(receiver.received[0].body)["text"]


async def test_the_same_failure_is_told_once_and_its_end_once_also_by_the_next_daemon(
    tmp_path: Path,
) -> None:
    path = job_file(
        tmp_path, schedule=EVERY_HALF_HOUR, select={"page": "1-30", "scope": "KNOWLEDGE"},
        notify=notify("failed", "healed"),
    )  # fmt: skip
    async with serve(Scenario(pages=30, page_errors=PASSING)) as sandbox, receiving() as receiver:
        async with served(sandbox, tmp_path / "runs", path, environment=given(receiver)) as it:
            await it.until(JobEnds, 2)
        assert occasions(receiver) == ["failed"]
        sandbox.world.errors.clear()
        clock = it.clock
        async with served(
            sandbox, tmp_path / "runs", path, environment=given(receiver), clock=clock
        ) as it:
            await it.until(JobEnds, 2)

        assert occasions(receiver) == ["failed", "healed"]
        assert it.warnings == []


async def test_a_message_that_is_refused_changes_no_run(tmp_path: Path) -> None:
    path = job_file(tmp_path, schedule=EVERY_HALF_HOUR, notify=notify("finished"))
    async with (
        serve(Scenario(pages=10)) as sandbox,
        receiving(*[500] * 3) as receiver,
        served(sandbox, tmp_path / "runs", path, environment=given(receiver)) as it,
    ):
        assert (await it.until(JobEnds)).status == 0
        assert len(it.warnings) == 1
        (run,) = open_store(tmp_path / "runs").runs()
        assert (Path(run.place) / "log.jsonl").read_text().count("notice.refused") == 3


async def test_a_job_that_is_late_is_told_once_and_that_it_is_done(tmp_path: Path) -> None:
    path = job_file(tmp_path, schedule={"cron": "0 3 * * *"}, notify=notify(*ALL, late_after="5m"))
    scenario = Scenario(pages=2400, cost=1.0)
    async with (
        serve(scenario) as sandbox,
        receiving() as receiver,
        served(sandbox, tmp_path / "runs", path, environment=given(receiver)) as it,
    ):
        await it.until(JobEnds)

        assert occasions(receiver) == ["late", "healed"]


async def test_a_user_of_the_portal_is_told_where_the_webhook_may(tmp_path: Path) -> None:
    tables = {"schedule": EVERY_HALF_HOUR, "notify": {"on": ["finished"], "to": [{"user": 1}]}}
    path = job_file(tmp_path, **tables)
    async with (
        serve(Scenario(pages=3, rest_scopes=["landing", "im"])) as sandbox,
        served(sandbox, tmp_path / "runs", path) as it,
    ):
        await it.until(JobEnds)

        ((user, text),) = sandbox.truth.notifications
        assert user == 1
        assert text.startswith("bulk-publisher: nightly finished\nRun 2")


@pytest.mark.parametrize(
    ("scopes", "user", "why"),
    [(["landing"], 1, "permission"), (["landing", "im"], 77, "is there such a user?")],
)
async def test_a_user_who_can_not_be_told_is_a_warning(tmp_path: Path, scopes, user, why) -> None:
    tables = {"schedule": EVERY_HALF_HOUR, "notify": {"on": ["finished"], "to": [{"user": user}]}}
    path = job_file(tmp_path, **tables)
    async with (
        serve(Scenario(pages=3, rest_scopes=scopes)) as sandbox,
        served(sandbox, tmp_path / "runs", path) as it,
    ):
        assert (await it.until(JobEnds)).status == 0

        assert why in it.warnings[0]
        assert _code_of(sandbox) not in it.warnings[0]


def _code_of(sandbox: Sandbox) -> str:
    return sandbox.webhook.rstrip("/").rpartition("/")[2]


HERE = Secret(env="NOTIFY_WEBHOOK")


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (Recipient(command=("/bin/true",)), "may not run commands"),
        (Recipient(keyring="x"), "may not read the keyring"),
        (Recipient(env="HOME"), "HOME: submitted jobs may not read that variable"),
        (Recipient(webhook=HERE, secret=Secret(env="HOME")), "HOME: submitted jobs may not"),
        (Recipient(ping=Secret(file="/etc/shadow")), "/etc/shadow: submitted jobs may not"),
        (Recipient(file="/etc/shadow"), "/etc/shadow: submitted jobs may not"),
    ],
)
def test_a_submitted_job_reads_no_secret_of_the_daemon_s_and_runs_nothing(one, why) -> None:
    job = Job(name="x", select=Selection(page=("1",)), notify=Notify(to=(one,)))

    with pytest.raises(BadJobFile, match=why):
        check_order(job, Permits(), copies=Path("/nowhere"))


def test_a_submitted_job_may_name_what_is_meant_for_it(tmp_path: Path) -> None:
    job = Job(
        name="x",
        select=Selection(page=("1",)),
        after=After(expected=str(tmp_path / "known.csv")),
        notify=Notify(to=(Recipient(webhook=HERE), Recipient(user=1))),
    )

    check_order(job, Permits(), copies=tmp_path)
