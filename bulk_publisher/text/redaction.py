"""What of a text is secret, and how does it read without? Pure.

Rules: a webhook's code is known and hidden wherever it stands, however it is written; a webhook's URL
is recognised by its form, whichever portal it is of.

How it works: a text is held against the code as it stands, and again after each decoding that a reader,
a browser or this program may do: JSON's escapes, HTML's entities, percent-encoding, tags and characters
that nobody sees. Where the code comes to light, the text goes on in its decoded form, with the code
hidden. What is wrapped more often than anybody unwraps is hidden altogether.
"""

import base64
import html
import re
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"
"""Stands for what is hidden."""
IS_WEBHOOK = "that is a webhook's URL, which is a secret"
"""What is said of one where it does not belong."""
WHERE_TO = "Put it into BITRIX24_WEBHOOK, or into a file named by --webhook-file."
"""What to do with it instead."""

_SHORT = 6
"""Characters below which a code is hidden only where it stands by itself: else it would be found in
the middle of any word. Real ones have 16."""
_LAYERS = 8
"""Decodings, one upon the other, that are followed."""

_FLAGS = {"Y", "N"}
_LONGEST = 1 << 18
"""Characters that are looked into: nothing that is shown or kept has so many."""
_ENCODED = re.compile(r"[&%\\<\x00-\x1f\x7f-\U0010ffff]")
"""Without any of these a text is what it seems to be."""
_ENCODED_BYTES = re.compile(rb"[&%<\x80-\xff]|\\[^/\"]")
_ESCAPE = re.compile(r"\\+(?:u([0-9a-f]{4})|x([0-9a-f]{2}))", re.IGNORECASE)
_IN_ADDRESSES = str.maketrans("+/", "-_")
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]+"
)

EXAMPLE_URL = "https://example.bitrix24.com/rest/1/0a1b2c3d4e5f6g7h/"
"""What the URL of a webhook looks like: the only one that is shown, for it is nobody's."""

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
    """Takes a credential's secrets out of texts. Invariant: what it gives does not hold them."""

    def __init__(self, secret: str) -> None:
        """Hide *secret*: letters and digits of ASCII, ``-`` and ``_``."""
        self._patterns: list[str] = []
        self._needles: list[str] = []
        self.learn(secret)

    def learn(self, secret: str) -> None:
        """Hide *secret* too: of a credential that changes its secret the last ones are still about."""
        forms = [f"(?i:{re.escape(secret)})"]
        needles = [secret]
        if len(secret) < _SHORT:
            forms = [rf"(?<![\w-]){forms[0]}(?![\w-])"]
        else:
            in_base64 = _in_base64(secret)
            forms += [rf"[\w+/-]{{0,3}}(?:{core})[\w+/-]*=*" for core in map(re.escape, in_base64)]
            forms.append(f"(?i:{secret.encode().hex()})")
            needles += [*in_base64, secret.encode().hex()]
        self._patterns += forms
        self._needles += [needle.lower() for needle in needles]
        self._forms = re.compile("|".join(self._patterns))
        self._needles_in_bytes = [needle.encode() for needle in self._needles]

    def may_be_in(self, body: bytes) -> bool:
        """Whether *body* may hold the secret; a quick look, which is often right."""
        lower = body.lower()
        return any(needle in lower for needle in self._needles_in_bytes) or bool(
            _ENCODED_BYTES.search(body)
        )

    def text(self, text: str) -> str:
        """*text* without the secrets; the same object where none is in it."""
        plain = shown = self.plain(text)
        if not _ENCODED.search(plain):
            return shown
        if len(plain) > _LONGEST:
            return HIDDEN
        for _ in range(_LAYERS):
            seen = _UNSEEN.sub("", plain)
            if any(self.plain(one) is not one for one in (seen, _TAG.sub("", seen))):
                # Only what nobody sees holds it apart.
                return HIDDEN
            decoded = _decoded(plain)
            if decoded == plain:
                return shown
            plain = self.plain(decoded)
            shown = shown if plain is decoded else plain
        return HIDDEN

    def plain(self, text: str) -> str:
        """*text*, which is encoded in no way, without the secret; the same object where it is not in it."""
        lower = text.lower()
        if not any(needle in lower for needle in self._needles):
            return text
        without = self._forms.sub(HIDDEN, text)
        return text if without == text else without

    def value(self, value: Any, key: str = "") -> Any:
        """*value*, made of what JSON has, without the secret in any text of it.

        Keys are the protocol's, and so are flags and the IDs that are written as text: a code of few
        characters would make others of them.
        """
        match value:
            case str():
                is_id = key.upper().endswith("ID") and value.isdecimal()
                return value if is_id or value in _FLAGS else self.text(value)
            case dict():
                return {name: self.value(one, str(name)) for name, one in value.items()}
            case list() | tuple():
                return [self.value(one, key) for one in value]
            case _:
                return value


def _decoded(text: str) -> str:
    """*text* with one more layer taken off."""
    if "%" not in text and "&" not in text and "\\" not in text:
        return text
    escaped = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    decoded = unquote(html.unescape(escaped))
    # Halves of a pair can't be written anywhere.
    return decoded.encode("utf-8", "replace").decode()


def _in_base64(secret: str) -> list[str]:
    """What of base64 is the same wherever in a longer text *secret* stands, in both its alphabets."""
    cores = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + secret.encode()).decode()
        first, last = (0, 2, 3)[before], len(encoded) - (4 if (before + len(secret)) % 3 else 0)
        if last - first >= _SHORT:
            cores |= {encoded[first:last], encoded[first:last].translate(_IN_ADDRESSES)}
    return sorted(cores)
