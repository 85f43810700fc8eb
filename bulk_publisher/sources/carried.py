"""What of a row is carried through to its page's outcome. Pure.

Rules: cells stand there as they are given; blank ones do not: a table may have hundreds of columns,
each with a name. A row is small: it waits in memory, is noted before its page leaves, and stands in
the journal.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from bulk_publisher.errors import BadSource
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.text.column_names import as_named, folded, told_apart
from bulk_publisher.text.redaction import without_webhooks
from bulk_publisher.text.shown import as_text, did_you_mean, listed, shown

MOST_BYTES = 4096
"""Of a row, as JSON: a thousand times the ID that it is mostly about, and 8 MB for all that wait."""

CarriedColumns = tuple[tuple[int, str], ...]
"""Where a column is, counted from 0, and its name."""

_ENCODER = msgspec.json.Encoder()


def carried_columns(
    first: Sequence[str], *, used: Collection[int | None], carry: Sequence[str] | None, where: str
) -> CarriedColumns:
    """The columns of the header *first* that are carried; those without a name never are.

    Args:
        used: Columns that tell which page it is, and so need not be carried.
        carry: Names of those that are wanted; None for all that are not used.
        where: The file, for messages.

    Raises:
        BadSource: If one of the names is no column's.
    """
    places = [at for at, cell in enumerate(first) if folded(cell)]
    names = told_apart([without_webhooks(as_named(first[at])) for at in places])
    columns = tuple(zip(places, names, strict=True))
    if carry is None:
        return tuple(column for column in columns if column[0] not in used)
    wanted = {at for name in carry for at in _places(columns, name, where=where)}
    return tuple(column for column in columns if column[0] in wanted)


def no_columns(carry: Sequence[str] | None, *, where: str) -> CarriedColumns:
    """What is carried of a list without a header: nothing.

    Raises:
        BadSource: If something is wanted.
    """
    if carry:
        raise BadSource(
            f"{where} has no column {shown(as_text(carry[0]))}: it has no header",
            "Leave --carry out, or write a name above each column.",
        )
    return ()


def carried_cells(row: Sequence[str], columns: CarriedColumns) -> dict[str, str] | Wrong | None:
    """The cells of *row* in *columns* that are not blank; None where all are."""
    cells = len(row)
    carried = {
        name: cell
        for at, name in columns
        if at < cells and (cell := row[at]) and not cell.isspace()
    }
    size = len(_ENCODER.encode(carried))
    return carried or None if size <= MOST_BYTES else _too_large(size)


def carried_row(row: Mapping[str, str]) -> dict[str, str] | Wrong | None:
    """*row* as a program gives it, fit to be kept; None where nothing is in it."""
    try:
        given = msgspec.convert(row, dict[str, str])
        size = len(_ENCODER.encode(given))
    except (ValueError, TypeError):
        return Wrong("its row is no object of texts")
    if size > MOST_BYTES:
        return _too_large(size)
    filled = {name: cell for name, cell in given.items() if cell and not cell.isspace()}
    if not all(map(folded, filled)):
        return Wrong("a column of its row has no name")
    names = told_apart([without_webhooks(as_named(name)) for name in filled])
    return without_secrets(dict(zip(names, filled.values(), strict=True))) or None


def without_secrets(row: Mapping[str, str]) -> dict[str, str]:
    """*row* with the URLs of webhooks hidden in its cells."""
    return {name: without_webhooks(cell) for name, cell in row.items()}


def _too_large(size: int) -> Wrong:
    return Wrong(
        f"its columns are {size:,} bytes, and at most {MOST_BYTES:,} can be carried",
        "Say which columns are to stand in the journal, with --carry NAME.",
    )


def _places(columns: CarriedColumns, name: str, *, where: str) -> list[int]:
    """Where the columns are that the user named; of some that differ in form alone, the exact one."""
    wanted = as_named(as_text(name))
    exact = [at for at, known in columns if known == wanted]
    alike = exact or [at for at, known in columns if folded(known) == folded(wanted)]
    if not alike:
        names = [known for _, known in columns]
        raise BadSource(
            f"{where} has no column {shown(wanted)}{did_you_mean(wanted, names)}",
            f"Its columns are {listed(map(shown, names))}.",
        )
    return alike
