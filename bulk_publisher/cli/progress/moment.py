"""A run at one moment, as data and in words: what progress shows, and what ``status`` reads."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from bulk_publisher.clock import seconds_since_written
from bulk_publisher.limits.decision import Limit
from bulk_publisher.report.text import in_words, pages_in_words, printable
from bulk_publisher.store.description import Count, Seconds
from bulk_publisher.store.folder.files import read_own, replacing
from bulk_publisher.store.folder.run_folder import LOCK

_TELLING = 10.0
"""Seconds after which the rate so far says something: before, most pages are still in flight."""

_SILENT = 15.0
"""Seconds without a word after which what was said is old: one comes every five."""

FILE = "progress.json"
"""In a run's folder, while it goes on."""


_Figure = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
_When = Annotated[float, msgspec.Meta(ge=0, le=32e9)]
"""UTC seconds up to the year 2984: a calendar has them."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a budget is used."""

    level: _Figure
    limit: _Figure


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing leaves.

    Attributes:
        until: UTC seconds; None where only an event can end it.
    """

    until: _When | None
    limit: str
    because: str


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A run at one moment. Moments of time are UTC seconds.

    What is counted is of the whole run: earlier processes are included wherever they are not
    excluded here.

    Attributes:
        pages: Settled.
        total: None where only the portal knows.
        counts: Of the settled pages, by status.
        errors: Of the bad ones, by code.
        seconds: At work.
        rate: Pages for each of those seconds; None in the first one.
        arrives_at: When it will have ended, as far as can be told.
        last_failures: Of this process, the newest last.
    """

    run: str
    portal: str
    time: _When
    pages: Count
    total: Count | None
    counts: dict[str, Count]
    errors: dict[str, Count]
    bad: Count
    seconds: Seconds
    rate: _Figure | None
    operating: Bar | None
    requests: Bar | None
    waiting: Wait | None
    arrives_at: _When | None
    last_failures: tuple[str, ...]

    @property
    def left(self) -> int | None:
        """Pages that are not settled; None where nobody knows."""
        return None if self.total is None else max(0, self.total - self.pages)


def status_line(moment: Moment) -> str:
    """``1,204 of 5,000 pages, 12 failed, 3,796 left, 8.4 a second, done at about 14:32``."""
    if moment.total:
        parts = [f"{moment.pages:,} of {pages_in_words(moment.total)}"]
    else:
        parts = [pages_in_words(moment.pages)]
    if moment.bad:
        parts.append(f"{moment.bad:,} failed")
    if moment.left:
        parts.append(f"{moment.left:,} left")
    if moment.rate is not None and moment.seconds >= _TELLING:
        parts.append(f"{moment.rate:.1f} a second")
    if moment.arrives_at is not None and moment.left:
        away = in_words(moment.arrives_at - moment.time)
        parts.append(f"done in about {away} ({clock_time(moment.arrives_at, moment.time)})")
    return ", ".join(parts)


def waiting_line(moment: Moment) -> str:
    """``waiting 4 min 10 s (until 14:32:10) for operating time (479 of 480 s used)``; or nothing."""
    wait = moment.waiting
    if wait is None:
        return ""
    if wait.limit == Limit.TURN:
        # For how long nobody knows: it is looked at four times a second.
        return f"waiting: {wait.because}"
    if wait.until is None:
        return f"waiting for {wait.because}" if wait.limit == Limit.OUTAGE else ""
    if wait.until - moment.time < 1:
        return ""
    until = datetime.fromtimestamp(wait.until).astimezone()
    return (
        f"waiting {in_words(wait.until - moment.time)} (until {until:%H:%M:%S}) for {wait.because}"
    )


def budget_lines(moment: Moment) -> Iterator[str]:
    """Both budgets, as far as there are any."""
    for name, bar in (("operating time", moment.operating), ("requests", moment.requests)):
        if bar is not None:
            unit = " s" if name == "operating time" else ""
            yield f"{name}: {bar.level:.0f} of {bar.limit:.0f}{unit}"


def clock_time(moment: float, now: float) -> str:
    """*moment* by the clock on the wall; with its day where that is not *now*'s."""
    then, today = (datetime.fromtimestamp(at).astimezone() for at in (moment, now))
    return f"{then:%H:%M}" if then.date() == today.date() else f"{then:%a %d %b, %H:%M}"


def write_moment(moment: Moment, folder: Path) -> None:
    """Leave *moment* in a run's folder for ``status``; where the disk takes nothing, there is none."""
    with suppress(OSError), replacing(folder / FILE, is_forced=False) as file:
        file.write(msgspec.json.encode(moment))


class Heard(NamedTuple):
    """What a run has said of itself, and how many seconds ago."""

    moment: Moment
    age: float

    @property
    def is_silent(self) -> bool:
        """Whether it should have said more by now: its process is stopped, or can't write."""
        return self.age >= _SILENT


def read_moment(folder: Path) -> Heard | None:
    """What a run has left in its *folder*; None where there is nothing to be read.

    What a process left that was killed says nothing of the one that has the folder now. Of one that
    is silent nothing is promised: neither when it ends, nor what it waits for.
    """
    path = folder / FILE
    try:
        heard = Heard(msgspec.json.decode(read_own(path), type=Moment), seconds_since_written(path))
        is_of_another = path.stat().st_mtime_ns < (folder / LOCK).stat().st_mtime_ns
    except (OSError, ValueError, RecursionError):
        return None
    if is_of_another:
        return None
    if not heard.is_silent:
        return heard
    quiet = msgspec.structs.replace(heard.moment, arrives_at=None, waiting=None)
    return Heard(quiet, heard.age)


def failure_line(page: int, code: str, title: str | None) -> str:
    """``page 57: LANDING_NOT_EXIST “Title”``."""
    return printable(f"page {page}: {code}" + (f" “{title}”" if title else ""))
