"""How a test runs a job on a sandbox, and how it finds out whether the journal is true."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bulk_publisher.engine.events import (
    Event,
    PagesSettled,
    Refused,
    RequestLost,
    SiteStopped,
    WaitBegun,
    Warned,
)
from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.limits.decision import WaitUntil
from bulk_publisher.model import Fault, Outcome, Scope, SiteId, Status
from bulk_publisher.operations.publishing import Finished, Started, publish
from bulk_publisher.portal.credentials import Credential, Webhook
from bulk_publisher.sandbox import Sandbox
from bulk_publisher.store import open_store

ALL_OF_IT = Selection(scope=Scope.KNOWLEDGE)


@dataclass
class Seen:
    """Remembers what a watcher is told."""

    started: list[Started] = field(default_factory=list)
    waits: list[WaitUntil] = field(default_factory=list)
    refused: list[Fault] = field(default_factory=list)
    lost: list[Fault] = field(default_factory=list)
    sites: dict[SiteId, Fault] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    settled: int = 0
    stop_after: int | None = None

    def on_start(self, started: Started) -> None:
        self.started.append(started)

    def __call__(self, event: Event) -> None:
        match event:
            case PagesSettled(outcomes):
                self.settled += len(outcomes)
                self.on_settled()
            case WaitBegun(wait):
                self.waits.append(wait)
            case Refused(fault):
                self.refused.append(fault)
            case RequestLost(fault):
                self.lost.append(fault)
            case SiteStopped(site, fault):
                self.sites[site] = fault
            case Warned(text):
                self.warnings.append(text)

    def on_settled(self) -> None:
        if self.stop_after is not None and self.settled >= self.stop_after:
            self.started[0].engine.drain()


async def run_job(
    sandbox: Sandbox,
    runs: Path,
    select: Selection = ALL_OF_IT,
    *,
    pace: Pace = Pace(),  # noqa: B008 - frozen
    watch: Seen | None = None,
    job: Job | None = None,
    credential: Credential | None = None,
) -> Finished:
    """A job on *sandbox*, in a folder below *runs*."""
    seen = watch or Seen()
    return await publish(
        job or Job(name="test", select=select, pace=pace),
        credential or Webhook(sandbox.webhook),
        store=open_store(runs),
        seed=1,
        watch=seen,
        on_start=seen.on_start,
    )


def journal_of(finished: Finished) -> list[Outcome]:
    """The lines of the run's journal."""
    return list(finished.kept.outcomes())


def contents(folder: Path) -> list[str]:
    """All that stands in the files below *folder*."""
    return [path.read_text() for path in folder.rglob("*") if path.is_file()]


def codes(lines: list[Outcome]) -> Counter[str | None]:
    """How many lines there are of each code."""
    return Counter(line.error for line in lines)


def assert_journal_tells_the_truth(lines: list[Outcome], sandbox: Sandbox) -> None:
    """Every page has one line at most, and what it says is what the portal did."""
    pages = Counter(line.page for line in lines)
    assert not [page for page, count in pages.items() if count > 1]
    lies = [line for line in lines if not _is_true(line, sandbox)]
    assert not lies, lies[:3]
    done = set(sandbox.truth.publications) | set(sandbox.truth.unpublications)
    said = {line.page for line in lines}
    assert not done - said, "done, and without a line"


def _is_true(line: Outcome, sandbox: Sandbox) -> bool:
    truth: Mapping[Status, Mapping[int, int]] = {
        Status.PUBLISHED: sandbox.truth.publications,
        Status.UNPUBLISHED: sandbox.truth.unpublications,
    }
    match line.status:
        case Status.PUBLISHED | Status.UNPUBLISHED:
            return truth[line.status].get(line.page, 0) >= 1
        case Status.UNKNOWN:
            return True
        case Status.FAILED | Status.SKIPPED:
            return not any(done.get(line.page, 0) for done in truth.values())
