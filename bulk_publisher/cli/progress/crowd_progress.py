"""What is shown while many runs go on: a few lines in a terminal, lines in a pipe, JSON for programs."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.crowd import Crowd, Row, ended_line, names_of, totals_lines
from bulk_publisher.engine.events import Event, RequestLost, SiteStopped, Warned
from bulk_publisher.operations.many import PortalEnd, PortalJob
from bulk_publisher.operations.publishing import Started
from bulk_publisher.report.text import portal_in_words

_LINE_EVERY = 30.0
"""Seconds between two lines in a pipe."""
_JSON_EVERY = 5.0
"""Seconds between two lines of one portal for a program."""
_SELDOM = 5.0


class CrowdProgress:
    """An onlooker that shows what it is told; this one shows warnings alone."""

    every = _SELDOM
    """Seconds between two turns."""

    def __init__(self, output: Output, jobs: Sequence[PortalJob]) -> None:
        self.output = output
        self.crowd = Crowd({one: Row(name) for one, name in names_of(jobs).items()})
        self._began_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._has_told_of_losses: set[PortalJob] = set()
        self._said_of_store = ""

    def start(self) -> None:
        """It begins."""
        self._began_at = asyncio.get_running_loop().time()
        self._turn()

    def finish(self) -> None:
        """It has ended; nothing is shown any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._look()

    def show(self) -> None:
        """It is time to show something."""

    def starts(self, of: PortalJob, started: Started) -> None:
        """A run has begun."""
        self.crowd.rows[of].started = started

    def ends(self, end: PortalEnd) -> None:
        """It has ended, or can't begin."""
        self._look()
        self.crowd.note_end(end)

    def hears(self, of: PortalJob, event: Event) -> None:
        """Something has happened."""
        name = self.crowd.rows[of].name
        match event:
            case RequestLost(fault) if of not in self._has_told_of_losses:
                self._has_told_of_losses.add(of)
                self.warn(f"{name}: a request was lost ({fault.words}); its log has the details.")
            case SiteStopped(site, fault):
                self.warn(f"{name}: site {site} is stopped: {fault.code}. {fault.hint}")
            case Warned(text, is_of_store=True):
                self._say_of_store(text)
            case Warned(text):
                self.warn(f"{name}: {text}")
            case _:
                pass

    def warn(self, text: str) -> None:
        """Something that a person should know now."""
        self.output.complain(text, colour="yellow")

    def _say_of_store(self, text: str) -> None:
        """Once for all runs, each of which tells it."""
        if text != self._said_of_store:
            self._said_of_store = text
            self.warn(text)

    def _look(self) -> None:
        self.crowd.seconds = asyncio.get_running_loop().time() - self._began_at

    def _turn(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.every, self._turn)
        self._look()
        self.show()


class CrowdLines(CrowdProgress):
    """A line for each that begins and ends, and one for all every half a minute."""

    every = _LINE_EVERY

    def show(self) -> None:
        if self.crowd.seconds >= 1:
            text = "; ".join(totals_lines(self.crowd.totals()))
            self.output.say(text, event="progress")

    def starts(self, of: PortalJob, started: Started) -> None:
        super().starts(of, started)
        host = started.session.client.host
        self.output.say(f"{self.crowd.rows[of].name}: run {started.kept.run_id} on {host}")

    def ends(self, end: PortalEnd) -> None:
        super().ends(end)
        row = self.crowd.rows[end.of]
        text = f"{row.name}: {ended_line(row).removeprefix(row.name).strip()}"
        self.output.say(text, colour="yellow" if end.status or end.is_interrupted else None)


class CrowdJson(CrowdProgress):
    """Lines of JSON, each with its portal."""

    every = _JSON_EVERY

    def show(self) -> None:
        for of, row in self.crowd.rows.items():
            if (snapshot := row.snapshot) is not None:
                fields = msgspec.to_builtins(snapshot) | who(of, snapshot.portal)
                self.output.event("progress", **fields)
        totals = self.crowd.totals()
        self.output.event("total", **totals, text="; ".join(totals_lines(totals)))

    def starts(self, of: PortalJob, started: Started) -> None:
        super().starts(of, started)
        host, run = started.session.client.host, started.kept.run_id
        text = f"Run {run} on {portal_in_words(host, started.portal_name)}"
        self.output.event("started", **who(of, host), run=run, text=text)

    def ends(self, end: PortalEnd) -> None:
        super().ends(end)
        run = None if end.kept is None else end.kept.run_id
        host = None if end.finished is None else end.finished.description.portal
        text = ended_line(self.crowd.rows[end.of])
        self.output.event("ended", **who(end.of, host), run=run, status=end.status, text=text)


def who(of: PortalJob, host: str | None) -> dict[str, Any]:
    """Which job on which portal, for programs."""
    name = of.portal or of.job.portal.name
    return {"job": of.job.name, "portal": host, "portal_name": name}
