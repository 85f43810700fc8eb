"""``bulk-publisher history``: what each job has done."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.report.history import JobHistory, Repeat, Trend
    from bulk_publisher.report.past import PastRun

_MOST_LINES = 20
"""Of trends and of pages that a person is told: JSON has them all."""
_SLOWER, _FASTER = 0.25, -0.2
"""From which share on another duration is worth a line, where there are several portals."""


@click.command("history")
@click.argument("job", metavar="[JOB]", required=False)
@runs_option
@click.option("--portal", metavar="NAME", help="Only this portal, or those such as 'client-*'.")
@click.option(
    "-n",
    "last",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="N",
    help="The last N runs of each job on each portal.",
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
@says_errors
def history(
    output: Output, /, *, job: str | None, runs: Runs, portal: str | None, last: int, is_json: bool
) -> None:
    """Show what each job has done: its last runs, the trend, and what fails again and again.

    JOB is the name of a job, or a pattern such as 'client-*'; without it, all jobs are shown.
    Rollbacks are left out.
    """
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.report.history import read_histories
    from bulk_publisher.store import open_store
    from bulk_publisher.text.shown import shown

    store = open_store(runs)
    histories = read_histories(store, job=job, portal=portal, last=last)
    if is_json:
        output.put_json([_as_dict(one) for one in histories])
        return
    number = 0
    for number, one in enumerate(histories, start=1):
        if number > 1:
            output.put()
        for line in _lines(one, last):
            output.put(line)
    if number:
        return
    if job is not None or portal is not None:
        what = " and ".join(
            f"{name} {shown(asked)}" for name, asked in (("job", job), ("portal", portal)) if asked
        )
        raise BadSetting(
            f"No run of {what} in {store.place}.", "bulk-publisher status lists all runs."
        )
    output.put(f"No runs in {store.place} yet.")


def _lines(told: "JobHistory", last: int) -> Iterator[str]:
    from bulk_publisher.report.text import table_lines

    portals = {past.portal for past in told.runs}
    yield f"Job {told.job or 'without a name'}:"
    rows: list[tuple[str, ...]] = [
        ("date", "portal", "pages", "failed", "duration", "status", "run")
    ]
    rows += [_row(past) for past in told.runs[:last]]
    yield from (f"  {line}" for line in table_lines(rows, right=frozenset({2, 3, 4})))
    if len(told.runs) > last:
        yield f"  and {len(told.runs) - last:,} more runs on {len(portals):,} portals; --portal NAME shows one's"
    trends = told.trends
    if len(portals) > 1:
        notable = filter(_is_notable, trends)
        trends = tuple(sorted(notable, key=lambda trend: -abs(trend.change_share or 0.0)))
    yield from _trend_lines(trends, has_several=len(portals) > 1)
    yield from _repeat_lines(told.repeats, has_several=len(portals) > 1)
    yield from (f"  Not read: {why}" for why in told.unread)


def _row(past: "PastRun") -> tuple[str, ...]:
    from bulk_publisher.report.text import in_words

    return (
        _date(past.started_at),
        past.portal,
        f"{past.pages:,}",
        f"{past.bad:,}",
        "" if past.seconds is None else in_words(past.seconds),
        past.how.value + (f", {past.follows}" if past.follows else ""),
        past.kept.name,
    )


def _date(moment: float | None) -> str:
    from bulk_publisher.clock import local_zone
    from bulk_publisher.jobs.moments import date_in_words
    from bulk_publisher.model import Epoch

    return "" if moment is None else date_in_words(Epoch(moment), local_zone())


def _is_notable(trend: "Trend") -> bool:
    change = trend.change_share
    is_other = change is not None and not _FASTER < change < _SLOWER
    return is_other or trend.bad > trend.median_bad


def _trend_lines(trends: "tuple[Trend, ...]", *, has_several: bool) -> Iterator[str]:
    from bulk_publisher.report.text import in_words

    for trend in trends[:_MOST_LINES]:
        change = trend.change_share
        more = "" if change is None else f" ({change:+.0%})"
        where = f" on {trend.portal}" if has_several else ""
        yield (
            f"  Trend{where}: the last run took {in_words(trend.seconds)}, the {trend.compared} before it"
            f" {in_words(trend.median_seconds)}{more}; failed pages {trend.bad:,}, before {trend.median_bad:,.0f} (medians)"
        )
    if len(trends) > _MOST_LINES:
        yield f"  and other durations or more failures on {len(trends) - _MOST_LINES:,} more portals"


def _repeat_lines(repeats: "tuple[Repeat, ...]", *, has_several: bool) -> Iterator[str]:
    from bulk_publisher.report.text import pages_in_words, printable

    if repeats:
        yield f"  Fails again and again: {pages_in_words(len(repeats))}"
    for repeat in repeats[:_MOST_LINES]:
        where = f" on {repeat.portal}" if has_several else ""
        yield f"    page {repeat.page}{where}: {printable(repeat.code)}, {repeat.runs} runs in a row"
    if len(repeats) > _MOST_LINES:
        yield f"    and {pages_in_words(len(repeats) - _MOST_LINES)} more"


def _as_dict(told: "JobHistory") -> dict[str, Any]:
    import msgspec

    return {
        "job": told.job,
        "runs": [_run_as_dict(past) for past in told.runs],
        "trends": [
            {**msgspec.to_builtins(trend), "change_share": trend.change_share}
            for trend in told.trends
        ],
        "repeats": msgspec.to_builtins(told.repeats),
        "unread": list(told.unread),
    }


def _run_as_dict(past: "PastRun") -> dict[str, Any]:
    description = past.description
    return {
        "run": past.kept.name,
        "portal": past.portal,
        "started": None if description is None else description.started,
        "ended": None if description is None else description.ended,
        "pages": past.pages,
        "failed": past.bad,
        "counts": past.counts,
        "seconds": past.seconds,
        "status": past.how.value,
        "follows": past.follows or None,
    }
