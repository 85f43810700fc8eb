"""What is said: a message, in words and as data. Pure.

Rules:
    What the portal or a list wrote - titles, codes, descriptions - is of others: it stands in a message as
    plain text, bounded, in signs that no service takes for markup, a link or a mention.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulk_publisher.jobs.job import Occasion
from bulk_publisher.model import PageId
from bulk_publisher.report.text import pages_in_words
from bulk_publisher.text.escaping import printable
from bulk_publisher.text.redaction import without_webhooks

_LONGEST_WORDS = 200
_LONGEST_TITLE = 80
_LONGEST_TEXT = 1_800
"""Characters; Discord takes 2,000, and is the narrowest."""
_MOST_RUNS = 20
_MOST_CODES = 5
_MOST_PAGES = 20

_HARMLESS = str.maketrans(
    {
        "@": "＠",
        "<": "‹",
        ">": "›",
        "[": "［",
        "]": "］",
        "*": "∗",
        "`": "ˋ",
        "~": "∼",
        "|": "ǀ",
        "#": "＃",
        "\\": "＼",
        "&": "＆",
    }
)
"""Signs that look alike, and mean nothing to Markdown, HTML, BB-code or a chat."""
_LINK = re.compile(r"://|(?<=[Ww]{3})\.")
_NO_CODE = re.compile(r"(?<!\S)(?![A-Z0-9_]{1,60}[:.,;]?(?!\S))\S+")
"""Words that are no codes: these keep their underscores, or nobody could look them up."""

OF_OCCASION: Mapping[Occasion, str] = {
    Occasion.FAILED: "failed",
    Occasion.STOPPED: "stopped early",
    Occasion.FINISHED: "finished",
    Occasion.LATE: "is late",
    Occasion.HEALED: "is well again",
}


def harmless(text: str, *, most: int = _LONGEST_WORDS) -> str:
    """*text* of others in one line of plain words, of *most* characters at most."""
    plain = printable(without_webhooks(text)).strip()
    plain = _LINK.sub(lambda found: "：／／" if found[0] == "://" else "．", plain)
    plain = _NO_CODE.sub(lambda word: word[0].replace("_", "＿"), plain.translate(_HARMLESS))
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


@dataclass(frozen=True, slots=True)
class Failing:
    """Pages that failed alike.

    Attributes:
        title: Of *page*, as the portal has it; empty where it has none.
    """

    code: str
    pages: int
    page: PageId
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTold:
    """One run of a job, as far as it is told.

    Attributes:
        portal: Its host, or what the job calls it; empty where it was not reached.
        run: Empty where none has begun.
        pages: That are settled; None where that is not known any more.
        failing: What is not done and was not known to fail.
        known: Pages that were known to fail and did.
        healed: Pages that were known to fail and did not.
        why: What ended it early.
        advice: What to do about it.
    """

    portal: str
    run: str
    status: int
    pages: int | None = None
    failing: Sequence[Failing] = ()
    known: int = 0
    healed: Sequence[PageId] = ()
    why: str = ""
    advice: str = ""

    @property
    def failed(self) -> int:
        """Pages that are not done and were not known to fail."""
        return sum(one.pages for one in self.failing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told.

    Attributes:
        id: Another one for each message, the same however often it is sent.
        at: ISO 8601.
    """

    id: str
    at: str
    occasion: Occasion
    job: str
    runs: Sequence[RunTold] = ()
    words: Sequence[str] = field(default=())

    @property
    def title(self) -> str:
        """In a line."""
        return f"bulk-publisher: {harmless(self.job, most=100)} {OF_OCCASION[self.occasion]}"

    @property
    def text(self) -> str:
        """In words, without the title."""
        lines = [*self.words, *_lines(self.runs)]
        text = "\n".join(lines)
        return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"

    @property
    def data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "id": self.id,
            "time": self.at,
            "occasion": self.occasion.value,
            "job": harmless(self.job, most=100),
            "title": self.title,
            "text": self.text,
            "runs": [_run_data(run) for run in self.runs[:_MOST_RUNS]],
            "runs_total": len(self.runs),
        }


def _lines(runs: Sequence[RunTold]) -> Iterator[str]:
    # What went wrong comes first: the end of a long text is cut.
    for run in sorted(runs, key=lambda run: not run.status)[:_MOST_RUNS]:
        yield from _run_lines(run)
    if len(runs) > _MOST_RUNS:
        yield f"and {len(runs) - _MOST_RUNS} more runs"


def _run_lines(run: RunTold) -> Iterator[str]:
    where = f" on {harmless(run.portal, most=100)}" if run.portal else ""
    which = f"Run {run.run}{where}" if run.run else f"No run{where}"
    pages = "" if run.pages is None else f", {pages_in_words(run.pages)} settled"
    failed = f", {run.failed:,} failed" if run.failed else ""
    known = f", {run.known:,} failed as expected" if run.known else ""
    yield f"{which}: status {run.status}{pages}{failed}{known}."
    for one in run.failing[:_MOST_CODES]:
        title = f" {harmless(one.title, most=_LONGEST_TITLE)}" if one.title else ""
        yield f"- {harmless(one.code, most=100)}: {pages_in_words(one.pages)}, for example {one.page}{title}"
    if (more := len(run.failing) - _MOST_CODES) > 0:
        yield f"- and {more} other errors"
    if run.healed:
        yield f"No longer failing: {_listed(run.healed)}. Remove them from the list of known failures."
    if run.why:
        yield harmless(run.why)
    if run.advice:
        # Ours, and to be copied.
        yield printable(run.advice)[:_LONGEST_WORDS]


def _listed(pages: Sequence[PageId]) -> str:
    more = len(pages) - _MOST_PAGES
    shown = ", ".join(map(str, pages[:_MOST_PAGES]))
    return f"{shown} and {more:,} more" if more > 0 else shown


def _run_data(run: RunTold) -> dict[str, Any]:
    return {
        "run": run.run or None,
        "portal": harmless(run.portal, most=100) or None,
        "status": run.status,
        "pages": run.pages,
        "failed": run.failed,
        "known": run.known,
        "errors": {harmless(one.code, most=100): one.pages for one in run.failing[:_MOST_PAGES]},
        "healed": list(run.healed[:_MOST_PAGES]),
        "why": harmless(run.why) or None,
    }
