"""A job that does exactly what a plan says: the plan is checked against its portal and its list, and looked at again."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Job, Selection, decode_job
from bulk_publisher.model import Scope
from bulk_publisher.operations.access import Entry, credential_of
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.plan_file import Plan, changes_since, pages_beyond, read_plan
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.operations.secrets import kind_of
from bulk_publisher.operations.selecting import Selected, check_selection
from bulk_publisher.sources.opening import found
from bulk_publisher.store.protocol import Store

TellChanges = Callable[[list[str]], None]
"""Is told what is otherwise than the plan says, a sentence each; an empty list where nothing is."""


def plan_nothing(_changes: list[str]) -> None:
    """Where nobody wants to know."""


async def checked_job(
    job: Job,
    entry: Entry,
    *,
    store: Store | None,
    tell: TellChanges = plan_nothing,
    warn: Warn = say_nothing,
) -> tuple[Job, Selected]:
    """*job* with the pages of its plan, if it names one, and its selection, checked.

    Args:
        store: Where earlier runs tell what a page costs.

    Raises:
        UsageError: If its list is not as it must be, or its plan can't be used: it is of another portal, its
            list has changed since, or there is nothing in it.
        BulkPublisherError: If the portal can't be asked.
    """
    if job.select.plan is None:
        return job, await beside(lambda: check_selection(job.select))
    path = Path(found(job.select.plan))
    kept = await beside(lambda: read_plan(path))
    check_sent(kept, str(path))
    select = _located(decode_job(kept.job).select, path.parent)
    job = msgspec.structs.replace(job, select=select)
    return await checked_plan(kept, job, entry, store=store, tell=tell, warn=warn)


def check_sent(kept: Plan, where: str) -> None:
    """See that there is anything to do.

    Raises:
        BadSetting: If not.
    """
    if not kept.sent:
        raise BadSetting(f"{where}: the plan has no pages to send.")


async def checked_plan(
    kept: Plan,
    job: Job,
    entry: Entry,
    *,
    store: Store | None,
    is_strict: bool = False,
    tell: TellChanges = plan_nothing,
    warn: Warn = say_nothing,
) -> tuple[Job, Selected]:
    """*job*, whose selection is that of the plan *kept*, with its pages; see ``checked_job``.

    Args:
        is_strict: Refuse also where its list or its addresses lead to a page by now that it does not name.
    """
    _check_portal(kept, job, entry)
    selected = await beside(lambda: check_selection(job.select))
    if selected.sha256 != kept.sha256:
        raise BadSetting(f"{job.select.file} has changed since the plan was made.", "Make a new plan with: bulk-publisher plan …")  # fmt: skip
    now = await make_plan(job, selected, entry, store=store, cost=None, warn=warn)
    if is_strict and (beyond := pages_beyond(kept, now)):
        _check_only_listed(job.select, kept, beyond)
    tell(changes_since(kept, now))
    if job.select.file is not None or len(kept.pages) != 1:
        return job, selected
    job = msgspec.structs.replace(job, select=_those_pages(kept, job.select))
    return job, check_selection(job.select)


def _check_only_listed(select: Selection, kept: Plan, beyond: int) -> None:
    """Pages that the portal lists beside those of the plan are left out; those that are named are not."""
    if select.file is not None or len(kept.pages) != 1:
        raise BadSetting(
            f"{beyond:,} pages that the plan does not name are selected by now: a list or an address has changed."
            if beyond > 1
            else "A page that the plan does not name is selected by now: a list or an address has changed.",
            "Make a new plan with: bulk-publisher plan …",
        )


def _check_portal(kept: Plan, job: Job, entry: Entry) -> None:
    credential = credential_of(entry)
    # A sandbox that is started for the job alone is another one each time.
    if job.portal.sandbox is None and credential.host != kept.portal:
        what = kind_of(credential)
        raise BadSetting(f"The plan is for {kept.portal}, but the {what} is for {credential.host}.", f"Use the {what} of that portal, or make a plan for this one.")  # fmt: skip


def _located(select: Selection, folder: Path) -> Selection:
    """*select*, whose files are looked for from here, as when the plan was made, or else beside the plan."""

    def place(name: str) -> str:
        beside_plan = folder / name
        is_here = Path(found(name)).exists()
        return name if is_here or not beside_plan.exists() else str(beside_plan)

    return select.with_paths(place)


def _those_pages(kept: Plan, select: Selection) -> Selection:
    """Whatever has chosen them once: now they are chosen.

    Addresses name pages of a kind that the job itself does not.
    """
    ((scope, ranges),) = kept.pages.items()
    return Selection(
        page=tuple(ranges), scope=Scope(scope) if scope else None, lookup=select.lookup
    )
