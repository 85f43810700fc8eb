"""What is a run in a line? By its description alone: no journal is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Epoch, Status
from bulk_publisher.report.story import parse_time
from bulk_publisher.store.description import Description, FollowingKind
from bulk_publisher.store.heard import Heard
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.text.escaping import printable


class How(StrEnum):
    """How a run stands, or has ended."""

    RUNNING = "running"
    """A process is at work on it."""
    DONE = "done"
    """Every page is done."""
    FAILED = "failed"
    """It has come to its end, and some pages failed or are unknown."""
    STOPPED = "stopped"
    """It was stopped before its end: by the portal, the disk or somebody."""
    INTERRUPTED = "interrupted"
    """It was interrupted, and ended in order."""
    DIED = "died"
    """Its process is gone, and has not said how it ended."""
    DAMAGED = "damaged"
    """What it says can't be read."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run, as far as its description and its progress tell.

    Attributes:
        description: None where it can't be read.
        heard: What a process says that is at work on it.
        why: It can't be read.
    """

    kept: KeptRun
    description: Description | None
    is_running: bool = False
    heard: Heard | None = None
    why: str = ""

    @property
    def job(self) -> str:
        """The name of its job; empty where it is not told."""
        return "" if self.description is None else printable(self.description.job.name)

    @property
    def host(self) -> str:
        """The portal's; empty where it is not told."""
        return printable((self.description and self.description.portal) or "")

    @property
    def portal(self) -> str:
        """What the portal's users call it, or its host where they have given it no name."""
        return "" if self.description is None else portal_of(self.description)

    @property
    def follows(self) -> str:
        """``retry of RUN`` or ``rollback of RUN``; empty where it follows none."""
        following = self.description.following if self.description is not None else None
        return f"{following.kind} of {following.run}" if following else ""

    @property
    def is_rollback(self) -> bool:
        """Whether it takes back what its job has done."""
        following = self.description.following if self.description is not None else None
        return following.kind is FollowingKind.ROLLBACK if following else False

    @property
    def started_at(self) -> Epoch | None:
        """When it began; None where it is not told."""
        return _moment(self.description.started if self.description is not None else None)

    @property
    def ended_at(self) -> Epoch | None:
        """When it ended; of one that was killed, when its last process began. None where it is not told."""
        if self.description is None:
            return None
        resumptions = self.description.resumptions
        last_began = resumptions[-1].at if resumptions else self.description.started
        return _moment(self.description.ended or last_began)

    @property
    def counts(self) -> dict[str, int]:
        """Pages by their status, as far as it has told."""
        if self.heard is not None:
            return self.heard.snapshot.counts
        counts = {} if self.description is None else self.description.final.counts
        return {status.value: count for status, count in counts.items()}

    @property
    def pages(self) -> int:
        """Pages that are settled."""
        return sum(self.counts.values())

    @property
    def bad(self) -> int:
        """Pages that failed or are unknown."""
        return sum(self.counts.get(status.value, 0) for status in Status if not status.is_good)

    @property
    def seconds(self) -> float | None:
        """At work on it; None where it has not told."""
        if self.heard is not None:
            return self.heard.snapshot.seconds
        if self.description is None or self.description.totals is None:
            return None
        return self.description.totals.seconds

    @property
    def how(self) -> How:
        """How it stands."""
        if self.description is None:
            return How.DAMAGED
        if self.is_running:
            return How.RUNNING
        if self.description.ended is None:
            return How.DIED
        if self.description.is_whole:
            return How.FAILED if self.bad else How.DONE
        return How.INTERRUPTED if self.description.final.is_interrupted else How.STOPPED

    @property
    def exit_status(self) -> int | None:
        """The exit status that its last process is likely to have had; None where it has not ended."""
        return {How.DONE: 0, How.FAILED: 1, How.STOPPED: 3, How.INTERRUPTED: 3}.get(self.how)

    @property
    def is_for_resume(self) -> bool:
        """Whether something is left of it that ``resume`` would do."""
        description = self.description
        return (
            description is not None
            and not description.is_whole
            and description.is_for_resume
            and description.job.portal.sandbox is None
        )


def portal_of(description: Description) -> str:
    """What the users of its portal call it, or its host where they have given it no name."""
    return printable(description.job.portal.name or description.portal or "")


def past_run(kept: KeptRun) -> PastRun:
    """What *kept* says of itself without a look at its journal."""
    try:
        description = kept.read_description()
    except BadJournal as error:
        return PastRun(kept, None, why=printable(error.message))
    is_running = kept.is_locked
    return PastRun(kept, description, is_running, kept.read_progress() if is_running else None)


def past_runs(
    store: Store, *, job: str | None = None, portal: str | None = None, since: Epoch | None = None
) -> Iterator[PastRun]:
    """The runs of *store*, the newest first, each read when it is its turn.

    Args:
        job: A name, or a pattern such as ``client-*``; None for all.
        portal: The same of the portal: by its name, or by its host.
        since: Those that began then or later.
    """
    for kept in store.runs():
        past = past_run(kept)
        if since is not None and past.started_at is not None and past.started_at < since:
            # They are listed by when they began.
            return
        if _fits(past, job, portal):
            yield past


def _fits(past: PastRun, job: str | None, portal: str | None) -> bool:
    return _is_named((past.job,), job) and _is_named((past.portal, past.host), portal)


def _is_named(names: tuple[str, ...], asked: str | None) -> bool:
    """Whether one of *names* is what is asked for, or fits that pattern."""
    return asked is None or any(name == asked or fnmatchcase(name, asked) for name in names)


def _moment(text: str | None) -> Epoch | None:
    seconds = parse_time(text or "")
    return Epoch(seconds) if seconds else None
