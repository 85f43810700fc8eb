"""A report as one HTML file: no network, light, dark and print; good for ten pages and a million.

Texts of the portal are escaped, and its links are links only where they begin with http. A content
security policy keeps whatever slips through from doing anything.
"""

import html
import json
import logging
import shlex
from collections.abc import Iterable, Iterator
from importlib import resources
from importlib.util import find_spec
from urllib.parse import urlsplit

from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Outcome, Status
from bulk_publisher.report.portal_sums import PortalSums
from bulk_publisher.report.story import (
    ELSEWHERE,
    LISTED_FAILURES,
    Place,
    Story,
    parse_time,
)
from bulk_publisher.report.text import (
    in_words,
    pages_in_words,
    passed_over_lines,
    portal_in_words,
    printable,
    row_in_words,
    waits_in_words,
)
from bulk_publisher.text.escaping import clean_json
from bulk_publisher.text.shown import as_text

_LONGEST = 200
"""Characters of a text in the table of failures."""
_LONGEST_ROW = 1_000
"""Characters of what a page carries of its list: it is there to be found by."""
_LISTED_PLACES = 500
_DRAWN = 20
"""Runs whose charts are drawn: each takes a second and 50 kB, and nobody compares more by eye."""
_LEAST_FAILURES = 50
"""Failures that are listed of each run at least, however many runs share a page."""
_STATUSES = tuple(Status)


def html_report(stories: Iterable[Story], *, of: int = 1) -> str:
    """*stories* as one page, with a table of their portals where there are several.

    Each is told before the next one is taken, and so may be forgotten.

    Args:
        of: How many there may be: they share the room for failures, and the first 20 have pictures.

    Raises:
        BadSetting: If what draws the pictures is not installed.
    """
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    parts, sums, title = [], PortalSums(), ""
    most = max(_LEAST_FAILURES, LISTED_FAILURES // max(1, of))
    for number, story in enumerate(stories):
        title = story.run
        parts.append(_section(story, number, most))
        sums.add(story)
    if sums.runs > 1:
        title = f"{sums.runs} runs"
        parts.insert(0, _portals_table(sums))
    sections = "".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escape(title)} · bulk-publisher</title>\n<style>{style}</style></head>\n"
        f"<body><main>{sections}</main><script>{script}</script></body></html>\n"
    )


def is_drawable() -> bool:
    """Whether what draws the pictures is installed."""
    return find_spec("matplotlib") is not None


def _portals_table(sums: PortalSums) -> str:
    rows = "".join(
        f'<tr><td><a href="#run-{one.first}">{_escape(one.portal or "unknown portal")}</a>'
        f"<td class=n>{one.runs:,}<td class=n>{one.pages:,}<td class=n>{one.bad:,}"
        f"<td class=n>{one.left:,}<td class=n>{one.unfinished:,}<td class=n>{_escape(in_words(one.seconds))}"
        for one in sums
    )
    note = f"<p>Charts are drawn of the first {_DRAWN} runs.</p>" if sums.runs > _DRAWN else ""
    return (
        f"<section><h1>{sums.runs:,} runs</h1><div class=wide><table><thead><tr><th>portal<th class=n>runs"
        "<th class=n>pages<th class=n>failed<th class=n>left<th class=n>unfinished<th class=n>time"
        f"</thead><tbody>{rows}</tbody></table></div>{note}</section>"
    )


def _section(story: Story, number: int, most: int) -> str:
    parts = [_head(story), _tiles(story), _why(story), *(_pictures(story) if number < _DRAWN else ())]  # fmt: skip
    parts.extend((_places_table(story), _failures_table(story, number, most)))
    return f'<section id="run-{number}">{"".join(parts)}</section>'


def _head(story: Story) -> str:
    description = story.description
    words = (
        f"{description.job.action} on {portal_in_words(description.portal, description.portal_name)}, "
        f"job “{description.job.name}”, started {_moment(description.started)}"
    )
    end = f", ended {_moment(description.ended)}" if story.has_ended else "; not finished"
    return f"<h1>{_escape(story.run)}</h1><p class=sub>{_escape(words + end)}</p>"


def _tiles(story: Story) -> str:
    totals, seconds = story.totals, story.seconds
    rate = f"{totals.pages / seconds:,.1f} a second" if seconds > 1 else ""
    tiles = [_tile("settled", f"{totals.pages:,}", rate, "ink"), _tile("time", in_words(seconds), _waits(story), "ink")]  # fmt: skip
    for status in _STATUSES:
        if totals.counts[status]:
            share = f"{totals.counts[status] / totals.pages:.1%}"
            tiles.append(_tile(status.value, f"{totals.counts[status]:,}", share, status.value))
    if story.timeline.has_meter:
        used = sum(one.operating for one in story.timeline.bins)
        tiles.append(_tile("operating time", in_words(used), "of the portal's", "ink"))
    return f"<div class=tiles>{''.join(tiles)}</div>"


def _tile(name: str, value: str, note: str, kind: str) -> str:
    return f'<div class="tile {kind}"><span>{_escape(name)}</span><b>{_escape(value)}</b><small>{_escape(note)}</small></div>'


def _waits(story: Story) -> str:
    waits = waits_in_words(story.waited)
    if waits:
        return f"waited {waits}"
    is_told = story.has_ended and not story.description.has_lost_a_process
    return "no waits for limits" if is_told else ""


def _why(story: Story) -> str:
    totals, told = story.totals, story.told
    parts = []
    if told.stopped_by is not None:
        why = f"Stopped: {told.stopped_by.message} {told.stopped_by.hint}"
        parts.append(f"<p class=stop>{_escape(why)}</p>")
    passed_over = passed_over_lines(story.description.selected)
    parts.extend(f"<p class=sub>{_escape(line)}</p>" for line in passed_over)
    for site, code in told.stopped_sites.items():
        parts.append(f"<p class=stop>{_escape(f'Site {site} was stopped: {code}')}</p>")
    if totals.failures:
        rows = "".join(
            f"<tr><td class=code data-label=code>{_escape(code)}<td class=n data-label=pages>{entry.count:,}"
            f'<td data-label="for example">{_link(entry.example)}<td data-label="what to do">{_escape(entry.hint)}'
            for code, entry in sorted(totals.failures.items(), key=lambda item: -item[1].count)
        )
        parts.append(
            '<h2>Why pages failed</h2><div class="wide cards"><table>'
            f"<thead><tr><th>code<th class=n>pages<th>for example<th>what to do</thead><tbody>{rows}</tbody></table></div>"
        )
        if story.can_be_followed and story.is_whole:
            parts.append(f"<p>Retry them: <code>bulk-publisher retry {_named(story)}</code></p>")  # fmt: skip
    if story.has_ended and not story.is_whole and story.can_be_followed:
        parts.append(f"<p>Continue it: <code>bulk-publisher resume {_named(story)}</code></p>")  # fmt: skip
    return "".join(parts)


def _pictures(story: Story) -> Iterator[str]:
    if not is_drawable():
        raise BadSetting(
            "The charts of an HTML report need matplotlib, which is not installed.",
            "Install it with: pip install 'bulk-publisher[report]'",
        )
    # It tells the mail of every cron job that it has made itself a folder for its fonts.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from bulk_publisher.report import charts

    if not story.totals.pages:
        return
    for picture in (
        charts.time_chart(story),
        charts.cost_chart(story),
        charts.places_chart(story, place_name),
    ):
        if picture is not None:
            yield f"<figure>{picture}</figure>"


def place_name(place: Place) -> str:
    """A site and a folder in words."""
    site, folder = place
    if place == ELSEWHERE:
        return "other places"
    where = "site unknown" if site is None else f"site {site}"
    return where if folder is None else f"{where}, folder {folder}"


def _places_table(story: Story) -> str:
    used = [status for status in _STATUSES if story.totals.counts[status]]
    places = sorted(story.places.items(), key=lambda item: -item[1].total())
    if not places:
        return ""
    rows = "".join(
        f"<tr><td>{_escape(place_name(place))}<td class=n>{counts.total():,}"
        + "".join(f"<td class=n>{counts[status]:,}" for status in used)
        for place, counts in places[:_LISTED_PLACES]
    )
    head = "".join(f"<th class=n>{status.value}" for status in used)
    more = len(places) - _LISTED_PLACES
    rest = f"<p>… and {more:,} more places.</p>" if more > 0 else ""
    return f"<details><summary>Sites and folders as a table</summary><div class=wide><table><thead><tr><th>place<th class=n>pages{head}</thead><tbody>{rows}</tbody></table></div>{rest}</details>"


def _failures_table(story: Story, number: int, most: int) -> str:
    listed = story.failures[:most]
    if not listed:
        return ""
    data = clean_json(json.dumps([_row(outcome) for outcome in listed], separators=(",", ":"), ensure_ascii=False))  # fmt: skip
    # Inside a script element nothing may look like the end of it.
    data = data.replace("<", "\\u003c")
    note = (
        f"<p>The first {len(listed):,} of {story.totals.bad:,}: "
        f"<code>bulk-publisher report {_named(story)} --csv</code> has them all.</p>"
        if story.totals.bad > len(listed)
        else ""
    )
    carried = "<th>with" if any(outcome.row for outcome in listed) else ""
    return (
        f"<h2>Pages that failed</h2>{note}<div class=failures>"
        f'<input type=search aria-label="Search the failures" placeholder="Search {pages_in_words(len(listed))}: a title, an ID, a code, a site …">'
        f'<p class=shown></p><div class="wide cards"><table>'
        f"<thead><tr><th class=n>page<th>title<th class=n>site<th>code<th>what the portal says<th>named in{carried}</thead><tbody></tbody></table></div>"
        f'<script type="application/json" id="failures-{number}">{data}</script>'
        "<noscript><p>The list of pages needs JavaScript; a CSV has it too.</p></noscript></div>"
    )


def _row(outcome: Outcome) -> list[str | int | None]:
    return [
        outcome.page,
        printable(outcome.title or "")[:_LONGEST],
        outcome.site,
        printable(outcome.error or outcome.status.value),
        printable(outcome.error_description or "")[:_LONGEST],
        printable(outcome.source)[:_LONGEST],
        _address(outcome),
        row_in_words(outcome.row, longest=_LONGEST_ROW),
    ]


def _link(outcome: Outcome) -> str:
    title = printable(outcome.title or "")[:_LONGEST]
    text = _escape(f"page {outcome.page}" + (f" “{title}”" if title else ""))
    address = _address(outcome)
    return f'<a href="{_escape(address)}" rel="noreferrer">{text}</a>' if address else text


def _address(outcome: Outcome) -> str | None:
    """Where the page is to be seen, if what the portal gave is a web address at all."""
    url = outcome.url or ""
    if url.startswith("/") and not url.startswith("//"):
        url = f"https://{outcome.portal}{url}"
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return None
    return url if scheme in {"http", "https"} else None


def _moment(text: str | None) -> str:
    if text is None or not parse_time(text):
        return "at a time unknown"
    return f"{text[:10]} {text[11:19]} UTC"


def _named(story: Story) -> str:
    """The run in a command: the file may be read in any folder."""
    return _escape(shlex.quote(as_text(story.kept.address)))


def _escape(text: str) -> str:
    return html.escape(printable(text))


def _asset(name: str) -> str:
    return resources.files("bulk_publisher.report").joinpath(name).read_text(encoding="utf-8")
