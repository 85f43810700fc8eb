"""How templates write times, counts and what others have written. Pure."""

from datetime import UTC, datetime, tzinfo
from urllib.parse import quote

from markupsafe import Markup

from bulk_publisher.model import Epoch
from bulk_publisher.report.text import in_words, pages_in_words, printable
from bulk_publisher.utc import as_utc


def finalized(value: object) -> object:
    """What a template shows of *value*: of text nothing that turns its direction or can't be seen.

    None is nothing, not the word.
    """
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value)
    return value


def duration(seconds: float | None) -> str:
    """Seconds for a person; a dash for unknown."""
    return "–" if seconds is None else in_words(seconds)


def count(number: float | None) -> str:
    """A number with its thousands apart; a dash for unknown."""
    return "–" if number is None else f"{number:,}"


def pages(number: int) -> str:
    """``1 page``, ``20,000 pages``."""
    return pages_in_words(number)


def percent(share: float | None) -> str:
    """A share, 0 to 1, in percent; a dash for unknown."""
    return "–" if share is None else f"{share * 100:.0f} %"


def when(moment: float | None, zone: tzinfo) -> Markup:
    """A moment in UTC seconds as an element ``time`` in *zone*, with seconds and the zone in its title."""
    if moment is None:
        return Markup("–")
    try:
        local = datetime.fromtimestamp(moment, UTC).astimezone(zone)
        exact = as_utc(Epoch(moment))
    except (OverflowError, ValueError, OSError):
        return Markup("–")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact, local.strftime("%Y-%m-%d %H:%M:%S %Z"), local.strftime("%d %b %H:%M")
    )


def in_path(name: str) -> str:
    """*name* as a part of a path: whatever is in it stays in that part."""
    return quote(name, safe="")


def lines(text: str) -> Markup:
    """*text* of several lines, each ``printable``."""
    return Markup("<br>").join(printable(line) for line in text.split("\n"))
