"""The options that say what is done once a run has come to its end."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bulk_publisher.cli.commands.parameters.completing import files
from bulk_publisher.cli.commands.parameters.settings import decorated

if TYPE_CHECKING:
    from bulk_publisher.jobs import Job

_Command = TypeVar("_Command", bound=Callable[..., Any])

_AFTER = [
    click.option(
        "--verify",
        is_flag=True,
        help="Afterwards, check on the portal whether each page matches the journal.",
    ),
    click.option(
        "--retry",
        type=click.IntRange(0, 10),
        metavar="N",
        help="Afterwards, retry up to N times what failed by a passing cause.",
    ),
    click.option(
        "--expected",
        metavar="FILE",
        shell_complete=files,
        help="CSV of pages known to fail, with columns id and code; they don't make the exit status 1.",
    ),
]


def after_options(command: _Command) -> _Command:
    """The options."""
    return decorated(command, _AFTER)


def with_after(job: "Job", *, verify: bool, retry: int | None, expected: str | None) -> "Job":
    """*job*, with what the options say of it; what is not given stays as it was.

    Raises:
        BadSetting: If that can't be.
    """
    import msgspec

    from bulk_publisher.errors import BadSetting
    from bulk_publisher.jobs.recipients import after_conflicts

    given = {"verify": verify or None, "retry": retry, "expected": expected}
    changes = {key: value for key, value in given.items() if value is not None}
    after = msgspec.structs.replace(job.after, **changes)
    problems = [why for _, why in after_conflicts(after, job.portal)]
    if problems:
        raise BadSetting("\n".join(problems))
    return msgspec.structs.replace(job, after=after)
