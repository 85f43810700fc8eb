"""What the commands share that take a RUN: its argument, its options, and a question."""

import sys
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bulk_publisher.cli.commands.parameters.completing import runs_there
from bulk_publisher.cli.commands.parameters.settings import decorated, given, option_name, settings
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs.options import HOURS, PACE, PORTAL, PROFILE

if TYPE_CHECKING:
    from bulk_publisher.jobs import Job
    from bulk_publisher.store.protocol import KeptRun

_Command = TypeVar("_Command", bound=Callable[..., Any])

_RANGES = 12
"""Of pages in a command that is proposed: more are not read, and hardly copied."""

run_argument = click.argument("name", metavar="RUN", shell_complete=runs_there)
yes_option = click.option("-y", "--yes", "is_yes", is_flag=True, help="Don't ask for confirmation.")


def portal_changes(command: _Command) -> _Command:
    """The options by which the portal may be reached otherwise than the run's job says."""
    return decorated(command, settings(PORTAL, is_again=True))


def portal_of_job(command: _Command) -> _Command:
    """The options by which a job is done on another portal than its file says."""
    named = [row for row in PORTAL if row.key in {"name", "named_in"}]
    return decorated(command, settings(named, is_again=True))


def pace_changes(command: _Command) -> _Command:
    """The options by which the pace may be another than the run's."""
    return decorated(command, settings(PACE, is_again=True))


def hours_changes(command: _Command) -> _Command:
    """The options by which a job may be done at other hours than it says, or more gently."""
    return decorated(command, settings([*HOURS, *PROFILE], is_again=True))


def changes_of(options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What *options* of ``portal_changes``, ``pace_changes`` and ``hours_changes`` say, and nothing else.

    Raises:
        BadSetting: If a value can't be.
    """
    from bulk_publisher import jobs
    from bulk_publisher.client.pace import spelled_out

    portal, pace = given(PORTAL, options), spelled_out(given(PACE, options))
    if "named_in" in portal:
        # What the run says itself is relative to where it began.
        portal["named_in"] = str(Path(portal["named_in"]).absolute())
    problems = jobs.pace_problems(jobs.Pace(**pace), naming=option_name)
    if problems:
        raise BadSetting("\n".join(problems))
    return {name: values for name, values in (("portal", portal), ("pace", pace)) if values}


def changer(options: dict[str, Any]) -> "Callable[[Job], Job]":
    """What makes of a run's job the one that *options* ask for."""
    from bulk_publisher.operations.resuming import with_changes

    changes = changes_of(options)
    return lambda job: with_changes(job, changes)


def pages_in_a_line(pages: Iterable[int]) -> str | None:
    """*pages*, in ascending order, as --page takes them; None where they are too many for a line."""
    from bulk_publisher.sources.given import ranges_of

    words = list(islice(ranges_of(pages), _RANGES + 1))
    return ",".join(words) if len(words) <= _RANGES else None


def is_somebody_there() -> bool:
    """Whether a question may be answered: standard input is a terminal."""
    # A service may have closed it.
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def nobody_there(question: str) -> BadSetting:
    """What is said where nobody can answer *question*."""
    return BadSetting(f"{question} There is no terminal to ask on.", "Confirm with --yes.")


def confirm(question: str, *, is_yes: bool, output: Output) -> bool:
    """Ask; ``--yes`` answers.

    The end of the input is a no.

    Raises:
        BadSetting: If there is no terminal to ask at.
        KeyboardInterrupt: If Ctrl-C is the answer.
    """
    if is_yes:
        return True
    if not is_somebody_there():
        raise nobody_there(question)
    if output.ask(question):
        return True
    output.complain("Nothing was done.")
    return False


def say_out(folder: "KeptRun", output: Output, *, otherwise: str = "") -> bool:
    """Say if pages of a run were sent and have no line: only a resume tells what became of them.

    Args:
        otherwise: What can be done with them instead.

    Returns:
        Whether there are any.

    Raises:
        BadJournal: If the run's files can't be read.
    """
    from bulk_publisher.report.text import pages_in_words

    out = folder.still_out()
    if out:
        output.explain(
            f"{pages_in_words(len(out))} of run {folder.run_id}, in flight when it ended, are not in its journal and are not checked here. "
            f"To settle them: bulk-publisher resume {name_for_commands(folder)}{otherwise}",
            colour="yellow",
        )
    return bool(out)
