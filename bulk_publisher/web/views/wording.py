"""Texts of others as views give them: printable, and no longer than anybody reads. Pure."""

from urllib.parse import urlsplit

from bulk_publisher.model import Outcome
from bulk_publisher.text.escaping import printable

_LONGEST = 300
"""Characters: a title, a portal's words, an address."""


def shortened(text: str | None, longest: int = _LONGEST) -> str:
    """*text* of others, in one line; what is beyond *longest* characters is left out, and nothing for None."""
    if not text:
        return ""
    # Cut first, with room for what is not shown: a title may have megabytes.
    words = printable(text[: 2 * longest]).strip()
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def web_address(outcome: Outcome) -> str:
    """Where the page is to be seen; empty where what the portal gave is no address of the web."""
    url = outcome.url or ""
    if url.startswith("/") and not url.startswith("//"):
        url = f"https://{outcome.portal}{url}"
    if len(url) > _LONGEST or url != printable(url):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""
