"""What a sandbox is like: its sites, its plan, its limits, its cost and its weather.

A scenario is data: a TOML file, flags of the command line, or a `Scenario` made by a test.
"""

import os
import stat
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

Plan = Literal["standard", "enterprise", "self-hosted"]
Billing = Literal["method", "batch", "both"]
Release = Literal["reset_at", "minute", "earlier"]
Counters = Literal["present", "absent", "request"]
Rights = Literal["publish", "read", "none"]

_LARGEST = 1 << 24
"""Bytes of a scenario's file: it may list pages by the million."""

SITE_TYPES = ("PAGE", "STORE", "SMN", "KNOWLEDGE", "GROUP", "MAINPAGE")
REQUEST_FAULTS = {
    "html502": "an HTML 502, before the work",
    "html503": "an HTML 503, before the work",
    "html504": "an HTML 504, before the work",
    "html504_after": "an HTML 504, after the work",
    "json500": "INTERNAL_SERVER_ERROR with 500, before the work",
    "json500_after": "ERROR_UNEXPECTED_ANSWER with 500, after the work",
    "connection_error": "CONNECTION_ERROR with 401: the portal does not reach its OAuth server",
    "overload_limit": "OVERLOAD_LIMIT with 503: a block by hand",
    "payment": "ACCESS_DENIED of the envelope with 401: no REST on this plan",
    "moved": "a 302 to another address",
    "forbidden": "an HTML 403",
    "reset": "the connection is reset before the work",
    "reset_after": "the connection is reset after the work",
    "cut_json": "the work is done, the answer ends in the middle",
    "cut_body": "the work is done, the connection ends in the middle of the answer",
    "hang": "nothing is done, and no answer comes",
    "hang_after": "the work is done, and no answer comes",
    "slow_bytes": "the answer comes byte by byte",
    "wrong_type": "a good answer that calls itself text/html",
    "bad_gzip": "the work is done, the answer is gzip that breaks",
    "empty": "the work is done, the answer is empty, with 200",
    "wrong_encoding": "the work is done, the answer is WRONG_ENCODING with 200",
}
TOKEN_FAULTS = ("html502", "reset", "hang", "html504_after", "reset_after", "hang_after")
"""Of these, what the OAuth server may do: the work is to hand out tokens."""
COMMAND_FAULTS = {
    "system_error": "SYSTEM_ERROR for one command: the database failed",
    "fatal": "one command ends PHP: 500 without JSON for the whole request",
    "lost_key": "the command of a batch is done, but comes back in neither map",
}
TIMED_FAULTS = {
    "deploy": "every connection is dropped at once, work in progress stops",
    "refuse": "connections are refused for a while",
}
PROBABLE_FAULTS = REQUEST_FAULTS | COMMAND_FAULTS
ALL_FAULTS = PROBABLE_FAULTS | TIMED_FAULTS

INTENSITY: dict[Plan, tuple[float, float] | None] = {
    "standard": (50.0, 2.0),
    "enterprise": (250.0, 5.0),
    "self-hosted": None,
}
OPERATING: dict[Plan, float | None] = {"standard": 480.0, "enterprise": 480.0, "self-hosted": None}
LICENSES: dict[Plan, str] = {
    "standard": "ru_std",
    "enterprise": "ru_ent250",
    "self-hosted": "ru_selfhosted",
}


class ScenarioError(ValueError):
    """A scenario that cannot be used; its text is one sentence for the user."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: an unknown key is a mistake, not a wish."""


class Site(_Table, frozen=True, kw_only=True):
    """One site.

    Attributes:
        id: None counts on from the site before.
        pages: None shares out the scenario's ``pages`` evenly.
        folders: How many folders it has; the pages are spread over them and the root.
        depth: How deep they are nested.
        has_public_right: Whether users may publish here; without it publication is a silent null.
        has_read_right: Whether users see it at all.
        html_disallowed: PUBLIC_HTML_DISALLOWED[S…] for every page.
        special: The limit of published sites does not count for it.
        free_domain: FREE_DOMAIN_IS_NOT_ALLOWED when the site is switched on.
    """

    id: int | None = None
    type: str | None = None
    title: str | None = None
    code: str | None = None
    pages: int | None = None
    folders: int = 0
    depth: int = 1
    active: bool = False
    deleted: bool = False
    deleted_folders: int = 0
    has_public_right: bool = True
    has_read_right: bool = True
    html_disallowed: bool = False
    free_domain: bool = False
    special: bool = False

    def __post_init__(self) -> None:
        if self.type is not None and self.type not in SITE_TYPES:
            raise ValueError(f"type must be one of {', '.join(SITE_TYPES)}, not {self.type!r}")
        _check_counts(self, ("folders", "deleted_folders"))
        if self.pages is not None and self.pages < 0:
            raise ValueError("pages must not be negative")
        if self.depth < 1:
            raise ValueError("depth must be 1 or more")
        if self.deleted_folders > self.folders:
            raise ValueError("deleted_folders must not exceed folders")


class User(_Table, frozen=True, kw_only=True):
    """One user with a webhook.

    Attributes:
        rights: ``publish`` as far as each site lets; ``read`` publishes nowhere (silent null);
            ``none`` has no access to sites at all (ACCESS_DENIED).
    """

    id: int
    code: str | None = None
    rights: Rights = "publish"
    is_admin: bool = False
    name: str = "Sandbox"


class TimedFault(_Table, frozen=True, kw_only=True):
    """What goes wrong at a certain time.

    Attributes:
        at: Seconds after the start.
        fault: One of the faults by name; ``deploy`` and ``refuse`` exist only here.
        seconds: How long it lasts. A deploy has no length.
        share: Share of the requests it hits meanwhile.
    """

    at: float
    fault: str
    seconds: float = 0.0
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.fault not in ALL_FAULTS:
            raise ValueError(f"unknown fault {self.fault!r}: one of {', '.join(ALL_FAULTS)}")
        if self.at < 0 or self.seconds < 0:
            raise ValueError("at and seconds must not be negative")
        if self.fault != "deploy" and self.seconds == 0:
            raise ValueError(f"{self.fault} needs seconds: how long it lasts")
        _check_shares(self, ("share",))


class Scenario(_Table, frozen=True, kw_only=True):
    """A simulated portal, in the portal's own words. docs/sandbox.md explains every key."""

    # What there is.
    pages: int = 300
    scope: str = "KNOWLEDGE"
    sites: list[Site] = []
    users: list[User] = []
    first_page_id: int = 1
    page_id_step: int = 1
    active_share: float = 0.0
    changed_share: float = 0.0
    missing_share: float = 0.0
    denied_share: float = 0.0
    unpaid_share: float = 0.0
    unpaid_block_share: float = 0.0
    vetoed_share: float = 0.0
    missing_pages: list[int] = []
    trashed_pages: list[int] = []
    denied_pages: list[int] = []
    unpaid_pages: list[int] = []
    unpaid_block_pages: list[int] = []
    vetoed_pages: list[int] = []
    event_pages: list[int] = []
    html_pages: list[int] = []
    fatal_pages: list[int] = []
    late_fatal_pages: list[int] = []
    page_errors: dict[str, list[int]] = {}
    unlisted_pages: list[int] = []
    public_field: bool = True
    date_public_object: bool = False
    date_format: str = "%d.%m.%Y %H:%M:%S"

    # What the plan allows.
    plan: Plan = "standard"
    page_limit: int | None = None
    site_limit: int | None = None
    free_plan: bool = False
    portal_error: str | None = None
    rights_model: bool = True
    site_publication: Literal["every", "active"] = "every"
    collections: list[str] = []
    rest_scopes: list[str] = msgspec.field(default_factory=lambda: ["landing"])

    # How often it may be called.
    intensity: tuple[float, float] | None = None
    tenant_rate: float = 0.0
    retry_after: int | None = None

    # How long it may work.
    operating_limit: float | None = None
    counters: Counters | None = None
    operating_refusal_page: int | None = None
    billing: Billing = "method"
    ban: bool = False
    release: Release | None = None
    tenant_operating: float = 0.0

    # What the work costs.
    cost: float = 0.28
    cost_spread: float = 0.3
    list_cost: float = 0.05
    row_cost: float = 0.0
    failure_cost: float = 0.02
    php_workers: int = 20
    overload: float = 1.0
    request_timeout: float = 60.0
    linger: float = 0.0
    latency: float = 0.0

    # How it answers.
    envelope_error: str | None = None
    envelope_status: int = 401
    app_info: Literal["told", "refused"] = "told"
    nulls_dropped: bool = False
    batch_allowed: bool = True
    batch_refusal: Literal["commands", "envelope", "silence"] = "commands"
    batch_times: bool = True
    whole_seconds: bool = True
    clock_offset: float = 0.0
    starts_at: float | None = None
    token_lifetime: float = 3600.0
    token_latency: float = 0.0
    app_address: str = "http://localhost/"

    # What goes wrong.
    faults: dict[str, float] = {}
    token_faults: dict[str, float] = {}
    script: list[TimedFault] = []
    seed: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        _check_shares(self, [name for name in self.__struct_fields__ if name.endswith("_share")])
        _check_counts(self, _NOT_NEGATIVE)
        if self.scope not in {"", *SITE_TYPES}:
            raise ValueError(f"scope must be one of {', '.join(SITE_TYPES)}, not {self.scope!r}")
        for name in ("first_page_id", "page_id_step", "php_workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more")
        if self.operating_limit is not None and self.operating_limit <= 0:
            raise ValueError("operating_limit must be above 0")
        if self.intensity is not None and min(self.intensity) <= 0:
            raise ValueError("intensity must be two numbers above 0: capacity and drain")
        if self.request_timeout <= 0 or self.token_lifetime <= 0:
            raise ValueError("request_timeout and token_lifetime must be above 0")
        self._check_faults()
        self._check_troubles()

    def _check_faults(self) -> None:
        for name, share in self.token_faults.items():
            if name not in TOKEN_FAULTS:
                raise ValueError(f"unknown token fault {name!r}: one of {', '.join(TOKEN_FAULTS)}")
            if not 0 <= share <= 1:
                raise ValueError(f"the probability of {name} must be 0 to 1, not {share:g}")
        for name, share in self.faults.items():
            if name not in PROBABLE_FAULTS:
                known = ", ".join(PROBABLE_FAULTS)
                where = " (only in script)" if name in TIMED_FAULTS else ""
                raise ValueError(f"unknown fault {name!r}{where}: one of {known}")
            if not 0 <= share <= 1:
                raise ValueError(f"the probability of {name} must be 0 to 1, not {share:g}")

    def _check_troubles(self) -> None:
        shares = (
            self.missing_share,
            self.denied_share,
            self.unpaid_share,
            self.unpaid_block_share,
            self.vetoed_share,
        )
        if sum(shares) > 1:
            raise ValueError("the shares of missing, denied, unpaid and vetoed pages exceed 1")

    @property
    def bucket(self) -> tuple[float, float] | None:
        """Capacity and drain of the intensity limit; None: there is none."""
        return self.intensity or INTENSITY[self.plan]

    @property
    def limit(self) -> float | None:
        """Seconds of the operating limit; None: the limiter is off."""
        return self.operating_limit or OPERATING[self.plan]

    @property
    def leaves(self) -> Release:
        """When a basket leaves: as the newest source has it where it bans, else as documented."""
        return self.release or ("earlier" if self.ban else "reset_at")

    @property
    def swallows_batches(self) -> bool:
        """Whether batches come to nobody who would answer."""
        return not self.batch_allowed and self.batch_refusal == "silence"

    @property
    def shown_counters(self) -> Counters:
        """How the operating counters show in an answer's ``time``."""
        return self.counters or ("absent" if self.limit is None else "present")


_NOT_NEGATIVE = (
    "pages",
    "tenant_rate",
    "tenant_operating",
    "cost",
    "cost_spread",
    "list_cost",
    "row_cost",
    "failure_cost",
    "overload",
    "linger",
    "latency",
    "token_latency",
)


def _check_shares(table: _Table, names: Iterable[str]) -> None:
    for name in names:
        value = getattr(table, name)
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be 0 to 1, not {value:g}")


def _check_counts(table: _Table, names: Iterable[str]) -> None:
    for name in names:
        if getattr(table, name) < 0:
            raise ValueError(f"{name} must not be negative")


def scenario_names() -> list[str]:
    """The scenarios that ship with the product."""
    folder = resources.files("bulk_publisher.sandbox").joinpath("scenarios")
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_scenario(name_or_path: str, **changes: object) -> Scenario:
    """Reads a scenario that ships with the product, or a file.

    Args:
        name_or_path: Such as ``demo``, or a path that ends in ``.toml``.
        changes: Keys to set over the file's.

    Raises:
        ScenarioError: It cannot be read, or says something impossible.
    """
    text = _read(name_or_path)
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"{name_or_path}: not TOML: {_in_a_line(error)}") from error
    scenario = make_scenario({**table, **changes}, where=name_or_path)
    sites = scenario.sites
    for key, own in (("pages", "pages"), ("scope", "type")):
        if key in changes and sites and all(getattr(site, own) is not None for site in sites):
            raise ScenarioError(f"{name_or_path}: its sites say their {own}: {key} changes nothing")
    return scenario


def make_scenario(table: dict[str, Any], *, where: str = "scenario") -> Scenario:
    """A scenario of plain values, such as a TOML table's.

    Raises:
        ScenarioError: One of them cannot be.
    """
    try:
        return msgspec.convert(table, Scenario)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{where}: {_plainly(str(error))}") from error


def _in_a_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    # What Python says of a number of thousands of digits is about itself.
    return (
        str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number has too many digits"
    )


def _plainly(complaint: str) -> str:
    text, _, place = complaint.partition(" - at `$.")
    text = text.replace("Object contains unknown field", "unknown key")
    return f"{text} (at {place.rstrip('`')})" if place else text


def _read(name_or_path: str) -> str:
    shipped = resources.files("bulk_publisher.sandbox").joinpath("scenarios")
    entry = shipped.joinpath(f"{name_or_path}.toml")
    if "/" not in name_or_path and entry.is_file():
        return entry.read_text(encoding="utf-8")
    try:
        return _read_file(Path(name_or_path)).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        known = ", ".join(scenario_names())
        raise ScenarioError(
            f"{name_or_path}: {reason} (scenarios that ship: {known})",
        ) from error


def _read_file(path: Path) -> bytes:
    """A regular file: a device gives bytes for ever, a pipe may wait for ever."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "it is no file")
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise OSError(0, f"it has over {_LARGEST >> 20} MB")
    return content
