"""Who has done what on the page: the newest first, a part at a time."""

import re
from collections import deque
from collections.abc import Iterable

import msgspec

from bulk_publisher.report.story import parse_time
from bulk_publisher.store.audit import Deed
from bulk_publisher.web.views.wording import shortened

MOST = 200
"""Of a part."""
_PRESSED = re.compile(r"POST (?:/api)?/(run|job|plan)s/(.+)/(\w+)")
_WORDS = {"POST /login": "log in", "POST /logout": "log out"}


class DeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did, or was refused: as it is kept, ``printable``.

    Attributes:
        number: Its place among all, from 0.
        at: UTC seconds; None where that is damaged.
    """

    number: int
    at: float | None
    who: str
    proof: str
    role: str
    address: str
    what: str
    target: str
    outcome: str
    status: int
    note: str

    @property
    def is_request(self) -> bool:
        """Whether it was asked for here; otherwise it has ended since."""
        return self.what.startswith("POST ")

    @property
    def words(self) -> str:
        """What was done to what, for a person: ``stop run 20261127T004902Z-7f3a``."""
        if pressed := _PRESSED.fullmatch(self.what):
            kind, name, verb = pressed.groups()
            return f"{verb} {kind} {name}"
        return f"{_WORDS.get(self.what, self.what)} {self.target}".strip()


class DeedsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which deeds.

    Attributes:
        before: Only those before this number; None for the newest.
        limit: At most so many, 1 to 200.
    """

    before: int | None = None
    limit: int = 50


class Deeds(msgspec.Struct, frozen=True, kw_only=True):
    """Deeds, the newest first.

    Attributes:
        next: What ``before`` asks for those that come after these; None where there are no others.
    """

    deeds: tuple[DeedRow, ...]
    next: int | None


def deeds_of(deeds: Iterable[Deed], asked: DeedsAsked) -> Deeds:
    """Those of *deeds*, which are all in their order, that are asked for. Reads all of them once."""
    kept: deque[tuple[int, Deed]] = deque(maxlen=min(max(1, asked.limit), MOST))
    for number, deed in enumerate(deeds):
        if asked.before is not None and number >= asked.before:
            break
        kept.append((number, deed))
    rows = tuple(_row(number, deed) for number, deed in reversed(kept))
    return Deeds(deeds=rows, next=rows[-1].number if rows and rows[-1].number else None)


def _row(number: int, deed: Deed) -> DeedRow:
    texts = {
        name: shortened(value, 1000)
        for name, value in msgspec.structs.asdict(deed).items()
        if isinstance(value, str)
    }
    at = parse_time(texts.pop("at")) or None
    return DeedRow(number=number, at=at, status=deed.status, **texts)
