"""Old runs are removed whole, and none that somebody needs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadJournal, JournalLost
from bulk_publisher.model import Epoch, Status
from bulk_publisher.operations.pruning import Needed, find_prunable, prune
from bulk_publisher.store import KeptRun, Store
from bulk_publisher.store.agenda import Ended, Firing, Part, Slot
from bulk_publisher.store.description import Description, FinalTotals
from bulk_publisher.utc import as_utc
from tests.store.making import BEGAN_AT, begun, lines_of, record

DAY = 86_400.0
NOW = Epoch(BEGAN_AT + 365 * DAY)
WHOLE = FinalTotals(counts={Status.PUBLISHED: 1}, is_whole=True, seconds=12.0)


def old(store: Store, days: float, *, job: str = "nightly", **told: object) -> KeptRun:
    """A run that ended so many days before now."""
    at = NOW - days * DAY
    run = begun(store, at=at, started=as_utc(Epoch(at)))
    told = {
        "ended": as_utc(Epoch(at + 60)),
        "totals": WHOLE,
        "portal": "example.bitrix24.com",
        **told,
    }
    description = msgspec.structs.replace(run.read_description(), **told)
    with run.lock():
        run.write_description(description.with_job({"name": job}))
    return run


def names(store: Store, days: float = 90, **asked: object) -> list[str]:
    """The runs that would go."""
    found = find_prunable(store, before=Epoch(NOW - days * DAY), **asked)
    return [one.past.kept.name for one in found.runs]


def test_what_ended_longer_ago_goes_and_nobody_finds_it_any_more(store: Store) -> None:
    long_ago, lately = old(store, 100), old(store, 80)
    pruning = find_prunable(store, before=Epoch(NOW - 90 * DAY))

    assert [error for _, error in prune(pruning)] == [None]

    assert pruning.size > 0
    assert [run.name for run in store.runs()] == [lately.name]
    with pytest.raises(BadJournal):
        store.find(long_ago.name)


def test_the_newest_run_can_go_and_latest_is_the_one_that_is_left(store: Store) -> None:
    first = old(store, 50)
    newest = old(store, 40)
    assert store.find("latest").name == newest.name
    with newest.lock():
        newest.remove()

    assert store.find("latest").name == first.name
    assert not list(store.flaws())


def test_a_run_that_a_process_is_at_work_on_stays(store: Store) -> None:
    run = old(store, 100)

    with run.lock():
        found = find_prunable(store, before=NOW)

    assert not found.runs
    assert found.needed == {Needed.BUSY: 1}


def test_a_run_that_somebody_goes_on_with_after_it_was_found_stays(store: Store) -> None:
    run = old(store, 100)
    pruning = find_prunable(store, before=NOW)
    with run.lock():
        (busy,) = [error for _, error in prune(pruning)]
    with run.lock():
        run.write_description(msgspec.structs.replace(run.read_description(), ended=None))

    (changed,) = [error for _, error in prune(pruning)]

    assert "using it" in str(busy)
    assert "gone on with it" in str(changed)
    assert len(store.runs()) == 1


@pytest.mark.parametrize(
    "told",
    [{"ended": None, "totals": None}, {"totals": msgspec.structs.replace(WHOLE, is_whole=False)}],
    ids=["killed", "stopped"],
)
def test_a_run_that_is_for_resume_goes_only_where_that_is_asked(store: Store, told) -> None:
    run = old(store, 100, **told)

    assert find_prunable(store, before=NOW).needed == {Needed.UNFINISHED: 1}
    assert names(store, even_unfinished=True) == [run.name]


def test_a_run_stays_as_long_as_a_run_that_follows_it(store: Store) -> None:
    first = old(store, 100)
    retry = old(store, 80, retry_of=first.run_id)

    assert names(store) == []
    assert find_prunable(store, before=Epoch(NOW - 90 * DAY)).needed == {Needed.FOLLOWED: 1}
    assert names(store, days=70) == [retry.name, first.name]


def test_a_run_that_a_daemon_has_begun_or_did_last_stays(store: Store) -> None:
    begun_run, last, other = old(store, 100), old(store, 101), old(store, 102)
    store.agenda.write_slots(
        {
            "a": Slot(firing=Firing(due=1.0, parts={"": Part(run=begun_run.run_id)})),
            "b": Slot(last=Ended(due=1.0, at=2.0, status=0, runs=(last.run_id,))),
        }
    )

    assert names(store) == [other.name]


def test_a_run_whose_description_is_damaged_stays(store: Store) -> None:
    run = begun(store, at=NOW - 100 * DAY)

    assert names(store) == []
    assert find_prunable(store, before=NOW).needed == {Needed.DAMAGED: 1}
    assert run.is_described


@given(
    ages=st.lists(st.integers(1, 400), min_size=1, max_size=8, unique=True),
    keep=st.integers(0, 4),
    days=st.integers(1, 400),
)
def test_of_each_job_the_last_stay(tmp_path_factory, ages: list[int], keep: int, days: int) -> None:
    from bulk_publisher.store import open_store

    store = open_store(tmp_path_factory.mktemp("runs"))
    for age in ages:
        old(store, age, job="odd" if age % 2 else "even")

    gone = set(names(store, days=days, keep_last=keep))

    for kind in (0, 1):
        its_own = sorted(age for age in ages if age % 2 == kind)
        expected = {age for age in its_own[keep:] if age > days}
        assert {age for age in its_own if _name(store, age) in gone} == expected


def _name(store: Store, age: int) -> str:
    at = as_utc(Epoch(NOW - age * DAY))
    return next(run.name for run in store.runs() if run.read_description().started == at)


async def test_a_run_without_a_fault_has_no_flaw(store: Store) -> None:
    run = begun(store)
    await record(run, lines_of(run, 1, 2, 3))

    assert list(run.flaws()) == []
    assert list(store.flaws()) == []


async def test_lines_of_others_lines_twice_and_lost_lines_are_flaws(store: Store) -> None:
    run = begun(store)
    lines = [
        *lines_of(run, 1, 2, 2),
        *(msgspec.structs.replace(line, run="another") for line in lines_of(run, 7)),
    ]
    await record(run, lines)
    ended = Description(
        run=run.run_id, ended=as_utc(NOW), totals=FinalTotals(counts={Status.PUBLISHED: 5})
    )
    with run.lock():
        run.write_description(ended)

    said = " ".join(flaw.what for flaw in run.flaws())

    assert "1 lines of other runs" in said
    assert "1 lines of pages that have one already" in said
    assert "has lost 3 of the 5 lines" in said


def test_what_can_t_be_removed_is_said_and_is_still_there(tmp_path) -> None:
    from bulk_publisher.store.folder.folder_run import FolderRun

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / "20260301T030000Z-1f2e"
    link.symlink_to(elsewhere)

    with pytest.raises(JournalLost, match="link to another folder"):
        FolderRun(link).remove()

    assert elsewhere.is_dir()
    assert link.is_symlink()
