"""When is a job due, by its cron expression and its time zone? Pure.

Rules:
    A time that the clocks skip in spring is due when they have skipped it, once however many are skipped;
    one that they repeat in autumn is due the first time alone. What is due in every hour (``*/15 * * * *``)
    goes by time that passes, without gap or repetition.

How it works:
    cronsim names local times; which moment of UTC each one is, is said here.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim, CronSimError

from bulk_publisher.model import Epoch

_FIELDS = 5
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LONGEST_SHIFT = timedelta(hours=3)
"""No clock was set further back at once in living memory, and none further on."""
_A_DAY = timedelta(days=1)


class Cron:
    """The moments that an expression of five fields names in a time zone.

    Attributes:
        goes_by_wall: Whether it names its hours; else it is due in each, by time that passes.
    """

    def __init__(self, expression: str, zone: tzinfo) -> None:
        """Nothing is due yet.

        Raises:
            ValueError: If *expression* is none; the words say why.
        """
        fields = _NICKNAMES.get(expression.strip().lower(), expression).split()
        if len(fields) != _FIELDS:
            raise ValueError(
                "it needs five fields, minute hour day month weekday, or a name such as @daily"
            )
        self._text = " ".join(fields)
        self._zone = zone
        # What names its hours means the clock on the wall; what is due in each means time that passes.
        self.goes_by_wall = not fields[1].startswith("*")
        try:
            found = next(CronSim(self._text, datetime(2024, 1, 1)), None)  # noqa: DTZ001
        except CronSimError as error:
            raise ValueError(str(error)[:1].lower() + str(error)[1:]) from error
        if found is None:
            raise ValueError("it names a day that no month has")

    def after(self, moment: Epoch) -> Epoch | None:
        """The first moment after *moment*; None where there is none in the next fifty years."""
        since = datetime.fromtimestamp(moment, UTC)
        times = self._by_wall(since) if self.goes_by_wall else self._by_time(since)
        return next((Epoch(at.timestamp()) for at in times if at > since), None)

    def latest(self, moment: Epoch, *, since: Epoch) -> Epoch | None:
        """The last moment up to *moment* that is after *since*; None where there is none."""
        step, at = _A_DAY.total_seconds(), moment
        while at > since:
            at = Epoch(max(at - step, since))
            step *= 2
            found = self._last_between(at, moment)
            if found is not None:
                return found
        return None

    def _last_between(self, since: Epoch, until: Epoch) -> Epoch | None:
        last, at = None, self.after(since)
        while at is not None and at <= until:
            last, at = at, self.after(at)
        return last

    def _by_time(self, since: datetime) -> Iterator[datetime]:
        for at in CronSim(self._text, since.astimezone(self._zone)):
            yield at.astimezone(UTC)

    def _by_wall(self, since: datetime) -> Iterator[datetime]:
        begin = since.astimezone(self._zone).replace(tzinfo=None) - _LONGEST_SHIFT
        for at in CronSim(self._text, begin):
            yield self._moment_of(at)

    def _moment_of(self, wall: datetime) -> datetime:
        """When the clock shows *wall* first; where it never does, when it has just skipped it."""
        moment = wall.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
        if moment.astimezone(self._zone).replace(tzinfo=None) == wall:
            return moment
        # Read with the offset before the gap it lies behind it, with that after the gap before it.
        late, early = moment, wall.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
        while late - early > timedelta(seconds=1):
            middle = early + (late - early) / 2
            is_before = (
                middle.astimezone(self._zone).utcoffset()
                == early.astimezone(self._zone).utcoffset()
            )
            early, late = (middle, late) if is_before else (early, middle)
        return late.replace(microsecond=0)
