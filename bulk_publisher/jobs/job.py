"""The one description of what is asked for: a job. Pure.

Secrets are named, never held: a `Job` can be written down anywhere.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from bulk_publisher.client.pace import Pace, PortalPlan
from bulk_publisher.model import Action, Only, Order, Scope


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret is to be found; exactly one of the three is given.

    Attributes:
        env: A variable of the environment that holds it.
        file: A file that holds it and nothing else.
        keyring: Its name in the system's keyring.
    """

    env: str | None = None
    file: str | None = None
    keyring: str | None = None


WAYS_IN = ("webhook", "oauth", "name", "sandbox")
"""Keys of a portal of which one at most is given."""

DEFAULT_WEBHOOK = Secret(env="BITRIX24_WEBHOOK")
"""Where the webhook is looked for if nothing is said."""


class Portal(msgspec.Struct, frozen=True, kw_only=True):
    """Which portal, and how to get in: by one of a webhook, OAuth, a name, or as a sandbox.

    Attributes:
        webhook: Where its URL is; with none of the four it is `DEFAULT_WEBHOOK`.
        oauth: Where its OAuth credential is.
        name: Of an entry of the named portals, which says the rest.
        named_in: The file that names it; None for the user's own.
        sandbox: A scenario, by name or file, of the simulated portal to start instead of a real one.
        plan: None if the portal is to be asked.
        ca_file: Certificates to trust beside the system's.
    """

    webhook: Secret | None = None
    oauth: Secret | None = None
    name: str | None = None
    named_in: str | None = None
    sandbox: str | None = None
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

    @property
    def file(self) -> str | None:
        """The list of pages as a file, of whichever kind; None where there is none."""
        return next((file for key in _FILES if (file := getattr(self, key)) is not None), None)

    @property
    def is_named(self) -> bool:
        """Whether it says any pages; where a program has named them, it does not."""
        ways = (self.file, self.page, self.url, self.site, self.folder, self.scope)
        return any(ways)

    @property
    def files(self) -> dict[str, str]:
        """All files that it names, by their keys."""
        named = ((key, getattr(self, key)) for key in (*_FILES, "exclude"))
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


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; a run is one time that it is done.

    Attributes:
        schedule: None where it is done when somebody says so.
    """

    name: str
    action: Action = Action.PUBLISH
    portal: Portal = Portal()
    select: Selection = Selection()
    pace: Pace = Pace()
    schedule: Schedule | None = None
