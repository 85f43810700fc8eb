"""The numbers for Prometheus: what they are called, and which labels they have.

Rules:
    Names and units are Prometheus's: seconds, timestamps in UTC seconds, ``_total`` for what only grows.
    Series with a ``run`` go when it has ended; what stays has a job and a portal, and of codes, which
    portals may invent, the first so many.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from bulk_publisher.errors import BadSetting

if TYPE_CHECKING:
    from prometheus_client import Gauge

_T = TypeVar("_T")

PREFIX = "bulk_publisher_"
_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60)
_MOST_CODES = 50
_OTHER_CODE = "other"
_JOB = ("job", "portal")
_RUN = (*_JOB, "run")


class Families:
    """All metrics of a process, in a registry of their own."""

    def __init__(self, option: str) -> None:
        """No metric has a value yet.

        Args:
            option: What asks for them.

        Raises:
            BadSetting: If prometheus-client is not installed.
        """
        try:
            from prometheus_client import (  # fmt: skip
                CollectorRegistry,
                Counter,
                Gauge,
                Histogram,
            )
        except ImportError as error:
            raise BadSetting(
                f"{option} needs prometheus-client, which is not installed.",
                "Install it with: pip install 'bulk-publisher[metrics]'",
            ) from error
        self.registry: CollectorRegistry = CollectorRegistry()
        self._codes: set[str] = set()

        def made(kind: Callable[..., _T], name: str, about: str, *labels: str, **more: Any) -> _T:
            return kind(f"{PREFIX}{name}", about, labels, registry=self.registry, **more)

        def of_run(name: str, about: str, *labels: str) -> Gauge:
            return made(Gauge, name, about, *_RUN, *labels)

        self.pages = made(Counter, "pages", "Pages settled.", *_JOB, "status")
        self.requests = made(Counter, "requests", "Page requests sent.", *_JOB)
        self.refusals = made(Counter, "refusals", "Requests that a limit refused.", *_JOB, "code")
        self.lost = made(Counter, "lost_requests", "Requests without a usable answer.", *_JOB, "code")  # fmt: skip
        self.waited = made(Counter, "wait_seconds", "Seconds in which nothing could be sent.", *_JOB, "limit")  # fmt: skip
        self.cost = made(Histogram, "page_seconds", "Seconds that the portal worked on a page.", *_JOB, buckets=_BUCKETS)  # fmt: skip
        self.ended_runs = made(Counter, "runs", "Runs that ended, by exit status.", *_JOB, "exit_status")  # fmt: skip

        self.seconds = of_run("run_seconds", "Seconds at work on the run.")
        self.selected = of_run("pages_selected", "Pages in total, if known.")
        self.left = of_run("pages_left", "Pages not settled yet, if known.")
        self.seconds_left = of_run("seconds_left", "Seconds left, if known.")
        self.run_pages = of_run("run_pages", "Pages of the run settled so far.", "status")
        self.settled_at = of_run("run_last_settled_timestamp_seconds", "When a page of the run was settled last, or the run went on.")  # fmt: skip
        self.level = of_run("budget_level", "How full a budget is.", "budget")
        self.limit = of_run("budget_limit", "Size of a budget.", "budget")
        self.waiting = of_run("run_waiting", "1 for the limit that holds the run now.", "limit")

        self.last_success = made(Gauge, "last_success_timestamp_seconds", "When a run last ended with every page done.", *_JOB)  # fmt: skip
        self.last_end = made(Gauge, "last_end_timestamp_seconds", "When a run last ended.", *_JOB)
        self.last_status = made(Gauge, "last_exit_status", "Exit status of the last run.", *_JOB)
        self.last_seconds = made(Gauge, "last_duration_seconds", "Seconds at work on the last run.", *_JOB)  # fmt: skip
        self.last_pages = made(Gauge, "last_pages", "Pages of the last run.", *_JOB, "status")
        self.resting = made(Gauge, "resting", "1 while a run has stopped and is to go on later.", *_JOB)  # fmt: skip
        self.stops = made(Gauge, "stops_in_a_row", "How often in a row the portal has stopped the run that is to go on.", *_JOB)  # fmt: skip
        self.next_due = made(Gauge, "next_due_timestamp_seconds", "When the job is due next.", "job")  # fmt: skip

    def code(self, code: str) -> str:
        """*code*, or one for all others where there are too many."""
        if code not in self._codes and len(self._codes) >= _MOST_CODES:
            return _OTHER_CODE
        self._codes.add(code)
        return code


class Series:
    """Series of gauges that go together. Invariant: all that were set, and no others, are there."""

    def __init__(self, *labels: str) -> None:
        """There is none yet.

        Args:
            labels: The values of the first labels of all of them.
        """
        self._labels = labels
        self._made: dict[int, tuple[Gauge, set[tuple[str, ...]]]] = {}

    def set(self, gauge: "Gauge", value: float | None, *more: str) -> None:
        """The series with the values *more* of the other labels is *value*; ``NaN`` for what is not known."""
        labels = (*self._labels, *more)
        self._made.setdefault(id(gauge), (gauge, set()))[1].add(labels)
        gauge.labels(*labels).set(float("nan") if value is None else value)

    def keep(self, gauge: "Gauge", *mores: tuple[str, ...]) -> None:
        """Of *gauge* only the series with these values stay."""
        _, made = self._made.get(id(gauge), (gauge, set[tuple[str, ...]]()))
        for labels in made - {(*self._labels, *more) for more in mores}:
            made.discard(labels)
            _remove(gauge, labels)

    def forget(self) -> None:
        """All of them go."""
        for gauge, made in self._made.values():
            for labels in made:
                _remove(gauge, labels)
        self._made.clear()


def _remove(gauge: "Gauge", labels: tuple[str, ...]) -> None:
    # Another one of the same labels may have gone before.
    with suppress(KeyError):
        gauge.remove(*labels)
