"""Numbers of a run for Prometheus, while it goes on: ``--metrics-port``."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.engine.events import (
    Event,
    PagesSettled,
    Refused,
    RequestLost,
    RequestSent,
    WaitBegun,
)
from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Mono, Outcome
from bulk_publisher.operations.publishing import Started
from bulk_publisher.store.heard import Snapshot

if TYPE_CHECKING:
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from prometheus_client import CollectorRegistry

_T = TypeVar("_T")

_ADDRESS = "127.0.0.1"
"""What a run does is this machine's business: an agent or a proxy on it may pass it on."""
_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60)


def watched(progress: Progress, output: Output) -> Progress:
    """*progress*, and the numbers beside it where *output* names a port for them.

    Raises:
        BadSetting: If they can't be served there.
    """
    if output.metrics_port is None:
        return progress
    return _Both(progress, Metrics(output, output.metrics_port))


class Metrics(Progress):
    """A watcher that counts for Prometheus. What is read of the limits is read in the loop."""

    every = 1.0

    def __init__(self, output: Output, port: int) -> None:
        super().__init__(output)
        try:
            from prometheus_client import (  # fmt: skip
                CollectorRegistry,
                Counter,
                Gauge,
                Histogram,
            )
        except ImportError as error:
            raise BadSetting(
                "--metrics-port needs prometheus-client, which is not installed.",
                "Install it with: pip install 'bulk-publisher[metrics]'",
            ) from error
        registry = CollectorRegistry()

        def made(kind: Callable[..., _T], name: str, about: str, *labels: str, **more: Any) -> _T:
            return kind(f"bulk_publisher_{name}", about, labels, registry=registry, **more)

        self._pages = made(Counter, "pages", "Pages settled.", "status")
        self._requests = made(Counter, "requests", "Page requests sent.")
        self._refusals = made(Counter, "refusals", "Requests that a limit refused.", "code")
        self._lost = made(Counter, "lost_requests", "Requests without a usable answer.", "code")
        self._waited = made(Counter, "wait_seconds", "Seconds in which nothing could be sent.", "limit")  # fmt: skip
        self._cost = made(Histogram, "page_seconds", "Seconds that the portal worked on a page.", buckets=_BUCKETS)  # fmt: skip
        self._seconds = made(Gauge, "run_seconds", "Seconds at work on the run.")
        self._selected = made(Gauge, "pages_selected", "Pages in total, if known.")
        self._seconds_left = made(Gauge, "seconds_left", "Seconds left, if known.")  # fmt: skip
        self._left = made(Gauge, "pages_left", "Pages not settled yet, if known.")
        self._level = made(Gauge, "budget_level", "How full a budget is.", "budget")
        self._limit = made(Gauge, "budget_limit", "Size of a budget.", "budget")
        self._info = made(Gauge, "run_info", "Which run, on which portal; always 1.", "run", "portal", "portal_name")  # fmt: skip
        self._waits_since: tuple[Mono, str] | None = None
        self._server, self._thread = _served(registry, port)

    def finish(self) -> None:
        """Serve the numbers no more."""
        super().finish()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def warn(self, text: str) -> None:
        """Numbers say nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Take over what the limits say now."""
        self._info.labels(snapshot.run, snapshot.portal, snapshot.portal_name or "").set(1)
        self._seconds.set(snapshot.seconds)
        self._selected.set(float("nan") if snapshot.total is None else snapshot.total)
        self._left.set(float("nan") if snapshot.left is None else snapshot.left)
        away = None if snapshot.arrives_at is None else snapshot.arrives_at - snapshot.time
        self._seconds_left.set(float("nan") if away is None else away)
        for name, bar in (("operating", snapshot.operating), ("requests", snapshot.requests)):
            if bar is not None:
                self._level.labels(name).set(bar.level)
                self._limit.labels(name).set(bar.limit)

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        match event:
            case PagesSettled(outcomes):
                self._count(outcomes)
            case WaitBegun(wait):
                self._end_wait()
                now = self._now()
                if now is not None:
                    self._waits_since = now, wait.limit.value
            case RequestSent():
                self._end_wait()
                self._requests.inc()
            case Refused(fault):
                self._refusals.labels(fault.code).inc()
            case RequestLost(fault):
                self._lost.labels(fault.code).inc()
            case _:
                pass

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._pages.labels(outcome.status.value).inc()
            if outcome.duration is not None:
                self._cost.observe(outcome.duration)

    def _end_wait(self) -> None:
        now = self._now()
        if self._waits_since is not None and now is not None:
            since, limit = self._waits_since
            self._waited.labels(limit).inc(now - since)
        self._waits_since = None

    def _now(self) -> Mono | None:
        return None if self._started is None else self._started.session.clock.now()


class _Both(Progress):
    """Two that look on."""

    def __init__(self, first: Progress, second: Progress) -> None:
        super().__init__(first.output)
        self._all = (first, second)

    def start(self, started: Started) -> None:
        for one in self._all:
            one.start(started)

    def finish(self) -> None:
        for one in self._all:
            one.finish()

    def __call__(self, event: Event) -> None:
        for one in self._all:
            one(event)


def _served(registry: "CollectorRegistry", port: int) -> "tuple[WSGIServer, Thread]":
    from prometheus_client import start_http_server

    try:
        return start_http_server(port, addr=_ADDRESS, registry=registry)
    except OSError as error:
        raise BadSetting(
            f"--metrics-port {port}: can't be used: {error.strerror}.", "Choose a free port."
        ) from error
