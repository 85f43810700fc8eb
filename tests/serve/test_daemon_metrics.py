"""The numbers of a daemon: what grows, how runs stand, how the last ones ended, and when the next are due."""

import re
import socket
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.families import Families, Series
from bulk_publisher.errors import BadSetting
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.serve.happenings import JobEnds, JobsRead, RunBegins, RunEnds, RunRests
from bulk_publisher.store import open_store
from bulk_publisher.store.steering import Steering, Wish
from tests.serve.daemons import job_file, served

pytest.importorskip("prometheus_client")
HALF_AN_HOUR = 1800.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def scraped(port: int) -> dict[str, float]:
    """The series at *port*: each as it is written, with its value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return series_in(answer.read().decode())


def series_in(text: str) -> dict[str, float]:
    found = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in found}


def value(series: Mapping[str, float], name: str, **labels: str) -> float | None:
    """Of the one series of that name that has these labels."""
    found = [
        number
        for one, number in series.items()
        if re.split("[{]", one)[0] == f"bulk_publisher_{name}"
        and all(f'{label}="{word}"' in one for label, word in labels.items())
    ]
    assert len(found) <= 1, found
    return found[0] if found else None


def at_port(port: int, file: Path | None = None) -> Output:
    return Output(
        verbosity=-1, log_format="console", is_plain=True, metrics_port=port, metrics_file=file
    )


async def test_a_daemon_s_numbers_are_there_while_a_run_goes_on_and_afterwards(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    port = free_port()
    async with (
        serve(Scenario(pages=200, cost=1.0, unpaid_pages=[7])) as sandbox,
        served(sandbox, tmp_path / "runs", path, output=at_port(port)) as it,
    ):
        begins = await it.until(RunBegins)
        await it.wait(31)
        during = scraped(port)
        ends = await it.until(JobEnds)
        await it.wait(6)
        after = scraped(port)

        run, host = begins.started.kept.run_id, begins.started.session.client.host
        of = {"job": "nightly", "portal": host}
        assert 0 < value(during, "pages_total", **of, status="published") < 200
        assert value(during, "run_seconds", **of, run=run) > 20
        assert value(during, "budget_limit", **of, run=run, budget="operating") == 480
        assert (
            it.clock.epoch() - value(during, "run_last_settled_timestamp_seconds", run=run) < 3600
        )
        assert value(during, "last_exit_status", **of) is None
        assert not [name for name in after if run in name]
        assert value(after, "pages_total", **of, status="published") == 199
        assert value(after, "last_pages", **of, status="published") == 199
        assert value(after, "last_exit_status", **of) == ends.status == 1
        assert value(after, "last_success_timestamp_seconds", **of) == 0
        assert value(after, "runs_total", **of, exit_status="1") == 1
        assert value(after, "last_duration_seconds", **of) > 30
        due = value(after, "next_due_timestamp_seconds", job="nightly")
        assert 0 < due - ends.due <= HALF_AN_HOUR + 1


async def test_what_holds_a_run_is_told_and_for_how_long(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    port, seen = free_port(), []
    async with (
        serve(Scenario(pages=800, cost=1.0)) as sandbox,
        served(sandbox, tmp_path / "runs", path, output=at_port(port)) as it,
    ):
        await it.until(RunBegins)
        while not it.heard.of(JobEnds):
            await it.wait(20)
            seen.append(scraped(port))

    assert max(value(one, "run_waiting", limit="operating") or 0 for one in seen) == 1
    assert value(seen[-1], "wait_seconds_total", limit="operating") > 60


async def test_a_daemon_that_is_started_again_knows_how_its_jobs_were_done(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    runs, port = tmp_path / "runs", free_port()
    async with serve(Scenario(pages=20)) as sandbox:
        async with served(sandbox, runs, path) as it:
            ends = await it.until(JobEnds)
            clock = it.clock
        async with served(sandbox, runs, path, clock=clock, output=at_port(port)) as it:
            await it.wait(2)
            told = scraped(port)

    host = open_store(runs).find("latest").read_description().portal
    assert ends.status == 0
    of = {"job": "nightly", "portal": host}
    assert value(told, "last_exit_status", **of) == 0
    assert 0 <= clock.epoch() - value(told, "last_success_timestamp_seconds", **of) < 3600
    assert value(told, "last_pages", **of, status="published") == 20
    assert value(told, "runs_total", **of) is None


async def test_a_run_that_rests_says_so_and_no_more(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    port = free_port()
    async with (
        serve(Scenario(pages=600, cost=1.0)) as sandbox,
        served(sandbox, tmp_path / "runs", path, output=at_port(port)) as it,
    ):
        await it.until(RunBegins)
        await it.wait(10)
        kept = open_store(tmp_path / "runs").find("latest")
        kept.steer(Steering(wish=Wish.PAUSE, at=it.clock.epoch(), until=it.clock.epoch() + 600))
        await it.until(RunRests)
        rests = scraped(port)
        await it.until(RunBegins, 2)
        await it.wait(6)
        goes_on = scraped(port)

    assert value(rests, "resting", job="nightly") == 1
    assert value(rests, "run_seconds", job="nightly") is None
    assert value(goes_on, "resting", job="nightly") is None
    assert value(goes_on, "run_seconds", job="nightly") > 10


async def test_a_job_that_is_gone_takes_its_numbers_with_it(tmp_path):
    first = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    folder = tmp_path / "jobs"
    folder.mkdir()
    second = folder / first.name
    first.rename(second)
    port = free_port()
    async with (
        serve(Scenario(pages=10)) as sandbox,
        served(sandbox, tmp_path / "runs", folder, output=at_port(port)) as it,
    ):
        await it.until(JobEnds)
        second.unlink()
        it.daemon.reload()
        await it.until(JobsRead, 2)
        await it.wait(6)
        told = scraped(port)

    assert value(told, "last_exit_status", job="nightly") is None
    assert value(told, "next_due_timestamp_seconds", job="nightly") is None
    assert value(told, "pages_total", job="nightly") == 10


async def test_the_file_is_written_every_15_s_and_at_the_end(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    file = tmp_path / "bulk.prom"
    async with serve(Scenario(pages=300, cost=1.0)) as sandbox:
        output = Output(verbosity=-1, log_format="console", is_plain=True, metrics_file=file)
        async with served(sandbox, tmp_path / "runs", path, output=output) as it:
            assert file.exists()
            await it.until(RunBegins)
            await it.wait(40)
            one = series_in(file.read_text())
            await it.wait(16)
            other = series_in(file.read_text())

    left = series_in(file.read_text())
    assert 14 <= value(other, "run_seconds") - value(one, "run_seconds") <= 16
    assert value(left, "run_seconds") is None
    assert value(left, "next_due_timestamp_seconds") is not None
    assert [path.name for path in tmp_path.glob("*.prom*")] == ["bulk.prom"]


async def test_a_file_that_can_t_be_written_any_more_is_said_once_and_stops_nothing(
    tmp_path, capsys
):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    folder = tmp_path / "numbers"
    folder.mkdir()
    output = Output(
        verbosity=-1, log_format="console", is_plain=True, metrics_file=folder / "a.prom"
    )
    async with (
        serve(Scenario(pages=200, cost=1.0)) as sandbox,
        served(sandbox, tmp_path / "runs", path, output=output) as it,
    ):
        await it.until(RunBegins)
        (folder / "a.prom").unlink()
        folder.rmdir()
        ends = await it.until(RunEnds)
        await it.wait(31)

        assert ends.status == 0
    assert capsys.readouterr().err.count("No metrics: ") == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [("a.txt", "only files that end in .prom"), ("no/a.prom", "there is no folder")],
)
def test_a_file_that_can_t_be_one_is_refused_at_once(tmp_path, name, why):
    from bulk_publisher.cli.progress.metrics import watched
    from bulk_publisher.cli.progress.progress import Progress

    output = Output(verbosity=-1, log_format="console", is_plain=True, metrics_file=tmp_path / name)

    with pytest.raises(BadSetting, match=why):
        watched(Progress(output), output)


def test_codes_that_a_portal_makes_up_are_told_apart_up_to_fifty():
    families = Families("--metrics-port")

    codes = {families.code(f"CODE_{number}") for number in range(500)}

    assert len(codes) == 51
    assert families.code("CODE_3") == "CODE_3"
    assert families.code("CODE_400") == "other"


@given(
    steps=st.lists(st.tuples(st.sampled_from("sk"), st.sets(st.sampled_from("abcd"))), max_size=12)
)
def test_series_are_those_that_were_set_and_not_dropped(steps):
    families = Families("--metrics-port")
    series, other = Series("job", "portal"), Series("job", "elsewhere")
    other.set(families.last_pages, 1, "a")
    expected: set[str] = set()

    for step, names in steps:
        if step == "s":
            for name in names:
                series.set(families.last_pages, 1, name)
            expected |= names
        else:
            series.keep(families.last_pages, *((name,) for name in names))
            expected &= names

    def there() -> set[tuple[str, str]]:
        (metric,) = families.last_pages.collect()
        return {(one.labels["portal"], one.labels["status"]) for one in metric.samples}

    assert there() == {("elsewhere", "a"), *(("portal", name) for name in expected)}
    series.forget()
    assert there() == {("elsewhere", "a")}
