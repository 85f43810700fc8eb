"""``again.csv`` in a run's folder."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bulk_publisher.model import Scope
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.store.again_list import write_pages
from bulk_publisher.store.folder.verdict_file import each_verdict, fresh


def write_list(path: Path, pages: Mapping[Scope | None, PageSet], verdicts: Path) -> None:
    """Make *path* the list of *pages*.

    Args:
        verdicts: The file that says what they carry.

    Raises:
        BadJournal: If that can't be read.
        JournalLost: If the list can't be written.
    """
    with fresh(path) as file:
        write_pages(file, pages, partial(each_verdict, verdicts))
