"""Everything of ours that reads a run's folder or a plan, without a portal."""

import json
from collections.abc import Callable
from pathlib import Path

from bulk_publisher.cli.commands.all_runs import run_lines, runs_as_list
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.operations.following import follow, taken_down
from bulk_publisher.operations.plan_file import changes_since, read_plan
from bulk_publisher.operations.planning import measured_cost
from bulk_publisher.operations.resuming import reopened, status_of_whole
from bulk_publisher.operations.verifying import _check_lines
from bulk_publisher.report.charts import cost_chart, time_chart
from bulk_publisher.report.export import story_as_dict
from bulk_publisher.report.html_page import html_report
from bulk_publisher.report.story import read_story
from bulk_publisher.report.telling import story_lines
from bulk_publisher.store import KeptRun, open_store
from bulk_publisher.store.description import Following, FollowingKind
from bulk_publisher.store.folder.folder_run import run_at


def read_run(path: Path, *, draws: bool = False) -> list[BulkPublisherError]:
    """What each reader of the run in *path* refuses; anything but that is raised."""
    folder = run_at(path)

    def report() -> None:
        story = read_story(folder)
        "\n".join(story_lines(story, path.name)).encode()
        json.dumps(story_as_dict(story), allow_nan=False)
        if draws:
            html_report([story])
            time_chart(story)
            cost_chart(story)

    def lists() -> None:
        "\n".join(run_lines(open_store(path.parent), portal=None, most=0)).encode()
        json.dumps(runs_as_list(open_store(path.parent), portal=None, most=0), allow_nan=False)
        measured_cost("example.bitrix24.com", open_store(path.parent))

    def resume() -> None:
        status_of_whole(folder)
        with reopened(folder, {}):
            pass
        list(folder.spent_since(""))

    def verify() -> None:
        taken_down(folder)
        _check_lines(folder)
        folder.read_verdicts()

    readers = [report, lists, resume, verify, *(_follow(folder, kind) for kind in FollowingKind)]
    return [error for read in readers if (error := _refusal(read)) is not None]


def read_again(path: Path) -> BulkPublisherError | None:
    """What the reader of the plan in *path* refuses."""

    def read() -> None:
        plan = read_plan(path)
        changes_since(plan, plan)

    return _refusal(read)


def _follow(folder: KeptRun, kind: FollowingKind) -> Callable[[], None]:
    def read() -> None:
        following = Following(
            kind=kind, run=folder.name, folder=folder.place, includes_unknown=True
        )
        follow(folder, following, lambda job: job)

    return read


def _refusal(read: Callable[[], None]) -> BulkPublisherError | None:
    try:
        read()
    except BulkPublisherError as error:
        refusal = error
    else:
        return None
    assert "\x1b" not in refusal.message
    assert len(refusal.message) < 2000
    return refusal
