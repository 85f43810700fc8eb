"""What a CSV of a million rows costs: seconds to check it, seconds to stream it, peak memory.

Run: python benchmarks/csv_memory.py [ROWS]
"""

import asyncio
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from bulk_publisher.sources.csv_file import check_csv
from bulk_publisher.sources.table import CheckedTable

ID_RANGES = {"ids close together": 1, "ids scattered over 2^40": (1 << 40) // 1_000_000}


def write_csv(path: Path, *, rows: int, spread: int) -> None:
    """Write *rows* rows in random order, with the columns that Excel users have."""
    ids = [1 + number * spread for number in range(rows)]
    random.Random(1).shuffle(ids)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write("ID;Title;Scope\r\n")
        file.writelines(f'{page};"Страница {page}";KNOWLEDGE\r\n' for page in ids)


async def count(pages: CheckedTable) -> int:
    """How many pages come out."""
    counted = 0
    async for _ in pages:
        counted += 1
    return counted


def measure(label: str, path: Path) -> None:
    """Check and stream one file in this process, and print what it cost."""
    started = time.perf_counter()
    checked = check_csv(str(path), column=None, scope=None, skip_bad_rows=False)
    checked_at = time.perf_counter()
    streamed = asyncio.run(count(checked))
    ended = time.perf_counter()
    assert streamed == checked.pages
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{label}: {checked.pages:,} pages, checked in {checked_at - started:.1f} s, "
        f"streamed in {ended - checked_at:.1f} s, peak memory so far {peak:.0f} MB"
    )


def main() -> None:
    """Measure each range of ids; files are written by a child, so as not to count their making."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        for label, spread in ID_RANGES.items():
            path = Path(folder, "pages.csv")
            child = asyncio.run(_written_by_child(path, rows=rows, spread=spread))
            assert child == 0
            measure(label, path)


async def _written_by_child(path: Path, *, rows: int, spread: int) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--write", str(path), str(rows), str(spread)
    )
    return await process.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write_csv(Path(sys.argv[2]), rows=int(sys.argv[3]), spread=int(sys.argv[4]))
    else:
        main()
