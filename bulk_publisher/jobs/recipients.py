"""Who may be told of how a job ended, as a job says it; and what of it can't stand together. Pure.

Rules: what is wrong with a recipient is said without a word of what was written, which may be a secret.
"""

import re
from collections.abc import Callable, Mapping

from bulk_publisher.jobs.job import After, Notify, Occasion, Portal
from bulk_publisher.jobs.values import as_list
from bulk_publisher.page_ids.page_set import LARGEST_ID
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.text.redaction import is_webhook_url
from bulk_publisher.text.shown import listed, nearest

MOST_RETRIES = 10
_MOST_RECIPIENTS = 50
_LONGEST = 1000
_NAMED = '{ env = "NOTIFY_URL" } or { file = "notify.secret" }'
_KINDS = ("env", "file", "keyring", "webhook", "command", "ping", "user")
_HOW = (
    'write { env = "NOTIFY_URL" }, { webhook = { env = "NOTIFY_WEBHOOK" } }, { command = ["/path/program"] },'
    ' { ping = { env = "NOTIFY_PING" } } or { user = 1 }'
)
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = re.compile(r"(?!.*://)[^\0\n]*[^\0\s][^\0\n]*")
_KEYRING = re.compile(r"(?!.*[:/]{2})[^\0-\x1f]{1,100}")

_Judge = Callable[[object], Wrong | None]


def occasions(value: object) -> object:
    """A rule: what somebody wants to be told of."""
    words = as_list(value)
    for word in words:
        if not isinstance(word, str) or word not in list(Occasion):
            near = nearest(word if isinstance(word, str) else "", Occasion)
            return Wrong(f"there is something that nobody can be told of{near}")
    return list(words)


def recipients(value: object) -> object:
    """A rule: one recipient, or a list of them."""
    ones = as_list(value)
    if not ones or len(ones) > _MOST_RECIPIENTS:
        return Wrong(f"must be a list of 1 to {_MOST_RECIPIENTS} recipients: {_HOW}")
    judged = [_recipient(one) for one in ones]
    wrong = next((one for one in judged if isinstance(one, Wrong)), None)
    return judged if wrong is None else wrong


def _recipient(value: object) -> dict[str, object] | Wrong:
    if not isinstance(value, Mapping):
        return Wrong(f"a recipient is a table: {_HOW}")
    given = {str(key): one for key, one in value.items() if one not in (None, (), [])}
    kinds = [key for key in given if key in _KINDS]
    strange = [key for key in given if key not in {*_KINDS, "secret"}]
    if strange:
        return Wrong(
            f"a recipient has a key that is none{nearest(strange[0], [*_KINDS, 'secret'])}"
        )
    if len(kinds) != 1:
        return Wrong(f"each recipient needs exactly one of {listed(_KINDS)}: {_HOW}")
    if "secret" in given and kinds != ["webhook"]:
        return Wrong("secret signs what is posted to a webhook: it needs webhook beside it")
    wrong = next((why for key, one in given.items() if (why := _RULES[key](one)) is not None), None)
    return given if wrong is None else wrong


def _env(value: object) -> Wrong | None:
    if isinstance(value, str) and _ENV.fullmatch(value):
        return None
    return Wrong("env must be an environment variable's name, never the secret")


def _file(value: object) -> Wrong | None:
    if isinstance(value, str) and _FILE.fullmatch(value) and not is_webhook_url(value):
        return None
    return Wrong("file must be a file's name, never the secret")


def _keyring(value: object) -> Wrong | None:
    if isinstance(value, str) and _KEYRING.fullmatch(value) and value.strip():
        return None
    return Wrong("keyring must be a name in the keyring, never the secret")


def _named_in(key: str) -> _Judge:
    def judge(value: object) -> Wrong | None:
        if not isinstance(value, Mapping):
            return Wrong(f"{key}: a secret is named, never written: write {_NAMED}")
        given = {kind: one for kind, one in value.items() if one is not None}
        if set(given) not in ({"env"}, {"file"}):
            return Wrong(f"{key} must have env or file, one of the two: write {_NAMED}")
        ((kind, one),) = given.items()
        wrong = _env(one) if kind == "env" else _file(one)
        return None if wrong is None else Wrong(f"{key}: {wrong.why}")

    return judge


def _command(value: object) -> Wrong | None:
    words = value if isinstance(value, list | tuple) else []
    if all(isinstance(word, str) and "\0" not in word for word in words) and words and words[0]:
        if not any(is_webhook_url(str(word)) for word in words):
            return None
        return Wrong("command: a webhook's URL is a secret: let the program read it from a file")
    return Wrong('command must be a list of a program and its arguments: ["/path/program", "word"]')


def _user(value: object) -> Wrong | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and 1 <= int(str(value)[:20]) <= LARGEST_ID:
        return None
    return Wrong("user must be the ID of a user of the portal, which is a whole number from 1")


_RULES: Mapping[str, _Judge] = {
    "env": _env,
    "file": _file,
    "keyring": _keyring,
    "webhook": _named_in("webhook"),
    "secret": _named_in("secret"),
    "command": _command,
    "ping": _named_in("ping"),
    "user": _user,
}


def after_conflicts(after: After, portal: Portal) -> list[tuple[str, str]]:
    """What in *after* contradicts itself or *portal*: a key, and why."""
    wanted = [key for key in ("verify", "retry") if getattr(after, key)]
    if wanted and portal.sandbox is not None:
        return [
            (wanted[0], f"{wanted[0]} and sandbox can't be combined: that portal ends with its run")
        ]
    return []


def notify_conflicts(notify: Notify | None, portal: Portal) -> list[tuple[str, str]]:
    """What in *notify* contradicts itself or *portal*: a key, and why."""
    if notify is None:
        return []
    found: list[tuple[str, str]] = []
    if Occasion.LATE in notify.occasions and notify.late_after is None:
        found.append(("on", 'late needs late_after = "2h": how long after a job is due'))
    if notify.late_after is not None and Occasion.LATE not in notify.occasions:
        found.append(("late_after", 'late_after needs "late" in on'))
    if portal.sandbox is not None and any(one.user is not None for one in notify.to):
        found.append(("to", "user and sandbox can't be combined: that portal ends with its run"))
    return found
