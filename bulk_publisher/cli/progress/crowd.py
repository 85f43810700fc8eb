"""Many runs at one moment, in lines: who is in trouble first, then who takes longest. Pure but for the runs' own state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulk_publisher.cli.progress.words import clock_time, waiting_line
from bulk_publisher.jobs import ALONE
from bulk_publisher.operations.many import PortalEnd, PortalJob, rank
from bulk_publisher.operations.publishing import Started
from bulk_publisher.report.text import in_words, pages_in_words, printable
from bulk_publisher.store.heard import Snapshot

_WIDEST_NAME = 30
_TELLING = 10.0
"""Seconds after which the rate so far says something."""


@dataclass(slots=True, eq=False)
class Row:
    """A job on one portal, and how far it has come.

    Attributes:
        name: What it is called here.
        said: The last thing that a person should know of it; empty for nothing.
    """

    name: str
    started: Started | None = None
    end: PortalEnd | None = None
    said: str = ""

    @property
    def snapshot(self) -> Snapshot | None:
        """The run as it is now; None before it has begun and after it has ended."""
        return None if self.started is None or self.end is not None else self.started.watcher.snapshot()  # fmt: skip


def names_of(jobs: Sequence[PortalJob]) -> dict[PortalJob, str]:
    """What each is called: its portal, or its job where that is for one; both where there are several jobs."""
    are_many = len({one.job.name for one in jobs}) > 1
    names = {}
    for one in jobs:
        job = printable(one.job.name)
        if one.portal == ALONE:
            names[one] = job
        else:
            names[one] = f"{job}: {one.portal}" if are_many else one.portal
    return names


@dataclass(slots=True)
class Crowd:
    """All of them.

    Attributes:
        seconds: For which they have been at work.
    """

    rows: dict[PortalJob, Row]
    seconds: float = 0.0
    ended: dict[str, int] = field(default_factory=lambda: {"pages": 0, "bad": 0})

    def note_end(self, end: PortalEnd) -> None:
        """One has ended: its run is let go of, and its numbers are kept."""
        row = self.rows[end.of]
        row.end = end
        if end.finished is not None:
            self.ended["pages"] += end.finished.totals.pages
            self.ended["bad"] += end.finished.totals.bad
        row.started = None

    def totals(self) -> dict[str, Any]:
        """How many portals and pages are done; ``left_seconds`` and ``total`` are None where nobody knows."""
        rows, at_work = self.rows.values(), self.at_work()
        ends = [row.end for row in rows if row.end is not None]
        totals = [snapshot.total for _, snapshot in at_work]
        away = [None if one.arrives_at is None else one.arrives_at - one.time for _, one in at_work]
        waiting = len(rows) - len(ends) - len(at_work)
        known = [one for one in totals if one is not None]
        told = [one for one in away if one is not None]
        is_known = not waiting and len(known) == len(totals)
        return {
            "portals": len(rows),
            "done": len(ends),
            "at_work": len(at_work),
            "waiting": waiting,
            "in_trouble": sum(_has_ended_badly(end) for end in ends),
            "pages": self.ended["pages"] + sum(one.pages for _, one in at_work),
            "bad": self.ended["bad"] + sum(one.bad for _, one in at_work),
            "total": self.ended["pages"] + sum(known) if is_known else None,
            "seconds": self.seconds,
            "left_seconds": max(told, default=None)
            if not waiting and len(told) == len(away)
            else None,
        }

    def at_work(self) -> list[tuple[Row, Snapshot]]:
        """Those that have begun and not ended."""
        found = ((row, row.snapshot) for row in self.rows.values())
        return [(row, snapshot) for row, snapshot in found if snapshot is not None]

    def lines(self, most: int) -> Iterator[tuple[str, bool]]:
        """At most so many lines: the totals, and those that matter most; each with whether it is trouble."""
        for line in totals_lines(self.totals())[:most]:
            yield line, False
        room = max(0, most - 2)
        at_work = sorted(self.at_work(), key=_urgency)
        ended = [row for row in self.rows.values() if row.end and _has_ended_badly(row.end)]
        ended.sort(key=lambda row: rank(row.end.status if row.end else 0))
        # What has ended stays in the summary: it leaves room for what goes on.
        of_ended = max(room // 3, room - len(at_work))
        width = min(_WIDEST_NAME, max((len(row.name) for row in self.rows.values()), default=0))
        shown = [(ended_line(row, width), True) for row in ended[:of_ended]]
        shown += [(_work_line(row, one, width), _is_in_trouble(one)) for row, one in at_work]
        hidden = len(ended) + len(at_work) - room
        if hidden > 0 and room > 0:
            shown = [*shown[: room - 1], (f"… and {hidden + 1:,} more", False)]
        yield from shown[:room]


def totals_lines(totals: dict[str, Any]) -> list[str]:
    """``12 of 200 portals done, 50 at work, 138 waiting, 2 in trouble``; and the pages of all."""
    portals = [f"{totals['done']:,} of {totals['portals']:,} portals done"]
    for key, words in (("at_work", "at work"), ("waiting", "waiting"), ("in_trouble", "in trouble")):  # fmt: skip
        if totals[key]:
            portals.append(f"{totals[key]:,} {words}")
    pages = [pages_in_words(totals["pages"])]
    if totals["total"]:
        pages = [f"{totals['pages']:,} of {pages_in_words(totals['total'])}"]
    if totals["bad"]:
        pages.append(f"{totals['bad']:,} failed")
    if totals["seconds"] >= _TELLING:
        pages.append(f"{totals['pages'] / totals['seconds']:.1f} a second")
    if totals["left_seconds"] is not None and totals["at_work"]:
        pages.append(f"done in about {in_words(totals['left_seconds'])}")
    return [", ".join(portals), ", ".join(pages)]


def ended_line(row: Row, width: int = 0) -> str:
    """How one has ended: ``shop: 1,000 pages, 3 failed, in 12 min``."""
    end = row.end
    if end is None:
        return f"{row.name:<{width}}  at work"
    return f"{_cut(row.name, width)}  {', '.join(_ended_parts(end))}"


def _ended_parts(end: PortalEnd) -> Iterator[str]:
    if end.finished is not None:
        totals = end.finished.totals
        yield pages_in_words(totals.pages)
        if totals.bad:
            yield f"{totals.bad:,} failed"
        if end.finished.left.count:
            yield f"{end.finished.left.count:,} left"
        yield f"in {in_words(end.finished.seconds)}"
    yield how_it_ended(end)


def how_it_ended(end: PortalEnd) -> str:
    """In a few words: ``done``, ``interrupted``, or what ended it."""
    if end.error is not None:
        verb = "stopped" if end.finished is not None else "not begun"
        return printable(f"{verb}: {end.error.message}")
    if end.is_interrupted:
        return "interrupted" if end.finished is not None else "not begun: interrupted"
    if end.finished is not None and not end.finished.is_whole:
        return "stopped: sites were left"
    return "done"


def _work_line(row: Row, snapshot: Snapshot, width: int) -> str:
    pages = f"{snapshot.pages:,}"
    parts = [f"{pages} of {pages_in_words(snapshot.total)}" if snapshot.total else pages_in_words(snapshot.pages)]  # fmt: skip
    if snapshot.bad:
        parts.append(f"{snapshot.bad:,} failed")
    if snapshot.arrives_at is not None and snapshot.left:
        parts.append(f"done at about {clock_time(snapshot.arrives_at, snapshot.time)}")
    if waiting := waiting_line(snapshot):
        parts.append(waiting)
    return f"{_cut(row.name, width)}  {', '.join(parts)}"


def _cut(name: str, width: int) -> str:
    cut = f"{name[: width - 1]}…" if width and len(name) > width else name
    return f"{cut:<{width}}"


def _has_ended_badly(end: PortalEnd) -> bool:
    return end.status != 0 or end.is_interrupted


def _is_in_trouble(snapshot: Snapshot) -> bool:
    return bool(snapshot.bad) or (snapshot.waiting is not None and snapshot.waiting.limit == "outage")  # fmt: skip


def _urgency(found: tuple[Row, Snapshot]) -> tuple[bool, float]:
    """Trouble first, then who arrives last."""
    snapshot = found[1]
    away = snapshot.arrives_at
    return not _is_in_trouble(snapshot), -(float("inf") if away is None else away)
