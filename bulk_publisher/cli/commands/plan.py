"""``bulk-publisher plan``: what ``publish`` would do, and how long it would take."""

import asyncio
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.job_changes import (
    as_if_alone,
    job_changes,
    job_with_options,
    parallel_option,
)
from bulk_publisher.cli.commands.parameters.job_options import job_of_options
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.written_file import a_file
from bulk_publisher.cli.commands.plan_course import course_lines
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.jobs import Job
    from bulk_publisher.operations.plan_file import Plan

_SHOWN_PLACES = 20
_SHOWN_OPENED = 10


@click.command("plan")
@click.argument("files", metavar="[JOB]...", nargs=-1, type=click.Path(path_type=Path))
@job_changes
@runs_option
@parallel_option
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=a_file,
    default="plan.json",
    show_default=True,
    metavar="FILE",
    help="Where to write the plan, for publish --plan.",
)
@click.option("--propose", "is_proposed", is_flag=True, help="Also propose the plan: once a person has approved it, it can be published.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace FILE even if it is not a plan.")
@click.option("--cost", type=click.FloatRange(0, min_open=True), metavar="S", help="Seconds per page.  [default: as measured by the last run on the portal]")  # fmt: skip
@click.option("--json", "is_json", is_flag=True, help="Print the plan as JSON, for programs.")
@click.pass_obj
@says_errors
def plan(
    output: Output,
    /,
    *,
    files: tuple[Path, ...],
    runs: Runs,
    parallel: int,
    out: Path,
    is_proposed: bool,
    force: bool,
    cost: float | None,
    is_json: bool,
    **options: Any,
) -> None:
    """Show what publish or run would do, and how long it would take.

    It takes the selection of publish, or job files. Changes nothing. For many portals it shows a table, and writes no file.

    \b
    bulk-publisher plan --csv pages.csv --scope KNOWLEDGE
    bulk-publisher plan nightly.toml
    bulk-publisher publish --plan plan.json
    """  # noqa: D301 - click's own mark
    import msgspec

    from bulk_publisher.cli.commands.approved_job import propose_made
    from bulk_publisher.cli.commands.many import AskedJob
    from bulk_publisher.cli.commands.plan_many import show_plans
    from bulk_publisher.cli.commands.planned_jobs import as_planned
    from bulk_publisher.operations.plan_file import check_replaceable, write_plan

    if files:
        asked = [AskedJob(path, job_with_options(path, options)) for path in dict.fromkeys(files)]
        if len(asked) > 1 or asked[0].job.names_many:
            _refuse_many(is_proposed=is_proposed)
            sys.exit(
                show_plans(asked, output, runs=runs, parallel=parallel, cost=cost, is_json=is_json)
            )
        job = as_planned(asked[0].job, output, runs=runs)
    else:
        job = job_of_options("publish", as_if_alone(options))
    if not force:
        check_replaceable(out)
    made = plan_of(job, output, runs=runs, cost=cost, warn=partial(output.explain, colour="yellow"))
    write_plan(made, out)
    if is_json:
        output.put_json(msgspec.to_builtins(made))
    else:
        _say(made, output)
    if is_proposed and made.sent:
        propose_made(made, out, output, runs=runs)
    elif is_proposed:
        output.say("Nothing was proposed: the plan has no pages to send.")
    elif not (is_json or made.is_empty):
        output.say(
            f"Nothing was changed. To publish: bulk-publisher publish --plan {shlex.quote(str(out))}"
        )


def _say(made: "Plan", output: Output) -> None:
    from bulk_publisher.cli.progress.ending import no_page_line
    from bulk_publisher.jobs import decode_job

    for line in plan_lines(made):
        output.put(line)
    if made.is_empty and (why := no_page_line(decode_job(made.job).select)):
        output.explain(why, colour="yellow")


def _refuse_many(*, is_proposed: bool) -> None:
    from bulk_publisher.errors import BadSetting

    if is_proposed:
        raise BadSetting("--propose is for a job on one portal.", "Make a plan for each portal.")


def plan_of(
    job: "Job",
    output: Output,
    *,
    runs: Runs,
    cost: float | None,
    warn: Callable[[str], None] = lambda _: None,
) -> "Plan":
    """What *job* would do; *warn* is told what makes it doubtful.

    Raises:
        BulkPublisherError: If that can't be told.
    """
    from bulk_publisher.cli.commands.doing import open_credential
    from bulk_publisher.operations.planning import make_plan
    from bulk_publisher.operations.selecting import check_selection
    from bulk_publisher.store import open_store, shared_state

    output.open_log()
    selected = check_selection(job.select)

    async def look() -> "Plan":
        async with open_credential(job, output, shared_state(runs, os.environ)) as reached:
            return await make_plan(
                job, selected, reached, store=open_store(runs), cost=cost, warn=warn
            )

    return asyncio.run(look())


def plan_lines(made: "Plan") -> Iterator[str]:
    """*made* in words."""
    from bulk_publisher.operations.plan_file import State
    from bulk_publisher.report.text import (
        CLASSIC,
        DENIED,
        carried_lines,
        pages_in_words,
        passed_over_lines,
        portal_in_words,
        printable,
    )
    from bulk_publisher.store.description import SelectedCounts

    where = portal_in_words(made.portal, made.portal_name)
    would = f"Would {made.job['action']} {pages_in_words(made.sent)} on {where}"
    if made.is_empty:
        yield f"{would}."
        return
    yield f"{would}:"
    width = max((len(f"{count:,}") for count in made.counts.values()), default=1)
    for state in State:
        if made.counts.get(state):
            yield f"  {made.counts[state]:>{width},} {state}"
    for reason, count in made.skips.items():
        yield f"    skipped, {count:,}: {reason}"
    yield from passed_over_lines(SelectedCounts(duplicates=made.duplicates, bad_rows=made.bad_rows))
    yield from (f"    {printable(problem)}" for problem in made.problems)
    if made.denied:
        yield f"  {made.denied:,} {DENIED}"
    yield from carried_lines(made.carried)
    yield "By site and folder:"
    yield from _place_lines(made)
    yield from _opened_lines(made)
    if "KNOWLEDGE" in made.pages:
        yield CLASSIC
    yield from _address_lines(made)
    yield from _estimate_lines(made)
    yield from course_lines(made)


def _address_lines(made: "Plan") -> Iterator[str]:
    from bulk_publisher.report.text import in_words

    if made.addresses is not None:
        n, requests = made.addresses.asked, made.addresses.requests
        yield (
            f"Looking up {n:,} {'address' if n == 1 else 'addresses'} took {in_words(made.addresses.seconds)} "
            f"and {requests:,} {'request' if requests == 1 else 'requests'}; publish does it again first."
        )


def _opened_lines(made: "Plan") -> Iterator[str]:
    from bulk_publisher.report.text import printable

    if made.opens:
        yield "Also put online:"
    for one in made.opens[:_SHOWN_OPENED]:
        yield printable(f"  {one.kind} {one.id} “{one.title}”" + (f" of site {one.site}" if one.kind == "folder" else ""))  # fmt: skip
    if len(made.opens) > _SHOWN_OPENED:
        yield f"  … and {len(made.opens) - _SHOWN_OPENED:,} more"


def _place_lines(made: "Plan") -> Iterator[str]:
    places: Counter[tuple[int | None, int | None]] = Counter()
    for row in made.rows:
        places[row.site, row.folder] += row.pages
    for (site, folder), count in places.most_common(_SHOWN_PLACES):
        where = "site unknown" if site is None else f"site {site}"
        yield f"  {count:>8,}  {where}{'' if folder is None else f', folder {folder}'}"
    if len(places) > _SHOWN_PLACES:
        yield f"  … and {len(places) - _SHOWN_PLACES:,} more places, listed by --json"


def _estimate_lines(made: "Plan") -> Iterator[str]:
    from bulk_publisher.report.text import in_words, pages_in_words

    estimate = made.estimate
    if not made.sent:
        return
    yield (
        f"Estimate: {in_words(estimate.seconds)}, {estimate.requests:,} requests, "
        f"{in_words(estimate.operating)} of operating time, at {estimate.cost:.2f} s a page ({estimate.cost_from})."
    )
    for stage in estimate.stages:
        span = f"{in_words(stage.begins)} to {in_words(stage.ends)}"
        yield f"  {span}: {pages_in_words(stage.pages)}, limited {_LIMITS.get(stage.limit, f'by {stage.limit}')}"


_LIMITS = {
    "concurrency": "only by --concurrency",
    "operating": "by operating time",
    "intensity": "by the request limit",
}
