"""The hours in which a run may send: ``22:00-06:00``, ``Sat-Sun``, ``Mon-Fri 22:00-06:00``. Pure.

Rules:
    They are open whenever the clock on the wall of their time zone shows a time in them. So what the clocks
    skip in spring is never open, and what they repeat in autumn is open twice. A day is the one on which
    hours begin: ``Fri 22:00-06:00`` end on Saturday.

How it works:
    Hours are stretches of the minutes of a week. When they open and close is looked for among the moments
    at which the wall shows an end of such a stretch, and those at which the clocks are changed.
"""

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo

from bulk_publisher.model import Epoch

ALWAYS = "always"
"""What lifts the hours of a job."""

_A_DAY = 24 * 60
_A_WEEK = 7 * _A_DAY
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = "|".join(rf"{day[:3]}(?:{day[3:]})?" for day in _DAYS)
_TIME = r"([01]?\d|2[0-4]):([0-5]\d)"
_PART = re.compile(rf"(?:({_DAY})(?:-({_DAY}))?)?(?:(?:^|\s+){_TIME}-{_TIME})?", re.ASCII)
_DASH = re.compile(r"\s*[-–]\s*")
_FAR = 22
"""Days: each hour of a week comes again in seven, and a night without it is followed by one with it."""
_HOW = 'such as "22:00-06:00", "Sat-Sun" or "Mon-Fri 22:00-06:00", several separated by commas'

_Stretch = tuple[int, int]
"""From and to, in minutes of the week."""


class Hours:
    """Those that a text names, in a time zone."""

    def __init__(self, text: str, zone: tzinfo) -> None:
        """Nothing is asked yet.

        Raises:
            ValueError: If *text* names none; the words say why.
        """
        self.text = " ".join(text.split())
        self.zone = zone
        if self.text.lower() == ALWAYS:
            self._stretches: tuple[_Stretch, ...] = ((0, _A_WEEK),)
        else:
            parts = _DASH.sub("-", self.text.lower()).split(",")
            self._stretches = _joined(one for part in parts for one in _stretches_of(part))

    @property
    def is_always(self) -> bool:
        """Whether they never close."""
        return self._stretches == ((0, _A_WEEK),)

    def is_open(self, at: Epoch) -> bool:
        """Whether a run may send at *at*."""
        wall = self._wall(at)
        minute = wall.weekday() * _A_DAY + wall.hour * 60 + wall.minute
        return any(begins <= minute < ends for begins, ends in self._stretches)

    def opens_at(self, at: Epoch) -> Epoch:
        """The first moment from *at* on at which they are open: *at* itself if they are."""
        if self.is_open(at):
            return at
        return next(edge for edge in self._edges(at) if self.is_open(edge))

    def closes_at(self, at: Epoch) -> Epoch | None:
        """The first moment from *at* on at which they are closed; None where they never are."""
        if not self.is_open(at):
            return at
        if self.is_always:
            return None
        return next((edge for edge in self._edges(at) if not self.is_open(edge)), None)

    def spans(self, since: Epoch) -> Iterator[tuple[Epoch, Epoch]]:
        """From when to when they are open, from *since* on, without end; an endless one is the last."""
        closes: Epoch | None = since
        while closes is not None:
            opens = self.opens_at(closes)
            closes = self.closes_at(opens)
            yield opens, Epoch(math.inf) if closes is None else closes

    def _wall(self, at: Epoch) -> datetime:
        return datetime.fromtimestamp(math.floor(at), UTC).astimezone(self.zone)

    def _edges(self, since: Epoch) -> Iterator[Epoch]:
        """The moments after *since* at which they may open or close, in their order."""
        first, last = self._wall(since).date() - timedelta(days=1), since
        # Most often it is a matter of the next day or two; a day beside its neighbours is in order.
        for length in (4, _FAR):
            days = [first + timedelta(days=ahead) for ahead in range(length)]
            found = {moment for day in days for moment in (*self._ends(day), *self._changes(day))}
            until = since + (length - 3) * _A_DAY * 60
            yield from sorted(moment for moment in found if last < moment <= until)
            last = Epoch(until)

    def _ends(self, day: date) -> Iterator[Epoch]:
        """When the wall shows an end of a stretch on *day*, as often as it does."""
        begins = day.weekday() * _A_DAY
        for end in {end % _A_WEEK for stretch in self._stretches for end in stretch}:
            if begins <= end < begins + _A_DAY:
                wall = datetime(day.year, day.month, day.day) + timedelta(minutes=end - begins)  # noqa: DTZ001 - in each of its zone's two readings
                for fold in (0, 1):
                    moment = wall.replace(tzinfo=self.zone, fold=fold).timestamp()
                    if self._wall(Epoch(moment)).replace(tzinfo=None) == wall:
                        yield Epoch(moment)

    def _changes(self, day: date) -> Iterator[Epoch]:
        """When the clocks are changed on *day*, to the second."""
        begins = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        if self._offset(begins) == self._offset(begins + 86_400):
            return
        # By the hour, since no zone changes its clocks twice in one.
        for early in range(begins, begins + 86_400, 3600):
            if self._offset(early) != self._offset(early + 3600):
                yield Epoch(self._change_between(early, early + 3600))

    def _change_between(self, early: int, late: int) -> int:
        offset = self._offset(early)
        while late - early > 1:
            middle = (early + late) // 2
            early, late = (middle, late) if self._offset(middle) == offset else (early, middle)
        return late

    def _offset(self, at: int) -> timedelta | None:
        return self._wall(Epoch(at)).utcoffset()


def _stretches_of(part: str) -> Iterator[_Stretch]:
    match = _PART.fullmatch(part.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"must be hours {_HOW}")
    first, last, *times = match.groups()
    begins, ends = (0, _A_DAY) if times[0] is None else (_minute(*times[:2]), _minute(*times[2:]))
    if begins in (ends, _A_DAY) or max(begins, ends) > _A_DAY:
        raise ValueError(
            "hours must end at another time than they begin, and at 24:00 at the latest"
        )
    if ends < begins:
        ends += _A_DAY
    for day in _days(first, last):
        yield day * _A_DAY + begins, day * _A_DAY + ends


def _minute(hour: str, minute: str) -> int:
    return int(hour) * 60 + int(minute)


def _days(first: str | None, last: str | None) -> list[int]:
    if first is None:
        return list(range(7))
    begins = _day(first)
    ends = begins if last is None else _day(last)
    return [(begins + ahead) % 7 for ahead in range((ends - begins) % 7 + 1)]


def _day(name: str) -> int:
    return [day[:3] for day in _DAYS].index(name[:3])


def _joined(stretches: Iterable[_Stretch]) -> tuple[_Stretch, ...]:
    """*stretches* within one week, in order, none touching another."""
    week: list[_Stretch] = []
    for begins, ends in stretches:
        week.append((begins, min(ends, _A_WEEK)))
        if ends > _A_WEEK:
            week.append((0, ends - _A_WEEK))
    joined: list[_Stretch] = []
    for begins, ends in sorted(week):
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((begins, ends))
    return tuple(joined)
