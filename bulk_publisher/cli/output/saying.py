"""How much is said, and how: the options of all commands, which may stand after the command as well."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

_Change = Callable[[Any, Any], dict[str, Any]]
"""What an option changes of an ``Output``, by that and the option's value."""


def _changes(change: _Change) -> Callable[..., None]:
    def tell(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        # While a line is completed there is no output to be changed.
        if value and context.obj is not None:
            context.obj = replace(context.obj, **change(context.obj, value))

    return tell


def _verbosity(output: Any, more: int) -> dict[str, int]:
    return {"verbosity": output.verbosity if output.verbosity < 0 else output.verbosity + more}


def saying_options(command: click.Command) -> click.Command:
    """*command* with the options that may stand before it, too."""
    if all(parameter.name != "verbose" for parameter in command.params):
        command.params.extend(_options())
    return command


def _options() -> list[click.Parameter]:
    return [
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_changes(_verbosity),
            help="Log more; -vv logs each request.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_changes(lambda _output, _is_quiet: {"verbosity": -1}),
            help="Print only warnings, errors and the summary.",
        ),
        click.Option(
            ["--log-format"],
            type=click.Choice(["console", "json"]),
            expose_value=False,
            callback=_changes(lambda _output, form: {"log_format": form}),
            help="Format of stderr.",
        ),
        click.Option(
            ["--no-color"],
            is_flag=True,
            expose_value=False,
            callback=_changes(lambda _output, _is_plain: {"is_plain": True}),
            help="No colours (also: NO_COLOR).",
        ),
    ]
