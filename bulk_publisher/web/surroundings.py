"""What every handler may use. Nothing here decides, and nothing here is reached for in another way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from aiohttp import web

from bulk_publisher.client.notice import Warn
from bulk_publisher.clock import Clock
from bulk_publisher.jobs import Job
from bulk_publisher.operations.many import Entrance
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.store import Store
from bulk_publisher.store.agenda import Slot
from bulk_publisher.store.audit import Audit
from bulk_publisher.web.guard.page_tokens import PageTokens
from bulk_publisher.web.place import WebPlace


class Planning(Protocol):
    """What a daemon says of its plan, as it is now."""

    @property
    def slots(self) -> Mapping[str, Slot]:
        """The plan, by the names of jobs and orders."""
        ...

    @property
    def jobs(self) -> Mapping[str, Job]:
        """The jobs of the files, by their names."""
        ...

    @property
    def zone(self) -> tzinfo:
        """Of schedules that name none, and of moments that are shown."""
        ...


@dataclass(frozen=True, slots=True)
class WebSurroundings:
    """What handlers use.

    Attributes:
        serve: What the daemon does its jobs with.
        daemon: Its plan.
        tokens: Who may come in by one.
        complain: A line for whoever started the daemon.
        metrics: Gives the page for Prometheus; None where nothing counts.
    """

    serve: Surroundings
    daemon: Planning
    place: WebPlace
    tokens: PageTokens
    complain: Warn
    metrics: Callable[[], bytes] | None = None

    @property
    def store(self) -> Store:
        """Where runs are kept."""
        return self.serve.store

    @property
    def clock(self) -> Clock:
        """The daemon's; ``epoch()`` is the clock on the wall."""
        return self.serve.clock

    @property
    def entrance(self) -> Entrance:
        """Opens the credential of a job."""
        return self.serve.entrance

    @property
    def audit(self) -> Audit:
        """What people have done here."""
        return self.serve.store.audit


SURROUNDINGS: web.AppKey[WebSurroundings] = web.AppKey("surroundings", WebSurroundings)


def around(request: web.Request) -> WebSurroundings:
    """What the handler of *request* may use."""
    return request.app[SURROUNDINGS]
