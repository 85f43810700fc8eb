"""Pictures for pages, as SVG that takes its colours from the style sheet and no script to be seen. Pure.

How it works:
    What is drawn is stretched to the width of the page, and words stand beside it as text of the page: so they
    keep their size on a telephone, and lines their width.
"""

from collections.abc import Sequence

from markupsafe import Markup

_WIDE, _HIGH = 1000.0, 100.0


def line_plot(
    seconds: Sequence[float],
    lines: Sequence[tuple[str, Sequence[float]]],
    *,
    label: str,
    limit: float | None = None,
    waits: Sequence[tuple[float, float]] = (),
) -> Markup:
    """*lines* over time, each with its class; the first is filled.

    Args:
        label: What the picture shows, for whoever does not see it.
        limit: Drawn across, where there is one.
        waits: Stretches that are shaded.
    """
    whole = max(seconds[-1] if seconds else 0.0, 1e-9)
    most = highest(lines, limit)
    parts = [
        f'<rect class="wait" x="{_x(begins, whole)}" y="0" width="{_x(min(ends, whole) - begins, whole)}" height="100"/>'
        for begins, ends in waits
        if begins < whole
    ]
    for number, (kind, values) in enumerate(lines):
        points = " ".join(
            f"{_x(at, whole)},{_HIGH - value / most * _HIGH:.1f}"
            for at, value in zip(seconds, values, strict=False)
        )
        if not number and points:
            parts.append(f'<polygon class="{kind}" points="0,100 {points} {_WIDE:.0f},100"/>')
        parts.append(f'<polyline class="{kind}" points="{points}"/>')
    if limit is not None:
        y = _HIGH - limit / most * _HIGH
        parts.append(f'<line class="limit" x1="0" x2="1000" y1="{y:.1f}" y2="{y:.1f}"/>')
    return _svg("0 0 1000 100", label, parts)


def highest(lines: Sequence[tuple[str, Sequence[float]]], limit: float | None = None) -> float:
    """What stands at the top of a picture of *lines*."""
    tops = [max(values, default=0.0) for _, values in lines]
    return max([*tops, (limit or 0.0) * 1.1, 1e-9])


def column_plot(values: Sequence[float], *, label: str) -> Markup:
    """A column for each of *values*."""
    most, width = max([*values, 1e-9]), _WIDE / max(1, len(values))
    parts = [
        f'<rect x="{number * width:.1f}" y="{_HIGH - value / most * _HIGH:.1f}" width="{width * 0.9:.1f}" height="{value / most * _HIGH:.1f}"/>'
        for number, value in enumerate(values)
    ]
    return _svg("0 0 1000 100", label, parts)


def sparks(values: Sequence[tuple[float, str]], *, label: str, most: int = 20) -> Markup:
    """A small column for each of *values*, the oldest first, each with its class; places without one stay empty."""
    top = max([value for value, _ in values] + [1e-9])
    parts = [
        f'<rect class="{kind}" x="{number * 10}" y="{28 - max(2.0, value / top * 28):.1f}" width="8" height="{max(2.0, value / top * 28):.1f}"/>'
        for number, (value, kind) in enumerate(values)
    ]
    return _svg(f"0 0 {most * 10} 28", label, parts, kind="spark")


def day_bar(begins: float, ends: float, kind: str) -> Markup:
    """A stretch of a day, in shares of it; the words beside it say the same, so it has none of its own."""
    lines = [
        f'<line class="hour" x1="{at * _WIDE / 4:.0f}" x2="{at * _WIDE / 4:.0f}" y1="0" y2="20"/>'
        for at in range(1, 4)
    ]
    width = max(4.0, (ends - begins) * _WIDE)
    x = min(begins * _WIDE, _WIDE - width)
    bar = f'<rect class="span {kind}" x="{x:.1f}" y="5" width="{width:.1f}" height="10"/>'
    return _svg("0 0 1000 20", "", [*lines, bar])


def _x(at: float, whole: float) -> str:
    return f"{at / whole * _WIDE:.1f}"


def _svg(box: str, label: str, parts: Sequence[str], *, kind: str = "") -> Markup:
    # All of the parts are figures and classes of ours; the label alone may hold words of others.
    role = (
        Markup('role="img" aria-label="{}"').format(label)
        if label
        else Markup('aria-hidden="true"')
    )
    head = Markup('<svg class="{}" viewBox="{}" preserveAspectRatio="none" {}>').format(
        kind, box, role
    )
    return head + Markup("".join(parts)) + Markup("</svg>")  # noqa: S704 - as above
