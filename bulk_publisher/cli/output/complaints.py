"""How an error is said: in a line or two, with the status that the contract gives it."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.output.streams import ReaderGone
from bulk_publisher.errors import FAULT_OF_OURS, BadSetting, BadSource, BulkPublisherError

_P = ParamSpec("_P")
_R = TypeVar("_R")


@contextmanager
def errors_said(output: Output) -> Iterator[None]:
    """Say what ends a command in a line or two, and exit with its status."""
    try:
        yield
    except KeyboardInterrupt:
        # Before a run has begun, or in a command that only looks: nothing is left half done.
        sys.exit(128 + signal.SIGINT)
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        # What is wrong with an option is said by whoever called the command.
        raise
    except ReaderGone:
        # Who read it has enough: not an error, and nothing more to say there.
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends in one line and a status
        sys.exit(_say_end(output, error))


def _say_end(output: Output, error: Exception) -> int:
    """Say what has ended a command; gives the exit status."""
    from bulk_publisher.operations import crash

    inner = crash.innermost(error)
    if isinstance(inner, BulkPublisherError):
        say_error(output, inner)
        return inner.exit_status
    if isinstance(inner, OSError) and inner.filename is not None and not crash.logged_in(error):
        # A file that isn't as it must be, and nothing was begun.
        why = f"{_name_of(inner.filename)}: {inner.strerror or inner}."
        say_error(output, BadSetting(f"Can't be used: {why}"))
        return BadSetting.exit_status
    _say_crash(output, error)
    return FAULT_OF_OURS


def _name_of(file: object) -> str:
    return os.fsdecode(file) if isinstance(file, str | bytes) else str(file)


def _say_crash(output: Output, error: Exception) -> None:
    """A fault of ours in a line: what, and where its traceback is."""
    from bulk_publisher.operations import crash

    file = crash.keep(error, os.environ)
    where = f"Its traceback is in {file}." if file else "Its traceback is shown with -vv."
    text = f"Internal error in bulk-publisher: {crash.words_of(error)}. {where}"
    trace = crash.traceback_of(error) if output.verbosity > 1 else None
    if output.is_json:
        fields = {} if trace is None else {"traceback": trace}
        output.event(
            "crash", text=text, log=str(file) if file else None, status=FAULT_OF_OURS, **fields
        )
        return
    output.explain(text, colour="red")
    if trace is not None:
        output.complain(trace.rstrip())


def say_error(output: Output, error: BulkPublisherError) -> None:
    """An error in a line or two: what is wrong, where, and what to do."""
    problems = error.problems if isinstance(error, BadSource) else ()
    if output.is_json:
        more = {"problems": list(problems)} if problems else {}
        output.event(
            "error", text=error.message, hint=error.hint or None, status=error.exit_status, **more
        )
        return
    if output.is_terse and not problems:
        # One line in a mail, if it can be one.
        output.complain(f"Error: {error.message} {error.hint}".rstrip(), colour="red")
        return
    output.explain(f"Error: {error.message}", colour="red")
    for problem in problems:
        output.explain(problem, indent=2)
    if error.hint:
        output.explain(error.hint)


def say_usage(output: Output, error: click.ClickException) -> int:
    """What is wrong with the command itself, as click has it; gives the exit status."""
    # Its own 1 would mean that pages have failed.
    status = BadSetting.exit_status
    if output.is_json:
        output.event("error", text=error.format_message(), hint=None, status=status)
    else:
        said = io.StringIO()
        error.show(said)
        output.complain(said.getvalue().rstrip("\n"))
    return status


def says_errors(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """A command whose errors are said by ``errors_said``."""

    @wraps(command)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with errors_said(click.get_current_context().obj):
            return command(*args, **kwargs)

    return wrapped
