"""What a spreadsheet of a million rows costs: seconds to check it, seconds to stream it, peak memory.

Seconds depend on the machine; their ratio to what the library alone takes in a process of its own does
not so much.

Run: python benchmarks/xlsx.py [ROWS]
"""

import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import xlsxwriter

from bulk_publisher.sources.table import CheckedTable
from bulk_publisher.sources.xlsx_file import check_xlsx

LIBRARY_ALONE = """
import sys
from python_calamine import CalamineWorkbook
for row in CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).iter_rows(): pass
"""


def write_workbook(path: Path, rows: int) -> None:
    """Write *rows* rows in random order, with the columns that people have."""
    ids = list(range(1, rows + 1))
    random.Random(1).shuffle(ids)
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet("Pages")
    for column, name in enumerate(("ID", "Title", "Scope")):
        sheet.write_string(0, column, name)
    for row, page in enumerate(ids, 1):
        sheet.write_number(row, 0, page)
        sheet.write_string(row, 1, f"Страница {page}")
        sheet.write_string(row, 2, "KNOWLEDGE")
    book.close()


async def count(pages: CheckedTable) -> int:
    """How many pages come out."""
    counted = 0
    async for _ in pages:
        counted += 1
    return counted


def peak_of(who: int) -> float:
    """Megabytes that this process, or the largest of those that it has started, took at most."""
    return resource.getrusage(who).ru_maxrss / 1024


def main() -> None:
    """Measure the library alone, then check and stream the same file."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pages.xlsx")
        # In a child, so as not to count its making.
        subprocess.run([sys.executable, __file__, "--write", str(path), str(rows)], check=True)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", LIBRARY_ALONE, str(path)], check=True)
        alone = time.perf_counter() - began
        began = time.perf_counter()
        checked = check_xlsx(str(path), sheet=None, column=None, scope=None, skip_bad_rows=False)
        checked_at = time.perf_counter()
        streamed = asyncio.run(count(checked))
        ended = time.perf_counter()
        assert streamed == checked.pages == rows
        print(
            f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB: the library alone {alone:.1f} s; checked in "
            f"{checked_at - began:.1f} s, {(checked_at - began) / alone:.2f} of that; streamed in "
            f"{ended - checked_at:.1f} s; peak memory {peak_of(resource.RUSAGE_SELF):.0f} MB, and "
            f"{peak_of(resource.RUSAGE_CHILDREN):.0f} MB in the process that reads it"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write_workbook(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
