"""What of a text is secret, and how does it read without? Pure.

Rules: what a credential keeps secret is known, and hidden wherever it stands, however it is written; so
is each part of it of 8 characters or more, as a cut may leave it. What shares no such part stays byte
for byte, and what any text may hold by chance is no secret: `Redactor.learn` says what is. A webhook's
URL is recognised by its form, whichever portal it is of.

How it works: a text is held against the secrets as it stands (`pieces.py`), and again after each
decoding that a reader, a browser or this program may do: JSON's escapes, HTML's entities,
percent-encoding, tags and characters that nobody sees. Where a secret comes to light, the text goes on
in its decoded form, with the secret hidden. What is wrapped more often than anybody unwraps is hidden
altogether.
"""

import base64
import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from bulk_publisher.text.pieces import PIECE, Pieces, Span

HIDDEN = "***"
"""Stands for what is hidden."""
IS_WEBHOOK = "that is a webhook's URL, which is a secret"
"""What is said of one where it does not belong."""
WHERE_TO = "Put it into BITRIX24_WEBHOOK, or into a file named by --webhook-file."
"""What to do with it instead."""

_FEW = 3
"""Different characters up to which a secret is like many other texts."""
_LONG_WORD = 12
"""Characters from which letters, digits, or letters and then digits are nothing of every day."""
_WORD_AND_NUMBER = re.compile(r"[^\W\d_]*\d*")
CLIENT_SECRET = "BITRIX24_CLIENT_SECRET"  # noqa: S105 - that is no secret
"""The variable of the environment that holds an application's secret."""
_LAYERS = 8
"""Decodings, one upon the other, that are followed."""

_FLAGS = {"Y", "N"}
_LONGEST = 1 << 20
"""Characters that are looked into: nothing that is shown or kept has so many, and it takes a second."""
_ENCODED = re.compile(r"[&%\\<\x00-\x1f\x7f-\U0010ffff]")
"""Without any of these a text is what it seems to be."""
_ENCODED_BYTES = re.compile(rb"[&%<\x80-\xff]|\\[^/\"]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|([\"'/\\]))", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]+"
)

EXAMPLE_URL = "https://example.bitrix24.com/rest/1/0a1b2c3d4e5f6g7h/"
"""What the URL of a webhook looks like: the only one that is shown, for it is nobody's."""

_CODE = re.compile(r"/rest/(?:api/)?\d+/([^/\s\"']+)", re.IGNORECASE)
_LOGIN = re.compile(r"\s*(?:[\w+.-]+://)?([^:/@]*)(?::(.*))?@", re.DOTALL)
"""Of the address of a proxy: whatever stands between its first colon and its last @ may be the password."""
_is_example = re.compile(rf"(?:\w+=)?{re.escape(EXAMPLE_URL)}").fullmatch
_WORD = re.compile(r"[^\s'\"“”()<>,;]+")
_WITH_SCHEME = re.compile(r"(?::[/\\]+|https?:)[^/\\\s]+[/\\]+rest[/\\]+\S", re.IGNORECASE)
_WITHOUT_SCHEME = re.compile(
    r"^(?:[^/=]*=)?(?://)?(?:[\w-]+(?:\.[\w-]+)+|localhost)(?::\d+)?/rest/\d+/[\w-]{6,}(?:/[\w.]*)?/?$",
    re.IGNORECASE,
)


def is_webhook_url(text: str) -> bool:
    """Whether *text* is, or holds, the URL of a webhook; also in part, or percent-encoded."""
    if "rest" not in text.lower() and "%" not in text:
        return False
    plain = unquote(unquote(text)).strip()
    return bool(_WITH_SCHEME.search(plain) or _WITHOUT_SCHEME.match(plain))


def without_webhooks(text: str) -> str:
    """*text* in which the URLs of webhooks are hidden, except `EXAMPLE_URL`."""
    if "rest" not in text.lower() and "%" not in text:
        return text
    return _WORD.sub(lambda word: HIDDEN if _is_secret(word[0]) else word[0], text)


def _is_secret(word: str) -> bool:
    return is_webhook_url(word) and not _is_example(word)


class Redactor:
    """Takes a credential's secrets out of texts. Invariant: what it gives does not hold them.

    A secret may be added at any time, also while another thread redacts; that takes a few
    milliseconds, and makes nothing slower that comes after.
    """

    def __init__(self, secret: str = "") -> None:
        """Hide *secret*; none where it is empty."""
        self._pieces = Pieces()
        self._known: set[str] = set()
        self._by_themselves: dict[str, str] = {}
        self._by_itself: re.Pattern[str] | None = None
        self.learn(secret)

    def learn(self, secret: str) -> None:
        """Hide *secret* too: of a credential that changes its secret the last ones are still about.

        One that any text could hold by chance is hidden as a whole, and where it stands by itself:
        under 8 characters; a word, a number or a word with a number after it under 12; or made of three
        characters or fewer.
        """
        if not secret or secret in self._known:
            return
        self._known.add(secret)
        if _is_telling(secret):
            self._pieces.add(secret)
        else:
            self._learn_by_itself(secret)

    def forget(self, secret: str) -> None:
        """Hide *secret* no more: it opens nothing, and each one takes room for as long as a process lives."""
        if secret not in self._known:
            return
        self._known.remove(secret)
        if _is_telling(secret):
            self._pieces.remove(secret)
        else:
            self._by_themselves.pop(secret.lower(), None)
            self._compile()

    def learn_login(self, user: str, password: str) -> None:
        """Hide the *password* of *user* at a proxy, as it is written in a URL and as it is sent.

        One that any text could hold is hidden beside its name alone, as ``name:password``. A name
        without a password may be a token.
        """
        for name, secret in ((user, password), (unquote(user), unquote(password))):
            if _is_telling(secret or name):
                self.learn(secret or name)
            elif secret:
                self._learn_by_itself(f"{name}:{secret}")
                for encoding in ("utf-8", "latin-1"):
                    sent = f"{name}:{secret}".encode(encoding, "replace")
                    self._learn_by_itself(base64.b64encode(sent).decode().rstrip("="))

    def _learn_by_itself(self, text: str) -> None:
        self._by_themselves[text.lower()] = rf"(?<![\w-]){re.escape(text)}(?![\w-])"
        self._compile()

    def _compile(self) -> None:
        forms = "|".join(self._by_themselves.values())
        self._by_itself = re.compile(forms, re.IGNORECASE) if forms else None

    def may_be_in(self, body: bytes) -> bool:
        """Whether *body* may hold a secret; a quick look, which is often right."""
        if _ENCODED_BYTES.search(body) or self._pieces.may_be_in(body):
            return True
        lower = body.lower() if self._by_themselves else b""
        return any(one.encode("utf-8", "replace") in lower for one in self._by_themselves)

    def text(self, text: str) -> str:
        """*text* without the secrets; the same object where none is in it."""
        plain = shown = self.plain(text)
        if not _ENCODED.search(plain):
            return shown
        if len(plain) > _LONGEST:
            return HIDDEN
        for _ in range(_LAYERS):
            if any(self.plain(one) is not one for one in _seen(plain)):
                # Only what nobody sees holds it apart.
                return HIDDEN
            before = plain
            for taken_off in _LAYER:
                # One by one: a secret may itself look as if it were encoded in another way.
                decoded = taken_off(plain)
                if decoded != plain:
                    plain = self.plain(decoded)
                    shown = shown if plain is decoded else plain
            if plain == before:
                return shown
        return HIDDEN

    def plain(self, text: str) -> str:
        """*text*, which is encoded in no way, without the secret; the same object where it is not in it."""
        without = self._without_pieces(text) if len(text) >= PIECE else text
        if self._by_itself is not None:
            lower = without.lower()
            if any(one in lower for one in self._by_themselves):
                without = self._by_itself.sub(HIDDEN, without)
        return text if without == text else without

    def value(self, value: Any, key: str = "") -> Any:
        """*value*, of what JSON has and the representation of all else, without the secret in any text of it.

        Keys are the protocol's, and so are flags and the IDs that are written as text: a code of few
        characters would make others of them. So a key is held against the telling secrets alone.
        """
        match value:
            case str():
                is_id = key.upper().endswith("ID") and value.isdecimal()
                return value if is_id or value in _FLAGS else self.text(value)
            case dict():
                return {self._key(name): self.value(one, str(name)) for name, one in value.items()}
            case list() | tuple():
                return [self.value(one, key) for one in value]
            case None | bool() | int() | float():
                return value
            case _:
                # What is no data is shown as it would be written down.
                return self.text(repr(value))

    def _key(self, name: Any) -> Any:
        """*name*, or what it is without a secret that no name holds by chance."""
        is_long = isinstance(name, str) and len(name) >= PIECE
        return self._without_pieces(name) if is_long else name

    def _without_pieces(self, text: str) -> str:
        body = text.encode("utf-8", "surrogatepass")
        spans = self._pieces.spans(body)
        return _without(body, spans) if spans else text


def learn_environment(redactor: Redactor, environment: Mapping[str, str]) -> None:
    """Have *redactor* hide all that *environment* keeps secret.

    That is codes of webhooks, logins to proxies and databases, and the secret of an application.
    """
    for name, value in environment.items():
        for found in _CODE.finditer(value):
            redactor.learn(found[1])
        if name == CLIENT_SECRET:
            redactor.learn(value.strip())
        if name == "PGPASSWORD":
            redactor.learn_login(environment.get("PGUSER", "-"), value)
        if (name.lower().endswith("_proxy") or name == "BULK_PUBLISHER_STORE") and (
            login := _LOGIN.match(value)
        ):
            redactor.learn_login(login[1], login[2] or "")


def _seen(text: str) -> set[str]:
    """*text* as a reader may see it, where that is otherwise."""
    seen = _UNSEEN.sub("", text)
    return {seen, _TAG.sub("", seen) if "<" in seen else seen} - {text}


def _without_escapes(text: str) -> str:
    return _whole(_ESCAPE.sub(_unescaped, text)) if "\\" in text else text


def _without_percents(text: str) -> str:
    return _whole(unquote(text)) if "%" in text else text


def _whole(text: str) -> str:
    """*text*, in which two halves of a letter are one; a lone half can't be written anywhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


_LAYER = (_without_escapes, html.unescape, _without_percents)
"""What takes one layer off, of whichever kind it is."""


def _unescaped(found: re.Match[str]) -> str:
    return found[3] or chr(int(found[1] or found[2], 16))


def _without(body: bytes, spans: list[Span]) -> str:
    """*body* with the parts that *spans* are about hidden."""
    parts, after = [], 0
    for begin, end in spans:
        parts += [body[after:begin], HIDDEN.encode()]
        after = end
    return b"".join([*parts, body[after:]]).decode("utf-8", "surrogatepass")


def _is_telling(secret: str) -> bool:
    """Whether a part of *secret* in a text can hardly be there by chance."""
    if len(secret) < PIECE or len({*secret.lower()}) <= _FEW:
        return False
    return len(secret) >= _LONG_WORD or not _WORD_AND_NUMBER.fullmatch(secret)
