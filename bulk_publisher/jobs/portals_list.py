"""A list of portals as a table: a name a row, and where its webhook is, if the named portals do not say.

It is read with the care of a list of pages: in whatever encoding, delimiter and form a spreadsheet has saved
it. It holds no secrets; a cell that does is refused, and not repeated. Paths are relative to its folder.
"""

from pathlib import Path

import msgspec

from bulk_publisher.errors import BadSource
from bulk_publisher.jobs.job import Portal
from bulk_publisher.jobs.job_file import portal_beside
from bulk_publisher.jobs.rules import ONE_OF_MANY
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.sources.csv_file import read_rows
from bulk_publisher.text.column_names import folded
from bulk_publisher.text.shown import did_you_mean, shown

_SECRETS = {"webhook_env": "env", "webhook_file": "file", "webhook_keyring": "keyring"}
_COLUMNS = ("name", *_SECRETS, "plan", "ca_file")
_MOST = 10_000
"""Portals: far more than one process can serve."""
_LISTED = 20
"""Mistakes that are told one by one."""


def read_portals_list(path: Path) -> dict[str, Portal]:
    """The portals that the table at *path* lists, by their names, in its order.

    The first row may name the columns: ``name``, one of ``webhook_env``, ``webhook_file`` and
    ``webhook_keyring``, ``plan`` and ``ca_file``; others say nothing. Without that each row is a name.

    Raises:
        BadSource: With a line for each mistake: ``file:line: why``.
    """
    name, rows = read_rows(str(path), kind="a list of portals")
    rows = [(line, row) for line, row in rows if isinstance(row, Wrong) or any(map(str.strip, row))]
    header = rows[0][1] if rows else []
    columns = [folded(cell) for cell in header] if isinstance(header, list) else []
    if set(columns) & set(_COLUMNS):
        _check_header(columns, f"{name}:{rows[0][0]}")
        del rows[0]
    else:
        columns = ["name"]
    if not rows:
        raise BadSource(f"{name} names no portals")
    if len(rows) > _MOST:
        raise BadSource(f"{name} names over {_MOST:,} portals")
    portals: dict[str, Portal] = {}
    problems: list[str] = []
    for line, row in rows:
        portal = row if isinstance(row, Wrong) else _parse(row, columns)
        if isinstance(portal, Portal) and portal.name in portals:
            portal = Wrong(f"{shown(portal.name)} is named a second time")
        if isinstance(portal, Wrong):
            problems.append(f"{name}:{line}: {portal.why}")
        else:
            portals[portal.name or ""] = portal_beside(portal, path.parent)
    if problems:
        rows_in_words = "a bad row" if len(problems) == 1 else f"{len(problems)} bad rows"
        raise BadSource(f"{name} has {rows_in_words}", problems=tuple(problems[:_LISTED]))
    return portals


def _check_header(columns: list[str], where: str) -> None:
    if "name" not in columns:
        raise BadSource(f"{where}: no column is called name")
    for column in columns:
        if column in _COLUMNS and columns.count(column) > 1:
            raise BadSource(f"{where}: two columns are called {column}")
        # A webhook whose column is not known would not be used, in silence.
        if column not in _COLUMNS and (meant := did_you_mean(column, _COLUMNS)):
            raise BadSource(f"{where}: there is no column {shown(column)}{meant}")


def _parse(row: list[str], columns: list[str]) -> Portal | Wrong:
    if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
        return Wrong(f"{len(row)} cells, and {len(columns)} columns have a name")
    cells = {
        column: cell.strip()
        for column, cell in zip(columns, row, strict=False)
        if column in _COLUMNS and cell.strip()
    }
    if "name" not in cells:
        return Wrong("there is no name")
    secrets = {_SECRETS[column]: cells.pop(column) for column in _SECRETS if column in cells}
    judged = {key: ONE_OF_MANY[key](value) for key, value in cells.items()}
    if secrets:
        judged["webhook"] = ONE_OF_MANY["webhook"](secrets)
    wrong = next(((key, one) for key, one in judged.items() if isinstance(one, Wrong)), None)
    if wrong is not None:
        return Wrong(f"{wrong[0]}: {wrong[1].why}")
    return msgspec.convert(judged, Portal)
