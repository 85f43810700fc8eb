"""What is noted of pages that leave, when the disk fails and heals."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bulk_publisher.errors import JournalLost
from bulk_publisher.model import Page, PageId
from bulk_publisher.store.disk import Disk
from bulk_publisher.store.folder.sent import SentPages, read_sent
from bulk_publisher.store.folder.writer import JournalWriter
from bulk_publisher.store.ledger import Ledger
from bulk_publisher.store.standing import Place
from bulk_publisher.store.totals import Totals

SOURCE = "--scope KNOWLEDGE"


def pages(first: int, last: int) -> list[Page]:
    return [Page(PageId(number), source=SOURCE) for number in range(first, last + 1)]


@contextmanager
def ledger_in(folder: Path) -> Iterator[Ledger]:
    with (
        JournalWriter(folder / "outcomes.jsonl") as journal,
        SentPages(folder / "sent.jsonl") as sent,
        Disk() as disk,
    ):
        yield Ledger(journal, sent, disk, Totals(), None)


async def listed(ledger: Ledger, named: list[Page]) -> None:
    """The portal's list has named these."""

    async def source() -> AsyncIterator[Page]:
        for page in named:
            yield page

    async for _ in ledger.watched(source()):
        pass


async def test_a_disk_that_heals_before_the_end_leaves_no_place_ahead_of_what_is_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with ledger_in(tmp_path) as ledger:
        await listed(ledger, pages(1, 9))
        await ledger.note_sent(pages(1, 3))
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", full)
            lost = await asyncio.gather(
                ledger.note_ahead(pages(7, 9)),
                ledger.note_sent(pages(4, 6)),
                return_exceptions=True,
            )

    out, place = read_sent(tmp_path / "sent.jsonl")
    assert [type(error) for error in lost] == [JournalLost, JournalLost]
    assert {1, 2, 3} <= set(out)
    assert place == Place(SOURCE, 3)
