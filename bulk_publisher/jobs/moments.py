"""Moments and durations as people write them: ``06:00``, ``2026-11-27 06:00``, ``+2h``; ``90m``. Pure."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Epoch
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.text.shown import shown

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s?)?", re.ASCII)
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_LONGEST = 366 * 86_400


def parse_duration(text: str) -> float | Wrong:
    """The seconds that *text* means: ``3h``, ``90m``, ``1h30m``, ``45s``, ``45``."""
    match = _DURATION.fullmatch(text.strip().lower().replace(" ", ""))
    if match is None or not any(match.groups()):
        return Wrong(f"must be a duration such as 3h, 90m or 1h30m, not {shown(text)}")
    seconds = sum(
        int(number or 0) * unit
        for number, unit in zip(match.groups(), _UNITS.values(), strict=True)
    )
    if not 0 < seconds <= _LONGEST:
        return Wrong(f"must be above 0 and at most a year, not {shown(text)}")
    return float(seconds)


def parse_moment(text: str, *, now: Epoch, zone: tzinfo) -> Epoch | Wrong:
    """The moment that *text* means: the next ``06:00``, a date with a time, or ``+2h`` from *now*.

    Args:
        zone: Of a time that does not name its own.
    """
    text = text.strip()
    if text.startswith("+"):
        seconds = parse_duration(text[1:])
        return seconds if isinstance(seconds, Wrong) else Epoch(now + seconds)
    if match := _TIME_OF_DAY.fullmatch(text):
        return next_time_of_day(int(match[1]) * 60 + int(match[2]), now=now, zone=zone)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return Epoch(moment.timestamp())
    except (ValueError, OverflowError):
        return Wrong(f'must be a time such as 06:00, "2026-11-27 06:00" or +2h, not {shown(text)}')


def moment_to_come(text: str, name: str, *, now: Epoch, zone: tzinfo) -> Epoch:
    """The moment that *text* means.

    Args:
        name: What asks for it, as the beginning of a sentence.

    Raises:
        BadSetting: If it means none, or one that is past.
    """
    moment = parse_moment(text, now=now, zone=zone)
    if isinstance(moment, Wrong):
        raise BadSetting(f"{name} {moment.why}.")
    if moment <= now:
        raise BadSetting(f"{name} {text}: that is past.")
    return moment


def moment_in_words(moment: Epoch, zone: tzinfo) -> str:
    """*moment* by the clock on the wall of *zone*: ``Fri 27 Nov at 06:00``."""
    return f"{datetime.fromtimestamp(moment, UTC).astimezone(zone):%a %d %b at %H:%M}"


def date_in_words(moment: Epoch, zone: tzinfo) -> str:
    """*moment* by the clock on the wall of *zone*, for a table: ``2026-11-27 06:00``."""
    return f"{datetime.fromtimestamp(moment, UTC).astimezone(zone):%Y-%m-%d %H:%M}"


def next_time_of_day(minutes: int, *, now: Epoch, zone: tzinfo) -> Epoch:
    """When the clock of *zone* next shows *minutes* after midnight, after *now*."""
    day = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    for ahead in range(3):
        on = day + timedelta(days=ahead)
        at = datetime(on.year, on.month, on.day, minutes // 60, minutes % 60, tzinfo=zone)
        if at.timestamp() > now:
            return Epoch(at.timestamp())
    raise AssertionError("no day lasts for three")
