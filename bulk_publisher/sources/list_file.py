"""A list of pages in a file of whichever kind: its first bytes tell which. None of its rows is passed over."""

from bulk_publisher.errors import BadSource
from bulk_publisher.model import Scope
from bulk_publisher.sources.csv_file import check_csv
from bulk_publisher.sources.file_bytes import head_of
from bulk_publisher.sources.table import CheckedTable
from bulk_publisher.sources.xlsx_file import WORKBOOK_HEADS, check_xlsx

_INSTEAD = {
    "--column": "Call the column with the page IDs lid.",
    "--sheet": "Save the sheet with the pages as a CSV, and name that.",
    "--skip-bad-rows": "Correct them: a page that can't be read here would not be left out.",
    "--xlsx": "Name the file itself: a spreadsheet is not read from a pipe here.",
    "--csv": "Save the sheet with the pages as CSV UTF-8, and name that.",
}
"""What to do in place of an option that is for the other list, that of the pages to take."""


def check_list(path: str, *, scope: Scope | None) -> CheckedTable:
    """Read a CSV or a workbook through; each of its rows must name a page.

    Args:
        path: A file. Of a workbook, the only sheet that can be seen and has anything in it is read.
        scope: For rows that name none.

    Raises:
        BadSource: If it cannot be read, names no page, or has a bad row.
    """
    try:
        if head_of(path).startswith(WORKBOOK_HEADS):
            return check_xlsx(path, sheet=None, column=None, scope=scope, skip_bad_rows=False)
        return check_csv(path, column=None, scope=scope, skip_bad_rows=False)
    except BadSource as error:
        named = (hint for option, hint in _INSTEAD.items() if option in error.hint)
        raise BadSource(error.message, next(named, error.hint), error.problems) from error
