"""A fault of ours: what is kept of it, and where. No secret is in it, and no values of variables."""

import os
import re
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bulk_publisher.errors import FAULT_OF_OURS, BulkPublisherError
from bulk_publisher.log import RunLog, bound, bound_log
from bulk_publisher.text.redaction import HIDDEN, Redactor, learn_environment
from bulk_publisher.text.secret_queries import without_secret_queries

_WEBHOOK = re.compile(r"(/rest/[0-9]+/)[^/\s\"'?#]+")
_LONGEST = 20_000
"""Characters that are kept: of an endless recursion the end says enough."""
_LINE = 200
"""Characters of what an exception says of itself."""
_NOTE = "_bulk_publisher_note"


@dataclass(slots=True)
class Note:
    """What a fault carries with it on its way out of a run, which nothing outlives.

    Attributes:
        redactors: Of the credentials in use where it came about.
        log: Of the run that holds its traceback; None where no run was open.
    """

    redactors: list[Redactor] = field(default_factory=list)
    log: str | None = None


def note(error: BaseException) -> Note:
    """What *error* carries with it."""
    carried: Note = vars(innermost(error)).setdefault(_NOTE, Note())
    return carried


@contextmanager
def hidden(run_log: RunLog) -> Iterator[None]:
    """Tell *run_log* what happens in this block; no fault that leaves it is told with its secret."""
    try:
        with bound(run_log):
            yield
    except Exception as error:
        note(error).redactors.append(run_log.redactor)
        raise


def innermost(error: BaseException) -> BaseException:
    """The one exception that a group of tasks has wrapped; *error* itself where there are several."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def status_of(error: BaseException) -> int:
    """The exit status of a command that *error* ends."""
    inner = innermost(error)
    return inner.exit_status if isinstance(inner, BulkPublisherError) else FAULT_OF_OURS


def words_of(error: BaseException) -> str:
    """*error* in half a line: its kind and what it says."""
    error = innermost(error)
    text = " ".join(redacted(str(error), _redactors_of(error)).split())
    cut = f"{text[:_LINE]}…" if len(text) > _LINE else text
    return f"{type(error).__name__}: {cut}" if cut else type(error).__name__


def traceback_of(error: BaseException) -> str:
    """The traceback of *error*, as Python prints it: with lines of our source, without values."""
    return redacted("".join(traceback.format_exception(error)), _redactors_of(error))[-_LONGEST:]


def redacted(text: str, redactors: Iterable[Redactor] = ()) -> str:
    """*text* without the secrets that are known, and without what any address of a webhook in it keeps."""
    text = without_secret_queries(_WEBHOOK.sub(rf"\g<1>{HIDDEN}", text))
    run_log = bound_log()
    for redactor in (*redactors, *([run_log.redactor] if run_log else [])):
        text = redactor.text(text)
    of_environment = Redactor()
    learn_environment(of_environment, os.environ)
    return of_environment.text(text)


def logged_in(error: BaseException) -> str | None:
    """The log of a run that holds the traceback of *error*; None where no run was open."""
    carried: Note | None = vars(innermost(error)).get(_NOTE)
    return None if carried is None else carried.log


def keep(error: BaseException, environment: Mapping[str, str]) -> str | None:
    """A file that holds the traceback of *error*, for the owner's eyes; None where none can be written."""
    log = logged_in(error)
    if log is not None:
        return log
    try:
        folder = _folder(environment)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file, name = tempfile.mkstemp(prefix="crash-", suffix=".txt", dir=folder)
    except (OSError, RuntimeError):
        return None
    with (
        suppress(OSError),
        os.fdopen(file, "w", encoding="utf-8", errors="backslashreplace") as out,
    ):
        out.write(traceback_of(error))
    return name


def _folder(environment: Mapping[str, str]) -> Path:
    # As ``FolderState`` has it, without what a store loads: this one works when little does.
    named = Path(environment.get("XDG_STATE_HOME", ""))
    state = named if named.is_absolute() else Path.home() / ".local" / "state"
    return state / "bulk-publisher"


def _redactors_of(error: BaseException) -> list[Redactor]:
    """Those of *error* and of all that a traceback of it shows besides."""
    redactors: list[Redactor] = []
    left: list[BaseException | None] = [error]
    seen: set[int] = set()
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        carried: Note = vars(one).get(_NOTE, Note())
        redactors += carried.redactors
        left += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
    return redactors
