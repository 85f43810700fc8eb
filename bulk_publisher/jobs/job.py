"""The one description of what is asked for: a job. Pure.

Secrets are named, never held: a `Job` can be written down anywhere.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from bulk_publisher.client.pace import Pace, PortalPlan
from bulk_publisher.model import Action, Only, Order, Scope


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret is to be found; exactly one of the four is given.

    Attributes:
        env: A variable of the environment that holds it.
        file: A file that holds it and nothing else.
        keyring: Its name in the system's keyring.
        store: Its name in the database that runs are kept in, for an application's tokens.
    """

    env: str | None = None
    file: str | None = None
    keyring: str | None = None
    store: str | None = None


WAYS_IN = ("webhook", "oauth", "name", "sandbox", "portals", "portals_file")
"""Keys of a portal of which one at most is given."""

DEFAULT_WEBHOOK = Secret(env="BITRIX24_WEBHOOK")
"""Where the webhook is looked for if nothing is said."""


class Portal(msgspec.Struct, frozen=True, kw_only=True):
    """Which portal, and how to get in: by one of a webhook, OAuth, a name, or as a sandbox; or which portals.

    Attributes:
        webhook: Where its URL is; with none of these ways it is `DEFAULT_WEBHOOK`.
        oauth: Where its OAuth credential is.
        name: Of an entry of the named portals, which says the rest; beside a webhook just what it is called.
        named_in: The file that names it; None for the user's own.
        sandbox: A scenario, by name or file, of the simulated portal to start instead of a real one.
        portals: Names and patterns of many named portals; ``plan`` and ``ca_file`` are then for all of them.
        portals_file: A list that names many.
        plan: None if the portal is to be asked.
        ca_file: Certificates to trust beside the system's.
    """

    webhook: Secret | None = None
    oauth: Secret | None = None
    name: str | None = None
    named_in: str | None = None
    sandbox: str | None = None
    portals: tuple[str, ...] | None = None
    portals_file: str | None = None
    plan: PortalPlan | None = None
    ca_file: str | None = None


_FILES = ("csv", "xlsx", "urls")
"""Keys of a selection that name a list of pages as a file; one of them alone."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which pages: of a CSV or a spreadsheet, by their ids or addresses, of sites, of folders, or all of a scope.

    Attributes:
        csv: A file, or ``-`` for standard input.
        xlsx: A spreadsheet's file, or ``-`` for standard input.
        sheet: Its sheet; None for the only one that can be seen and has anything in it.
        column: The column with the ids, or with addresses; None to find it.
        carry: The columns whose cells stand in the outcomes; None for all that are not used otherwise.
        site: Ids of sites.
        folder: Ids of folders, taken with all that lies below; of those sites, where there are any.
        url: Addresses of pages, as `bulk_publisher.portal.addresses.parse_address` reads them.
        urls: A file of such, one a line, or ``-`` for standard input.
        page: Ids and ranges of them, as `bulk_publisher.sources.given.parse_pages` reads them.
        scope: Of all pages that do not name their own; alone, every page of that scope is selected.
        limit: The most pages to take, 1 or more; None for all.
        where: What they must be like, as `bulk_publisher.client.conditions` reads it; all of it.
        exclude: A list of pages to leave out, a CSV or a spreadsheet.
        order: Of pages that the portal lists.
        lookup: Whether pages that are named one by one are looked up on the portal first.
        plan: The file of a plan whose pages are taken; it says all of it.
    """

    csv: str | None = None
    xlsx: str | None = None
    sheet: str | None = None
    column: str | None = None
    skip_bad_rows: bool = False
    carry: tuple[str, ...] | None = None
    site: tuple[int, ...] = ()
    folder: tuple[int, ...] = ()
    page: tuple[str, ...] = ()
    url: tuple[str, ...] = ()
    urls: str | None = None
    scope: Scope | None = None
    only: Only = Only.ALL
    where: tuple[str, ...] = ()
    exclude: str | None = None
    order: Order = Order.LIST
    limit: int | None = None
    lookup: bool = True
    plan: str | None = None

    @property
    def file(self) -> str | None:
        """The list of pages as a file, of whichever kind; None where there is none."""
        return next((file for key in _FILES if (file := getattr(self, key)) is not None), None)

    @property
    def is_named(self) -> bool:
        """Whether it says any pages; where a program has named them, it does not."""
        ways = (self.file, self.page, self.url, self.site, self.folder, self.scope, self.plan)
        return any(ways)

    @property
    def files(self) -> dict[str, str]:
        """All files that it names, by their keys."""
        named = ((key, getattr(self, key)) for key in (*_FILES, "exclude", "plan"))
        return {key: path for key, path in named if path is not None}

    def with_paths(self, change: Callable[[str], str]) -> "Selection":
        """It, with the path of each of its files as *change* gives it."""
        paths = {key: change(path) for key, path in self.files.items() if path != "-"}
        return msgspec.structs.replace(self, **paths)


class Overlap(StrEnum):
    """What becomes of a job that is due while it is still being done."""

    SKIP = "skip"
    """It waits for the next time."""
    QUEUE = "queue"
    """It is done once more afterwards, once however often it was due."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When a daemon does a job.

    Attributes:
        cron: An expression of five fields, or a name such as ``@daily``.
        timezone: By its IANA name; None for that of the machine.
        jitter: The most seconds by which it begins later, another number each time.
        catch_up: Whether it is done, once, where the machine was off when it was due.
    """

    cron: str
    timezone: str | None = None
    jitter: float = 0.0
    catch_up: bool = True
    overlap: Overlap = Overlap.SKIP


class After(msgspec.Struct, frozen=True, kw_only=True):
    """What is done once a run has come to its end.

    Attributes:
        verify: Whether the portal is asked if each page is as the journal says.
        retry: How often what failed by a passing cause is tried again.
        expected: A CSV of pages that are known to fail, each with its code; None for none.
    """

    verify: bool = False
    retry: int = 0
    expected: str | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether anything is."""
        return self != After()


class Occasion(StrEnum):
    """What somebody may want to be told of."""

    FAILED = "failed"
    """Pages have failed, or the job could not be done at all."""
    STOPPED = "stopped"
    """A run has ended before its end, and can be gone on with."""
    FINISHED = "finished"
    """All is done."""
    LATE = "late"
    """It has not ended, or not even begun, so long after it was due."""
    HEALED = "healed"
    """All is done, where it was not before; or pages that were known to fail do not any more."""


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told, and how: exactly one of these is given, *secret* with *webhook* alone.

    Attributes:
        env: A variable that holds the address of a service, as Apprise writes it.
        file: A file that holds such an address.
        keyring: The name under which the keyring holds such an address.
        webhook: Where an address is found that is posted to.
        secret: Where the secret is found that those posts are signed with.
        command: A program and its arguments; it reads the message as JSON.
        ping: Where the address of a dead man's switch is found.
        user: A user of the job's portal.
    """

    env: str | None = None
    file: str | None = None
    keyring: str | None = None
    webhook: Secret | None = None
    secret: Secret | None = None
    command: tuple[str, ...] = ()
    ping: Secret | None = None
    user: int | None = None

    @property
    def secrets(self) -> dict[str, Secret]:
        """Where secrets are named that its tables hold, by their keys."""
        named = ((key, getattr(self, key)) for key in ("webhook", "secret", "ping"))
        return {key: secret for key, secret in named if secret is not None}


class Notify(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of what.

    Attributes:
        on: None for what went wrong, and that it is well again.
        late_after: Seconds after it was due; None where lateness is not told.
    """

    on: tuple[Occasion, ...] | None = None
    to: tuple[Recipient, ...] = ()
    late_after: float | None = None

    @property
    def occasions(self) -> frozenset[Occasion]:
        """What is told of."""
        if self.on is not None:
            return frozenset(self.on)
        usual = {Occasion.FAILED, Occasion.STOPPED, Occasion.HEALED}
        return frozenset(usual if self.late_after is None else {*usual, Occasion.LATE})


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; a run is one time that it is done.

    Attributes:
        portals: Many portals, written one by one; what ``portal`` says is then for all of them.
        schedule: None where it is done when somebody says so.
        notify: None where nobody is told.
    """

    name: str
    action: Action = Action.PUBLISH
    portals: tuple[Portal, ...] = ()
    portal: Portal = Portal()
    select: Selection = Selection()
    pace: Pace = Pace()
    schedule: Schedule | None = None
    after: After = After()
    notify: Notify | None = None

    @property
    def names_many(self) -> bool:
        """Whether it is for portals that are listed somewhere, however many there are."""
        return (
            bool(self.portals)
            or self.portal.portals is not None
            or self.portal.portals_file is not None
        )
