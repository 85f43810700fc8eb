"""The options of commands that the table of settings yields, and what is given by them."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any, TypeVar

import click

from bulk_publisher.cli.commands.parameters.completing import files, portals_there
from bulk_publisher.client.pace import Pace
from bulk_publisher.jobs.options import Kind, Option, Whole

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Decorator = Callable[[_Command], _Command]

_SECRETS = {Kind.SECRET_FILE: "file", Kind.SECRET_ENTRY: "keyring", Kind.SECRET_ROW: "store"}
"""What a command names by options of these kinds."""


def option_name(key: str) -> str:
    """How the option is written whose key in a job file, and whose argument here, is *key*."""
    return f"--{key.replace('_', '-')}"


def decorated(command: _Command, options: Sequence[_Decorator[_Command]]) -> _Command:
    """*command* with *options*, in their order."""
    for option in reversed(options):
        command = option(command)
    return command


def settings(rows: Iterable[Option], *, is_again: bool = False) -> list[_Decorator[Any]]:
    """The options of *rows*.

    Args:
        is_again: For a run that goes on or is followed: what is not given stays as it was.
    """
    return [_option(row, is_again=is_again) for row in rows]


def _option(row: Option, *, is_again: bool) -> _Decorator[Any]:
    name = option_name(row.argument)
    about = row.help_again if is_again and row.help_again else row.help
    if row.kind is Kind.FLAG:
        if is_again:
            return click.option(f"{name}/--no-{name[2:]}", default=None, help=about)
        return click.option(name, is_flag=True, help=about)
    # Of the portal nothing is by default: it is asked.
    default = None if is_again else getattr(Pace(), row.key, None)
    return click.option(
        name, default=default, show_default=default is not None, help=about, **_form(row.kind)
    )


class _Duration(click.ParamType[Any]):
    """Seconds, as people write them."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from bulk_publisher.jobs.moments import parse_duration
        from bulk_publisher.sources.cells import Wrong

        seconds = parse_duration(str(value))
        if isinstance(seconds, Wrong):
            self.fail(seconds.why, param, ctx)
        return seconds


def _form(kind: Any) -> dict[str, Any]:
    """How a value of *kind* is written."""
    match kind:
        case Whole(least, most):
            return {"type": click.IntRange(least, most), "metavar": "N" if most is None else None}
        case Kind.SECONDS:
            return {"type": float, "metavar": "S"}
        case Kind.SHARE:
            return {"type": float}
        case Kind.DURATION:
            return {"type": _Duration(), "metavar": "TIME"}
        case Kind.HOURS | Kind.ZONE | Kind.MOMENT:
            return {"metavar": "TIME" if kind is Kind.MOMENT else kind.name}
        case Kind.FILE | Kind.SECRET_FILE:
            return {"metavar": "FILE", "shell_complete": files}
        case Kind.PORTAL:
            return {"metavar": "NAME", "shell_complete": portals_there}
        case Kind.SECRET_ENTRY | Kind.SECRET_ROW:
            return {"metavar": "NAME"}
        case words:
            return {"type": click.Choice([word.value for word in words])}


def given(rows: Iterable[Option], options: dict[str, Any]) -> dict[str, Any]:
    """What *options* say of *rows*, by the keys of a job file; nothing of what they leave open.

    Raises:
        BadSetting: If two of them say it of which one can be.
    """
    said = [(row, value) for row in rows if (value := options.get(row.argument)) is not None]
    for (row, _), (again, _) in combinations(said, 2):
        if row.group and row.group == again.group:
            from bulk_publisher.errors import BadSetting

            raise BadSetting(
                f"{option_name(row.argument)} and {option_name(again.argument)} can't be combined: give one of the two."
            )
    return {row.key: _value(row.kind, value) for row, value in said}


def _value(kind: Any, value: Any) -> Any:
    if key := _SECRETS.get(kind):
        from bulk_publisher.jobs import Secret

        return Secret(**{key: value})
    return value if isinstance(kind, Whole | Kind) else kind(value)
