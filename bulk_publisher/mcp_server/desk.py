"""Where assistants are served: each tool is a method, and each of them calls an operation."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bulk_publisher.client.sites import EVERY_SCOPE
from bulk_publisher.errors import BadJournal, BadSetting, BadSource
from bulk_publisher.jobs import Job, Portal, Selection, is_portal_name, selection_problems
from bulk_publisher.mcp_server import told
from bulk_publisher.mcp_server.asked import (
    ApprovedAsked,
    BadArgument,
    Doctor,
    HistoryAsked,
    Nothing,
    PlanAsked,
    RunAsked,
    StatusAsked,
)
from bulk_publisher.mcp_server.calls import Call
from bulk_publisher.mcp_server.portal_data import portal_data, rows
from bulk_publisher.mcp_server.publishing import publish_plan
from bulk_publisher.mcp_server.underway import Underway
from bulk_publisher.model import Only, Scope
from bulk_publisher.operations.approving import find_approved, propose, told_of_proposal
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.checking import examine
from bulk_publisher.operations.describing import check_real, job_of
from bulk_publisher.operations.plan_file import encode_plan
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.operations.selecting import check_selection
from bulk_publisher.operations.verifying import Verified, verify
from bulk_publisher.report.history import read_histories
from bulk_publisher.report.past import past_runs
from bulk_publisher.report.story import read_story
from bulk_publisher.store import SharedState
from bulk_publisher.store.approvals import Door
from bulk_publisher.store.protocol import KeptRun, Store

_MOST_COUNTED = 20_000
"""Pages that ``doctor`` counts: as the command does."""
_EVERY = 500
"""Pages between two words on how far it has come: a list of the portal's."""
_MOST_JOBS = 20
_MOST_RUNS = 20


class Desk:
    """The tools, on one store; to be used in ``async with``. Invariant: no method of it approves a plan."""

    def __init__(
        self,
        store: Store,
        *,
        state: SharedState | None = None,
        folders: tuple[Path, ...] = (),
        approving: str,
    ) -> None:
        """Nothing is read yet.

        Args:
            state: Where limits are shared; None for with the runs of this machine.
            folders: In which lists may be that an assistant names.
            approving: The command that approves a plan, without the plan's name.
        """
        self._store = store
        self.state = state
        self._folders = folders
        self._approving = approving
        self._who = _user()
        self._underway = Underway()

    async def __aenter__(self) -> Self:
        await self._underway.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the runs end in order that it has begun."""
        await self._underway.__aexit__(kind, error, trace)

    def drain(self) -> None:
        """Let what is in flight end."""
        self._underway.drain()

    async def doctor(self, asked: Doctor, call: Call) -> dict[str, Any]:
        """Whether a run can work, and what there is."""
        job = Job(name="doctor", portal=_portal(asked.portal))
        scopes = EVERY_SCOPE if asked.scope is None else (Scope(asked.scope),)
        call.note(0, None, "Asking the portal.")
        async with call.enter(job) as reached:
            found = await examine(
                job, reached, scopes=scopes, most_pages=_MOST_COUNTED, warn=call.warn
            )
        return {**told.of_examination(found, job.portal.name), "counted_all": found.is_counted}

    async def plan(self, asked: PlanAsked, call: Call) -> dict[str, Any]:
        """What publishing would do; it is proposed, for a person to approve."""
        with _repeating():
            select = self._selection(asked)
            job = Job(name="assistant", portal=_portal(asked.portal), select=select)
            selected = await beside(lambda: check_selection(job.select))
        call.note(0, selected.total, "Asking the portal.")

        def counted(pages: int) -> None:
            if pages % _EVERY == 0:
                call.note(pages, selected.total, f"{pages:,} pages looked at.")

        async with call.enter(job) as reached:
            with _repeating():
                plan = await make_plan(
                    job,
                    selected,
                    reached,
                    store=self._store,
                    cost=None,
                    warn=call.warn,
                    on_page=counted,
                )
        answer = told.of_plan(plan, call.warnings)
        if not plan.sent:
            return {"plan_id": None, "what_now": "There is nothing to publish.", **answer}
        proposal = await beside(
            partial(propose, self._store, encode_plan(plan), by=self._who, through=Door.ASSISTANT)
        )
        how = f"Nothing was published. A person approves this plan at a terminal with: {self._approving} {proposal.name} - or somebody else on the web page. No tool can. Then publish_approved publishes it once, within 24 hours."
        return {"plan_id": proposal.name, "what_now": how, **answer}

    async def status(self, asked: StatusAsked, _call: Call) -> dict[str, Any]:
        """How a run stands, or the newest runs."""
        if asked.run is None:
            return await beside(self._newest)
        run = asked.run
        return await beside(lambda: _status_of(self._find(run)))

    def _newest(self) -> dict[str, Any]:
        runs = islice(past_runs(self._store), _MOST_RUNS)
        return portal_data(runs=rows(map(told.of_past, runs)))

    async def report(self, asked: RunAsked, _call: Call) -> dict[str, Any]:
        """What a run has done."""
        return await beside(lambda: told.of_story(read_story(self._find(asked.run))))

    async def verify(self, asked: RunAsked, call: Call) -> dict[str, Any]:
        """Whether the portal shows what a run's journal says."""
        kept = await beside(lambda: self._find(asked.run))
        description = await beside(kept.read_description)
        job = job_of(kept, description)
        check_real(kept, job)
        total = description.final.pages or None

        def checked(verified: Verified) -> None:
            if verified.pages % _EVERY == 0:
                call.note(verified.pages, total, f"{verified.pages:,} pages checked.")

        call.note(0, total, "Asking the portal.")
        async with call.enter(job) as reached:
            verified = await verify(
                kept,
                reached,
                change=lambda job: job,
                visits_urls=False,
                on_progress=checked,
                warn=call.warn,
            )
        return {"run": kept.run_id, **told.of_verified(verified)}

    async def jobs(self, _asked: Nothing, _call: Call) -> dict[str, Any]:
        """The jobs of the daemon of this store."""

        def read() -> dict[str, Any]:
            agenda = self._store.agenda
            slots = agenda.read_slots().items()
            jobs = rows(told.of_slot(name, slot) for name, slot in slots)
            return {"is_served": agenda.is_served, **portal_data(jobs=jobs)}

        return await beside(read)

    async def history(self, asked: HistoryAsked, _call: Call) -> dict[str, Any]:
        """What each job has done."""

        def read() -> dict[str, Any]:
            found = read_histories(self._store, job=asked.job, portal=None, last=10)
            return portal_data(jobs=rows(map(told.of_history, found), most=_MOST_JOBS))

        return await beside(read)

    async def approvals(self, _asked: Nothing, _call: Call) -> dict[str, Any]:
        """The plans that were proposed, and who approved them."""

        def read() -> dict[str, Any]:
            found = self._store.approvals.proposals()
            return portal_data(plans=rows(told_of_proposal(self._store, one) for one in found))

        return await beside(read)

    async def publish_approved(self, asked: ApprovedAsked, call: Call) -> dict[str, Any]:
        """Publish a plan that a person has approved, once."""
        approved = await beside(lambda: find_approved(self._store, asked.plan_id))
        return await self._underway.wait_for(
            partial(publish_plan, self._store, approved, call, self._who)
        )

    def _find(self, run: str) -> KeptRun:
        """The run *run*, a checked name.

        Raises:
            BadArgument: If there is none, or more than one.
        """
        try:
            return self._store.find(run)
        except BadJournal as error:
            raise BadArgument(error.message, error.hint) from error

    def _selection(self, asked: PlanAsked) -> Selection:
        """The pages that *asked* says.

        Raises:
            BadArgument: If it says none, or names a list that it may not.
            BadSource: If it contradicts itself.
        """
        file = None if asked.file is None else self._list(asked.file)
        is_csv = file is None or file.lower().endswith((".csv", ".txt"))
        select = Selection(
            csv=file if is_csv else None,
            xlsx=None if is_csv else file,
            page=asked.pages,
            url=asked.urls,
            site=tuple(dict.fromkeys(asked.sites)),
            folder=tuple(dict.fromkeys(asked.folders)),
            scope=None if asked.scope is None else Scope(asked.scope),
            only=Only(asked.only),
            where=asked.where,
            limit=asked.limit,
        )
        if not select.is_named:
            raise BadArgument("There are no pages selected.", "Give pages, urls, sites, folders or file, or a scope alone for all of its sites.")  # fmt: skip
        if problems := selection_problems(select, naming=_NAMES.__getitem__):
            raise BadSource("; ".join(problems))
        return select

    def _list(self, name: str) -> str:
        """The path of the list *name*, links followed: what is checked is what is read."""
        for folder in self._folders:
            # What can be the name of no file is refused by an error of its own.
            with suppress(OSError, ValueError):
                path = (folder / name).resolve()
                if path.is_relative_to(folder.resolve()) and path.is_file():
                    return str(path)
        if not self._folders:
            raise BadArgument("This server reads no lists.", "A person may start it with --allow FOLDER.")  # fmt: skip
        raise BadArgument("There is no such list in a folder that this server may read.", "Folders are allowed with --allow FOLDER.")  # fmt: skip


class _Names(dict[str, str]):
    """What the tool calls what a job calls otherwise."""

    def __missing__(self, key: str) -> str:
        return key


_NAMES = _Names(csv="file", xlsx="file", page="pages", url="urls", site="sites", folder="folders")


def _portal(name: str | None) -> Portal:
    """The portal that is called *name*, or the one of the environment."""
    named = name or os.environ.get("BULK_PUBLISHER_PORTAL") or None
    if named is None:
        return Portal()
    if not is_portal_name(named):
        raise BadArgument("That can't be a portal's name, and no tool takes anything else.", "bulk-publisher portals list shows which there are.")  # fmt: skip
    return Portal(name=named)


@contextmanager
def _repeating() -> Iterator[None]:
    """Pass on what is wrong with pages as the words of others: it may repeat what was given, which may come from a page."""
    try:
        yield
    except BadArgument:
        raise
    except BadSetting as error:
        raise BadSource(error.message, error.hint) from error


def _status_of(kept: KeptRun) -> dict[str, Any]:
    is_running = kept.is_locked
    heard = kept.read_progress() if is_running else None
    if heard is not None:
        return told.of_snapshot(heard)
    story = read_story(kept)
    state = "running" if is_running else "ended" if story.has_ended else "dead"
    return {"state": state, **told.of_story(story)}


def _user() -> str:
    """The user of this machine; empty where nobody knows the name."""
    try:
        return getpass.getuser()[:100]
    except (KeyError, OSError):
        return ""
