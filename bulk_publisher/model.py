"""The words of this program: what a page, an action, an outcome and a fault are.

Pure: data and nothing else. It knows no portal, no file and no clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

import msgspec

PageId = NewType("PageId", int)
"""The portal's own number of a page (its ``lid``), 1 or more."""

SiteId = NewType("SiteId", int)
"""The portal's own number of a site, 1 or more."""

FolderId = NewType("FolderId", int)
"""The portal's own number of a folder, 1 or more."""

Mono = NewType("Mono", float)
"""Seconds of our own clock that never runs back: every wait and every *now*."""

Epoch = NewType("Epoch", float)
"""UTC seconds by our own clock: the journal, the log, the names of runs."""

PortalEpoch = NewType("PortalEpoch", float)
"""UTC seconds by the portal's clock, which is not ours."""


class Scope(StrEnum):
    """The kinds of site that the portal lists and publishes only when asked by name.

    ``None`` stands where none is named: plain sites, stores and SMN sites.

    Source: docs/bitrix24.md §3 [doc].
    """

    KNOWLEDGE = "KNOWLEDGE"
    """Knowledge bases."""
    GROUP = "GROUP"
    """Knowledge bases of a workgroup."""
    MAINPAGE = "MAINPAGE"
    """The vibe."""


WITHOUT_SCOPE = ("PAGE", "STORE", "SMN")
"""Types of site whose pages are published without a scope.

Source: docs/bitrix24.md §3 [doc].
"""


class Action(StrEnum):
    """What is done to a page."""

    PUBLISH = "publish"
    """Put online, or put online again with its latest edits."""
    UNPUBLISH = "unpublish"
    """Taken down."""


class Only(StrEnum):
    """Which pages of a selection are wanted, by their state on the portal."""

    ALL = "all"
    """Every page, whatever its state."""
    UNPUBLISHED = "unpublished"
    """Pages that are not online."""
    CHANGED = "changed"
    """Pages that are not online, or were edited since they were last published."""


class Order(StrEnum):
    """In which order the portal's pages are taken."""

    LIST = "list"
    """As the portal lists them: site by site, by their IDs."""
    TREE = "tree"
    """Folder by folder, parents first."""


class Status(StrEnum):
    """How a page ended, once and for all."""

    PUBLISHED = "published"
    """The portal said that it is online."""
    UNPUBLISHED = "unpublished"
    """The portal said that it is down."""
    SKIPPED = "skipped"
    """There was nothing to do; the reason stands in the hint."""
    FAILED = "failed"
    """The portal refused it, or could not be asked."""
    UNKNOWN = "unknown"
    """It was sent, and nothing can say whether it was done."""

    @property
    def is_good(self) -> bool:
        """Whether a run with nothing but such pages ends with exit status 0."""
        return self not in _BAD


_BAD = (Status.FAILED, Status.UNKNOWN)


class FaultClass(StrEnum):
    """Whom a fault concerns, and so what is to be done about it.

    Source: docs/bitrix24.md §7.
    """

    RATE = "rate"
    """Too many requests: slow down and ask again, no attempt is used up."""
    OPERATING = "operating"
    """Too much operating time: wait and ask again, no attempt is used up."""
    TRANSIENT = "transient"
    """It may work the next time: ask again, a bounded number of times."""
    TOKEN = "token"  # noqa: S105 - a class of faults, not a secret
    """The access token is out of date: refresh it once and ask again."""
    PAGE = "page"
    """This page cannot be published: go on with the others."""
    SITE = "site"
    """The pages of this site will all fail alike: stop that site."""
    PORTAL = "portal"
    """Every later page fails alike: stop, and keep the rest for a resume."""
    CREDENTIAL = "credential"
    """The portal or the credential cannot be used at all: stop at once."""
    BATCH = "batch"
    """The batch was refused, not its pages: send them one by one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What came instead of a success.

    Attributes:
        kind: What is to be done about it.
        code: The portal's own code, word for word; ours where the portal gave none.
        description: The portal's own words, as plain text; or what happened on the way.
        hint: What a person can do about it; empty where nothing better than the code is known.
        sent: Whether the portal may have done the work all the same: True it has had the request
            and no usable answer came, False it certainly did nothing, None that cannot be said.
        is_alone: Worth another attempt only in a request of its own.
        retry_after: Seconds after which the portal wants to be asked again; None where it does not say.
    """

    kind: FaultClass
    code: str
    description: str = ""
    hint: str = ""
    sent: bool | None = False
    is_alone: bool = False
    retry_after: float | None = None

    @property
    def words(self) -> str:
        """The code, and what was said with it."""
        return f"{self.code}: {self.description}" if self.description else self.code

    @property
    def may_be_done(self) -> bool:
        """Whether the work may have been done although no answer says so."""
        return self.sent is not False


class Page(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A page that is to be published, with what is known of it beforehand.

    Attributes:
        source: Where it was named: ``file:line``, or the selection.
        was_active: Whether it is online before the run; None where nobody looked.
        is_changed: Whether it was edited since it was last published; None where nobody can tell.
        is_missing: The portal was asked and does not list it; None where nobody asked.
        skip: Why nothing is to be done for it; None where something is.
        may_be_done: It was sent by a process that ended before the answer came.
        row: What else its row in a list says, by column, blank cells left out; None where that is
            nothing.
    """

    id: PageId
    scope: Scope | None = None
    source: str = ""
    site: SiteId | None = None
    folder: FolderId | None = None
    title: str | None = None
    url: str | None = None
    was_active: bool | None = None
    is_changed: bool | None = None
    is_missing: bool | None = None
    skip: str | None = None
    may_be_done: bool = False
    row: dict[str, str] | None = None

    def __hash__(self) -> int:
        """A row has none."""
        return hash((self.id, self.scope))


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """One line of the journal: how one page ended. Unknown fields are null, never missing.

    Attributes:
        time: When it was settled: ISO 8601, UTC, milliseconds, by our own clock.
        run: The run's id.
        portal: The portal's host.
        attempts: Requests that the page was part of, refusals by a limit not counted.
        duration: Seconds the portal worked on it, by its own account; null where it gave none.
        operating: Seconds it added to the portal's operating time; null where there is no meter.
        was_active: Whether it was online before; null where nobody looked.
        source: Where it was named: ``file:line``, or the selection.
        row: What else its row in a list says, by column, blank cells left out; null where that is
            nothing, and in lines of version 1.0.
    """

    time: str
    run: str
    portal: str
    scope: Scope | None
    page: PageId
    action: Action
    status: Status
    error: str | None
    error_description: str | None
    hint: str | None
    attempts: int
    duration: float | None
    operating: float | None
    site: SiteId | None
    folder: FolderId | None
    title: str | None
    url: str | None
    was_active: bool | None
    source: str
    row: dict[str, str] | None = None

    def __hash__(self) -> int:
        """A row has none."""
        return hash((self.run, self.page, self.time))
