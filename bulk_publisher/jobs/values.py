"""What one key of a job may hold: a rule takes a value as TOML gives it, and gives it as a job wants it. Pure.

Rules: what is wrong is a value, `Wrong`, and its words repeat nothing that may be a secret. Which key has
which rule, and what cannot be combined, is said elsewhere.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from enum import StrEnum
from typing import Any, TypeGuard
from unicodedata import is_normalized
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bulk_publisher.client.conditions import parse_condition
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs.cron import Cron
from bulk_publisher.jobs.hours import Hours
from bulk_publisher.jobs.moments import parse_duration, parse_moment
from bulk_publisher.jobs.options import Kind, Option, Whole
from bulk_publisher.model import Epoch, Scope
from bulk_publisher.page_ids.page_set import LARGEST_ID
from bulk_publisher.sources.cells import Wrong, parse_scope, parse_url
from bulk_publisher.sources.given import parse_pages
from bulk_publisher.text.redaction import IS_WEBHOOK, is_webhook_url
from bulk_publisher.text.shown import nearest, shown

Rule = Callable[[object], object]
"""Gives the value as `Job` wants it, or `Wrong`."""

_PORTAL_NAME = re.compile(r"[^\W_][\w.-]{0,59}")
_PATTERN = re.compile(r"[\w.*?\[\]!-]{1,100}")
PORTAL_NAMES = "a portal's name is up to 60 letters, digits, '.', '_' and '-', and begins with one of the first two"
"""What a name may be, as the beginning of a sentence."""

_DIGITS_SAID = 40
_LONGEST_SAID = 10**_DIGITS_SAID
"""Beyond it Python may refuse to write a number out, and nobody would read it."""

_LONGEST_TIME = 1_000_000
"""Seconds; far more than any portal grants, so that infinity is refused."""


def as_list(value: object) -> Sequence[Any]:
    """What may be one or a list of them, as a list."""
    return value if isinstance(value, list | tuple) else [value]


def text(value: object) -> object:
    if isinstance(value, str) and is_webhook_url(value):
        return Wrong(f'{IS_WEBHOOK}: write webhook = {{ env = "BITRIX24_WEBHOOK" }} in [portal]')
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return value
    return Wrong(f"must be a text that is not empty, not {_said(value)}")


def flag(value: object) -> object:
    return value if isinstance(value, bool) else Wrong(f"must be true or false, not {_said(value)}")


def whole(low: int, high: int = LARGEST_ID) -> Rule:
    span = f"of {low} or more" if high == LARGEST_ID else f"from {low} to {high}"

    def rule(value: object) -> object:
        if _is_whole(value) and low <= value <= high:
            return value
        if _is_whole(value) and value > LARGEST_ID:
            return Wrong(f"{_said(value)} is too large")
        return Wrong(f"must be a whole number {span}, not {_said(value)}")

    return rule


def _positive(value: object) -> object:
    if _is_number(value) and 0 < value <= _LONGEST_TIME:
        return float(value)
    return Wrong(f"must be a number of seconds, above 0 and below a million, not {_said(value)}")


def _share(value: object) -> object:
    if _is_number(value) and 0 < value <= 1:
        return float(value)
    return Wrong(f"must be a number above 0 and up to 1, not {_said(value)}")


def one_of(words: type[StrEnum]) -> Rule:
    def rule(value: object) -> object:
        if isinstance(value, str) and value in list(words):
            return str(value)
        return Wrong(
            f"can't be {_said(value)}{nearest(value if isinstance(value, str) else '', words)}"
        )

    return rule


def scope(value: object) -> object:
    if not isinstance(value, str):
        return Wrong(f"must be one of {', '.join(Scope)}, not {_said(value)}")
    found = parse_scope(value)
    return found.value if isinstance(found, Scope) else found


def ids(what: str) -> Rule:
    def rule(value: object) -> object:
        ids = as_list(value)
        is_id = whole(1, LARGEST_ID)
        if not ids or any(isinstance(is_id(one), Wrong) for one in ids):
            return Wrong(f"must be a {what} id, which is a whole number from 1, or a list of them")
        return list(ids)

    return rule


def conditions(value: object) -> object:
    conditions = as_list(value)
    texts = [text for text in conditions if isinstance(text, str)]
    if not texts or len(texts) < len(conditions):
        return Wrong('must be a condition such as "title~handbook", or a list of them')
    try:
        for text in texts:
            parse_condition(text)
    except BadSetting as error:
        return Wrong(error.message)
    return texts


def list_of_pages(value: object) -> object:
    return (
        Wrong("must be a file, not standard input: a resume reads it again")
        if value == "-"
        else text(value)
    )


def list_of_portals(value: object) -> object:
    return (
        Wrong("must be a file, not standard input: it is read each time that the job is done")
        if value == "-"
        else text(value)
    )


def pages(value: object) -> object:
    pages = as_list(value)
    if not pages or not all(isinstance(page, str) or _is_whole(page) for page in pages):
        return Wrong('must be an id such as 351, a range such as "400-420", or a list of them')
    texts = [page if isinstance(page, str) else _said(page) for page in pages]
    try:
        parse_pages(texts)
    except BadSetting as error:
        return Wrong(error.message)
    return texts


def columns(value: object) -> object:
    columns = as_list(value)
    judged = [text(column) for column in columns]
    wrong = next((one for one in judged if isinstance(one, Wrong)), None)
    return columns if wrong is None else wrong


def urls(value: object) -> object:
    urls = as_list(value)
    if not urls or not all(isinstance(url, str) for url in urls):
        return Wrong("must be a page's address, or a list of them")
    for number, found in enumerate(map(parse_url, urls), 1):
        if isinstance(found, Wrong):
            # It is not repeated: what was mistyped may be a secret.
            return (
                found if len(urls) == 1 else Wrong(f"address {number} of {len(urls)}: {found.why}")
            )
    return list(urls)


_SECRETS = {
    "env": ("an environment variable's name", r"[A-Za-z_][A-Za-z0-9_]*"),
    "file": ("a file's name", r"(?!.*://)[^\0\n]*[^\0\s][^\0\n]*"),
    "keyring": (
        "a name of up to 200 characters in the system keyring",
        r"(?!.*://)(?!\s)[^\x00-\x1f\x7f]{1,200}(?<!\s)",
    ),
    "store": (
        "a name of up to 200 characters in the database of the runs",
        r"(?!.*://)(?!\s)[^\x00-\x1f\x7f]{1,200}(?<!\s)",
    ),
}
"""What may name a secret: in words, and its form."""


def secret(value: object) -> object:
    """Names no part of what was written, which may be the secret itself."""
    how = 'write { env = "BITRIX24_WEBHOOK" }, { file = "webhook.secret" } or { keyring = "NAME" }'
    return _secret(value, ("env", "file", "keyring"), how)


def _secret(value: object, kinds: tuple[str, ...], how: str) -> object:
    if not isinstance(value, Mapping):
        return Wrong(f"a secret is named, never written: {how}")
    given = {key: text for key, text in value.items() if text is not None}
    if len(given) != 1 or not set(given) <= set(kinds):
        one = f"{', '.join(kinds[:-1])} or {kinds[-1]}"
        return Wrong(f"must have {one}, one of them and nothing else: {how}")
    ((kind, text),) = given.items()
    what, pattern = _SECRETS[kind]
    if not isinstance(text, str) or not re.fullmatch(pattern, text) or is_webhook_url(text):
        return Wrong(f"{kind} must be {what}, never the secret: {how}")
    return given


def cron(value: object) -> object:
    if not isinstance(value, str):
        return Wrong(f'must be an expression such as "0 3 * * *", not {_said(value)}')
    try:
        Cron(value, UTC)
    except ValueError as error:
        return Wrong(f"{shown(value)} is no cron expression: {error}")
    return value


def is_timezone(name: str) -> bool:
    """Whether a time zone is called *name* on this machine."""
    try:
        return bool(name) and ZoneInfo(name).key == name
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False


def timezone(value: object) -> object:
    if isinstance(value, str) and is_timezone(value):
        return value
    return Wrong(f'must be the name of a time zone such as "Europe/Berlin", not {_said(value)}')


def duration(value: object) -> object:
    if _is_number(value) and 0 <= value <= _LONGEST_TIME:
        return float(value)
    if isinstance(value, str):
        return parse_duration(value)
    return Wrong(f'must be seconds or a duration such as "90m", not {_said(value)}')


def tokens(value: object) -> object:
    """Where an application's tokens are: they change, so it can be written to."""
    judged = _secret(value, ("file", "keyring", "store"), "")
    if isinstance(judged, Wrong):
        return Wrong(
            "an application's tokens are kept where they can be changed:"
            ' write { file = "tokens.json" }, { keyring = "NAME" } or { store = "NAME" }'
        )
    return judged


def portal_name(value: object) -> object:
    if isinstance(value, str) and is_portal_name(value):
        return value
    return Wrong(f"{PORTAL_NAMES}, not {_said(value)}")


def patterns(value: object) -> object:
    patterns = as_list(value)
    for one in patterns:
        if not isinstance(one, str) or not _PATTERN.fullmatch(one):
            return Wrong(f'must be names or patterns such as "client-*", not {_said(one)}')
    return list(patterns) or Wrong(
        'must be a name or a pattern such as "client-*", or a list of them'
    )


def portal_tables(value: object) -> object:
    """Tables alone: what stands in them is judged one by one."""
    tables = as_list(value)
    if tables and all(isinstance(one, Mapping) for one in tables):
        return list(tables)
    if any(isinstance(one, str) for one in tables):
        return Wrong(
            "names and patterns belong in [portal]; here each portal has a table: [[portals]]"
        )
    return Wrong("must be a table for each portal: [[portals]]")


def is_portal_name(text: str) -> bool:
    """Whether *text* may name a portal: it also names files, and is looked for by patterns."""
    # Letters of any script have several spellings: one name is one.
    return _PORTAL_NAME.fullmatch(text) is not None and is_normalized("NFC", text)


def _lasting(value: object) -> object:
    return Wrong(f"must be above 0, not {_said(value)}") if value in (0, 0.0) else duration(value)


def _hours(value: object) -> object:
    if not isinstance(value, str):
        return Wrong(f'must be hours such as "22:00-06:00", not {_said(value)}')
    try:
        return Hours(value, UTC).text
    except ValueError as error:
        return Wrong(f"{error}, not {shown(value)}")


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return Wrong(f'must be a time such as "06:00", in quotes, not {_said(value)}')
    moment = parse_moment(value, now=Epoch(0.0), zone=UTC)
    return moment if isinstance(moment, Wrong) else value


def rules_of(options: Iterable[Option]) -> dict[str, Rule]:
    return {option.key: _rule_of(option.kind) for option in options}


def _rule_of(kind: Whole | Kind | type[StrEnum]) -> Rule:
    match kind:
        case Whole(least, most):
            return whole(least, LARGEST_ID if most is None else most)
        case Kind():
            return _RULES[kind]
        case words:
            return one_of(words)


_RULES: Mapping[Kind, Rule] = {
    Kind.SECONDS: _positive,
    Kind.SHARE: _share,
    Kind.FLAG: flag,
    Kind.HOURS: _hours,
    Kind.ZONE: timezone,
    Kind.MOMENT: _moment,
    Kind.DURATION: _lasting,
    Kind.FILE: text,
    Kind.SECRET_FILE: secret,
    Kind.SECRET_ENTRY: secret,
    Kind.SECRET_ROW: secret,
    Kind.PORTAL: portal_name,
}


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, float) or _is_whole(value)


def _said(value: object) -> str:
    """*value* fit for a message."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) > _LONGEST_SAID:
            return f"a number of over {_DIGITS_SAID} digits"
        case int() | float():
            return str(value)
        case str():
            return shown(value)
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
