"""Plans that were handed in, and who approved them: data, and what may become of it. Pure.

Rules:
    A plan is handed in once, approved once by a person, and taken once to be published; nothing takes
    that back. What is published is the copy that the store keeps, whatever becomes of the file.
    Who may do what stands here alone; a store sees to it that nothing comes between the look and the change.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Protocol

import msgspec

from bulk_publisher.errors import NotApproved
from bulk_publisher.model import Epoch
from bulk_publisher.store.description import Count, FolderPath, When
from bulk_publisher.utc import as_utc

VALID_FOR = 24 * 3600.0
"""Seconds after its approval in which a plan may be published: a portal changes meanwhile."""
KEPT_FOR = 30 * 24 * 3600.0
"""Seconds for which the copy of a plan is kept that can't be published any more; its record stays."""

PlanName = Annotated[str, msgspec.Meta(pattern=r"\Ap-[0-9a-f]{10}\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Text = Annotated[str, msgspec.Meta(max_length=1000)]
_RunOrNone = Annotated[str, msgspec.Meta(pattern=r"\A(?:(?!\.{1,2}\Z)[^/\x00-\x1f\x7f]{1,255})?\Z")]
_NEW = "Make a new plan with: bulk-publisher plan … --propose"


class Door(StrEnum):
    """Where somebody has said so."""

    TERMINAL = "terminal"
    """A command."""
    PAGE = "page"
    """The web page, or its API."""
    ASSISTANT = "assistant"
    """A tool of an assistant: it may hand in and publish, and never approve."""
    PROGRAM = "program"
    """Python."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done.

    Attributes:
        by: Who; empty where nobody knows it.
        at: When, in UTC seconds.
    """

    by: _Text
    at: When
    through: Door

    @property
    def who(self) -> str:
        """Who, and whether an assistant did it for them."""
        who = self.by or "somebody"
        return f"an assistant of {who}" if self.through is Door.ASSISTANT else who


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is about, for a list of many.

    Attributes:
        portal: Its host.
        portal_name: What that is called; None where it has no name.
        pages: That would be sent.
        folders: Where the files that it names are looked for, in this order.
    """

    portal: _Text
    portal_name: _Text | None = None
    action: _Text
    pages: Count
    folders: tuple[FolderPath, ...] = ()


class Phase(StrEnum):
    """How far a plan has come."""

    WAITING = "waiting"
    """Nobody has approved it yet."""
    APPROVED = "approved"
    """It may be published."""
    EXPIRED = "expired"
    """It was approved, and nobody has published it in time."""
    TAKEN = "taken"
    """It was taken, to be published, once and for all."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that was handed in.

    Attributes:
        sha256: Of its copy.
        taken: When somebody began to publish it, which is once.
        run: The run that was to do it then; empty before.
    """

    name: PlanName
    sha256: Sha256
    about: About
    proposed: Act
    approved: Act | None = None
    taken: Act | None = None
    run: _RunOrNone = ""

    @property
    def ends_at(self) -> float | None:
        """When its approval ends, in UTC seconds; None where it has none."""
        return None if self.approved is None else self.approved.at + VALID_FOR

    def phase(self, at: float) -> Phase:
        """How far it has come at the moment *at*, in UTC seconds."""
        if self.taken is not None:
            return Phase.TAKEN
        if self.ends_at is None:
            return Phase.WAITING
        return Phase.APPROVED if at < self.ends_at else Phase.EXPIRED

    def is_over(self, at: float) -> bool:
        """Whether it is so long ago that its copy is of no use to anybody."""
        last = self.taken or self.approved or self.proposed
        return at - last.at > KEPT_FOR


class Approvals(Protocol):
    """The plans that were handed in to one store. Each change is atomic, also between hosts."""

    @property
    def place(self) -> str:
        """Where that is, for a person."""
        ...

    def propose(self, plan: bytes, about: About, act: Act) -> Proposal:
        """Keep *plan* under a name of its own. Copies that are of no use any more go.

        Raises:
            BadSetting: If that can't be written.
        """
        ...

    def approve(self, name: str, sha256: str, act: Act) -> Proposal:
        """Let the plan be published; see ``as_approved``.

        Raises:
            NotApproved: If that may not be.
            BadSetting: If that can't be written.
        """
        ...

    def take(self, name: str, sha256: str, act: Act, run: str) -> Proposal:
        """Exactly one of all callers, of whichever process, may begin *run*; see ``as_taken``.

        When it returns, that is safe from a kill and a power cut.

        Raises:
            NotApproved: If this one may not.
            BadSetting: If that can't be written.
        """
        ...

    def find(self, name: str) -> Proposal:
        """The plan of this name.

        Raises:
            NotApproved: If there is none.
            BadJournal: If it is damaged.
        """
        ...

    def read_plan(self, name: str) -> bytes:
        """The copy that is kept, as it is now.

        Raises:
            NotApproved: If there is none, or none any more.
            BadJournal: If it can't be read.
        """
        ...

    def proposals(self) -> Sequence[Proposal]:
        """All of them, the newest first; damaged ones are passed over, with a line in the log."""
        ...


def as_approved(proposal: Proposal, sha256: str, act: Act) -> Proposal:
    """*proposal* once *act* has approved what has this *sha256*.

    Raises:
        NotApproved: If it may not.
    """
    _check_same(proposal, sha256)
    if act.through is Door.ASSISTANT:
        raise NotApproved(f"{proposal.name}: no assistant can approve a plan.", _how(proposal))  # fmt: skip
    if act.through is Door.PAGE:
        _check_another(proposal, act)
    check_waiting(proposal, act.at)
    return msgspec.structs.replace(proposal, approved=act)


def as_taken(proposal: Proposal, sha256: str, act: Act, run: str) -> Proposal:
    """*proposal* once *act* has taken it, to publish in *run* what has this *sha256*.

    Raises:
        NotApproved: If it may not.
    """
    _check_same(proposal, sha256)
    check_approved(proposal, act.at)
    return msgspec.structs.replace(proposal, taken=act, run=run)


def check_waiting(proposal: Proposal, at: float) -> None:
    """See that *proposal* waits for approval at the moment *at*, in UTC seconds.

    Raises:
        NotApproved: If it does not any more.
    """
    match proposal.phase(at):
        case Phase.WAITING:
            return
        case Phase.APPROVED:
            raise NotApproved(f"{proposal.name}: {_who(proposal.approved)} has approved it already, until {told_moment(proposal.ends_at)}.")  # fmt: skip
        case Phase.EXPIRED | Phase.TAKEN:
            raise _over(proposal, at)


def check_approved(proposal: Proposal, at: float) -> None:
    """See that *proposal* may be published at the moment *at*, in UTC seconds.

    Raises:
        NotApproved: If it may not.
    """
    match proposal.phase(at):
        case Phase.APPROVED:
            return
        case Phase.WAITING:
            raise NotApproved(f"{proposal.name}: nobody has approved this plan.", _how(proposal))  # fmt: skip
        case Phase.EXPIRED | Phase.TAKEN:
            raise _over(proposal, at)


def unknown(name: str, place: str) -> NotApproved:
    """There is no plan *name*."""
    return NotApproved(f"{name}: no such plan in {place}.", "bulk-publisher approvals lists those that are there.")  # fmt: skip


def is_same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, as far as names tell."""
    return one.strip().casefold() == other.strip().casefold()


def _check_same(proposal: Proposal, sha256: str) -> None:
    if proposal.sha256 != sha256:
        raise NotApproved(f"{proposal.name}: the plan was changed since it was proposed.", _NEW)


def _check_another(proposal: Proposal, act: Act) -> None:
    if not act.by.strip():
        raise NotApproved(f"{proposal.name}: nobody knows who you are, so you can't approve it.", "Log in by name.")  # fmt: skip
    if is_same_person(proposal.proposed.by, act.by):
        raise NotApproved(f"{proposal.name}: {act.by} has proposed it, so somebody else must approve it.")  # fmt: skip


def _over(proposal: Proposal, at: float) -> NotApproved:
    if proposal.phase(at) is Phase.TAKEN:
        return NotApproved(f"{proposal.name}: {_who(proposal.taken)} has used it already, for run {proposal.run}: an approval is for one run.", _NEW)  # fmt: skip
    return NotApproved(f"{proposal.name}: its approval has expired on {told_moment(proposal.ends_at)}: it is for {VALID_FOR / 3600:.0f} hours.", _NEW)  # fmt: skip


def _who(act: Act | None) -> str:
    return "somebody" if act is None else act.who


def _how(proposal: Proposal) -> str:
    return (
        f"A person does, on the web page or at a terminal: bulk-publisher approve {proposal.name}"
    )


def told_moment(at: float | None) -> str:
    """A moment of an approval, to the second; whoever reads it is on any machine."""
    return f"{as_utc(Epoch(at or 0.0))[:19]}Z"
