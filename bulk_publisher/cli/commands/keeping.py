"""``bulk-publisher store``: what is kept, looked after: old runs removed, all of it checked, runs moved."""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.cluster_key import key
from bulk_publisher.cli.commands.moving import export_run, import_run, migrate
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.run_options import confirm, yes_option
from bulk_publisher.cli.output.complaints import say_error, says_errors
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.output.saying import saying_options

if TYPE_CHECKING:
    from bulk_publisher.operations.pruning import Pruning, Removable
    from bulk_publisher.store.flaws import Flaw
    from bulk_publisher.store.protocol import Store

_LISTED = 20
"""Runs that are named before a question: more are not read."""
_REFUSED, _FLAWED = 2, 1


@click.group("store")
def store() -> None:
    """Look after what is kept: remove old runs, check all of it, move runs, prepare a database."""


@store.command("prune")
@runs_option
@click.option(
    "--older-than",
    metavar="AGE",
    required=True,
    help="Remove runs that ended so long ago, such as 90d.",
)
@click.option(
    "--keep-last",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Keep the last N runs of each job on each portal, whatever their age.",
)
@click.option(
    "--even-unfinished", is_flag=True, help="Remove runs too that could still be resumed."
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed; remove nothing.")
@yes_option
@click.pass_obj
@says_errors
def prune(
    output: Output,
    /,
    *,
    runs: Runs,
    older_than: str,
    keep_last: int,
    even_unfinished: bool,
    dry_run: bool,
    is_yes: bool,
) -> None:
    """Remove whole runs that ended long ago, and say how much room that frees.

    Runs stay if they are in use, could be resumed, are followed by a retry or rollback that stays, or
    are named by the daemon's plan. It asks first; without a terminal it needs --yes.

    \b
    bulk-publisher store prune --older-than 90d --dry-run
    bulk-publisher store prune --older-than 90d --keep-last 10 --yes
    """  # noqa: D301 - click's own mark
    from bulk_publisher.cli.commands.parameters.moments import parse_age
    from bulk_publisher.operations.pruning import find_prunable
    from bulk_publisher.store import open_store

    opened = open_store(runs)
    pruning = find_prunable(
        opened,
        before=parse_age(older_than, "--older-than"),
        keep_last=keep_last,
        even_unfinished=even_unfinished,
    )
    for line in _pruning_lines(pruning):
        output.put(line)
    if dry_run:
        output.put("Dry run: nothing was removed.")
    elif pruning.runs:
        what = _in_words(len(pruning.runs), pruning.size)
        if not confirm(f"Remove {what}?", is_yes=is_yes, output=output):
            sys.exit(_REFUSED)
        sys.exit(_prune(opened, pruning, output))
    else:
        opened.tidy()


def _prune(opened: "Store", pruning: "Pruning", output: Output) -> int:
    """Remove them; gives the exit status."""
    from bulk_publisher.operations.pruning import prune as pruned

    removed: list[Removable] = []
    has_failed = False
    for one, error in pruned(pruning):
        if error is None:
            removed.append(one)
        else:
            has_failed = True
            say_error(output, error)
    opened.tidy()
    output.put(f"Removed {_in_words(len(removed), sum(one.size for one in removed))}.")
    return int(has_failed)


def _pruning_lines(pruning: "Pruning") -> Iterator[str]:
    from bulk_publisher.report.past_lines import age_in_words

    if not pruning.runs:
        yield "No run is to be removed."
    for one in pruning.runs[:_LISTED]:
        past = one.past
        what = f"{past.job} on {past.portal}" if past.job else past.portal
        yield f"{past.kept.name}  {what}, ended {age_in_words(past.ended_at)}, {bytes_in_words(one.size)}"
    if len(pruning.runs) > _LISTED:
        yield f"and {len(pruning.runs) - _LISTED:,} more"
    if pruning.needed:
        parts = (f"{count:,} {why.value}" for why, count in pruning.needed.items())
        yield f"Others stay: {'; '.join(parts)}."


def _in_words(count: int, size: int) -> str:
    runs = "1 run" if count == 1 else f"{count:,} runs"
    return f"{runs}, {bytes_in_words(size)}"


def bytes_in_words(size: float) -> str:
    """*size* for a person: ``812 bytes``, ``1.4 MB``."""
    units = ("bytes", "kB", "MB", "GB")
    unit = 0
    while size >= 1000 and unit + 1 < len(units):
        size, unit = size / 1000, unit + 1
    return f"{size:,.1f} {units[unit]}" if unit and size < 10 else f"{size:,.0f} {units[unit]}"


@store.command("check")
@runs_option
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
@says_errors
def check(output: Output, /, *, runs: Runs, is_json: bool) -> None:
    """Read every run, and tell what is damaged, torn, left, foreign, a link or open to others.

    Exit status: 0 where nothing is wrong, 1 where something is. Changes nothing.
    """
    from bulk_publisher.store import open_store

    opened = open_store(runs)
    kinds: Counter[str] = Counter()
    told: list[dict[str, Any]] = []
    checked = 0
    for flaw in opened.flaws():
        kinds[flaw.kind.value] += 1
        _tell(flaw, output, told if is_json else None)
    for kept in opened.runs():
        checked += 1
        for flaw in kept.flaws():
            kinds[flaw.kind.value] += 1
            _tell(flaw, output, told if is_json else None)
    if is_json:
        output.put_json({"runs": checked, "flaws": told})
    else:
        parts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
        output.put(
            f"Runs checked: {checked:,}. {f'Wrong: {parts}' if parts else 'Nothing is wrong'}."
        )
    sys.exit(_FLAWED if kinds else 0)


def _tell(flaw: "Flaw", output: Output, told: list[dict[str, Any]] | None) -> None:
    """Say it now, or add it to what is told in the end."""
    from bulk_publisher.text.escaping import printable

    if told is not None:
        told.append(
            {"kind": flaw.kind.value, "where": flaw.where, "what": flaw.what, "hint": flaw.hint}
        )
        return
    hint = f" {flaw.hint}" if flaw.hint else ""
    output.put(printable(f"{flaw.kind.value}: {flaw.where} {flaw.what}.{hint}"))


for _command in (migrate, export_run, import_run, key):
    store.add_command(_command)
for _command in store.commands.values():
    saying_options(_command)
