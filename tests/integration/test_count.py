"""How many pages a run is about, where only the portal knows: counted beside it, and shown."""

import pytest
from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.metrics import Metrics
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.cli.progress.words import status_line
from bulk_publisher.jobs import Job, Selection
from bulk_publisher.model import Only, Scope
from bulk_publisher.operations.publishing import publish
from bulk_publisher.operations.resuming import reopened
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Scenario, Site, serve
from bulk_publisher.store import open_store
from bulk_publisher.store.heard import Snapshot

OUTPUT = Output(verbosity=-1, log_format="console", is_plain=True)
LISTS = "landing.landing.getlist"
PAGES = 2_600


class Watching(Progress):
    """Keeps what it is to show, and lets a test meddle; ends the run after so many pages."""

    every = 0.5

    def __init__(self, stop_after: int | None = None, meddle=lambda snapshot: None) -> None:
        super().__init__(OUTPUT)
        self.seen: list[Snapshot] = []
        self.stop_after, self.meddle = stop_after, meddle

    def show(self, snapshot: Snapshot) -> None:
        self.seen.append(snapshot)
        self.meddle(snapshot)
        if self.stop_after is not None and snapshot.pages >= self.stop_after:
            self._started.engine.drain()

    @property
    def totals(self) -> list[int | None]:
        return list(dict.fromkeys(snapshot.total for snapshot in self.seen))


async def _publish(sandbox, runs, progress, **select):
    job = Job(name="t", select=Selection(scope=Scope.KNOWLEDGE, **select))
    try:
        return await publish(job, Webhook(sandbox.webhook), store=open_store(runs), seed=1, watch=progress, on_start=progress.start)  # fmt: skip
    finally:
        progress.finish()


async def test_the_pages_of_a_scope_are_counted_within_seconds_and_an_arrival_is_said(tmp_path):
    watching = Watching(stop_after=400)
    async with serve(Scenario(pages=12_000, cost=0.28)) as sandbox:
        await _publish(sandbox, tmp_path, watching)

    assert watching.totals == [None, 12_000]
    told = next(snapshot for snapshot in watching.seen if snapshot.total)
    assert told.seconds <= 5
    later = next(snapshot for snapshot in watching.seen if snapshot.seconds > 15)
    assert "of 12,000 pages" in status_line(later)
    assert later.arrives_at is not None


async def test_the_first_pages_do_not_wait_for_the_count(tmp_path):
    counted, first = Watching(stop_after=200), Watching(stop_after=200)
    async with serve(Scenario(pages=12_000, cost=0.28)) as sandbox:
        await _publish(sandbox, tmp_path, counted)
    async with serve(Scenario(pages=1_900, cost=0.28)) as sandbox:
        await _publish(sandbox, tmp_path, first)

    ends = [next(m.seconds for m in one.seen if m.pages) for one in (counted, first)]
    assert ends[0] <= ends[1] + 1


async def test_of_few_pages_the_list_itself_tells(tmp_path):
    watching = Watching()
    async with serve(Scenario(pages=700, cost=0.05)) as sandbox:
        await _publish(sandbox, tmp_path, watching)
        lists = sandbox.truth.requests_by_method[LISTS]

    assert watching.totals == [None, 700]
    assert lists == 3


@pytest.mark.parametrize(
    ("select", "total"),
    [
        ({"limit": 2_300}, 2_300),
        ({"site": (3, 9)}, 2_200),
        ({"only": Only.UNPUBLISHED}, None),
    ],
    ids=["limit", "two sites", "only unpublished"],
)
async def test_a_count_is_of_what_is_selected(tmp_path, select, total):
    watching = Watching(stop_after=100)
    share = 0.2 if "only" in select else 0.0
    sites = [Site(id=3, pages=2_100), Site(id=9, pages=100), Site(id=12, pages=800)]
    async with serve(Scenario(sites=sites, cost=0.28, active_share=share)) as sandbox:
        wanted = total or 3_000 - len(sandbox.world.active_ids())
        await _publish(sandbox, tmp_path, watching, **select)

    assert watching.totals == [None, wanted]


async def test_what_goes_on_counts_what_is_settled_with_it(tmp_path):
    watching = Watching(stop_after=700)
    async with serve(Scenario(pages=5_000, cost=0.1, plan="self-hosted")) as sandbox:
        first = await _publish(sandbox, tmp_path, Watching(stop_after=400))
        with reopened(first.kept, {}) as again:
            await again.go_on(Webhook(sandbox.webhook), seed=2, watch=watching, on_start=watching.start)  # fmt: skip
        watching.finish()

    assert watching.seen[0].pages >= 400
    assert watching.totals == [None, 5_000]


async def test_pages_that_come_and_go_never_make_it_more_than_all(tmp_path):
    def meddle(snapshot: Snapshot) -> None:
        if snapshot.total == PAGES and not gone:
            gone.extend(range(2_200, 2_500))
            for page in gone:
                sandbox.world.trash(page)

    gone: list[int] = []
    watching = Watching(meddle=meddle)
    async with serve(Scenario(pages=PAGES, cost=0.02, plan="self-hosted")) as sandbox:
        finished = await _publish(sandbox, tmp_path, watching)

    assert all(snapshot.pages <= (snapshot.total or PAGES) for snapshot in watching.seen)
    assert finished.ending.is_whole
    assert finished.ending.error is None
    assert finished.totals.pages == watching.snapshot().total
    assert finished.kept.read_description().final.left == 0


async def test_status_elsewhere_and_prometheus_know_it_too(tmp_path):
    pytest.importorskip("prometheus_client")
    said: list[str] = []

    def meddle(snapshot: Snapshot) -> None:
        result = CliRunner().invoke(main, ["status", snapshot.run, "--runs", str(tmp_path)])
        said.append(result.stdout)
        if not said[1:]:
            metrics.attend(watching._started)
        metrics.show(snapshot)

    metrics = Metrics(OUTPUT)
    watching = Watching(stop_after=300, meddle=meddle)
    async with serve(Scenario(pages=4_000, cost=0.28)) as sandbox:
        await _publish(sandbox, tmp_path, watching)

    assert "of 4,000 pages" in said[-1]
    last = watching.seen[-1]
    labels = {"job": "t", "portal": last.portal, "run": last.run}
    told = metrics.families.registry.get_sample_value
    assert told("bulk_publisher_pages_selected", labels) == 4_000
    assert told("bulk_publisher_pages_left", labels) == last.left
    metrics.finish()
    assert told("bulk_publisher_pages_left", labels) is None
