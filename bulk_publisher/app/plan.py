"""A plan: what a run would do, as data that can be kept, read back and compared."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from bulk_publisher.app.forecast import Estimate
from bulk_publisher.errors import BadSetting
from bulk_publisher.journal.replacing import replacing
from bulk_publisher.model import Page

VERSION = 1
"""Of the file: a plan is short-lived, so another version is not read."""


class State(StrEnum):
    """What a page is before the run, as far as a plan cares."""

    OFFLINE = "not online"
    EDITED = "online, with edits since"
    ONLINE = "online already"
    MISSING = "not listed by the portal: most likely they fail"
    UNKNOWN = "whose state is not known"
    SKIPPED = "to be skipped"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Pages of one site, one folder and one state."""

    site: int | None
    folder: int | None
    state: State
    pages: int


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A site or a folder that goes online together with the pages."""

    kind: str
    id: int
    site: int
    title: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do.

    Attributes:
        pages: The pages it would send, as ranges in their order, by scope ("" for none).
        states: For each state, its pages as ranges; what a later look is compared with.
        denied: Pages of sites on which the credential may not publish.
    """

    version: int
    portal: str
    made: str
    job: dict[str, Any]
    pages: dict[str, list[str]]
    states: dict[State, list[str]]
    counts: dict[State, int]
    rows: tuple[Row, ...]
    skips: dict[str, int]
    opens: tuple[Opened, ...]
    denied: int
    duplicates: int
    bad_rows: int
    problems: tuple[str, ...]
    sha256: str | None
    estimate: Estimate

    @property
    def is_empty(self) -> bool:
        """Whether it is about no page at all."""
        return not any(self.counts.values())

    @property
    def sent(self) -> int:
        """Pages that would be sent."""
        return sum(count for state, count in self.counts.items() if state is not State.SKIPPED)


class Ranges:
    """Page ids as texts such as ``400-420``, in the order in which they came."""

    def __init__(self) -> None:
        self._runs: list[list[int]] = []

    def add(self, page: int) -> None:
        """One more page."""
        if self._runs and self._runs[-1][1] + 1 == page:
            self._runs[-1][1] = page
        else:
            self._runs.append([page, page])

    def texts(self) -> list[str]:
        """All of them."""
        return [str(first) if first == last else f"{first}-{last}" for first, last in self._runs]


def state_of(page: Page) -> State:
    """What *page* is before the run."""
    if page.skip is not None:
        return State.SKIPPED
    if page.is_missing:
        return State.MISSING
    if page.was_active is None:
        return State.UNKNOWN
    if not page.was_active:
        return State.OFFLINE
    return State.EDITED if page.is_changed else State.ONLINE


def read_plan(path: Path) -> Plan:
    """The plan in *path*.

    Raises:
        BadSetting: If there is none.
    """
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise BadSetting(f"{path}: the plan can't be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise BadSetting(f"{path}: it is no plan: {error}.", "Make one with: bulk-publisher plan …") from error  # fmt: skip
    if plan.version != VERSION:
        raise BadSetting(f"{path}: the plan is of another version of this program.", "Make it again with: bulk-publisher plan …")  # fmt: skip
    return plan


def write_plan(plan: Plan, path: Path) -> None:
    """Write *plan* to *path*, all at once.

    Raises:
        BadSetting: If that can't be done.
    """
    try:
        with replacing(path, is_forced=False) as file:
            file.write(msgspec.json.encode(plan) + b"\n")
    except OSError as error:
        raise BadSetting(f"{path}: the plan can't be written: {error.strerror}.", "Name another place with --out.") from error  # fmt: skip


def changes_since(plan: Plan, now: Plan) -> list[str]:
    """What is otherwise now than *plan* says, of the pages that both are about, in words."""
    before, after = _by_page(plan), _by_page(now)
    moved: dict[tuple[State, State], int] = {}
    for page, was in before.items():
        state = after.get(page)
        if state is not None and state is not was:
            moved[was, state] = moved.get((was, state), 0) + 1
    lines = [
        f"{count:,} {_pages(count)} “{was}” and now “{state}”."
        for (was, state), count in moved.items()
    ]
    lost = sum(page not in after for page in before)
    new = sum(page not in before for page in after)
    if lost:
        lines.append(
            f"{lost:,} {_pages(lost)} in the plan and not in the selection any more: done all the same."
        )
    if new:
        lines.append(
            f"{new:,} {_pages(new)} not in the plan and are in the selection now: left out."
        )
    return lines


def _pages(count: int) -> str:
    return "page was" if count == 1 else "pages were"


def _by_page(plan: Plan) -> dict[int, State]:
    return {page: state for state, texts in plan.states.items() for page in _pages_of(texts)}


def _pages_of(texts: list[str]) -> Iterator[int]:
    for text in texts:
        first, _, last = text.partition("-")
        yield from range(int(first), int(last or first) + 1)
