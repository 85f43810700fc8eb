"""``bulk-publisher approve`` and ``approvals``: a person lets a plan be published, and which plans there are."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk_publisher.cli.commands.parameters.moments import now_and_who
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.run_options import (
    confirm,
    is_somebody_there,
    yes_option,
)
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.jobs import Portal
    from bulk_publisher.operations.plan_file import Plan
    from bulk_publisher.store import Store
    from bulk_publisher.store.approvals import Act, Proposal

_NAME = re.compile(r"p-[0-9a-f]{10}")
_RANGES = 10
"""Of pages that are shown: the counts tell how many there are."""


@click.command("approve")
@click.argument("plan", metavar="PLAN")
@runs_option
@yes_option
@click.pass_obj
@says_errors
def approve(output: Output, /, *, plan: str, runs: Runs, is_yes: bool) -> None:
    """Let PLAN be published once, within 24 hours.

    PLAN is a file that "plan" has written, or the ID of a proposed plan. The plan is shown first. The runs
    folder keeps a copy, and that copy is published, whatever becomes of the file. It needs a terminal, also with --yes.

    \b
    bulk-publisher approve plan.json
    bulk-publisher publish --approved p-3f9c2a81d0
    """  # noqa: D301 - click's own mark
    from bulk_publisher.clock import utc_now
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.store import open_store
    from bulk_publisher.store.approvals import check_waiting

    store = open_store(runs)
    is_kept = _NAME.fullmatch(plan) is not None and not Path(plan).exists()
    if is_kept:
        # What can't be approved by anybody is said before who may.
        check_waiting(store.approvals.find(plan), utc_now())
    if not is_somebody_there():
        raise BadSetting(
            "Only a person at a terminal can approve a plan, and standard input is not a terminal.",
            "Approve it at a terminal, or on the web page.",
        )
    proposal = _kept(store, plan, output) if is_kept else None
    told = b"" if is_kept else _told(Path(plan), output)
    if not confirm("Approve this plan?", is_yes=is_yes, output=output):
        raise SystemExit(2)
    _, who = now_and_who()
    _approve(store, proposal or _proposed(store, told, Path(plan), who), who, output, runs)


def _kept(store: "Store", name: str, output: Output) -> "Proposal":
    """The plan that was proposed as *name*, which is shown."""
    from bulk_publisher.operations.approving import find_plan

    kept = find_plan(store, name)
    proposed = kept.proposal.proposed
    output.put(f"{name}, proposed by {_act_in_words(proposed)}.")
    _show(kept.plan, kept.job.portal, output)
    return kept.proposal


def _told(path: Path, output: Output) -> bytes:
    """What the file at *path* holds: a plan, which is shown."""
    from bulk_publisher.jobs import decode_job
    from bulk_publisher.operations.plan_file import decode_plan, read_bytes_of_plan

    told = read_bytes_of_plan(path)
    plan = decode_plan(told, str(path))
    _show(plan, decode_job(plan.job).portal, output)
    return told


def _show(plan: "Plan", portal: "Portal", output: Output) -> None:
    from bulk_publisher.cli.commands.plan import plan_lines
    from bulk_publisher.jobs import decode_job
    from bulk_publisher.report.text import printable

    for line in plan_lines(plan):
        output.put(line)
    for scope, ranges in plan.pages.items():
        shown = ", ".join(islice(ranges, _RANGES))
        more = ", …" if len(ranges) > _RANGES else ""
        output.put(printable(f"Pages{f' of {scope}' if scope else ''}: {shown}{more}"))
    job = decode_job(plan.job)
    for key, file in {**job.select.files, "expected": job.after.expected}.items():
        if file is not None:
            output.put(printable(f"Reads the file {file} ({key})"))
    output.put(printable(f"Made {plan.made[:19]}Z. Credential: {_credential_in_words(portal)}."))


def _credential_in_words(portal: "Portal") -> str:
    """Which credential is used, by its name; what it is, nobody is told."""
    from bulk_publisher.jobs import DEFAULT_WEBHOOK
    from bulk_publisher.operations.portal_names import in_words

    if portal.sandbox is not None:
        return "that of a sandbox"
    if portal.name is not None and portal.webhook is None and portal.oauth is None:
        where = "" if portal.named_in is None else f" in {portal.named_in}"
        return f"that of the portal {portal.name}{where}"
    if portal.oauth is not None:
        return f"the application {in_words(portal.oauth)}"
    return f"the webhook {in_words(portal.webhook or DEFAULT_WEBHOOK)}"


def _proposed(store: "Store", told: bytes, path: Path, who: str) -> "Proposal":
    from bulk_publisher.cli.commands.approved_job import folders_of
    from bulk_publisher.operations.approving import propose
    from bulk_publisher.store.approvals import Door

    return propose(
        store,
        told,
        by=who,
        through=Door.TERMINAL,
        where=str(path),
        folders=folders_of(path),
    )


def _approve(store: "Store", proposal: "Proposal", who: str, output: Output, runs: Runs) -> None:
    from bulk_publisher.cli.commands.approved_job import option_for
    from bulk_publisher.operations.approving import approve
    from bulk_publisher.store.approvals import Door, told_moment

    approved = approve(store, proposal.name, proposal.sha256, by=who, through=Door.TERMINAL)
    output.put(f"Approved {approved.name} until {told_moment(approved.ends_at)}.")
    output.say(
        f"To publish it: bulk-publisher publish --approved {approved.name}{option_for(runs)}"
    )


@click.command("approvals")
@runs_option
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
@says_errors
def approvals(output: Output, /, *, runs: Runs, is_json: bool) -> None:
    """List the plans that were proposed, the newest first, and who approved and published them."""
    from bulk_publisher.operations.approving import told_of_proposal
    from bulk_publisher.store import open_store

    store = open_store(runs)
    found = store.approvals.proposals()
    if is_json:
        output.put_json([told_of_proposal(store, one) for one in found])
        return
    for line in _lines(store, found):
        output.put(line)
    if not found:
        output.say("No plans were proposed. Propose one with: bulk-publisher plan … --propose")


def _lines(store: "Store", found: "Sequence[Proposal]") -> Iterator[str]:
    from bulk_publisher.report.text import portal_in_words, printable, table_lines

    rows = [("plan", "pages", "portal", "proposed by", "", "approved by", "", "")]
    for one in found:
        where = portal_in_words(one.about.portal, one.about.portal_name)
        proposed, approved = _cells(one.proposed), _cells(one.approved)
        pages = f"{one.about.pages:,}"
        rows.append((one.name, pages, where, *proposed, *approved, printable(_end(store, one))))
    if found:
        yield from table_lines(rows, right=frozenset({1}))


def _cells(act: "Act | None") -> tuple[str, str]:
    from bulk_publisher.report.text import printable

    return ("", "") if act is None else (printable(act.who), _local(act.at))


def _end(store: "Store", one: "Proposal") -> str:
    from bulk_publisher.clock import utc_now
    from bulk_publisher.operations.approving import has_begun
    from bulk_publisher.store.approvals import Phase

    match one.phase(utc_now()):
        case Phase.WAITING:
            return "waiting for approval"
        case Phase.APPROVED:
            return f"may be published until {_local(one.ends_at)}"
        case Phase.EXPIRED:
            return "expired"
        case Phase.TAKEN:
            if has_begun(store, one):
                return f"published in run {one.run}"
            return f"used for run {one.run}, which isn't there"


def _act_in_words(act: "Act") -> str:
    from bulk_publisher.store.approvals import told_moment

    return f"{act.who} at {told_moment(act.at)}"


def _local(moment: float | None) -> str:
    from bulk_publisher.clock import local_zone
    from bulk_publisher.jobs.moments import date_in_words
    from bulk_publisher.model import Epoch

    return date_in_words(Epoch(moment or 0.0), local_zone())
