"""An approved plan, published: the run, what is done after it, and how both have ended."""

from typing import Any

from bulk_publisher.engine.events import Event, PagesSettled, Warned
from bulk_publisher.jobs import After
from bulk_publisher.mcp_server import told
from bulk_publisher.mcp_server.calls import Call
from bulk_publisher.mcp_server.underway import Stopping
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.afterwards import Afterwards, Means
from bulk_publisher.operations.approving import ProposedPlan, publish_approved
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.chance import new_seed
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.sources.known_failures import KnownFailures, check_known_failures
from bulk_publisher.store.approvals import Door
from bulk_publisher.store.protocol import Store


async def publish_plan(
    store: Store, approved: ProposedPlan, call: Call, who: str, stopping: Stopping
) -> dict[str, Any]:
    """Publish *approved*, and see to what its job says for afterwards; gives what is told of both.

    Raises:
        BulkPublisherError: As the operation does.
    """
    job, total, changes = approved.job, approved.plan.sent, list[str]()
    settled = 0

    def watch(event: Event) -> None:
        nonlocal settled
        match event:
            case PagesSettled(outcomes):
                settled += len(outcomes)
                call.note(settled, total, f"{settled:,} of {total:,} pages settled.")
            case Warned(text):
                call.warn(text)
            case _:
                pass

    known = await beside(lambda: check_known_failures(job.after.expected))
    call.note(0, total, "Looking at the pages again.")
    async with call.enter(job) as reached:
        finished = await publish_approved(
            approved,
            reached,
            store=store,
            by=who,
            through=Door.ASSISTANT,
            seed=new_seed(),
            watch=watch,
            on_start=stopping.starts,
            tell=changes.extend,
        )
        answer = told.of_finished(finished, changes, call.warnings)
        if job.after.is_wanted and finished.ending.is_whole:
            answer["afterwards"] = await _see_to(
                store, job.after, finished, reached, known, stopping
            )
    return {**answer, "was_stopped": stopping.is_asked and not finished.ending.is_whole}


async def _see_to(
    store: Store,
    after: After,
    finished: Finished,
    entry: Entry,
    known: KnownFailures,
    stopping: Stopping,
) -> dict[str, Any]:
    means = Means(store=store, seed=new_seed(), watch=lambda _: None, on_start=stopping.starts)
    afterwards = Afterwards(finished.kept, after, known, means)
    stopping.comes_after(afterwards)
    aftermath = None if stopping.is_asked else await afterwards.do(entry)
    if aftermath is None:
        return {"is_done": False}
    unfinished = aftermath.unfinished
    return {
        "is_done": unfinished is None,
        "runs": [kept.run_id for kept in aftermath.runs],
        "status": aftermath.status if unfinished is None else unfinished.status,
        "pages_left": len(aftermath.left),
    }
