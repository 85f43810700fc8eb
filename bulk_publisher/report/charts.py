"""The pictures of a report, drawn by matplotlib as SVG that takes its colours from the page.

How it works: every colour that is drawn is a stand-in; in the finished SVG each becomes a variable
of the page's style sheet. So one picture serves light, dark and print. Text stays text.
"""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from bulk_publisher.model import Status
from bulk_publisher.report.story import COST_EDGES, ELSEWHERE, Place, Story
from bulk_publisher.report.text import printable
from bulk_publisher.report.timeline import Timeline

_POINTS = 600
"""Points of a line: more than a picture's pixels would only make the file larger."""
_SHADES = 4
"""Degrees of how much of a moment was spent waiting."""
_PLACES = 20
"""Folders that are drawn; the others stand in the table."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)  # fmt: skip
"""Seconds between two marks on the axis of time."""
_MOST_MARKS = 9

INK, FAINT, GOOD, BAD, UNKNOWN, SKIPPED, BUDGET, REQUESTS, WAIT, PAPER = (
    f"#0a0b{number:02x}" for number in range(1, 11)
)
VARIABLES = {
    INK: "--ink", FAINT: "--faint", GOOD: "--good", BAD: "--bad", UNKNOWN: "--unknown",
    SKIPPED: "--skipped", BUDGET: "--budget", REQUESTS: "--requests", WAIT: "--wait", PAPER: "--paper",
}  # fmt: skip
"""Each stand-in, and the variable of the style sheet that it becomes."""

_STYLE: Any = {
    "text.parse_math": False,  # a title may hold a dollar sign
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "grid.alpha": 0.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
}
_STATUS_COLOURS = {
    Status.PUBLISHED: GOOD,
    Status.UNPUBLISHED: GOOD,
    Status.SKIPPED: SKIPPED,
    Status.FAILED: BAD,
    Status.UNKNOWN: UNKNOWN,
}


def time_chart(story: Story) -> str:
    """Pages and both budgets over time, on one axis, with the waits shaded."""
    drawings: list[tuple[float, Callable[[Axes], None]]] = [(3.0, lambda axes: _pages(axes, story))]
    timeline, limits = story.timeline, story.description.limits
    if timeline.has_meter:
        drawings.append((2.2, lambda axes: _operating(axes, timeline, limits.operating)))
    capacity, drain = limits.capacity, limits.drain
    if capacity and drain:
        drawings.append((2.2, lambda axes: _requests(axes, timeline, capacity, drain)))
    heights = [height for height, _ in drawings]
    with rc_context(_STYLE):
        figure = Figure(figsize=(10, sum(heights) + 0.6), layout="constrained")
        panes = figure.subplots(
            len(drawings), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
        )
        for (_, draw), axes in zip(drawings, panes[:, 0], strict=True):
            _shade_waits(axes, timeline)
            draw(axes)
            axes.set_ylim(bottom=0)
        _time_axis(panes[-1, 0], timeline)
        return _svg(figure, "Pages, operating time and requests over time")


def cost_chart(story: Story) -> str | None:
    """How many pages cost how much; None where the portal told no cost."""
    counted = [(place, count) for place, count in enumerate(story.costs) if count]
    if not counted:
        return None
    first, last = counted[0][0], counted[-1][0]
    places = range(first, last + 1)
    edges = [*COST_EDGES, 2 * COST_EDGES[-1]]
    with rc_context(_STYLE):
        figure = Figure(figsize=(10, 3.0), layout="constrained")
        axes = figure.subplots()
        axes.bar(range(len(places)), [story.costs[place] for place in places], width=0.92, color=BUDGET)  # fmt: skip
        step = max(1, len(places) // 12)
        marks = range(0, len(places) + 1, step)
        axes.set_xticks([mark - 0.5 for mark in marks], [f"{edges[first + mark]:.2g}" for mark in marks])  # fmt: skip
        axes.set_title("What a page costs")
        axes.set_xlabel("seconds of the portal's time a page")
        axes.set_ylabel("pages")
        axes.grid(visible=False, axis="x")
        _count_axis(axes)
        return _svg(figure, "Histogram of what a page costs")


def places_chart(story: Story, name: Callable[[Place], str]) -> str | None:
    """Outcomes by site and folder, the largest first; None where no page has settled."""
    named = (item for item in story.places.items() if item[0] != ELSEWHERE)
    places = sorted(named, key=lambda item: -item[1].total())[:_PLACES]
    if not places:
        return None
    with rc_context(_STYLE):
        figure = Figure(figsize=(10, 0.9 + 0.3 * len(places)), layout="constrained")
        axes = figure.subplots()
        _stack(axes, [counts for _, counts in places])
        labels = [printable(name(place)) for place, _ in places]
        axes.set_yticks(range(len(places)), labels)
        axes.set_ylim(len(places) - 0.5, -0.5)
        more = len(story.places) - len(places)
        title = "Outcomes by site and folder"
        axes.set_title(f"{title}: the {len(places)} largest of {len(story.places):,}" if more else title)  # fmt: skip
        axes.set_xlabel("pages")
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], nbins=8))
        axes.xaxis.set_major_formatter(_THOUSANDS)
        figure.legend(loc="outside upper right", ncols=4)
        return _svg(figure, title)


def _stack(axes: Axes, counts: Sequence[Counter[Status]]) -> None:
    left = [0] * len(counts)
    for status, colour in _STATUS_COLOURS.items():
        widths = [one[status] for one in counts]
        if any(widths):
            axes.barh(range(len(counts)), widths, left=left, color=colour, label=status.value, height=0.7)  # fmt: skip
            left = [at + width for at, width in zip(left, widths, strict=True)]


def _pages(axes: Axes, story: Story) -> None:
    timeline = story.timeline.coarse(_POINTS)
    good, bad, goods, bads = 0, 0, [0], [0]
    for one in timeline.bins:
        good, bad = good + one.good, bad + one.bad
        goods.append(good + bad)
        bads.append(bad)
    times = [min(place * timeline.width, timeline.seconds) for place in range(len(goods))]
    axes.fill_between(times, goods, color=GOOD, alpha=0.2, linewidth=0)
    axes.plot(times, goods, color=GOOD, linewidth=2, label="settled")
    if bad:
        axes.plot(times, bads, color=BAD, linewidth=2, linestyle="--", label="failed or unknown")
    axes.set_title("Pages")
    axes.set_ylabel("pages so far")
    axes.legend(loc="upper left")
    _count_axis(axes)


def _operating(axes: Axes, timeline: Timeline, limit: float | None) -> None:
    _level(axes, timeline, timeline.operating_sums(), BUDGET, limit, "s")
    axes.set_title("Operating time used by this run")
    axes.set_ylabel("s per ten minutes")


def _requests(axes: Axes, timeline: Timeline, capacity: float, drain: float) -> None:
    _level(axes, timeline, timeline.bucket_levels(drain), REQUESTS, capacity, "requests")
    axes.set_title("Requests of this run in the portal's bucket")
    axes.set_ylabel("requests")


def _level(
    axes: Axes, timeline: Timeline, levels: list[float], colour: str, limit: float | None, unit: str
) -> None:
    step = max(1, -(-len(levels) // _POINTS))
    highest = [max(levels[first : first + step]) for first in range(0, len(levels), step)]
    times = [min((n + 1) * step * timeline.width, timeline.seconds) for n in range(len(highest))]
    axes.fill_between([0.0, *times], [0.0, *highest], color=colour, alpha=0.2, linewidth=0)
    axes.plot([0.0, *times], [0.0, *highest], color=colour, linewidth=1.5)
    if limit:
        axes.axhline(limit, color=BAD, linewidth=1, linestyle=":")
        axes.annotate(
            f"limit {limit:g} {unit}",
            (1, limit),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            va="bottom",
            color=BAD,
        )
        axes.set_ylim(0, max(limit, *highest, 1e-9) * 1.2)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))


def _shade_waits(axes: Axes, timeline: Timeline) -> None:
    """A band for each stretch in which nothing was settled, the darker the longer of it."""
    coarse = timeline.coarse(_POINTS)
    bands: dict[int, list[tuple[float, float]]] = {}
    for place, one in enumerate(coarse.bins):
        shade = round(min(1.0, one.waited / coarse.width) * _SHADES)
        if not shade:
            continue
        left = place * coarse.width
        same = bands.setdefault(shade, [])
        if same and abs(sum(same[-1]) - left) < coarse.width / 100:
            same[-1] = (same[-1][0], same[-1][1] + coarse.width)
        else:
            same.append((left, coarse.width))
    for shade, stretches in bands.items():
        axes.broken_barh(
            stretches,
            (0, 1),
            transform=axes.get_xaxis_transform(),
            color=WAIT,
            alpha=0.25 * shade / _SHADES,
            linewidth=0,
        )


def _time_axis(axes: Axes, timeline: Timeline) -> None:
    seconds = max(timeline.seconds, 1.0)
    step = next((step for step in _STEPS if seconds / step <= _MOST_MARKS), _STEPS[-1])
    axes.set_xlim(0, seconds)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _elapsed(at, step)))
    began = datetime.fromtimestamp(timeline.began_at, UTC)
    axes.set_xlabel(f"since {began:%d %B %Y, %H:%M:%S} UTC; shaded: nothing was settled")


def _elapsed(seconds: float, step: float) -> str:
    if step < 60 and seconds < 120:
        return f"{seconds:.0f} s"
    if step < 60:
        return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"
    if step < 3600 and seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if step < 3600:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f}"
    return f"{seconds / 86400:g} d" if step >= 86400 else f"{seconds / 3600:.0f} h"


_THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")


def _count_axis(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], nbins=6))
    axes.yaxis.set_major_formatter(_THOUSANDS)


def _svg(figure: Figure, label: str) -> str:
    out = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Type": None, "Format": None}
    with rc_context({**_STYLE, "svg.hashsalt": label}):
        figure.savefig(out, format="svg", transparent=True, metadata=metadata)
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.replace("'DejaVu Sans'", "system-ui")
