"""A plan: what a run would do, as data that can be kept, read back and compared."""

import re
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bulk_publisher.errors import BadJournal, BadSetting
from bulk_publisher.jobs import decode_job
from bulk_publisher.limits.forecast import Estimate
from bulk_publisher.model import Action, Page
from bulk_publisher.page_ids.page_set import LARGEST_ID
from bulk_publisher.sources.opening import read_settings, reason
from bulk_publisher.store.description import Count, decode_error_in_words
from bulk_publisher.store.files import replacing
from bulk_publisher.text.shown import shown

MOST_OF_PLAN = 512 * 2**20
"""Bytes of a plan: ten million pages without a neighbour, named twice."""
_RANGE = re.compile(r"([1-9][0-9]{0,18})(?:-([1-9][0-9]{0,18}))?")

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


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """Pages of one site, one folder and one state."""

    site: int | None
    folder: int | None
    state: State
    pages: Count


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A site or a folder that goes online together with the pages."""

    kind: str
    id: int
    site: int
    title: str


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """What it took to look the addresses up; a run does it again.

    Attributes:
        asked: Paths that the portal was asked for, each once.
    """

    asked: Count
    requests: Count
    seconds: float


class OtherJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job of the daemon that is done at the same time, on the same portal.

    Attributes:
        due: When it is, in ISO 8601; None where it is being done already.
        seconds: That it took the last time; None where nobody knows.
        is_certain: Whether its portal is known to be the same: its last run tells.
    """

    name: str
    due: str | None
    seconds: float | None
    is_certain: bool


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """When a run that begins as soon as it may would be done, moments in ISO 8601.

    Attributes:
        ends: When nothing more goes on, or all is done.
        windows: In how many of its windows it would send; 1 where it has none.
        left: Seconds of work that are left then for a resume.
        busy: Seconds of it in working time at a limit of the portal's.
        others: Jobs of the daemon that it would meet.
    """

    begins: str
    ends: str
    windows: Count
    left: float
    busy: float
    others: tuple[OtherJob, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do.

    Attributes:
        pages: The pages it would send, as ranges in their order, by scope ("" for none).
        states: For each state, its pages as ranges; what a later look is compared with.
        denied: Pages of sites on which the credential may not publish.
        carried: Columns of the list whose cells would stand in the outcomes.
        estimate: Of the run itself, once its pages are known.
        addresses: None where the portal was asked for none.
        course: None where an earlier version has not told.
    """

    version: int
    portal: str
    made: str
    job: dict[str, Any]
    pages: dict[str, list[str]]
    states: dict[State, list[str]]
    counts: dict[State, Count]
    rows: tuple[PlanRow, ...]
    skips: dict[str, Count]
    opens: tuple[Opened, ...]
    denied: Count
    duplicates: Count
    bad_rows: Count
    problems: tuple[str, ...]
    sha256: str | None
    estimate: Estimate
    carried: tuple[str, ...] = ()
    addresses: Addresses | None = None
    course: Course | None = None

    @property
    def portal_name(self) -> str | None:
        """What the portal is called, if it was asked for by a name."""
        portal = self.job.get("portal")
        name = portal.get("name") if isinstance(portal, dict) else None
        return name if isinstance(name, str) else None

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
    return decode_plan(read_bytes_of_plan(path), str(path))


def read_bytes_of_plan(path: Path) -> bytes:
    """What the file *path* holds.

    Raises:
        BadSetting: If it can't be read.
    """
    try:
        return read_settings(str(path), most=MOST_OF_PLAN)
    except OSError as error:
        raise BadSetting(f"{path}: the plan can't be read: {reason(error)}.") from error


def decode_plan(told: bytes, where: str) -> Plan:
    """The plan that *told* is.

    Args:
        where: It was found, as the beginning of a sentence.

    Raises:
        BadSetting: If it is none.
    """
    try:
        plan = msgspec.json.decode(told, type=Plan)
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"{where}: not a plan: {decode_error_in_words(error)}.", "Make one with: bulk-publisher plan …") from error  # fmt: skip
    if plan.version != VERSION:
        raise BadSetting(f"{where}: the plan is from another version of bulk-publisher.", "Make a new one with: bulk-publisher plan …")  # fmt: skip
    try:
        _check(plan)
    except ValueError as error:
        raise BadSetting(f"{where}: the plan was changed: {error}.", "Make a new one with: bulk-publisher plan …") from error  # fmt: skip
    return plan


def encode_plan(plan: Plan) -> bytes:
    """*plan* as a file holds it."""
    return msgspec.json.encode(plan) + b"\n"


def _check(plan: Plan) -> None:
    """Raise ValueError where *plan* says what no plan of ours does."""
    try:
        job = decode_job(plan.job)
    except BadJournal as error:
        raise ValueError(error.message) from error
    if job.action is not Action.PUBLISH:
        raise ValueError(f"job.action: a plan publishes, and this one says {job.action}")
    for state in State:
        counted, named = plan.counts.get(state, 0), _count(plan.states.get(state, []), "states")
        if counted != named:
            raise ValueError(f"counts: {counted:,} pages “{state}”, and states names {named:,}")
    named = sum(_count(texts, "pages") for texts in plan.pages.values())
    if named != plan.sent:
        raise ValueError(f"counts: {plan.sent:,} pages to send, and pages names {named:,}")


def _count(texts: list[str], key: str) -> int:
    try:
        return sum(last - first + 1 for first, last in map(_range, texts))
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _range(text: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(text)
    first, last = (0, 0) if found is None else (int(found[1]), int(found[2] or found[1]))
    if not 1 <= first <= last <= LARGEST_ID:
        raise ValueError(f"{shown(text)} is no range of pages")
    return first, last


def check_replaceable(path: Path) -> None:
    """See that what stands at *path*, if anything does, is a plan that another may replace.

    Raises:
        BadSetting: If it is something else.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise BadSetting(f"{path}: the plan can't be written: not a regular file.", _ELSEWHERE)
    try:
        told = read_settings(str(path), most=MOST_OF_PLAN)
    except OSError as error:
        raise BadSetting(f"{path}: the plan can't be written: {reason(error)}.", _ELSEWHERE) from error  # fmt: skip
    if told and not _is_plan(told):
        raise BadSetting(
            f"{path} already exists and is not a plan: it was not replaced.",
            "Choose another file with --out, or replace it with --force.",
        )


_ELSEWHERE = "Choose another file with --out."


def _is_plan(told: bytes) -> bool:
    """Whether *told* is a plan, of whichever version of this program."""
    try:
        data = msgspec.json.decode(told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(data, dict) and {"version", "portal", "job", "pages", "estimate"} <= {*data}


def write_plan(plan: Plan, path: Path) -> None:
    """Write *plan* to *path*, all at once.

    Raises:
        BadSetting: If that can't be done.
    """
    try:
        with replacing(path, is_forced=False, mode=0o666) as file:
            file.write(encode_plan(plan))
    except OSError as error:
        raise BadSetting(f"{path}: the plan can't be written: {error.strerror}.", _ELSEWHERE) from error  # fmt: skip


def changes_since(plan: Plan, now: Plan) -> list[str]:
    """What is otherwise now than *plan* says, of the pages that both are about, in words."""
    before, after = _spans(plan), _spans(now)
    both = _in_both(before, after)
    lines = [
        f"{count:,} {_pages(count)} “{was}” and now “{state}”."
        for (was, state), count in both.items()
        if was is not state
    ]
    lost = sum(span.pages for span in before) - both.total()
    new = sum(span.pages for span in after) - both.total()
    if lost:
        lines.append(f"{lost:,} {_pages(lost)} planned but no longer selected: done anyway.")
    if new:
        lines.append(f"{new:,} {_pages(new)} not planned but now selected: left out.")
    return lines


def pages_beyond(plan: Plan, now: Plan) -> int:
    """How many pages *now* would send that *plan* does not name."""
    beyond = 0
    for scope, texts in now.pages.items():
        named, wanted = _merged(plan.pages.get(scope, ())), _merged(texts)
        beyond += sum(span.pages for span in wanted) - _in_both(named, wanted).total()
    return beyond


def _merged(texts: Iterable[str]) -> list["_Span"]:
    return _once(_Span(*_range(text), State.UNKNOWN) for text in texts)


def _pages(count: int) -> str:
    return "page was" if count == 1 else "pages were"


class _Span(NamedTuple):
    """Pages that follow each other and are alike; never written out, however many they are."""

    first: int
    last: int
    state: State

    @property
    def pages(self) -> int:
        return self.last - self.first + 1


def _spans(plan: Plan) -> list[_Span]:
    """The pages of *plan* in ascending order, each of them once."""
    named = (_Span(*_range(text), state) for state, texts in plan.states.items() for text in texts)
    return _once(named)


def _once(named: Iterable[_Span]) -> list[_Span]:
    """*named* in ascending order, each page once."""
    spans: list[_Span] = []
    after = 0
    for span in sorted(named):
        if span.last > after:
            spans.append(span._replace(first=max(span.first, after + 1)))
            after = span.last
    return spans


def _in_both(before: list[_Span], after: list[_Span]) -> Counter[tuple[State, State]]:
    """How many pages are in both, by their states then and now."""
    both: Counter[tuple[State, State]] = Counter()
    then, now = iter(before), iter(after)
    was, is_now = next(then, None), next(now, None)
    while was is not None and is_now is not None:
        first, last = max(was.first, is_now.first), min(was.last, is_now.last)
        if first <= last:
            both[was.state, is_now.state] += last - first + 1
        if was.last < is_now.last:
            was = next(then, None)
        else:
            is_now = next(now, None)
    return both
