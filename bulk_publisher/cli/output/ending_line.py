"""The one line that is said under ``-q`` of a run that did not end well: for the mails of cron."""

from collections.abc import Mapping

from bulk_publisher.text.escaping import printable

_MOST_CODES = 3


def ending_line(
    job: str,
    run: str,
    *,
    failed: Mapping[str, int],
    why: str = "",
    advice: str = "",
    status: int = 1,
) -> str:
    """``nightly: run 2026…: 3 pages failed: LANDING_NOT_EXIST (2), … Retry them with: …``.

    Args:
        run: Empty where none has begun.
        failed: Pages by their code.
        why: What ended it early; empty where nothing did.
        advice: How to go on.
    """
    where = f"run {run}" if run else "no run"
    count = sum(failed.values())
    pages = "" if not count else f"{count:,} {'page' if count == 1 else 'pages'} failed: {_codes(failed)}."  # fmt: skip
    said = [pages, why] if pages or why else [f"it ended with status {status}."]
    words = " ".join(part for part in (*said, advice) if part)
    return printable(f"{job}: {where}: {words}".replace("\n", " "))


def _codes(failed: Mapping[str, int]) -> str:
    by_count = sorted(failed.items(), key=lambda item: -item[1])
    codes = [f"{code} ({count:,})" for code, count in by_count[:_MOST_CODES]]
    more = len(by_count) - _MOST_CODES
    return ", ".join(codes) + (f" and {more:,} other errors" if more > 0 else "")
