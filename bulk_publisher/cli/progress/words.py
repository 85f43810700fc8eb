"""A run at one moment, in words: what progress shows, and ``status``."""

from collections.abc import Iterator
from datetime import datetime

from bulk_publisher.report.text import in_words, pages_in_words
from bulk_publisher.store.heard import Snapshot

_TELLING = 10.0
"""Seconds after which the rate so far says something: before, most pages are still in flight."""
_TURN, _OUTAGE = "turn", "outage"
"""Waits that end nobody knows when."""


def status_line(snapshot: Snapshot) -> str:
    """``1,204 of 5,000 pages, 12 failed, 3,796 left, 8.4 a second, done at about 14:32``."""
    if snapshot.total:
        parts = [f"{snapshot.pages:,} of {pages_in_words(snapshot.total)}"]
    else:
        parts = [pages_in_words(snapshot.pages)]
    if snapshot.bad:
        parts.append(f"{snapshot.bad:,} failed")
    if snapshot.left:
        parts.append(f"{snapshot.left:,} left")
    if snapshot.rate is not None and snapshot.seconds >= _TELLING:
        parts.append(f"{snapshot.rate:.1f} a second")
    if snapshot.arrives_at is not None and snapshot.left:
        away = in_words(snapshot.arrives_at - snapshot.time)
        parts.append(f"done in about {away} ({clock_time(snapshot.arrives_at, snapshot.time)})")
    if snapshot.stops_at is not None and _outlasts(snapshot):
        parts.append(f"stops at {clock_time(snapshot.stops_at, snapshot.time)}")
    return ", ".join(parts)


def _outlasts(snapshot: Snapshot) -> bool:
    """Whether the run may have to stop before it is done."""
    arrives, stops = snapshot.arrives_at, snapshot.stops_at
    return arrives is None or stops is None or arrives >= stops


def waiting_line(snapshot: Snapshot) -> str:
    """``waiting 4 min 10 s (until 14:32:10) for operating time (479 of 480 s used)``; or nothing."""
    wait = snapshot.waiting
    if wait is None:
        return ""
    if wait.limit == _TURN:
        # For how long nobody knows: it is looked at four times a second.
        return f"waiting: {wait.because}"
    if wait.until is None:
        return f"waiting for {wait.because}" if wait.limit == _OUTAGE else ""
    if wait.until - snapshot.time < 1:
        return ""
    until = datetime.fromtimestamp(wait.until).astimezone()
    return f"waiting {in_words(wait.until - snapshot.time)} (until {until:%H:%M:%S}) for {wait.because}"


def budget_lines(snapshot: Snapshot) -> Iterator[str]:
    """Both budgets, as far as there are any."""
    for name, bar in (("operating time", snapshot.operating), ("requests", snapshot.requests)):
        if bar is not None:
            unit = " s" if name == "operating time" else ""
            yield f"{name}: {bar.level:.0f} of {bar.limit:.0f}{unit}"


def clock_time(moment: float, now: float) -> str:
    """*moment* by the clock on the wall; with its day where that is not *now*'s."""
    then, today = (datetime.fromtimestamp(at).astimezone() for at in (moment, now))
    return f"{then:%H:%M}" if then.date() == today.date() else f"{then:%a %d %b, %H:%M}"
