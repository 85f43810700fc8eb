"""What may be done about a plan that was handed in: somebody else approves it, and it is published once."""

from collections.abc import Sequence
from urllib.parse import quote

from aiohttp import web

from bulk_publisher.errors import NotApproved
from bulk_publisher.operations.approving import ProposedPlan, approve, find_plan, has_begun
from bulk_publisher.report.text import pages_in_words
from bulk_publisher.serve.submitting import order_approved
from bulk_publisher.store.approvals import (
    Act,
    Door,
    Phase,
    Proposal,
    check_approved,
    is_same_person,
)
from bulk_publisher.web.deeds.button import Button
from bulk_publisher.web.deeds.helm import Helm, refused
from bulk_publisher.web.deeds.question import Pressed, Question
from bulk_publisher.web.views.undisturbed import in_thread
from bulk_publisher.web.views.wording import shortened


async def begun_of(helm: Helm, proposals: Sequence[Proposal]) -> frozenset[str]:
    """The runs that are there, of those that have taken *proposals*."""
    taken = [one for one in proposals if one.run]
    known = await helm.views.among([one.run for one in taken])
    # Of one that has begun since the last look the store itself is asked.
    rest = [one for one in taken if one.run not in known]
    store = helm.around.store
    return known | await in_thread(lambda: {one.run for one in rest if has_begun(store, one)})


async def find(helm: Helm, plan: str) -> ProposedPlan:
    """The plan *plan*.

    Raises:
        HTTPNotFound: If there is none.
        NotApproved: If it is not as it was handed in.
    """
    store = helm.around.store
    try:
        await in_thread(lambda: store.approvals.find(plan))
    except NotApproved as error:
        raise web.HTTPNotFound(text=error.message) from error
    return await in_thread(lambda: find_plan(store, plan))


async def _ask_approve(helm: Helm, plan: str) -> Question:
    proposal = (await _approvable(helm, plan)).proposal
    return Question(
        action="approve", target=plan, text=f"Approve plan {plan}: {_what(proposal)}.",
        notes=(
            f"{_who(proposal.proposed)} has proposed it.",
            "It can be published once then, within 24 hours.",
        ),
        pages=proposal.about.pages, button="Approve", mark=proposal.sha256, is_grave=True,
    )  # fmt: skip


async def _approve(helm: Helm, plan: str, _moment: str) -> Pressed:
    proposal = (await _approvable(helm, plan)).proposal
    store = helm.around.store
    await in_thread(lambda: approve(store, plan, proposal.sha256, by=helm.by, through=Door.PAGE))
    return _done("approve", plan, f"Plan {plan} is approved.")


async def _approvable(helm: Helm, plan: str) -> ProposedPlan:
    found = await find(helm, plan)
    proposal = found.proposal
    if is_same_person(proposal.proposed.by, helm.by):
        raise web.HTTPForbidden(
            text=f"You have proposed plan {plan}: somebody else must approve it."
        )
    if (phase := proposal.phase(helm.now)) is not Phase.WAITING:
        raise refused(
            f"Plan {plan} does not wait to be approved: it is {'used' if phase is Phase.TAKEN else phase}."
        )
    return found


async def _ask_publish(helm: Helm, plan: str) -> Question:
    proposal = (await find(helm, plan)).proposal
    check_approved(proposal, helm.now)
    return Question(
        action="publish", target=plan, text=f"Publish plan {plan}: {_what(proposal)}.",
        notes=(f"{_who(proposal.approved)} has approved it.",), pages=proposal.about.pages, button="Publish",
        mark=proposal.sha256, is_grave=True,
    )  # fmt: skip


async def _publish(helm: Helm, plan: str, _moment: str) -> Pressed:
    found = await find(helm, plan)
    check_approved(found.proposal, helm.now)
    agenda = helm.around.store.agenda
    order = await in_thread(
        lambda: order_approved(agenda, plan, known=found.job.name, now=helm.now, by=helm.by)
    )
    return _done("publish", plan, f"Plan {plan} will be published.", order.name)


def _what(proposal: Proposal) -> str:
    about = proposal.about
    where = shortened(about.portal_name or about.portal)
    return f"{about.action} {pages_in_words(about.pages)} on {where}"


def _who(act: Act | None) -> str:
    """Who, at the beginning of a sentence; a name stays as it is written."""
    who = "somebody" if act is None else shortened(act.who)
    is_name = act is not None and act.who == act.by
    return who if is_name else f"{who[:1].upper()}{who[1:]}"


def _done(action: str, plan: str, said: str, order: str = "") -> Pressed:
    seen_at = f"/plans/{quote(plan, safe='')}"
    return Pressed(action=action, target=plan, said=said, order=order, seen_at=seen_at)


ON_PLANS = (
    Button(
        "plan", "approve", "Approve a plan that somebody else has proposed", _ask_approve, _approve
    ),
    Button(
        "plan", "publish", "Have the daemon publish an approved plan, once", _ask_publish, _publish
    ),
)
