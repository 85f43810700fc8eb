"""Has our own page sent this? Tokens in forms, and what a browser says of where a request comes from. Pure."""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

FIELD = "csrf"
"""Of forms."""
HEADER = "X-CSRF-Token"
"""Of requests that a script sends."""
SAFE = frozenset(["GET", "HEAD", "OPTIONS"])


def form_token(secret: bytes, key: str) -> str:
    """What a form carries, for who is known by *key*: nobody else can make it or reads it."""
    return hmac.new(secret, key.encode("utf-8", "replace"), "sha256").hexdigest()


def is_form_token(given: str, secret: bytes, key: str) -> bool:
    """Whether *given* is what our form carries."""
    return hmac.compare_digest(
        given.encode("utf-8", "replace"), form_token(secret, key).encode("ascii")
    )


def is_from_elsewhere(headers: Mapping[str, str], *, host: str, is_https: bool) -> bool:
    """Whether a browser says that another website, or nobody it can name, has sent a request.

    Args:
        headers: Of the request; their names in any case.
        host: As its ``Host`` header has it, with the port.
        is_https: Whether it came so as far as is known; where not, its origin may be so all the same.

    Returns:
        False, too, for a program that says nothing of it: what it knows besides decides.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return True
    origin = headers.get("Origin")
    if origin is None:
        return False
    try:
        parts = urlsplit(origin)
        schemes = {"https"} if is_https else {"http", "https"}
        return parts.scheme not in schemes or parts.netloc.lower() != host.lower()
    except ValueError:
        return True


def is_taken_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether another website puts what is asked for into a page of its own: a picture, a frame, a script.

    A link that somebody follows is none. Browsers keep such answers from that site anyway; but what is
    not made costs nothing, and tells nothing by how long it takes.
    """
    site = headers.get("Sec-Fetch-Site", "same-origin")
    if site in {"same-origin", "none"}:
        return False
    return (
        headers.get("Sec-Fetch-Mode") != "navigate" or headers.get("Sec-Fetch-Dest") != "document"
    )
