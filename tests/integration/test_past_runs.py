"""Many runs of many portals: ``status`` lists them, ``history`` compares them, ``report`` sums them up."""

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.cli import main
from bulk_publisher.clock import utc_now
from bulk_publisher.model import Epoch, PageId, Status
from bulk_publisher.report.history import repeats_of
from bulk_publisher.report.html_page import _section, html_report
from bulk_publisher.report.past import past_runs
from bulk_publisher.report.story import read_story
from bulk_publisher.store import KeptRun, Store, open_store
from bulk_publisher.store.description import Description, FinalTotals
from bulk_publisher.store.totals import Totals
from bulk_publisher.utc import as_utc
from tests.folders import files_of
from tests.outcomes import outcome

HOUR = 3600.0


async def kept_run(
    store: Store,
    ago: float,
    pages: Mapping[int, str | None],
    *,
    portal: str = "a.bitrix24.com",
    job: str = "nightly",
    seconds: float = 60.0,
    **told: object,
) -> KeptRun:
    """A run that began so many hours ago.

    Args:
        pages: Each with its code, or None where it was done.
    """
    at = Epoch(utc_now() - ago * HOUR)
    with store.create(at, random.Random(ago)) as run:
        run.begin(Description(run=run.run_id))
        lines = [
            outcome(page, run=run.run_id, portal=portal)
            if code is None
            else outcome(page, run=run.run_id, portal=portal, status=Status.FAILED, error=code)
            for page, code in pages.items()
        ]
        totals = Totals()
        with run.record(totals) as recording:
            await recording.append(lines)
        described = Description(
            run=run.run_id,
            portal=portal,
            started=as_utc(at),
            ended=as_utc(Epoch(at + seconds)),
            totals=FinalTotals(counts=dict(totals.counts), seconds=seconds, is_whole=True),
        )
        run.write_description(msgspec.structs.replace(described, **told).with_job({"name": job}))
    return run


def say(runs: Path, *words: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, [*words, "--runs", str(runs)])
    assert result.exit_code == status, result.output
    return result.output


# status


async def test_runs_are_listed_by_portal_with_their_age_and_duration(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    old = await kept_run(store, 72, {1: None}, seconds=30)
    other = await kept_run(store, 5, {1: None}, portal="b.bitrix24.com", job="wiki", seconds=3900)
    new = await kept_run(store, 1, {1: None, 2: "GONE"})

    assert say(tmp_path, "status").splitlines() == [
        "a.bitrix24.com:",
        f"  {new.name}  nightly  1 h ago     1 min       2 pages, 1 failed or unknown",
        f"  {old.name}  nightly  3 days ago  30 s        1 page",
        "",
        "b.bitrix24.com:",
        f"  {other.name}  wiki     5 h ago     1 h 05 min  1 page",
    ]


async def test_one_portal_is_chosen_and_older_runs_are_counted(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for ago in range(1, 31):
        await kept_run(store, ago, {1: None}, portal=f"{'ab'[ago % 2]}.bitrix24.com")

    assert (
        say(tmp_path, "status").splitlines()[-1] == "and 10 older runs; -n 100 shows more, -n 0 all"
    )
    chosen = say(tmp_path, "status", "--portal", "a.*", "-n", "4").splitlines()
    assert chosen[0] == "a.bitrix24.com:"
    assert len(chosen) == 6
    assert chosen[-1] == "and 11 older runs; -n 20 shows more, -n 0 all"
    assert len(json.loads(say(tmp_path, "status", "--json"))) == 30
    told = json.loads(say(tmp_path, "status", "--json", "-n", "3", "--portal", "b.bitrix24.com"))
    assert [run["portal"] for run in told] == ["b.bitrix24.com"] * 3
    assert told[0]["seconds"] == 60
    assert 3500 < told[0]["age"] < 4500
    assert "No runs on c in" in say(tmp_path, "status", "--portal", "c")
    assert "choose among all runs" in say(tmp_path, "status", "latest", "-n", "3", status=2)


async def test_a_portal_with_a_name_is_called_by_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    run = await kept_run(store, 1, {1: None})
    described = run.read_description()
    with run.lock():
        run.write_description(described.with_job({"name": "t", "portal": {"name": "shop"}}))

    assert say(tmp_path, "status").startswith("shop:\n")
    assert len(list(past_runs(store, portal="shop"))) == 1
    assert len(list(past_runs(store, portal="a.bitrix24.com"))) == 1


# history


async def test_history_shows_the_runs_the_trend_and_what_fails_again_and_again(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    await kept_run(store, 96, {1: None, 2: "OLD", 3: None}, seconds=100)
    await kept_run(store, 72, {1: None, 2: "OLD", 3: "ONCE"}, seconds=100)
    await kept_run(store, 48, {1: None, 2: "GONE", 3: None}, seconds=120)
    newest = await kept_run(store, 24, {1: "NEW", 2: "GONE"}, seconds=200)

    said = say(tmp_path, "history", "nightly").splitlines()

    assert said[0] == "Job nightly:"
    assert said[1].split() == ["date", "portal", "pages", "failed", "duration", "status", "run"]
    assert said[2].split()[2:] == [
        "a.bitrix24.com",
        "2",
        "2",
        "3",
        "min",
        "20",
        "s",
        "failed",
        newest.name,
    ]
    assert said[6:] == [
        "  Trend: the last run took 3 min 20 s, the 3 before it 1 min 40 s (+100%); failed pages 2, before 1 (medians)",
        "  Fails again and again: 1 page",
        "    page 2: GONE, 4 runs in a row",
    ]


async def test_history_of_many_portals_tells_only_what_is_out_of_the_ordinary(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    for number in range(6):
        portal = f"p{number}.bitrix24.com"
        for ago in (3, 2, 1):
            slow = number == 4 and ago == 1
            bad = "LOCKED" if number == 5 and ago < 3 else None
            await kept_run(
                store, ago + number / 100, {7: bad}, portal=portal, seconds=90 if slow else 60
            )

    said = say(tmp_path, "history", "-n", "3").splitlines()

    assert len([line for line in said if " p" in line and "60" not in line and "min" in line]) >= 3
    assert "  and 15 more runs on 6 portals; --portal NAME shows one's" in said
    assert [line.split(":")[0] for line in said if "Trend" in line] == [
        "  Trend on p4.bitrix24.com",
        "  Trend on p5.bitrix24.com",
    ]
    assert "    page 7 on p5.bitrix24.com: LOCKED, 2 runs in a row" in said
    (told,) = json.loads(say(tmp_path, "history", "--json", "--portal", "p5*"))
    assert told["repeats"] == [
        {"portal": "p5.bitrix24.com", "page": 7, "code": "LOCKED", "runs": 2}
    ]
    assert [run["status"] for run in told["runs"]] == ["failed", "failed", "done"]
    assert told["trends"][0]["median_bad"] == 0.5


async def test_history_of_what_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    assert say(tmp_path, "history") == f"No runs in {tmp_path} yet.\n"
    assert "No run of job 'weekly'" in say(tmp_path, "history", "weekly", status=2)


async def test_a_damaged_journal_spoils_no_history(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    run = await kept_run(store, 2, {1: "GONE"})
    await kept_run(store, 1, {1: "GONE"})
    files_of(run).journal.write_text("{\n")

    said = say(tmp_path, "history")

    assert f"Not read: {run.names.journal}:1: the line is damaged" in said


RUNS = st.lists(
    st.dictionaries(st.integers(1, 6), st.sampled_from([None, "A", "B"]), max_size=6), max_size=6
)


def streaks(runs: Iterable[Mapping[int, str | None]]) -> dict[int, tuple[str, int]]:
    """By hand: for each page its lines, the newest first, up to the first good one."""
    found = {}
    runs = list(runs)
    for page in {page for run in runs for page in run}:
        codes = []
        for run in runs:
            if page in run:
                if run[page] is None:
                    break
                codes.append(run[page])
        if len(codes) > 1:
            found[page] = (codes[0], len(codes))
    return found


@given(runs=RUNS)
async def test_a_streak_goes_back_to_the_last_time_that_the_page_was_done(
    tmp_path_factory: pytest.TempPathFactory, runs: list[dict[int, str | None]]
) -> None:
    store = open_store(tmp_path_factory.mktemp("runs"))
    for number, pages in enumerate(runs):
        await kept_run(store, number + 1, pages)

    found = {one.page: (one.code, one.runs) for one in repeats_of("p", store.runs(), [])}

    assert found == {PageId(page): streak for page, streak in streaks(runs).items()}


# report


async def many_portals(tmp_path: Path) -> Store:
    """Three portals, one of them with two runs, one of which stopped."""
    store = open_store(tmp_path)
    whole = FinalTotals(counts={Status.PUBLISHED: 1}, seconds=30, left=4)
    await kept_run(store, 30, {1: None}, totals=whole)
    await kept_run(store, 3, {1: None, 2: "GONE"}, seconds=30)
    await kept_run(store, 2, {1: None}, portal="b.bitrix24.com")
    await kept_run(store, 1, {9: None}, portal="c.bitrix24.com", job="wiki")
    return store


async def test_several_runs_are_summed_up_by_portal(tmp_path: Path) -> None:
    await many_portals(tmp_path)

    said = say(tmp_path, "report", "--since", "48h")

    assert said.count("\nRun ") + said.startswith("Run ") == 4
    assert [line.split() for line in said.splitlines()[-5:]] == [
        ["portal", "runs", "pages", "failed", "left", "time"],
        ["a.bitrix24.com", "2", "3", "1", "4", "1", "min"],
        ["b.bitrix24.com", "1", "1", "0", "0", "1", "min"],
        ["c.bitrix24.com", "1", "1", "0", "0", "1", "min"],
        ["3", "portals", "4", "5", "1", "4", "3", "min"],
    ]


async def test_runs_are_chosen_by_job_portal_and_age(tmp_path: Path) -> None:
    await many_portals(tmp_path)

    told = json.loads(say(tmp_path, "report", "--job", "nightly", "--since", "24h", "--json"))
    rows = say(tmp_path, "report", "--portal", "[ab].*", "--csv").splitlines()

    assert [run["portal"] for run in told] == ["a.bitrix24.com", "b.bitrix24.com"]
    assert isinstance(json.loads(say(tmp_path, "report", "--job", "wiki", "--json")), list)
    at = rows[0].split(",").index("portal")
    assert [row.split(",")[at] for row in rows[1:]] == ["a.bitrix24.com"] * 3 + ["b.bitrix24.com"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "Which run?"),
        (("latest", "--job", "nightly"), "Leave out RUN, or these."),
        (("--since", "long"), "--since must be a duration"),
        (("--job", "weekly"), "is like that"),
    ],
)
async def test_what_can_t_be_chosen_is_said(
    tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    await many_portals(tmp_path)

    assert why in say(tmp_path, "report", *words, status=2)


@pytest.mark.parametrize("form", ["--json", "--csv", "--html=-", "--format=json"])
async def test_a_run_that_can_t_be_read_is_named_and_the_others_are_told(
    tmp_path: Path, form: str
) -> None:
    store = await many_portals(tmp_path)
    (bad,) = [past.kept for past in past_runs(store, portal="b.*")]
    files_of(bad).journal.write_text("{\n")

    said = say(tmp_path, "report", "--since", "48h", form, status=2)

    assert f"{bad.names.journal}:1: the line is damaged" in said
    assert "c.bitrix24.com" in said


async def test_a_page_of_many_runs_begins_with_a_table_of_their_portals(tmp_path: Path) -> None:
    await many_portals(tmp_path)

    page = say(tmp_path, "report", "--since", "48h", "--html", "-")

    table = page[page.index("<h1>4 runs") : page.index("</section>")]
    assert '<a href="#run-0">a.bitrix24.com</a><td class=n>2<td class=n>3<td class=n>1' in table
    assert '<a href="#run-3">c.bitrix24.com</a>' in table
    assert 'id="run-3"' in page
    assert page.count("<title>4 runs") == 1


async def test_many_runs_share_the_room_for_failures_and_few_have_pictures(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    run = await kept_run(store, 1, dict.fromkeys(range(1, 80), "GONE"))
    story = read_story(run)

    page = html_report((story for _ in range(22)), of=200)

    assert page.count("<p>The first 50 of 79: ") == 22
    assert page.count("<figure>") == 20 * _section(story, 0, 50).count("<figure>")
    assert "Charts are drawn of the first 20 runs." in page
