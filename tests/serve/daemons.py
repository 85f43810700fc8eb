"""A daemon in the test's own loop, on a sandbox, at virtual speed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.daemon_metrics import DaemonMetrics
from bulk_publisher.clock import WallClock
from bulk_publisher.engine.events import both
from bulk_publisher.jobs import Job, by_portal
from bulk_publisher.model import Mono
from bulk_publisher.notices.notifying import Notices
from bulk_publisher.portal.credentials import Credential, Webhook
from bulk_publisher.sandbox import Sandbox
from bulk_publisher.serve.daemon import Daemon
from bulk_publisher.serve.happenings import Happening
from bulk_publisher.serve.job_files import JobFiles
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.store import Store, open_store

H = TypeVar("H")

ZONE = ZoneInfo("Europe/Berlin")


@dataclass
class Heard:
    """What a daemon has told."""

    told: list[Happening] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, happening: Happening) -> None:
        self.told.append(happening)
        self.more.set()

    def of(self, kind: type[H]) -> list[H]:
        return [one for one in self.told if isinstance(one, kind)]


@dataclass
class Played:
    """A daemon at work, and what it is at work on."""

    daemon: Daemon
    heard: Heard
    clock: WallClock
    task: "asyncio.Task[None]"
    warnings: list[str] = field(default_factory=list)

    async def wait(self, seconds: float) -> None:
        """Let time go by."""
        await self.clock.sleep_until(Mono(self.clock.now() + seconds))

    async def until(self, kind: type[H], number: int = 1, *, most: float = 200_000) -> H:
        """Wait until so many of these were told; gives the last of them."""
        async with asyncio.timeout(most):
            while len(self.heard.of(kind)) < number:
                self.heard.more.clear()
                await self.heard.more.wait()
        return self.heard.of(kind)[number - 1]


def job_file(folder: Path, name: str = "nightly", **tables: dict[str, Any]) -> Path:
    """A job of all pages of the sandbox; *tables* change it."""
    described: dict[str, dict[str, Any]] = {"select": {"scope": "KNOWLEDGE"}, **tables}
    lines = [f'name = "{name}"']
    for table, keys in described.items():
        lines.append(f"[{table}]")
        lines.extend(f"{key} = {_toml(value)}" for key, value in keys.items())
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines))
    return path


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
        case str():
            return f'"{value}"'
        case _:
            return str(value)


@asynccontextmanager
async def served(
    sandbox: Sandbox,
    runs: Path,
    *paths: Path,
    is_once: bool = False,
    parallel: int = 20,
    clock: WallClock | None = None,
    output: Output | None = None,
    environment: dict[str, str] | None = None,
    webhooks: Mapping[str, str] | None = None,
    store: Store | None = None,
) -> AsyncIterator[Played]:
    """A daemon of the jobs in *paths*; it is drained when the block ends, and killed where that fails.

    Args:
        output: Says where its numbers are read.
        clock: Another daemon's, which this one follows.
        environment: Where it finds the secrets of whom it tells.
        webhooks: Of the portals of jobs for many, by the variables that name them.
        store: Instead of the folder *runs*.
    """
    warnings: list[str] = []

    @asynccontextmanager
    async def entrance(job: Job) -> AsyncIterator[Credential]:
        variable = job.portal.webhook and job.portal.webhook.env
        yield Webhook((webhooks or {}).get(variable or "", sandbox.webhook))

    heard, clock = Heard(), clock or WallClock()
    store = store or open_store(runs)
    notices = Notices(store.agenda, entrance, environment or {}, clock, warnings.append)
    around = Surroundings(
        store,
        entrance,
        heard,
        clock,
        by_portal=partial(by_portal, environment={}),
        notices=notices,
    )
    reading: AbstractAsyncContextManager[None] = nullcontext()
    if output is not None:
        metrics = DaemonMetrics(output, store, clock)
        reading = metrics.read(lambda: daemon.slots)
        around = replace(around, tell=both(metrics, heard), watch_run=metrics.watch_run)
    daemon = Daemon(JobFiles(paths), around, zone=ZONE, parallel=parallel, is_once=is_once)
    async with reading, asyncio.TaskGroup() as group:
        task = group.create_task(daemon.serve())
        yield Played(daemon, heard, clock, task, warnings)
        daemon.drain()
