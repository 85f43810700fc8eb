"""A run's story for programs: JSON, and a CSV that a spreadsheet can open without harm."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, TextIO

import msgspec

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Outcome
from bulk_publisher.report.story import Story
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.text.column_names import MOST_COLUMNS, told_apart
from bulk_publisher.text.escaping import MOST_WHOLE, as_long_as_a_cell, cell

FIXED = tuple(name for name in Outcome.__struct_fields__ if name != "row")
"""Columns of our own, before those that the pages carry."""


_PIECE = 2_000
"""Lines that are written at once where somebody waits for the first of them."""
_TOO_MANY_DIGITS = 16
"""Of a number: Excel keeps 15."""


def story_as_dict(story: Story) -> dict[str, Any]:
    """*story* as plain data that JSON can hold."""
    totals, description, told = story.totals, story.description, story.told
    is_told = story.has_ended and description.totals is not None
    seconds = story.seconds
    return {
        "run": story.run,
        "portal": description.portal,
        "portal_name": description.portal_name,
        "action": description.job.action.value,
        "started": description.started,
        "ended": description.ended,
        "selected": msgspec.to_builtins(description.selected),
        "pages": totals.pages,
        "counts": {status.value: count for status, count in totals.counts.items()},
        "seconds": rounded(seconds),
        "rate": round(totals.pages / seconds, 3) if seconds else None,
        "waited": story.waited,
        "is_whole": story.is_whole if is_told else None,
        "stopped_by": None if told.stopped_by is None else msgspec.to_builtins(told.stopped_by),
        "stopped_sites": told.stopped_sites if is_told else None,
        "operating": rounded(sum(one.operating for one in story.timeline.bins))
        if story.timeline.has_meter
        else None,
        "failures": {
            code: {
                "count": failures.count,
                "hint": failures.hint,
                "example": _as_dict(failures.example),
            }
            for code, failures in totals.failures.items()
        },
        "sites": [
            {"site": site, "folder": folder, **{status.value: n for status, n in counts.items()}}
            for (site, folder), counts in story.places.items()
        ],
    }


def write_csv(
    folders: Sequence[KeptRun],
    file: TextIO,
    *,
    decimal: str | None = None,
    carried: Mapping[str, str] | None = None,
) -> None:
    """Every line of the journals in *folders*, as a CSV with a header.

    What the pages carry of their own lists stands in columns after ours.

    Args:
        carried: These columns, as `carried_names` gives them; None to look for them first.
        decimal: What parts decimals where Excel will open the file. It goes by that for what parts
            cells, and takes UTF-8 for another encoding unless a byte order mark begins it; it keeps 15
            digits of a number, and 32,767 characters of a cell. None for commas, no mark and all that
            is there, as programs read it.

    Raises:
        BadJournal: If a journal can't be read.
    """
    if decimal is not None:
        file.write("\ufeff")
    writer = csv.writer(file, lineterminator="\n", delimiter=";" if decimal == "," else ",")
    if carried is None:
        carried = carried_names(folders)
    writer.writerow([*FIXED, *map(cell, carried.values())])
    for folder in folders:
        writer.writerows(_rows(folder, tuple(carried), decimal))


def csv_pieces(folder: KeptRun, carried: Mapping[str, str]) -> Iterator[str]:
    """Every line of the journal in *folder* as `write_csv` writes it, some thousands at once.

    Args:
        carried: The columns that its pages carry, as `carried_names` gives them.

    Raises:
        BadJournal: If the journal can't be read.
    """
    piece = io.StringIO()
    writer = csv.writer(piece, lineterminator="\n")
    writer.writerow([*FIXED, *map(cell, carried.values())])
    rows = _rows(folder, tuple(carried), None) if folder.has_journal else iter(())
    while text := piece.getvalue():
        yield text
        piece.seek(0)
        piece.truncate()
        writer.writerows(islice(rows, _PIECE))


def carried_names(
    folders: Sequence[KeptRun], on_bad: Callable[[KeptRun, BadJournal], None] | None = None
) -> dict[str, str]:
    """The columns that the pages of *folders* carry, in the order in which they come.

    Args:
        on_bad: Told of each run that can't be read through; None where that is told later on.

    Returns:
        Each with its name in a table that has ours, too.
    """
    names: dict[str, None] = {}
    for folder in folders:
        try:
            if on_bad is not None:
                folder.read_description()
            for outcome in folder.outcomes() if folder.has_journal else ():
                if outcome.row and not outcome.row.keys() <= names.keys():
                    names.update(dict.fromkeys(outcome.row))
        except BadJournal as error:
            if on_bad is not None:
                on_bad(folder, error)
    carried = list(names)[: MOST_COLUMNS - len(FIXED)]
    return dict(zip(carried, told_apart(carried, taken=FIXED), strict=True))


def rounded(seconds: float) -> float:
    """*seconds* to the millisecond: no portal measures finer, and sums of its numbers have long tails."""
    return round(seconds, 3)


def _as_dict(outcome: Outcome) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(outcome)
    return {
        name: rounded(value) if isinstance(value, float) else value
        for name, value in fields.items()
    }


def _rows(folder: KeptRun, carried: Sequence[str], decimal: str | None) -> Iterator[list[str]]:
    as_written = as_cell if decimal is None else partial(_cell_for_excel, decimal=decimal)
    for outcome in folder.outcomes():
        row = outcome.row or {}
        fixed = [as_written(getattr(outcome, name)) for name in FIXED]
        yield fixed + [as_written(row.get(name, "")) for name in carried]


def as_cell(value: object) -> str:
    """*value* as text in a table of text, harmless to whatever opens it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return str(rounded(value))
        case str():
            return cell(value)
        case _:
            return str(value)


def _cell_for_excel(value: object, *, decimal: str) -> str:
    match value:
        case float():
            return as_cell(value).replace(".", decimal)
        case int() if abs(value) >= MOST_WHOLE:
            return f"'{value}"
        case str() if value.isdecimal() and len(value) >= _TOO_MANY_DIGITS:
            # An ID of another system: Excel would take it for a number, and change its end.
            return f"'{value}"
        case _:
            return as_long_as_a_cell(as_cell(value))
