"""How large and how slow is a report? From a journal of so many pages, made up on the spot.

    python benchmarks/report_size.py [PAGES]

The bound: a million pages in under 5 MB and under 30 s.
"""

import json
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bulk_publisher.report.writing import leave_report
from bulk_publisher.store.folder.folder_run import FolderRun
from bulk_publisher.store.folder.run_folder import RunFolder

_CODES = ("LANDING_NOT_EXIST", "NOT_PUBLISHED", "URLCHECKER_FAIL", "LANDING_PAYMENT_FAILED")
_PAGES_IN_TEN_MINUTES = 1_680
_BATCH = 50


def make_run(pages: int, folder: Path) -> RunFolder:
    """A run that binds on 480 s of operating time at 0.28 s a page, 3 % of it failed."""
    rng = random.Random(1)
    run = RunFolder(folder / "20260301T030000Z-1f2e")
    run.path.mkdir(parents=True)
    at = start = datetime(2026, 3, 1, 3, tzinfo=UTC)
    spent = 0.0
    with run.journal.open("w") as file:
        for page in range(1, pages + 1):
            if page % _BATCH == 0:
                at += timedelta(seconds=3.5)
            if page % _PAGES_IN_TEN_MINUTES == 0:
                at += timedelta(seconds=480)
            is_bad = rng.random() < 0.03
            cost = rng.lognormvariate(-1.35, 0.4)
            spent += cost
            site, folder_id = 1 + page * 7 // pages, page // 400
            file.write(
                json.dumps(
                    {
                        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                        "run": run.path.name,
                        "portal": "example.bitrix24.com",
                        "scope": "KNOWLEDGE",
                        "page": page,
                        "action": "publish",
                        "status": "failed" if is_bad else "published",
                        "error": rng.choice(_CODES) if is_bad else None,
                        "error_description": "Page not found or access denied." if is_bad else None,
                        "hint": "No such page for this credential." if is_bad else None,
                        "attempts": 1,
                        "duration": cost,
                        "operating": cost,
                        "site": site,
                        "folder": folder_id,
                        "title": f"Page {page} of the handbook",
                        "url": f"/handbook/page-{page}/",
                        "was_active": False,
                        "source": f"pages.csv:{page + 1}",
                    }
                )
                + "\n"
            )
    told = {
        "run": run.path.name,
        "portal": "example.bitrix24.com",
        "started": start.isoformat(),
        "ended": at.isoformat(),
        "limits": {"capacity": 50, "drain": 2, "operating": 480},
        "job": {"name": "nightly", "action": "publish"},
        "totals": {
            "seconds": (at - start).total_seconds(),
            "waited": {"operating": 480.0 * (pages // _PAGES_IN_TEN_MINUTES)},
            "is_whole": True,
        },
    }
    run.description.write_text(json.dumps(told), encoding="utf-8")
    return run


def main() -> None:
    pages = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as scratch:
        run = make_run(pages, Path(sys.argv[2]) if len(sys.argv) > 2 else Path(scratch))
        began_at = time.perf_counter()
        path = leave_report(FolderRun(run.path))
        seconds = time.perf_counter() - began_at
        if path is None:
            sys.exit("matplotlib is not installed")
        megabytes = Path(path).stat().st_size / 1e6
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{pages:,} pages: {seconds:.1f} s, {megabytes:.2f} MB, {memory:.0f} MiB of memory")


if __name__ == "__main__":
    main()
