"""A run: all that a report tells of it, as it is now."""

from collections.abc import Iterable

import msgspec

from bulk_publisher.report.summary import pages_left
from bulk_publisher.report.text import passed_over_lines, waits_in_words
from bulk_publisher.store.agenda import Order, OrderKind
from bulk_publisher.store.description import Description
from bulk_publisher.web.views.digest import Digest, FailureCode
from bulk_publisher.web.views.known_runs import Known
from bulk_publisher.web.views.now import Upcoming
from bulk_publisher.web.views.run_row import RunRow, row_of
from bulk_publisher.web.views.run_state import RunState
from bulk_publisher.web.views.wording import shortened

_MOST_SITES = 50


class StatusCount(msgspec.Struct, frozen=True, kw_only=True):
    """Pages that ended with one status; *share* is of all that are settled."""

    status: str
    count: int
    share: float


class OrderAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has asked a daemon to do with a run.

    Attributes:
        submitted: When, in UTC seconds.
    """

    kind: OrderKind
    by: str
    submitted: float


class OneRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run.

    Attributes:
        at: How it stood then, in UTC seconds.
        row: What lists tell of it, too.
        statuses: Settled pages, by status; of one at work of a moment ago.
        failures: The most frequent codes; their counts are as old as ``statuses``.
        digest: What its journal says; None where it can't be read.
        why: Its journal can't be read; empty where it can.
        stopped: What ended it early, and what to do about that; empty where nothing did.
        stopped_sites: Sites that were given up, in words.
        passed_over: What of its selection is not done, in words.
        waited: How long each limit held it, in words; of processes that have ended in order.
        last_failures: Of its process at work, the newest last.
        goes_on: When a daemon means to go on with it; None where none does.
        follows: The run that it follows; empty where it follows none.
        retries: Runs that tried its pages again.
        rollbacks: Runs that took down what it put up.
        is_whole: Whether every page of its selection has its line.
        is_for_resume: Whether something is left of it that can be gone on with.
        can_be_followed: Whether other commands can go on with it: not where its portal was simulated for it.
        orders: What somebody has asked a daemon to do with it, and that has not come to its end.
        asked_by: Who asked it to stop or to rest; empty where nobody did, or is not told.
    """

    at: float
    row: RunRow
    statuses: tuple[StatusCount, ...] = ()
    failures: tuple[FailureCode, ...] = ()
    digest: Digest | None = None
    why: str = ""
    stopped: str = ""
    stopped_sites: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    waited: str = ""
    last_failures: tuple[str, ...] = ()
    goes_on: Upcoming | None = None
    follows: str = ""
    retries: tuple[str, ...] = ()
    rollbacks: tuple[str, ...] = ()
    is_whole: bool = False
    is_for_resume: bool = False
    can_be_followed: bool = False
    orders: tuple[OrderAsked, ...] = ()
    asked_by: str = ""


def one_run(
    known: Known,
    state: RunState,
    digest: Digest | None,
    *,
    at: float,
    goes_on: Upcoming | None = None,
    orders: Iterable[Order] = (),
    why: str = "",
) -> OneRun:
    """*known* with what its journal says.

    Args:
        why: The journal can't be read.
    """
    row, description = row_of(known.past, state), known.past.description
    if description is None:
        return OneRun(at=at, row=row, why=shortened(known.past.why, 1_000))
    if digest is not None and known.past.heard is None:
        row = _with_digest(row, digest, description)
    final = description.final
    stopped = None if known.past.is_running else final.stopped_by
    following = description.following
    heard = known.past.heard
    return OneRun(
        at=at,
        row=row,
        statuses=_statuses(known, digest),
        failures=_failures(known, digest),
        digest=digest,
        why=why,
        stopped="" if stopped is None else shortened(f"{stopped.message} {stopped.hint}", 2_000),
        stopped_sites=tuple(
            f"Site {shortened(site)} was stopped: {shortened(code)}"
            for site, code in [*final.stopped_sites.items()][:_MOST_SITES]
        ),
        passed_over=tuple(passed_over_lines(description.selected)),
        waited=waits_in_words(final.waited),
        last_failures=() if heard is None else tuple(map(shortened, heard.snapshot.last_failures)),
        goes_on=goes_on,
        follows=following.run if following else "",
        retries=description.retries,
        rollbacks=description.rollbacks,
        is_whole=description.is_whole and not (digest is not None and digest.missing),
        is_for_resume=known.past.is_for_resume and not known.past.is_running,
        can_be_followed=description.job.portal.sandbox is None,
        orders=tuple(map(_asked, orders)),
        asked_by="" if known.steering is None else shortened(known.steering.by),
    )


def _asked(order: Order) -> OrderAsked:
    return OrderAsked(kind=order.kind, by=shortened(order.by), submitted=order.submitted)


def _with_digest(row: RunRow, digest: Digest, description: Description) -> RunRow:
    """*row* of a run that says nothing of itself: it was killed, or is of an older version."""
    if row.pages == digest.pages:
        return row
    bad = digest.counts.get("failed", 0) + digest.counts.get("unknown", 0)
    left = 0 if digest.is_whole else pages_left(description, digest.pages).count
    rate = digest.pages / digest.seconds if digest.seconds > 1 else None
    return msgspec.structs.replace(
        row, pages=digest.pages, failed=bad, left=left, rate=rate, seconds=digest.seconds
    )


def _statuses(known: Known, digest: Digest | None) -> tuple[StatusCount, ...]:
    counts = known.past.counts if digest is None or known.past.heard is not None else digest.counts
    whole = sum(counts.values())
    return tuple(
        StatusCount(status=shortened(status), count=count, share=count / whole)
        for status, count in counts.items()
        if count
    )


def _failures(known: Known, digest: Digest | None) -> tuple[FailureCode, ...]:
    """By the run's own word where it is newer than what was read of its journal."""
    told = () if digest is None else digest.failures
    heard = known.past.heard
    if heard is None or not heard.snapshot.errors:
        return told
    by_code = {one.code: one for one in told}
    fresh = [
        msgspec.structs.replace(by_code[code], count=count)
        if (code := shortened(raw)) in by_code
        else FailureCode(code=code, count=count, hint="", page=0, title="", address="")
        for raw, count in heard.snapshot.errors.items()
    ]
    return tuple(sorted(fresh, key=lambda one: -one.count))
