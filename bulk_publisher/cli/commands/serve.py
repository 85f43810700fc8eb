"""``bulk-publisher serve``: jobs when they are due."""

import asyncio
import os
import signal
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.job_options import metrics_options
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.web_options import web_options, words_of
from bulk_publisher.cli.commands.web_page import WebPage, open_page
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.cli.progress.daemon_metrics import DaemonMetrics
    from bulk_publisher.clock import Clock
    from bulk_publisher.jobs import Job
    from bulk_publisher.operations.access import Entry
    from bulk_publisher.serve.daemon import Daemon
    from bulk_publisher.store import Store


_LEASES_LOST = 75
"""EX_TEMPFAIL: a supervisor starts it again."""


@click.command("serve")
@click.argument("jobs", metavar="[JOB|FOLDER]...", nargs=-1, type=click.Path(path_type=Path))
@runs_option
@click.option("--once", is_flag=True, help="Do what is due, then end; for cron and CI.")
@click.option(
    "--parallel",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Most runs at once.",
)
@click.option(
    "--allow",
    "folders",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder whose files submitted jobs may name; repeatable.",
)
@click.option(
    "--allow-env",
    "variables",
    multiple=True,
    metavar="NAME",
    help="Variable that submitted jobs may name, beside BITRIX24_... and NOTIFY_...; repeatable.",
)
@metrics_options("Serve Prometheus metrics of all jobs on this port.", "Write them to this file every 15 s, for the node exporter.")  # fmt: skip
@web_options
@click.option("--systemd", is_flag=True, help="Print a unit for systemd instead.")
@click.option("--cron", is_flag=True, help="Print lines for cron instead.")
@click.pass_obj
@says_errors
def serve(
    output: Output,
    /,
    *,
    jobs: tuple[Path, ...],
    runs: Runs,
    once: bool,
    parallel: int,
    folders: tuple[Path, ...],
    variables: tuple[str, ...],
    systemd: bool,
    cron: bool,
    **web: Any,
) -> int:
    """Do the jobs in job files and folders when their [schedule] says so.

    Jobs without a schedule wait for "submit". Runs that an earlier daemon left go on first. SIGTERM
    ends it in order: pages in flight finish, and the next start continues. SIGHUP reads the job files
    again, as does a change of one. --once ends with the worst exit status of what it has done.

    \b
    bulk-publisher serve jobs/
    bulk-publisher serve --once nightly.toml
    bulk-publisher serve --systemd jobs/ > /etc/systemd/system/bulk-publisher.service
    """  # noqa: D301 - click's own mark
    from bulk_publisher.cli.output.units import cron_lines, systemd_unit

    if systemd:
        database = runs if isinstance(runs, str) else None
        more = _more_words(output, web)
        output.put_data(systemd_unit(jobs, folders, variables, parallel, more, database=database))
        return 0
    if cron:
        output.put_data(cron_lines(jobs, runs))
        return 0
    from bulk_publisher.serve.submitting import Permits

    _check_there(jobs)
    output.open_log()
    page = open_page(output, web, is_once=once)
    permits = Permits(tuple(folder.resolve() for folder in folders), variables)
    return asyncio.run(_serve(output, jobs, runs, permits, page, parallel=parallel, is_once=once))


def _check_there(jobs: tuple[Path, ...]) -> None:
    """See that what was named is there when the daemon starts; what goes later, it tells and goes on.

    Raises:
        BadSetting: If something is not.
    """
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.text.shown import as_text

    for path in jobs:
        if not path.exists():
            raise BadSetting(
                f"{as_text(str(path))}: there is no such file or folder.",
                "Name job files, or folders whose .toml files are jobs.",
            )


async def _serve(
    output: Output,
    jobs: tuple[Path, ...],
    runs: Runs,
    permits: Any,
    page: WebPage | None,
    *,
    parallel: int,
    is_once: bool,
) -> int:
    from bulk_publisher.cli.commands.doing import open_credential
    from bulk_publisher.cli.commands.many import use_all_descriptors
    from bulk_publisher.cli.output.happenings import Teller
    from bulk_publisher.clock import WallClock, local_zone
    from bulk_publisher.engine.events import both
    from bulk_publisher.jobs import by_portal
    from bulk_publisher.notices.notifying import Notices
    from bulk_publisher.serve.daemon import Daemon
    from bulk_publisher.serve.job_files import JobFiles
    from bulk_publisher.serve.part import Surroundings
    from bulk_publisher.store import open_store, shared_state

    state = shared_state(runs, os.environ)

    def entrance(job: "Job") -> "AbstractAsyncContextManager[Entry]":
        return open_credential(job, output, state)

    use_all_descriptors()
    store, clock, teller = open_store(runs), WallClock(), Teller(output, jobs)
    notices = Notices(store.agenda, entrance, os.environ, clock, output.warn)
    metrics = _metrics(output, store, clock, has_page=page is not None)
    tell = teller if page is None else both(teller, page.told)
    around = Surroundings(
        store,
        entrance,
        tell if metrics is None else both(tell, metrics),
        clock,
        by_portal=partial(by_portal, environment=os.environ),
        notices=notices,
    )
    if metrics is not None:
        around = replace(around, watch_run=metrics.watch_run)
    daemon = Daemon(
        JobFiles(jobs),
        around,
        zone=local_zone(),
        parallel=parallel,
        permits=permits,
        is_once=is_once,
        on_standstill=_end_at_once,
    )
    reading = nullcontext() if metrics is None else metrics.read(lambda: daemon.slots)
    numbers = None if metrics is None else metrics.page
    async with reading, nullcontext() if page is None else page.served(around, daemon, numbers):
        await _see_to_its_end(daemon, around.clock)
    # A daemon that goes on for months has no verdict on what it did: who sends SIGTERM wants a 0.
    return daemon.status if is_once else 0


async def _see_to_its_end(daemon: "Daemon", clock: "Clock") -> None:
    """Serve until signals end it; a supervisor hears that it is alive."""
    from bulk_publisher.cli.output.supervisor import Supervisor

    supervisor = Supervisor(os.environ)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(daemon.serve())
        watching = group.create_task(supervisor.watch(clock))
        _take_signals(daemon, serving, supervisor)
        with suppress(asyncio.CancelledError):
            await serving
        watching.cancel()


def _end_at_once() -> None:
    """This process stood still, and others do what it did: whatever it still holds is of no use any more."""
    text = "This process stood still for so long that others have taken over its jobs. Start it again.\n"
    with suppress(OSError):
        os.write(2, text.encode())
    os._exit(_LEASES_LOST)


def _more_words(output: Output, web: dict[str, Any]) -> list[str]:
    """The options for the page and for Prometheus, as they were given."""
    given = {"--metrics-port": output.metrics_port, "--metrics-file": output.metrics_file}
    return [
        *words_of(web),
        *(
            word
            for name, value in given.items()
            if value is not None
            for word in (name, str(value))
        ),
    ]


def _metrics(
    output: Output, store: "Store", clock: "Clock", *, has_page: bool
) -> "DaemonMetrics | None":
    """What counts for Prometheus, where a port or a file is named, or a page shows it."""
    from bulk_publisher.cli.progress.daemon_metrics import DaemonMetrics
    from bulk_publisher.errors import BadSetting

    if output.metrics_port is not None or output.metrics_file is not None:
        return DaemonMetrics(output, store, clock)
    try:
        return DaemonMetrics(output, store, clock) if has_page else None
    except BadSetting:
        # The page does without prometheus-client, but for /metrics, which says so.
        return None


def _take_signals(daemon: "Daemon", serving: "asyncio.Task[None]", supervisor: Any) -> None:
    loop = asyncio.get_running_loop()
    signals: list[int] = []

    def end(number: int) -> None:
        supervisor.tell("STOPPING=1")
        signals.append(number)
        if len(signals) == 1:
            daemon.drain()
        else:
            serving.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload)
