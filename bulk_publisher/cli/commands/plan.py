"""``bulk-publisher plan``: what ``publish`` would do, and how long it would take."""

import asyncio
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.job_options import (
    job_of_options,
    job_options,
    runs_option,
)
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
@job_options
@runs_option
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
@click.option("--force", is_flag=True, help="Replace FILE even if it is not a plan.")
@click.option("--cost", type=click.FloatRange(0, min_open=True), metavar="S", help="Seconds per page.  [default: as measured by the last run on the portal]")  # fmt: skip
@click.option("--json", "is_json", is_flag=True, help="Print the plan as JSON, for programs.")
@click.pass_obj
@says_errors
def plan(
    output: Output,
    /,
    *,
    runs: Path,
    out: Path,
    force: bool,
    cost: float | None,
    is_json: bool,
    **options: Any,
) -> None:
    """Show what publish would do with the same selection, and how long it would take.

    Changes nothing.

    \b
    bulk-publisher plan --csv pages.csv --scope KNOWLEDGE
    bulk-publisher publish --plan plan.json
    """  # noqa: D301 - click's own mark
    import msgspec

    from bulk_publisher.cli.progress.ending import no_page_line
    from bulk_publisher.operations.plan_file import check_replaceable, write_plan

    job = job_of_options("publish", options)
    if not force:
        check_replaceable(out)
    made = plan_of(job, output, runs=runs, cost=cost, warn=partial(output.explain, colour="yellow"))
    write_plan(made, out)
    if is_json:
        output.put_json(msgspec.to_builtins(made))
        return
    for line in plan_lines(made):
        output.put(line)
    if made.is_empty:
        if why := no_page_line(job.select):
            output.explain(why, colour="yellow")
        return
    output.say(
        f"Nothing was changed. To publish: bulk-publisher publish --plan {shlex.quote(str(out))}"
    )


def plan_of(
    job: "Job",
    output: Output,
    *,
    runs: Path,
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
    from bulk_publisher.store import open_store

    output.open_log()
    selected = check_selection(job.select)

    async def look() -> "Plan":
        async with open_credential(job, output) as reached:
            return await make_plan(
                job, selected, reached, store=open_store(runs), cost=cost, warn=warn
            )

    return asyncio.run(look())


def planned_job(path: Path, output: Output, *, runs: Path) -> "Job":
    """The job that does exactly what the plan in *path* says; what has changed since is said.

    Raises:
        BulkPublisherError: If there is no plan, or its portal or its list is another now.
    """
    import os

    import msgspec

    from bulk_publisher.errors import BadSetting
    from bulk_publisher.jobs import Selection, decode_job, find_portal
    from bulk_publisher.model import Scope
    from bulk_publisher.operations.plan_file import changes_since, read_plan
    from bulk_publisher.operations.secrets import kind_of, read_credential
    from bulk_publisher.operations.selecting import check_selection

    kept = read_plan(path)
    job = decode_job(kept.job)
    if job.portal.sandbox is None:
        credential = read_credential(find_portal(job.portal, os.environ), os.environ)
        if credential.host != kept.portal:
            what = kind_of(credential)
            raise BadSetting(f"The plan is for {kept.portal}, but the {what} is for {credential.host}.", f"Use the {what} of that portal, or make a plan for this one.")  # fmt: skip
    if not kept.sent:
        raise BadSetting(f"{path}: the plan has no pages to send.")
    if check_selection(job.select).sha256 != kept.sha256:
        raise BadSetting(f"{job.select.file} has changed since the plan was made.", "Make a new plan with: bulk-publisher plan …")  # fmt: skip
    now = plan_of(job, output, runs=runs, cost=None)
    changes = changes_since(kept, now)
    for line in changes or ["Nothing has changed since the plan was made."]:
        output.say(line, colour="yellow" if changes else None)
    if job.select.file is not None or len(kept.pages) != 1:
        return job
    # Whatever has chosen them once: now they are chosen. Addresses name pages of a kind that the job itself does not.
    ((scope, ranges),) = kept.pages.items()
    only_these = Selection(
        page=tuple(ranges),
        scope=Scope(scope) if scope else None,
        lookup=job.select.lookup,
    )
    return msgspec.structs.replace(job, select=only_these)


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
