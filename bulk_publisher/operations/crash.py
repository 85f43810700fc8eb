"""A fault of ours: what is kept of it, and where. No secret is in it, and no values of variables."""

import os
import re
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bulk_publisher.text.redaction import Redactor

_WEBHOOK = re.compile(r"(/rest/[0-9]+/)[^/\s\"'?#]+")
_LONGEST = 20_000
"""Characters that are kept: of an endless recursion the end says enough."""
_LINE = 200
"""Characters of what an exception says of itself."""
_HIDDEN = "***"
_LOGGED: dict[int, Path] = {}
"""Where the log is that already holds an exception, by the exception's identity."""


_REDACTORS: list[Redactor] = []
"""Of this process's credentials, as they were read."""


def hide(redactor: Redactor) -> None:
    """From now on what *redactor* knows is taken out of whatever is told of a fault."""
    _REDACTORS.append(redactor)


def innermost(error: BaseException) -> BaseException:
    """The one exception that a group of tasks has wrapped; *error* itself where there are several."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def words_of(error: BaseException) -> str:
    """*error* in half a line: its kind and what it says."""
    error = innermost(error)
    text = " ".join(redacted(str(error)).split())
    cut = f"{text[:_LINE]}…" if len(text) > _LINE else text
    return f"{type(error).__name__}: {cut}" if cut else type(error).__name__


def traceback_of(error: BaseException) -> str:
    """The traceback of *error*, as Python prints it: with lines of our source, without values."""
    return redacted("".join(traceback.format_exception(error)))[-_LONGEST:]


def redacted(text: str) -> str:
    """*text* without the secrets that are known, and without what any address of a webhook in it keeps."""
    text = _WEBHOOK.sub(rf"\g<1>{_HIDDEN}", text)
    for redactor in _REDACTORS:
        text = redactor.text(text)
    for code in _codes_of(os.environ):
        text = text.replace(code, _HIDDEN)
    return text


def is_logged(error: BaseException, log: Path) -> None:
    """The traceback of *error* stands in *log*."""
    _LOGGED[id(innermost(error))] = log


def logged_in(error: BaseException) -> Path | None:
    """The log of a run that holds the traceback of *error*; None where no run was open."""
    return _LOGGED.get(id(innermost(error)))


def keep(error: BaseException, environment: Mapping[str, str]) -> Path | None:
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
    return Path(name)


def _folder(environment: Mapping[str, str]) -> Path:
    # As ``turns.state_folder`` has it, without what that room loads: this one works when little does.
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "bulk-publisher"


def _codes_of(environment: Mapping[str, str]) -> list[str]:
    """What the environment's addresses of webhooks keep secret."""
    found = (re.search(r"/rest/[0-9]+/([^/\s]+)", value) for value in environment.values())
    return [match[1] for match in found if match]
