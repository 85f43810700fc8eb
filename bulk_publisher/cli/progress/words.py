"""A run at one moment, in words: what progress shows, and ``status``."""

from collections.abc import Iterator
from datetime import datetime

from bulk_publisher.report.text import in_words, pages_in_words
from bulk_publisher.store.heard import Moment

_TELLING = 10.0
"""Seconds after which the rate so far says something: before, most pages are still in flight."""
_TURN, _OUTAGE = "turn", "outage"
"""Waits that end nobody knows when."""


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
    if wait.limit == _TURN:
        # For how long nobody knows: it is looked at four times a second.
        return f"waiting: {wait.because}"
    if wait.until is None:
        return f"waiting for {wait.because}" if wait.limit == _OUTAGE else ""
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
