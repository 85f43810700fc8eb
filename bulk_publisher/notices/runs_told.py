"""A run as it is told: from what has come of it, to the lines of a message."""

from collections import Counter
from collections.abc import Iterator, Mapping

from bulk_publisher.model import PageId
from bulk_publisher.notices.message import Failing, RunTold
from bulk_publisher.operations.afterwards import Aftermath
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.store.totals import Failures


def told_of_run(
    portal: str,
    run: str,
    status: int,
    *,
    finished: Finished | None = None,
    aftermath: Aftermath | None = None,
    why: str = "",
    hint: str = "",
) -> RunTold:
    """What is told of a run.

    Args:
        portal: As the job calls it; where its host is known, that is told.
        run: Empty where none has begun.
        finished: None where this process has not done it.
        aftermath: None where nothing was done after it.
        why: What ended it early.
        hint: What to do about that.
    """
    host = None if finished is None else finished.description.portal
    failing: list[Failing] = []
    if aftermath is not None:
        examples = {} if finished is None else finished.totals.failures
        failing = list(_failing(aftermath.new, examples))
    elif finished is not None:
        failing = [_of_run(code, one) for code, one in finished.totals.failures.items()]
    return RunTold(
        portal=host or portal,
        run=run,
        status=status,
        pages=None if finished is None else finished.totals.pages,
        failing=sorted(failing, key=lambda one: -one.pages),
        known=0 if aftermath is None else len(aftermath.known),
        healed=() if aftermath is None else aftermath.healed,
        why=why,
        advice=_advice(run, status, finished, aftermath) or hint,
    )


def left_of_run(portal: str, aftermath: Aftermath | None) -> list[tuple[str, PageId, str]]:
    """By portal, page and code, what was not done and not known to fail."""
    new: Mapping[PageId, str] = {} if aftermath is None else aftermath.new
    return [(portal, page, code) for page, code in new.items()]


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
