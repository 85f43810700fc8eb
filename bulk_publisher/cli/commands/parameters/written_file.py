"""Options that name a file."""

from pathlib import Path

import click


def a_file(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    """A callback that refuses ``-`` for a file that is written: it would be one of that name."""
    if value == Path("-"):
        raise click.BadParameter("it is written to a file only, not to standard output.")
    return value
