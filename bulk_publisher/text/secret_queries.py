"""Addresses with secrets in their query, as an authorisation server wants them. Pure."""

import re

from bulk_publisher.text.redaction import HIDDEN

_NAMES = "access_token|refresh_token|client_secret|auth|code"
_SECRET = re.compile(
    rf"(?<![A-Za-z0-9_])((?:{_NAMES})(?:=|%3[Dd]))(?!\*\*\*)[^&\s\"'<>#;,)]+", re.IGNORECASE
)


def without_secret_queries(text: str) -> str:
    """*text* in which the values of parameters that are secrets are hidden, whoever's they are."""
    return _SECRET.sub(rf"\g<1>{HIDDEN}", text) if "=" in text or "%3" in text else text
