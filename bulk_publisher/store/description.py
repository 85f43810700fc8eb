"""What stands in ``run.json``, as data: a run as asked for, its links, and how it ended. Pure.

Rules:
    Every reader goes by these attributes, and nobody by the file's keys. What is read keeps its
    types and bounds, or is refused with the name of the key; what is missing, in folders of older
    versions, has its default. No secrets.

How it works:
    Keys that this version does not know are kept, and written back as they were; so are those that
    nobody has changed.
"""

import random
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bulk_publisher.model import Action, Epoch, Status

Count = Annotated[int, Meta(ge=0, le=10**15)]
When = Annotated[float, Meta(ge=0, le=32e9)]
"""UTC seconds up to the year 2984: a calendar has them."""
Seconds = Annotated[float, Meta(ge=0, le=1e10)]
"""Up to some three hundred years: more is no time that a run took."""
RunName = Annotated[str, Meta(pattern=r"\A(?!\.{1,2}\Z)[^/\x00-\x1f\x7f]{1,255}\Z")]
"""The name of a run's folder: never a way to another one."""
FolderPath = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z", max_length=65_536)]

_WHERE = re.compile(r"(?P<why>.*?) - at `\$\.?(?P<key>.*)`\Z", re.DOTALL)
_CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What is damaged may be quoted, and a terminal shows it."""
_LONGEST = 300
_PATTERN = re.compile(r"^expected `str` matching regex .*", re.DOTALL)
_YEARS = range(1970, 3000)


def new_run_id(now: Epoch, rng: random.Random) -> str:
    """A name for a run that begins at *now*: ``20260301T030000Z-1f2e``."""
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{rng.randrange(16**4):04x}"


class FollowingKind(StrEnum):
    """Why a run follows another."""

    RETRY = "retry"
    """To try its failed and unknown pages again."""
    ROLLBACK = "rollback"
    """To take down what it put up."""


class Following(msgspec.Struct, frozen=True, kw_only=True):
    """Which pages of which run, and why; it stands in the description of the run that follows.

    Attributes:
        run: The name of that run's folder.
        folder: Where it is.
        statuses: Those to try again; empty for both bad ones.
        errors: Codes of those to try again, in capitals; empty for all.
        includes_unknown: Take down too what may have been online before, or has no line.
    """

    kind: FollowingKind
    run: RunName
    folder: FolderPath
    statuses: tuple[Status, ...] = ()
    errors: tuple[str, ...] = ()
    includes_unknown: bool = False


class AskedPortal(msgspec.Struct, frozen=True, kw_only=True):
    """Of the portal, what a reader of runs wants to know.

    Attributes:
        name: What it is called, if it was asked for by a name.
        sandbox: The scenario, where it was simulated.
    """

    name: str | None = None
    sandbox: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Of the job, what a reader of runs wants to know; all of it is in ``Description.job_data``."""

    name: str = ""
    action: Action = Action.PUBLISH
    portal: AskedPortal = AskedPortal()


class KeptLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a run keeps within; None for what has no limit."""

    capacity: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    drain: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    operating: Annotated[float, Meta(gt=0, le=1e6)] | None = None


class SelectedCounts(msgspec.Struct, frozen=True, kw_only=True):
    """A selection in numbers.

    Attributes:
        total: Pages in it; None where only the portal knows.
        duplicates: How often a page was named that had been named before.
        bad_rows: Rows that were passed over.
        sha256: Of the CSV; None without one.
    """

    total: Count | None = None
    duplicates: Count = 0
    bad_rows: Count = 0
    sha256: str | None = None


class StoppedBy(msgspec.Struct, frozen=True, kw_only=True):
    """What ended a run early.

    Attributes:
        is_for_resume: Told, as False, where the run looked for its pages in vain: a resume would do so again.
        opens_at: Told where its window has closed: when it opens again, in ISO 8601.
    """

    message: str = ""
    hint: str = ""
    is_for_resume: bool | UnsetType = UNSET
    opens_at: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_moment("opens_at", self.opens_at)


class FinalTotals(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, as its last process says.

    Attributes:
        errors: Failed and unknown pages by their code.
        left: Pages that were named and have no line; None where that is not told.
        seconds: At work, all processes together.
        cost: Seconds of the portal's time a page that was done; None where there is no account.
        waited: Seconds that each limit held it.
        stopped_sites: The code for which a site was given up.
    """

    counts: dict[Status, Count] = {}
    errors: dict[str, Count] = {}
    left: Count | None = None
    seconds: Seconds = 0.0
    cost: Seconds | None = None
    waited: dict[str, Seconds] = {}
    is_whole: bool = False
    is_interrupted: bool = False
    stopped_by: StoppedBy | None = None
    stopped_sites: dict[str, str] = {}

    @property
    def pages(self) -> int:
        """Pages that had their line when it ended."""
        return sum(self.counts.values())


class Resumption(msgspec.Struct, frozen=True, kw_only=True):
    """A process that went on with a run.

    Attributes:
        seconds: That earlier processes took; None where an older version has not told.
        ended: When the one before it had ended; None where it was killed, unset where not told.
    """

    at: str = ""
    seed: int | None = None
    seconds: Seconds | None = None
    ended: str | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        _check_moment("at", self.at)
        _check_moment("ended", self.ended)

    @property
    def follows_a_kill(self) -> bool:
        """Whether the process before it had no time to say what it waited for."""
        return self.ended is None


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """A run as asked for, its links, and how it ended.

    Attributes:
        run: The run's name, also where its folder is a copy; empty where it is not told.
        portal: The portal's host; None where it is not told.
        started: When it began, as all moments here in ISO 8601; None where it is not told.
        ended: When it had ended; None while it goes on, and where its process was killed.
        folder: The current folder when it began: paths of the job are relative to that.
        job: What readers want of it.
        kept: All that stood in the file; empty for a run that begins.
    """

    run: RunName = ""
    version: str = ""
    schema: str = ""
    portal: str | None = None
    user: int | None = None
    plan: str = ""
    limits: KeptLimits = KeptLimits()
    started: str | None = None
    ended: str | None = None
    seed: int | None = None
    folder: FolderPath | None = None
    job: Asked = Asked()
    selected: SelectedCounts = SelectedCounts()
    totals: FinalTotals | None = None
    retry_of: RunName | UnsetType = UNSET
    rollback_of: RunName | UnsetType = UNSET
    following: Following | UnsetType = UNSET
    resumed: tuple[Resumption, ...] | UnsetType = UNSET
    retried_by: tuple[RunName, ...] | UnsetType = UNSET
    rolled_back_by: tuple[RunName, ...] | UnsetType = UNSET
    kept: dict[str, Any] = {}

    def __post_init__(self) -> None:
        _check_moment("started", self.started)
        _check_moment("ended", self.ended)

    @property
    def portal_name(self) -> str | None:
        """What the portal is called, if it was asked for by a name."""
        return self.job.portal.name

    @property
    def job_data(self) -> dict[str, Any] | None:
        """The job, as it was written; None where there is none."""
        return self.kept.get("job")

    @property
    def resumptions(self) -> tuple[Resumption, ...]:
        """The processes after the first one."""
        return self.resumed or ()

    @property
    def retries(self) -> tuple[str, ...]:
        """Runs that tried its pages again."""
        return self.retried_by or ()

    @property
    def rollbacks(self) -> tuple[str, ...]:
        """Runs that took down what it put up."""
        return self.rolled_back_by or ()

    @property
    def final(self) -> FinalTotals:
        """How it ended, as far as it told; all zero where it did not."""
        return self.totals or FinalTotals()

    @property
    def is_whole(self) -> bool:
        """Whether its last process said that every page of the selection has its line."""
        return self.totals is not None and self.totals.is_whole

    @property
    def is_for_resume(self) -> bool:
        """Whether what is left of it can be gone on with: not where it looked for its pages in vain."""
        stopped = self.final.stopped_by
        return stopped is None or stopped.is_for_resume is not False

    @property
    def has_lost_a_process(self) -> bool:
        """Whether a process of it had no time to say what it waited for."""
        return any(one.follows_a_kill for one in self.resumptions)

    def with_job(self, data: dict[str, Any]) -> "Description":
        """The same with another job.

        Raises:
            ValueError: If it is none.
        """
        asked = msgspec.convert(data, Asked)
        return msgspec.structs.replace(self, job=asked, kept={**self.kept, "job": data})


def decode_description(data: bytes) -> Description:
    """What *data*, the content of a ``run.json``, says.

    Raises:
        ValueError: If it is damaged; the words name the key.
    """
    try:
        kept = msgspec.json.decode(data, type=dict[str, Any])
        kept.pop("kept", None)
        return msgspec.structs.replace(_known(kept), kept=kept)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise ValueError(decode_error_in_words(error)) from error


def encode_description(description: Description) -> bytes:
    """*description* as the content of a ``run.json``."""
    kept = description.kept
    before = _known(kept)
    told: dict[str, Any] = msgspec.to_builtins(description)
    is_new = set(kept) <= {"job"}
    fresh: dict[str, Any] = {}
    for name in Description.__struct_fields__:
        is_changed = getattr(description, name) != getattr(before, name)
        if name == "kept" or name not in told:
            continue
        if name == "job":
            fresh |= {"job": kept["job"]} if "job" in kept else {}
        elif is_new or is_changed:
            fresh[name] = told[name]
    # What was there keeps its place, as what is new has its own.
    whole = fresh if is_new else {**kept, **fresh}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def decode_error_in_words(error: Exception) -> str:
    """Why data could not be read, with the key first: ``pace.batch_size: expected `int`, got `str```."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    said = _CONTROLS.sub("?", str(error))
    found = _WHERE.match(said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…")
    if found is None:
        return said[:_LONGEST]
    why = _PATTERN.sub("it can't be that", found["why"][:1].lower() + found["why"][1:])
    return f"{found['key']}: {why}" if found["key"] else why


def _known(kept: dict[str, Any]) -> Description:
    return msgspec.convert(kept, Description)


def _check_moment(name: str, text: str | UnsetType | None) -> None:
    if not text:
        return
    try:
        is_one = datetime.fromisoformat(text).year in _YEARS
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError(f"{name} is no moment")
