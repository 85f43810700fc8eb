"""Totals in words, for a person. Pure: no colour, no width of a terminal; lines of text."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from bulk_publisher.model import Status
from bulk_publisher.store.description import SelectedCounts
from bulk_publisher.store.totals import Failures, Left, Totals
from bulk_publisher.text.escaping import printable as printable  # noqa: PLC0414 - whoever says words finds it here too
from bulk_publisher.text.shown import is_plain, listed, shown

CLASSIC = "KNOWLEDGE means classic knowledge bases: Knowledge base 2.0 needs no publishing."
DENIED = "on sites where the webhook's owner may not publish: they will fail"
"""Follows a number of pages."""

_WIDTH = 79
_MOST_CODES = 20
"""Errors that are told one by one: a portal may have a code of its own for each page."""
_ORDER = (Status.PUBLISHED, Status.UNPUBLISHED, Status.SKIPPED, Status.FAILED, Status.UNKNOWN)


def wrapped(text: str, *, indent: int) -> list[str]:
    """*text* in lines of a comfortable width, *indent* spaces in; one at least."""
    margin = " " * indent
    return textwrap.wrap(text, _WIDTH, initial_indent=margin, subsequent_indent=margin) or [margin]


def in_words(seconds: float) -> str:
    """*seconds* for a person: ``12 s``, ``4 min 10 s``, ``3 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if 0 < seconds < 9.95 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def portal_in_words(host: str | None, name: str | None) -> str:
    """A portal by its name, with its host behind: ``shop (example.bitrix24.com)``."""
    where = "an unknown portal" if host is None else host
    return printable(where if name is None else f"{name} ({where})")


def pages_in_words(count: int) -> str:
    """*count* pages: ``1 page``, ``20,000 pages``."""
    return f"{count:,} page" if count == 1 else f"{count:,} pages"


_TO = {"publish": "publish", "unpublish": "take down"}


def settled_line(pages: int, seconds: float, *, action: str, is_whole: bool) -> str:
    """``300 pages settled in 12 s, 25.9 a second.``; of a run without a page that there was none."""
    if not pages and is_whole:
        return f"Nothing to {_TO.get(action, 'do')}."
    rate = f", {pages / seconds:.1f} a second" if pages and seconds > 1 else ""
    return f"{pages_in_words(pages)} settled in {in_words(seconds)}{rate}."


def go_on_line(left: Left, run: str) -> str:
    """How *run* goes on, which has not come to its end, and how much is left of it where that is known."""
    go_on = f"Continue with: bulk-publisher resume {run}"
    if not left.count:
        return go_on
    pages = pages_in_words(left.count)
    are = "is" if left.count == 1 else "are"
    return f"{pages if left.is_all else f'At least {pages}'} {are} left. {go_on}"


def passed_over_lines(selected: SelectedCounts) -> Iterator[str]:
    """What of a selection is not done, as ``run.json`` counts it; nothing where all of it is."""
    repeats, bad_rows = selected.duplicates, selected.bad_rows
    parts = []
    if repeats:
        parts.append("1 repeat of a page" if repeats == 1 else f"{repeats:,} repeats of pages")
        parts[0] += " already named"
    if bad_rows:
        parts.append("1 bad row" if bad_rows == 1 else f"{bad_rows:,} bad rows")
    if parts:
        yield f"Left out: {', '.join(parts)}."


def carried_lines(carried: Sequence[str]) -> Iterator[str]:
    """Which columns of a list are carried through to the outcomes; nothing where none are."""
    if carried:
        kinds = "Carried column" if len(carried) == 1 else "Carried columns"
        names = (name if is_plain(name) else shown(name) for name in carried)
        yield f"{kinds}: {listed(names)}."


def counts_lines(totals: Totals) -> Iterator[str]:
    """One line for each status that occurs."""
    width = max((len(f"{count:,}") for count in totals.counts.values()), default=1)
    for status in _ORDER:
        if totals.counts[status]:
            yield f"  {totals.counts[status]:>{width},} {status.value}"


def failures_lines(totals: Totals) -> Iterator[str]:
    """The most frequent codes, each with its count, its hint and an example; and how many others there are."""
    failures = sorted(totals.failures.items(), key=lambda item: -item[1].count)
    for code, entry in failures[:_MOST_CODES]:
        yield f"  {printable(code)}: {pages_in_words(entry.count)}, for example {_example(entry)}"
        yield from textwrap.wrap(
            printable(entry.hint), _WIDTH, initial_indent="    ", subsequent_indent="    "
        )
    rest = failures[_MOST_CODES:]
    if rest:
        pages = pages_in_words(sum(entry.count for _, entry in rest))
        codes = "1 other error" if len(rest) == 1 else f"{len(rest):,} other errors"
        yield f"  {codes}: {pages}; 'report --csv' and 'report --json' list them all"


_WAITED_FOR = {
    "intensity": "the request limit",
    "operating": "operating time",
    "outage": "a portal that did not answer",
    "turn": "other runs on the same portal",
}


def waits_in_words(waited: Mapping[str, float]) -> str:
    """How long each limit held the run; empty where none did."""
    parts = [
        f"{in_words(seconds)} for {_WAITED_FOR.get(limit, limit)}"
        for limit, seconds in waited.items()
        if seconds >= 1
    ]
    return ", ".join(parts)


def waits_lines(waited: Mapping[str, float], *, of_all: bool) -> Iterator[str]:
    """How long each limit held the run, as a sentence; none where none did.

    Args:
        of_all: Whether all processes of the run have told.
    """
    words = waits_in_words(waited)
    if words:
        yield f"Waited {words}{'' if of_all else ', not counting killed processes'}."


_LONGEST_ROW, _LONGEST_CELL = 100, 200


def row_in_words(row: Mapping[str, str] | None, *, longest: int = _LONGEST_ROW) -> str:
    """What a page carries of its list: ``confluence_id 98304, space HR``; empty where it says nothing.

    Args:
        longest: Characters; what is beyond them is left out, and of each cell what is beyond 200.
    """
    cells = ((printable(name), printable(cell).strip()) for name, cell in (row or {}).items())
    words = ", ".join(f"{name} {cell[:_LONGEST_CELL]}" for name, cell in cells if cell)
    return words if len(words) <= longest else f"{words[:longest]}…"


def _example(entry: Failures) -> str:
    outcome = entry.example
    title = f" “{printable(outcome.title)}”" if outcome.title else ""
    source = f" ({printable(outcome.source)})" if outcome.source else ""
    return f"page {outcome.page}{title}{source}"


def table_lines(
    rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
) -> Iterator[str]:
    """*rows* in columns.

    Args:
        right: Columns that are set to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
