"""What an address of a page says: which host, which path, or which page of which site. Pure.

Rules: an address that can't be a page's is a value, `Unusable`, and nothing of a webhook's URL is ever
repeated. Which sites there are is not known here.

How it works: two addresses that a browser would take for one are one here. Of a public address the
host and the decoded path are left; query, fragment and the scheme do not tell pages apart. An address
of the editor holds the site's and the page's ID.

Source: docs/bitrix24.md §4 "Addresses" [source].
"""

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from bulk_publisher.model import PageId, Scope, SiteId
from bulk_publisher.page_ids.page_set import LARGEST_ID
from bulk_publisher.text.redaction import IS_WEBHOOK, is_webhook_url

LONGEST_ADDRESS = 2_048
"""Characters: more than browsers and portals make of a page's."""

_LONGEST_SHOWN = 100
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_HOST_FIRST = re.compile(r"[^/?#@\s]+\.[^/?#@\s]+(?:[/?#]|$)")
_EDITOR = re.compile(
    r"/(?:(?:sites|shop/stores)/site|kb(?P<group>/group)?/wiki)/(?P<site>[1-9][0-9]{0,18})/"
    r"(?:(?:view|edit|design|settings)/)?(?P<page>[1-9][0-9]{0,18})/",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {None, 80, 443}
_NEVER_IN_PATHS = frozenset("?#\\$")
"""The portal would read on behind them as something else, and find another page."""


class Address(NamedTuple):
    """Where a page is; two that lead to the same place are equal, but for the case of the path.

    Attributes:
        host: In small letters and ASCII, with a port that is not the usual one; empty for the portal's.
        path: Decoded, with a slash at both ends.
        site: With *page*, of an address of the editor; None of a public one.
        scope: The kind of site, of an address of the editor; None for plain sites and stores.
    """

    host: str
    path: str
    site: SiteId | None = None
    page: PageId | None = None
    scope: Scope | None = None

    def __str__(self) -> str:
        text = f"{self.host}{self.path}"
        return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")


class FoundPage(NamedTuple):
    """The page at an address."""

    page: PageId
    site: SiteId
    scope: Scope | None


class Unusable(NamedTuple):
    """What is no page's address, or one that leads nowhere, and why."""

    why: str


def parse_address(text: str) -> Address | Unusable:
    """The address that *text* is: whole, without its scheme, or a path at the portal itself."""
    text = text.strip()
    why = _refusal(text)
    if why:
        return Unusable(why)
    if not text.startswith("/") and not _SCHEME.match(text):
        text = f"//{text}"
    try:
        parts = urlsplit(text)
        host = _host(parts)
        path = _path(parts.path)
    except ValueError:
        # Its message may hold the address.
        return Unusable("that is not an address: its host or path can't be read")
    if _NEVER_IN_PATHS.intersection(path) or not path.isprintable():
        return Unusable("no page's address contains such characters")
    return _of_editor(host, path) or Address(host, path)


def host_of(url: str) -> str:
    """The host in *url* as `Address` has it; empty where there is none."""
    address = parse_address(url)
    return "" if isinstance(address, Unusable) else address.host


def _refusal(text: str) -> str:
    """Why *text* is not even looked into; empty where it is."""
    if not text:
        return "there is no address"
    if is_webhook_url(text):
        return IS_WEBHOOK
    if len(text) > LONGEST_ADDRESS:
        return f"that address has over {LONGEST_ADDRESS:,} characters"
    if any(sign.isspace() or unicodedata.category(sign)[0] == "C" for sign in text):
        return "an address can't contain spaces or invisible characters"
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme[1].lower() not in {"http", "https"}:
        return "a page's address begins with https:// or http://"
    if scheme is None and not text.startswith("/") and not _HOST_FIRST.match(text):
        return "that is not a page's address, which looks like https://HOST/PATH/"
    return ""


def _host(parts: SplitResult) -> str:
    """Raises ValueError where it can be none."""
    if not parts.netloc:
        return ""
    if "@" in parts.netloc or not parts.hostname:
        raise ValueError
    name = parts.hostname.rstrip(".")
    if not name.isascii():
        name = name.encode("idna").decode()
    literal = f"[{name}]" if ":" in name else name
    return literal if parts.port in _DEFAULT_PORTS else f"{literal}:{parts.port}"


def _path(quoted: str) -> str:
    """Raises ValueError where it is no text."""
    names: list[str] = []
    for name in unquote_to_bytes(quoted).decode().split("/"):
        if name == "..":
            names = names[:-1]
        elif name not in {"", "."}:
            names.append(name)
    if names and names[-1].lower() == "index.php":
        names.pop()
    return f"/{'/'.join(names)}/" if names else "/"


def _of_editor(host: str, path: str) -> Address | None:
    found = _EDITOR.fullmatch(path)
    if found is None or max(int(found["site"]), int(found["page"])) > LARGEST_ID:
        return None
    is_wiki = path.lower().startswith("/kb/")
    scope = None if not is_wiki else Scope.GROUP if found["group"] else Scope.KNOWLEDGE
    return Address(host, path, SiteId(int(found["site"])), PageId(int(found["page"])), scope)
