"""A job as it is told: from what has come of its runs, to the lines of a message."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from bulk_publisher.model import PageId
from bulk_publisher.notices.message import Failing, RunTold
from bulk_publisher.notices.notifying import JobEnded
from bulk_publisher.operations.afterwards import Aftermath
from bulk_publisher.operations.many import worst
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.totals import Failures


class RunCame(Protocol):
    """How a run has ended, or why none has begun."""

    @property
    def portal(self) -> str:
        """As the job calls it; where its host is known, that is told."""
        ...

    @property
    def run(self) -> str:
        """Empty where none has begun."""
        ...

    @property
    def status(self) -> int:
        """The exit status that a command would have."""
        ...

    @property
    def finished(self) -> Finished | None:
        """None where this process has not done it."""
        ...

    @property
    def aftermath(self) -> Aftermath | None:
        """None where nothing was done after it."""
        ...

    @property
    def why(self) -> str:
        """What ended it early; empty where nothing did."""
        ...

    @property
    def hint(self) -> str:
        """What to do about that."""
        ...


def job_ended(ends: Sequence[RunCame], *, kept: KeptRun | None) -> JobEnded:
    """What is told of a job whose runs have ended so.

    Args:
        kept: The run whose log hears what became of the message; None for none.
    """
    return JobEnded(
        status=worst(one.status for one in ends),
        runs=[_told(one) for one in ends],
        left=[
            (one.portal, page, code)
            for one in ends
            if one.aftermath is not None
            for page, code in one.aftermath.new.items()
        ],
        kept=kept,
    )


def _told(came: RunCame) -> RunTold:
    finished, aftermath = came.finished, came.aftermath
    host = None if finished is None else finished.description.portal
    failing: list[Failing] = []
    if aftermath is not None:
        examples = {} if finished is None else finished.totals.failures
        failing = list(_failing(aftermath.new, examples))
    elif finished is not None:
        failing = [_of_run(code, one) for code, one in finished.totals.failures.items()]
    return RunTold(
        portal=host or came.portal,
        run=came.run,
        status=came.status,
        pages=None if finished is None else finished.totals.pages,
        failing=sorted(failing, key=lambda one: -one.pages),
        known=0 if aftermath is None else len(aftermath.known),
        healed=() if aftermath is None else aftermath.healed,
        why=came.why,
        advice=_advice(came.run, came.status, finished, aftermath) or came.hint,
    )


def _failing(new: Mapping[PageId, str], examples: Mapping[str, Failures]) -> Iterator[Failing]:
    first: dict[str, PageId] = {}
    for page, code in new.items():
        first.setdefault(code, page)
    for code, count in Counter(new.values()).items():
        known = examples.get(code)
        if known is not None and known.example.page in new:
            yield Failing(code, count, known.example.page, known.example.title or "")
        else:
            yield Failing(code, count, first[code])


def _of_run(code: str, failures: Failures) -> Failing:
    example = failures.example
    return Failing(code, failures.count, example.page, example.title or "")


def _advice(run: str, status: int, finished: Finished | None, aftermath: Aftermath | None) -> str:
    """The command that goes on with what is left; empty where none does."""
    if not run or not status:
        return ""
    last = run if aftermath is None else aftermath.runs[-1].run_id
    if finished is not None and not finished.is_whole:
        return f"Continue with: bulk-publisher resume {run}"
    if status == 1:
        return f"Retry them with: bulk-publisher retry {last}"
    return ""
