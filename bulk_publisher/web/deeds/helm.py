"""What deeds are done with."""

from dataclasses import dataclass
from datetime import tzinfo
from urllib.parse import quote

from aiohttp import web

from bulk_publisher.jobs.moments import moment_to_come
from bulk_publisher.model import Epoch
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.web.route import visitor_of
from bulk_publisher.web.surroundings import WebSurroundings, around
from bulk_publisher.web.viewing import views_of
from bulk_publisher.web.views.watched import Views


@dataclass(frozen=True, slots=True)
class Helm:
    """What one who steers has at hand.

    Attributes:
        by: Who steers.
    """

    around: WebSurroundings
    views: Views
    by: str

    @property
    def now(self) -> Epoch:
        """UTC seconds."""
        return self.around.clock.epoch()

    @property
    def zone(self) -> tzinfo:
        """Of moments that name none."""
        return self.around.daemon.zone

    async def kept(self, run: str) -> KeptRun:
        """The run *run*.

        Raises:
            BadJournal: If there is none of that name.
        """
        return await self.views.kept(run)

    def moment(self, text: str, name: str) -> Epoch | None:
        """What *text* means; None for nothing.

        Raises:
            BadSetting: If it means no moment to come.
        """
        text = text.strip()
        return moment_to_come(text, name, now=self.now, zone=self.zone) if text else None


def helm_of(request: web.Request) -> Helm:
    """For who has sent *request*."""
    return Helm(around(request), views_of(request), visitor_of(request).name)


def page_of_run(run: str) -> str:
    """Where *run* is seen."""
    return f"/runs/{quote(run, safe='')}"


def refused(text: str, hint: str = "") -> web.HTTPConflict:
    """It can't be done as things stand."""
    return web.HTTPConflict(text=f"{text} {hint}".strip())
