"""What is shown of many runs fits, and trouble stands first."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.crowd import Crowd, Row, names_of, totals_lines
from bulk_publisher.cli.progress.crowd_progress import CrowdProgress
from bulk_publisher.engine.events import Warned
from bulk_publisher.errors import PortalUnusable
from bulk_publisher.jobs import Job
from bulk_publisher.operations.many import PortalEnd, PortalJob
from bulk_publisher.store.heard import Snapshot, Wait


@dataclass
class Said:
    """A run that stands as it is told to."""

    told: Snapshot

    @property
    def watcher(self) -> "Said":
        return self

    def snapshot(self) -> Snapshot:
        return self.told


def snapshot(
    *, pages: int = 10, total: int | None = 20, bad: int = 0, away: float | None = 60, limit: str = ""
) -> Snapshot:  # fmt: skip
    return Snapshot(
        run="r",
        portal="a.example",
        time=1000.0,
        pages=pages,
        total=total,
        counts={},
        errors={},
        bad=bad,
        seconds=10.0,
        rate=1.0,
        operating=None,
        requests=None,
        waiting=Wait(until=None, limit=limit, because="the portal") if limit else None,
        arrives_at=None if away is None else 1000.0 + away,
        last_failures=(),
    )


def crowd_of(**rows: Snapshot | PortalUnusable | None) -> Crowd:
    jobs = {name: PortalJob(Job(name="j"), name) for name in rows}
    crowd = Crowd({job: Row(name) for name, job in jobs.items()}, seconds=20.0)
    for name, job in jobs.items():
        match rows[name]:
            case Snapshot() as told:
                crowd.rows[job].started = Said(told)  # type: ignore[assignment]
            case PortalUnusable() as error:
                crowd.note_end(PortalEnd(job, error=error, status=4))
            case _:
                pass
    return crowd


def test_trouble_stands_first_then_who_arrives_last() -> None:
    crowd = crowd_of(
        soon=snapshot(away=10),
        late=snapshot(away=500),
        failing=snapshot(bad=3),
        away=snapshot(limit="outage", away=None),
        denied=PortalUnusable("no"),
    )

    lines = list(crowd.lines(20))

    assert [text.split()[0] for text, _ in lines[2:]] == ["denied", "away", "failing", "late", "soon"]  # fmt: skip
    assert [is_trouble for _, is_trouble in lines[2:]] == [True, True, True, False, False]


def test_totals_say_what_all_have_done_and_only_what_is_known() -> None:
    known = crowd_of(a=snapshot(bad=1), b=snapshot(away=90), c=PortalUnusable("no"))
    waiting = crowd_of(a=snapshot(), b=None)

    assert totals_lines(known.totals()) == [
        "1 of 3 portals done, 2 at work, 1 in trouble",
        "20 of 40 pages, 1 failed, 1.0 a second, done in about 1 min 30 s",
    ]
    assert totals_lines(waiting.totals()) == [
        "0 of 2 portals done, 1 at work, 1 waiting",
        "10 pages, 0.5 a second",
    ]


@given(
    st.lists(
        st.sampled_from([None, snapshot(), snapshot(bad=2), PortalUnusable("no")]), max_size=60
    ),
    st.integers(0, 30),
)
def test_there_are_never_more_lines_than_asked_for(told: list[Snapshot | None], most: int) -> None:
    crowd = crowd_of(**{f"p{number}": one for number, one in enumerate(told)})

    lines = list(crowd.lines(most))

    assert len(lines) <= most
    rows = sum(one is not None for one in told)
    if most > 2:
        assert len(lines) == min(most, 2 + rows) or lines[-1][0].startswith("… and ")


def test_names_tell_portals_apart_and_jobs_where_there_are_several() -> None:
    one, other = Job(name="one"), Job(name="other")
    jobs = [PortalJob(one, "a"), PortalJob(one, "b"), PortalJob(other)]

    assert list(names_of(jobs[:2]).values()) == ["a", "b"]
    assert list(names_of(jobs).values()) == ["one: a", "one: b", "other"]


def test_what_is_so_for_all_runs_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [PortalJob(Job(name="j"), name) for name in ("a", "b", "c")]
    progress = CrowdProgress(Output(verbosity=0, log_format="console", is_plain=True), jobs)

    for text in ("away", "back", "away"):
        for job in jobs:
            progress.hears(job, Warned(text, is_of_store=True))
    progress.hears(jobs[0], Warned("its own"))

    assert capsys.readouterr().err.splitlines() == ["away", "back", "away", "a: its own"]
