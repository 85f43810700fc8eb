"""Plans that were handed in, and who did what with them. Made from what a store keeps."""

from collections.abc import Collection, Sequence

import msgspec

from bulk_publisher.operations.approving import ProposedPlan
from bulk_publisher.store.approvals import Act, Door, Phase, Proposal
from bulk_publisher.web.views.wording import shortened

_MOST = 500
_MOST_PLACES = 20
_STATES = {
    Phase.WAITING: "waiting for approval",
    Phase.APPROVED: "may be published",
    Phase.EXPIRED: "expired",
    Phase.TAKEN: "published",
}


class ActTold(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody did with a plan.

    Attributes:
        by: Who; empty where nobody knows it.
        at: UTC seconds.
        through: ``terminal``, ``page``, ``assistant`` or ``program``.
    """

    by: str
    at: float
    through: str

    @property
    def who(self) -> str:
        """Who, for a person: also whether an assistant did it for them."""
        return Act(by=self.by, at=self.at, through=Door(self.through)).who


class ProposalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that was handed in.

    Attributes:
        plan: Its name.
        pages: That would be sent.
        ends_at: When its approval ends, in UTC seconds; None where it has none.
        run: That has taken it; empty before.
        run_has_begun: Whether that run is there; if not, nothing was published.
    """

    plan: str
    phase: Phase
    sha256: str
    portal: str
    action: str
    pages: int
    proposed: ActTold
    approved: ActTold | None
    ends_at: float | None
    taken: ActTold | None
    run: str
    run_has_begun: bool

    @property
    def state(self) -> str:
        """How far it has come, in the words of ``approvals``."""
        if self.phase is Phase.TAKEN and not self.run_has_begun:
            return "used for a run that isn't there"
        return _STATES[self.phase]


class StateCount(msgspec.Struct, frozen=True, kw_only=True):
    """Pages that are in one state before the run."""

    state: str
    count: int


class PlaceOfPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Pages of one site and folder; None where that is not known."""

    site: int | None
    folder: int | None
    pages: int


class OnePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, as far as it is shown.

    Attributes:
        states: What its pages were when it was made.
        pages: Ranges of those that would be sent, by scope; the first of them.
        is_cut: Whether there are more ranges.
        seconds: How long it would take.
        requests: How many it would send.
        places: Where its pages are, the most first.
        problems: What of its list is not done, in words.
    """

    row: ProposalRow
    job: str
    made: str
    states: tuple[StateCount, ...]
    pages: dict[str, tuple[str, ...]]
    is_cut: bool
    seconds: float
    requests: int
    places: tuple[PlaceOfPlan, ...]
    problems: tuple[str, ...]


class Proposals(msgspec.Struct, frozen=True, kw_only=True):
    """Plans, the newest first.

    Attributes:
        count: Of all that there are.
    """

    at: float
    count: int
    plans: tuple[ProposalRow, ...]


def proposals_of(proposals: Sequence[Proposal], *, begun: Collection[str], at: float) -> Proposals:
    """*proposals*, which are all there are, as they are at the moment *at*.

    Args:
        begun: The runs that are there, of those that have taken one.
    """
    rows = tuple(proposal_row(one, begun=begun, at=at) for one in proposals[:_MOST])
    return Proposals(at=at, count=len(proposals), plans=rows)


def proposal_row(proposal: Proposal, *, begun: Collection[str], at: float) -> ProposalRow:
    """*proposal* as it is at the moment *at*, in UTC seconds."""
    about = proposal.about
    return ProposalRow(
        plan=proposal.name,
        phase=proposal.phase(at),
        sha256=proposal.sha256,
        portal=shortened(about.portal_name or about.portal),
        action=shortened(about.action),
        pages=about.pages,
        proposed=_told(proposal.proposed),
        approved=None if proposal.approved is None else _told(proposal.approved),
        ends_at=proposal.ends_at,
        taken=None if proposal.taken is None else _told(proposal.taken),
        run=proposal.run,
        run_has_begun=proposal.run in begun,
    )


def one_plan(proposed: ProposedPlan, *, begun: Collection[str], at: float) -> OnePlan:
    """*proposed* as it is at the moment *at*."""
    plan = proposed.plan
    places: dict[tuple[int | None, int | None], int] = {}
    for row in plan.rows:
        places[row.site, row.folder] = places.get((row.site, row.folder), 0) + row.pages
    most = sorted(places.items(), key=lambda item: -item[1])[:_MOST_PLACES]
    return OnePlan(
        row=proposal_row(proposed.proposal, begun=begun, at=at),
        job=shortened(proposed.job.name),
        made=shortened(plan.made),
        states=tuple(
            StateCount(state=state.value, count=count)
            for state, count in plan.counts.items()
            if count
        ),
        pages={scope: tuple(texts[:_MOST_PLACES]) for scope, texts in plan.pages.items()},
        is_cut=any(len(texts) > _MOST_PLACES for texts in plan.pages.values()),
        seconds=plan.estimate.seconds,
        requests=plan.estimate.requests,
        places=tuple(
            PlaceOfPlan(site=site, folder=folder, pages=count) for (site, folder), count in most
        ),
        problems=tuple(map(shortened, plan.problems[:_MOST_PLACES])),
    )


def _told(act: Act) -> ActTold:
    return ActTold(by=shortened(act.by), at=act.at, through=act.through.value)
