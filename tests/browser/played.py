"""A daemon and its page in the browser's own loop, at the pace of the clock on the wall."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import KeptRun, Store, open_store
from tests.serve.daemons import Played, job_file, served
from tests.web.pages import Page, page_served

LONG = Scenario(pages=600, cost=1.0)
"""Nothing of a test lasts as long as this."""


@dataclass
class Playing:
    """A daemon that knows the job ``nightly``, and its page."""

    page: Page
    daemon: Played
    sandbox: Sandbox
    store: Store

    @property
    def run(self) -> KeptRun:
        """The newest."""
        return self.store.find("latest")


@asynccontextmanager
async def played(folder: Path, scenario: Scenario = LONG, **place: Any) -> AsyncIterator[Playing]:
    """The daemon, until the block ends; *place* is as for ``WebPlace``."""
    path, runs = job_file(folder), folder / "runs"
    async with (
        serve(scenario) as sandbox,
        served(sandbox, runs, path) as daemon,
        page_served(folder, plan=daemon.daemon, **place) as page,  # type: ignore[arg-type]
    ):
        yield Playing(page, daemon, sandbox, open_store(runs))
