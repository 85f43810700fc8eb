"""``bulk-publisher mcp``: tools for an assistant, over standard input and output."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.mcp_server.desk import Desk


@click.command("mcp")
@runs_option
@click.option(
    "--allow",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Let the assistant plan with lists in FOLDER; repeatable.",
)
@click.pass_obj
@says_errors
def mcp(output: Output, /, *, runs: Runs, folders: tuple[Path, ...]) -> None:
    """Serve an assistant: tools over the Model Context Protocol, on standard input and output.

    An assistant such as Claude starts this command itself; docs/assistants.md shows its configuration.
    The tools check, plan, verify and report. One of them publishes, and only a plan that a person has
    approved with "approve". Needs: pip install 'bulk-publisher[mcp]'
    """
    from bulk_publisher.cli.commands.approved_job import option_for
    from bulk_publisher.errors import BadSetting

    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        raise BadSetting(
            "mcp speaks with an assistant, not with a person: standard input is a terminal.",
            "Enter the command in the assistant's configuration: docs/assistants.md shows how.",
        )
    _check_installed()
    from bulk_publisher.mcp_server.desk import Desk
    from bulk_publisher.store import open_store, shared_state

    output.open_log()
    whole = runs.absolute() if isinstance(runs, Path) else runs
    approving = f"bulk-publisher approve{option_for(whole)}"
    desk = Desk(
        open_store(runs),
        state=shared_state(runs, os.environ),
        folders=folders,
        approving=approving,
    )
    status = asyncio.run(_serve(desk))
    if status:
        sys.exit(status)


async def _serve(desk: "Desk") -> int:
    import signal

    from bulk_publisher.cli.commands.interruption import Interruption
    from bulk_publisher.mcp_server.stdio import Serving

    serving = Serving(desk)
    task = asyncio.current_task()

    def heard(_number: signal.Signals, is_first: bool) -> None:
        if is_first:
            serving.stop()
        elif task is not None:
            task.cancel()

    interruption = Interruption(heard)
    interruption.listen()
    try:
        await serving.serve()
    except asyncio.CancelledError:
        return interruption.status
    return 0 if interruption.signal is None else interruption.status


def _check_installed() -> None:
    from importlib.util import find_spec

    from bulk_publisher.errors import BadSetting

    if find_spec("mcp") is None:
        raise BadSetting("The SDK of the Model Context Protocol is not installed.", "Install it with: pip install 'bulk-publisher[mcp]'")  # fmt: skip
