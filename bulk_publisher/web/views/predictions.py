"""How long will a job take on a portal? By ``plan``'s forecast at the last run's cost, or as the last one took."""

import msgspec

from bulk_publisher.operations.predicting import forecast_of, last_time, pace_of
from bulk_publisher.report.past import How, PastRun
from bulk_publisher.web.views.known_runs import Known, KnownRuns

_AT_ONCE = 5
"""Forecasts that are made at a look: one takes up to half a second, and is kept."""
_MOST_PORTALS = 5
"""Of a job that forecasts are made for: of more the longest time is as long as its last run took."""
_MOST_KEPT = 5_000


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """How long a job will take.

    Attributes:
        seconds: Of work, without the hours in which it rests.
        is_forecast: Whether it is what ``plan`` would say; else it is as long as *run* took.
        run: What it rests on.
    """

    seconds: float
    is_forecast: bool
    run: str

    @property
    def words(self) -> str:
        """What it rests on, in words."""
        if self.is_forecast:
            return f"plan's forecast at the cost of run {self.run}"
        return f"as long as run {self.run} took"


class LastRuns:
    """The newest runs of each job on each portal, retries and rollbacks left aside."""

    def __init__(self, runs: KnownRuns) -> None:
        self._newest: dict[str, dict[str, Known]] = {}
        self._whole: dict[str, dict[str, Known]] = {}
        for known in runs:
            past = known.past
            if past.description is None or past.follows:
                continue
            self._newest.setdefault(known.job, {}).setdefault(known.portal, known)
            if past.how in {How.DONE, How.FAILED}:
                self._whole.setdefault(known.job, {}).setdefault(known.portal, known)

    def portals_of(self, job: str) -> dict[str, Known]:
        """The newest run of *job*, by portal."""
        return self._newest.get(job, {})

    def whole_of(self, job: str, portal: str) -> Known | None:
        """The newest that has come to its end; None where none has."""
        return self._whole.get(job, {}).get(portal)


class Predictions:
    """Those that were made. Blocks, and is called by one thread at a time."""

    def __init__(self) -> None:
        """None was made yet."""
        self._made: dict[str, Prediction | None] = {}
        """By the run that it rests on."""
        self._left = _AT_ONCE

    def begin_look(self) -> None:
        """More may be made now."""
        self._left = _AT_ONCE
        if len(self._made) > _MOST_KEPT:
            self._made.clear()

    def of(self, last: LastRuns, job: str, portal: str) -> Prediction | None:
        """How long *job* will take on *portal*; None where nothing tells."""
        portals = last.portals_of(job)
        basis = last.whole_of(job, portal) or portals.get(portal)
        if basis is None or basis.past.is_running:
            return None
        if len(portals) > _MOST_PORTALS:
            return _as_it_took(basis.past)
        name = basis.kept.name
        if name in self._made:
            return self._made[name]
        if self._left <= 0:
            return _as_it_took(basis.past)
        made = self._predict(basis.past)
        self._made[name] = made
        return made

    def _predict(self, past: PastRun) -> Prediction | None:
        description = past.description
        if description is None:
            return None
        if last_time(description).cost:
            self._left -= 1
            estimate = forecast_of(description, pace_of(description.job_data))
            if estimate is not None:
                return Prediction(seconds=estimate.seconds, is_forecast=True, run=past.kept.name)
        return _as_it_took(past)


def _as_it_took(past: PastRun) -> Prediction | None:
    seconds = None if past.description is None else last_time(past.description).seconds
    if seconds is None:
        return None
    return Prediction(seconds=seconds, is_forecast=False, run=past.kept.name)
