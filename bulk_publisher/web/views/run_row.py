"""A run in a row: how it stands, its pages, its budgets, and what is wrong. Pure."""

from collections.abc import Iterator

import msgspec

from bulk_publisher.report.past import PastRun
from bulk_publisher.report.summary import pages_left
from bulk_publisher.store.heard import Heard
from bulk_publisher.web.views.budgets import Budget, budgets_of
from bulk_publisher.web.views.run_state import RunState
from bulk_publisher.web.views.wording import shortened


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run.

    Attributes:
        portal: What its portal is called: its name, or its host.
        host: The portal's; empty where that is not known.
        run: Its name; empty where none has begun.
        action: ``publish`` or ``unpublish``.
        follows: ``retry of RUN`` or ``rollback of RUN``; empty where it follows none.
        troubles: What somebody should know, a sentence each.
        pages: Settled.
        failed: Of these, failed and unknown.
        left: Pages without a line; None where nobody knows.
        total: Pages of the selection; None where only the portal knows.
        rate: Pages a second; None where that is not known.
        seconds: At work on it; None where that is not told.
        waiting: What it waits for, in words; empty where it does not.
        waits_until: When that is expected to end, in UTC seconds.
        arrives_at: When it will have ended, as far as can be told.
        stops_at: When it ends, whatever is left.
        heard_seconds: How long ago its process has said how it stands; None where it has not.
    """

    portal: str
    host: str = ""
    run: str = ""
    job: str = ""
    action: str = ""
    follows: str = ""
    state: RunState
    troubles: tuple[str, ...] = ()
    pages: int = 0
    failed: int = 0
    left: int | None = None
    total: int | None = None
    rate: float | None = None
    seconds: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    budgets: tuple[Budget, ...] = ()
    waiting: str = ""
    waits_until: float | None = None
    arrives_at: float | None = None
    stops_at: float | None = None
    heard_seconds: float | None = None

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look at it."""
        return self.state.is_trouble or bool(self.troubles)

    @property
    def done_share(self) -> float | None:
        """How much of its pages is settled, 0 to 1; None where nobody knows how many there are."""
        if self.total is not None:
            return min(1.0, self.pages / self.total) if self.total else 1.0
        whole = self.pages + (self.left or 0)
        return self.pages / whole if self.left is not None and whole else None

    def has(self, words: list[str]) -> bool:
        """Whether each of *words*, in small letters, is somewhere in what it is called."""
        if not words:
            return True
        told = (
            f"{self.portal} {self.host} {self.job} {self.run} {self.follows} {self.state}".lower()
        )
        return all(word in told for word in words)


def row_of(past: PastRun, state: RunState) -> RunRow:
    """*past* as a row."""
    description = past.description
    if description is None:
        why = (shortened(past.why),)
        return RunRow(portal="", run=past.kept.name, state=state, troubles=why)
    row = RunRow(
        portal=shortened(past.portal),
        host=shortened(past.host),
        run=past.kept.name,
        job=shortened(past.job),
        action=description.job.action.value,
        follows=shortened(past.follows),
        state=state,
        troubles=tuple(_troubles(past, state)),
        pages=past.pages,
        failed=past.bad,
        seconds=past.seconds,
        started_at=past.started_at,
        ended_at=None if past.is_running else past.ended_at,
    )
    if past.heard is not None:
        return _with_snapshot(row, past.heard)
    return msgspec.structs.replace(
        row,
        left=0 if description.is_whole else pages_left(description, past.pages).count,
        total=description.selected.total,
        rate=row.pages / row.seconds if row.pages and row.seconds and row.seconds > 1 else None,
    )


def _with_snapshot(row: RunRow, heard: Heard) -> RunRow:
    snapshot, age = heard
    wait = snapshot.waiting
    return msgspec.structs.replace(
        row,
        left=snapshot.left,
        total=snapshot.total,
        rate=snapshot.rate,
        budgets=budgets_of(snapshot),
        waiting="" if wait is None else shortened(wait.because),
        waits_until=None if wait is None else wait.until,
        arrives_at=snapshot.arrives_at,
        stops_at=snapshot.stops_at,
        heard_seconds=age,
    )


def _troubles(past: PastRun, state: RunState) -> Iterator[str]:
    description = past.description
    match state:
        case RunState.DIED:
            yield "Its process is gone without a word: resume it."
        case RunState.SILENT:
            yield "Its process has said nothing for a while: it is stopped, or can't write."
        case RunState.UNREACHED:
            yield "The portal does not answer."
        case RunState.STOPPED if description is not None:
            stopped = description.final.stopped_by
            by_hand = (
                "It was interrupted." if description.final.is_interrupted else "It was stopped."
            )
            yield by_hand if stopped is None else shortened(stopped.message)
        case _:
            pass
    if past.bad and (state.is_at_work or state is RunState.FAILED):
        yield f"{past.bad:,} failed or unknown."
