"""Runs of a test, in whatever store."""

import random
from collections.abc import Sequence

from bulk_publisher.model import Epoch, Outcome, Page
from bulk_publisher.store import KeptRun, Store
from bulk_publisher.store.description import Description
from bulk_publisher.store.standing import Place, Standing
from bulk_publisher.store.totals import Totals
from tests.outcomes import outcome

BEGAN_AT = 1_772_334_000.0
"""2026-03-01T03:00:00Z."""


def begun(store: Store, *, at: float = BEGAN_AT, **told: object) -> KeptRun:
    """A run that has begun at *at*."""
    with store.create(Epoch(at), random.Random(1)) as run:
        run.begin(Description(run=run.run_id, **told))
    return run


def lines_of(run: KeptRun, *pages: int, **changes: object) -> list[Outcome]:
    """Its lines for *pages*."""
    return [outcome(page, run=run.run_id, **changes) for page in pages]


async def record(run: KeptRun, lines: Sequence[Outcome]) -> Totals:
    """Have *lines* in its journal."""
    totals = Totals()
    with run.lock(), run.record(totals) as recording:
        await recording.append(lines)
    return totals


async def lose(run: KeptRun, pages: Sequence[Page], *, settled: int = 0) -> None:
    """Send *pages*, settle the first so many, and be killed."""
    with run.lock(), run.record(Totals()) as recording:
        await recording.note_sent(pages)
        if settled:
            await recording.append(lines_of(run, *(page.id for page in pages[:settled])))


def standing_of(run: KeptRun) -> Standing:
    """How far it has come; its bad pages are passed over."""
    return run.read_standing(lambda _outcome: None)


def place_of(run: KeptRun) -> Place | None:
    """Where its list goes on."""
    return run.read_notes()[1]


def content_of(run: KeptRun, name: str) -> bytes:
    """What would stand in the file *name* of its folder; empty where there is none."""
    return b"".join(piece for one, pieces in run.contents() if one == name for piece in pieces)
