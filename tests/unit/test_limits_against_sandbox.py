"""The governor drives the sandbox's own limiter to the end of a run, whatever the portal is like.

The limiter is written by others from the same text; here it is called as functions, without a loop.
"""

import heapq
import random
from collections.abc import Generator
from dataclasses import dataclass, field, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulk_publisher.limits.bounds import Bounds, Waiting
from bulk_publisher.limits.decision import Lane, Permit, Reading, Send, Usage, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.limits.operating import FLOOR
from bulk_publisher.model import Mono
from bulk_publisher.sandbox.meters import Bill, LeakyBucket, MeterKey, OperatingLimiter

WEIGHTS = {"method": (0.0, 1.0), "batch": (1.0, 0.0), "both": (0.5, 1.0)}
ENVELOPE, ALONE = MeterKey("w", "batch"), MeterKey("w", "m")
NOON = 1_800_000_000.0


@dataclass(frozen=True)
class Portal:
    """What a portal is like, and how much there is to do."""

    pages: int = 300
    cost: float = 0.5
    spread: float = 0.3
    limit: float = 60.0
    believed: float | None = None
    billing: str = "method"
    ban: bool = False
    release: str = "reset_at"
    offset: float = 0.0
    bucket: tuple[float, float] = (50.0, 2.0)
    tenant_rate: float = 0.0
    tenant_operating: float = 0.0
    lost_share: float = 0.0
    dearer: float = 1.0
    dearer_from: float = 1.0
    concurrency: int = 4
    seed: int = 1
    unlisted: tuple[bool, ...] = ()
    failure: float = 0.02

    @property
    def dearest_page(self) -> float:
        return self.cost * (1 + self.spread) * self.dearer


@dataclass
class Drive:
    """One run, and what came of it."""

    portal: Portal
    refused: int = 0
    refused_requests: int = 0
    highest: dict[MeterKey, float] = field(default_factory=dict)
    requests: int = 0
    now: float = 0.0

    def __post_init__(self) -> None:
        portal = self.portal
        self.dice = random.Random(portal.seed)
        self.limiter = OperatingLimiter(
            portal.limit,
            ban=portal.ban,
            by_minute=portal.release != "reset_at",
            expires=portal.release != "minute",
            on_booked=self._note,
        )
        capacity, drain = portal.bucket
        self.bucket = LeakyBucket(capacity, drain, tenant_rate=portal.tenant_rate)
        limit = portal.limit if portal.believed is None else portal.believed
        self.governor = Governor(
            Bounds(capacity, drain, limit, concurrency=portal.concurrency, patience=1e9),
            together=("batch", "batch/m"),
            alone=("m",),
            rng=random.Random(portal.seed),
        )
        self.left = portal.pages
        # Whether each of them is there all the same.
        self.unlisted = list(portal.unlisted)
        self.in_flight = 0
        self.begun = 0
        self.tenant_at = 0.0
        self.events: list[tuple[float, int, Permit, Generator[float, float, tuple]]] = []

    def _note(self, key: MeterKey, total: float) -> None:
        self.highest[key] = max(self.highest.get(key, 0.0), total)

    def theirs(self, moment: float) -> float:
        return moment + NOON + self.portal.offset

    def run(self) -> "Drive":
        steps = 0
        while self.left or self.unlisted or self.in_flight:
            steps += 1
            assert steps < 100_000, "it never ends"
            waiting = Waiting(self.left, 0, is_all=True, unlisted=len(self.unlisted))
            decision = self.governor.next_decision(waiting, now=Mono(self.now))
            if isinstance(decision, Send):
                self._send(decision)
                continue
            assert isinstance(decision, WaitUntil)
            assert decision.at > self.now
            at = self.events[0][0] if self.events else float("inf")
            assert min(at, decision.at) < float("inf"), "nothing will ever happen"
            self.now = max(self.now, min(at, decision.at))
            while self.events and self.events[0][0] <= self.now:
                self._step()
        return self

    def _send(self, send: Send) -> None:
        permit = self.governor.reserve(send, now=Mono(self.now))
        pages = self._taken(send)
        self.requests += 1
        self._spend_as_tenant()
        if not self.bucket.take(self.theirs(self.now)):
            self.refused_requests += 1
            self._put_back(permit, pages)
            self.governor.on_rate_refused(permit, now=Mono(self.now))
            return
        self.in_flight += 1
        work = self._work(permit, pages)
        self._push(next(work), permit, work)

    def _taken(self, send: Send) -> list[bool]:
        """Whether each of the pages that leave is there."""
        if send.lane is Lane.UNLISTED or not self.left:
            pages, self.unlisted = self.unlisted[: send.pages], self.unlisted[send.pages :]
            return pages
        self.left -= send.pages
        return [True] * send.pages

    def _put_back(self, permit: Permit, pages: list[bool]) -> None:
        if permit.lane is Lane.UNLISTED:
            self.unlisted = pages + self.unlisted
        else:
            self.left += len(pages)

    def _push(self, at: float, permit: Permit, work: Generator[float, float, tuple]) -> None:
        heapq.heappush(self.events, (at, permit.number, permit, work))

    def _step(self) -> None:
        at, _, permit, work = heapq.heappop(self.events)
        try:
            self._push(work.send(at), permit, work)
        except StopIteration as ended:
            self.in_flight -= 1
            self._tell(permit, *ended.value)

    def _work(self, permit: Permit, pages: list[bool]) -> Generator[float, float, tuple]:
        """The portal's side of one request: yields when each page ends."""
        portal, now = self.portal, self.now
        is_batch = permit.lane is not Lane.SINGLE
        nested = MeterKey("", "m") if portal.billing == "both" and is_batch else ALONE
        of_envelope, of_pages = WEIGHTS[portal.billing] if is_batch else (0.0, 1.0)
        bill = Bill(lambda key: of_envelope if key.method == "batch" else of_pages)
        done, shown = [], nested if of_pages else ENVELOPE
        began, told = now, None
        if is_batch and self.limiter.is_blocked(bill, ENVELOPE, self.theirs(now)):
            yield now
            return (), pages, (), now, None, None, began
        bill.start(ENVELOPE, self.theirs(now))
        refused: list[bool] = []
        for is_there in pages:
            if self.limiter.is_blocked(bill, nested, self.theirs(now)):
                refused.append(is_there)
                continue
            if not is_there:
                bill.start(nested, self.theirs(now))
                now = yield now + portal.failure
                continue
            cost = portal.cost * (1 + portal.spread * self.dice.uniform(-1, 1))
            if self.begun >= portal.dearer_from * portal.pages:
                cost *= portal.dearer
            self.begun += 1
            bill.start(nested, self.theirs(now))
            now = yield now + cost
            bill.end(nested, self.theirs(now))
            done.append(cost)
            told = self.limiter.told(bill, shown, self.theirs(now))
        if not done:
            now = yield now
        bill.end(ENVELOPE, self.theirs(now))
        whole = None
        if is_batch:
            whole = self.limiter.told(bill, ENVELOPE, self.theirs(now))
        self.limiter.settle(bill, self.theirs(now))
        starts, ends = bill._starts.get(nested, []), bill._ends.get(nested, [])
        hits = tuple(end - start for start, end in zip(starts, ends, strict=False))
        return tuple(done), refused, hits, now, told, whole, began

    def _tell(
        self,
        permit: Permit,
        done: tuple[float, ...],
        refused: list[bool],
        hits: tuple[float, ...],
        finished: float,
        told: tuple[float, int] | None,
        whole: tuple[float, int] | None,
        began: float,
    ) -> None:
        self.now = max(self.now, finished)
        self._put_back(permit, refused)
        self.refused += len(refused)
        self.refused_requests += bool(refused)
        if self.dice.random() < self.portal.lost_share:
            # The pages are done, and nobody knows: they are sent once more, but not for ever.
            self.left += len(done) if self.dice.random() < 0.5 else 0
            self.governor.on_ignored(permit, may_be_done=True, now=Mono(self.now))
            return
        worked = sum(hits) if sum(hits) > FLOOR else 0.0
        inner = "m" if permit.lane is Lane.SINGLE else "batch/m"
        readings = []
        if told is not None:
            # Short commands are told with the next answer only.
            untold = worked - sum(hit for hit in hits if hit > FLOOR) if worked else 0.0
            readings.append(self._reading(inner, told, worked, untold))
        if whole is not None:
            readings.append(self._reading("batch", whole, finished - began, 0.0))
        if done or not refused:
            usage = Usage(
                started_at=Mono(began),
                finished_at=Mono(finished),
                minute=int(self.theirs(began) // 60),
                readings=tuple(readings),
                costs=done,
                failures=permit.pages - len(done),
                refused=len(refused),
            )
            self.governor.on_settled(permit, usage, now=Mono(self.now))
        if refused:
            is_envelope = permit.lane is not Lane.SINGLE and self.portal.billing == "batch"
            self.governor.on_operating_refused(
                permit, done=done, in_command=not is_envelope, now=Mono(self.now)
            )

    def _reading(
        self, meter: str, told: tuple[float, int], worked: float, untold: float
    ) -> Reading:
        operating, reset_at = told
        ours = Mono(reset_at - NOON - self.portal.offset)
        return Reading(meter, operating + untold, worked, ours)

    def _spend_as_tenant(self) -> None:
        while self.portal.tenant_operating and self.tenant_at + 10.0 < self.now:
            self.tenant_at += 10.0
            at = self.theirs(self.tenant_at)
            self.limiter.spend(ALONE, self.portal.tenant_operating * 10.0, at - 10.0, at)


portals = st.builds(
    Portal,
    pages=st.integers(1, 500),
    cost=st.floats(0.01, 8.0),
    spread=st.floats(0.0, 0.6),
    limit=st.sampled_from([60.0, 240.0, 480.0]),
    billing=st.sampled_from(sorted(WEIGHTS)),
    ban=st.booleans(),
    release=st.sampled_from(["reset_at", "minute", "earlier"]),
    offset=st.floats(-2000.0, 2000.0),
    lost_share=st.sampled_from([0.0, 0.0, 0.1, 0.3]),
    concurrency=st.integers(1, 8),
    seed=st.integers(0, 2**32),
)


@settings(max_examples=100)
@given(portal=portals.filter(lambda portal: not portal.lost_share or portal.limit > 60.0))
@example(
    Portal(pages=66, cost=2.0, spread=0.5, limit=60.0, billing="batch", concurrency=5, seed=32)
)
def test_no_budget_is_exceeded_by_more_than_a_page_and_it_always_ends(portal):
    """Where answers are lost their cost is guessed, on a meter of ten pages, which no portal has,
    at times wrong by more than one of them."""
    drive = Drive(portal).run()

    assert max(drive.highest.values(), default=0.0) <= portal.limit + portal.dearest_page
    assert drive.bucket.highest <= portal.bucket[0] + 1e-6


@settings(max_examples=25)
@given(
    portal=portals.filter(lambda portal: not portal.lost_share and portal.cost > 0.1),
    limit=st.sampled_from([60.0, 240.0]),
    pages=st.integers(200, 500),
    dearer=st.floats(1.0, 2.5),
    dearer_from=st.floats(0.1, 1.0),
)
def test_where_pages_turn_dearer_no_budget_is_exceeded_by_more_than_a_page(
    portal, limit, pages, dearer, dearer_from
):
    """Other pages come, or the portal turns slower, while some are in flight."""
    turning = replace(portal, limit=limit, pages=pages, dearer=dearer, dearer_from=dearer_from)

    drive = Drive(turning).run()

    assert max(drive.highest.values(), default=0.0) <= limit + turning.dearest_page


_clumps = st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=8)


@settings(max_examples=60)
@given(
    portal=portals.filter(lambda portal: not portal.lost_share),
    clumps=_clumps,
    failure=st.sampled_from([0.0, 0.02, 0.3]),
)
@example(
    portal=Portal(cost=0.3, limit=60.0),
    clumps=[(False, 60), (True, 60), (False, 20)],
    failure=0.02,
)
def test_whatever_pages_are_there_that_are_not_listed_nothing_is_refused(portal, clumps, failure):
    """Those that fail make those behind them dearer, up to fifty times."""
    unlisted = tuple(is_there for is_there, pages in clumps for _ in range(pages))

    drive = Drive(replace(portal, unlisted=unlisted, failure=failure)).run()

    assert (drive.refused, drive.refused_requests) == (0, 0)
    assert max(drive.highest.values(), default=0.0) <= portal.limit + portal.dearest_page


def test_the_worst_that_such_a_request_may_be_billed_with_is_held_up_to_the_limit():
    """Few are there, and all behind many that fail: to hold what pages cost by themselves passes it."""
    clumps = ((False,) * 120 + (True,) * 20) * 50

    drive = Drive(Portal(pages=0, cost=0.5, limit=480.0, unlisted=clumps)).run()

    assert (drive.refused, drive.refused_requests) == (0, 0)
    assert max(drive.highest.values()) <= 480.0


def test_pages_that_are_not_listed_and_not_there_cost_a_run_hardly_any_time():
    few = Portal(pages=2_866, cost=0.15, limit=480.0)

    without, beside = Drive(few).run(), Drive(replace(few, unlisted=(False,) * 134)).run()

    assert beside.now <= 1.02 * without.now
    assert beside.requests <= without.requests + 12


@settings(max_examples=40)
@given(portal=portals.filter(lambda portal: portal.lost_share and portal.limit == 60.0))
def test_where_answers_of_a_tiny_meter_are_lost_it_always_ends(portal):
    drive = Drive(portal).run()

    assert drive.left == 0
    assert drive.bucket.highest <= portal.bucket[0] + 1e-6


@settings(max_examples=40)
@given(portal=portals.filter(lambda portal: not portal.lost_share))
def test_where_the_limit_is_known_and_nobody_else_is_there_nothing_is_refused(portal):
    drive = Drive(portal).run()

    assert (drive.refused, drive.refused_requests) == (0, 0)


@settings(max_examples=40)
@given(
    portal=portals,
    tenant_rate=st.floats(0.0, 1.9),
    tenant_operating=st.sampled_from([0.0, 0.02, 0.1]),
)
def test_beside_other_tenants_it_always_ends(portal, tenant_rate, tenant_operating):
    crowded = Portal(
        **{
            **vars(portal),
            "limit": 480.0,
            "tenant_rate": tenant_rate,
            "tenant_operating": tenant_operating,
        }
    )

    drive = Drive(crowded).run()

    assert drive.bucket.highest <= 50.0 + 1e-6


@settings(max_examples=40)
@given(portal=portals, believed=st.sampled_from([480.0, 1000.0]))
def test_with_a_limit_that_is_not_known_it_always_ends(portal, believed):
    drive = Drive(Portal(**{**vars(portal), "believed": believed})).run()

    assert drive.left == 0


def test_a_lower_limit_costs_one_volley_and_one_question():
    drive = Drive(Portal(pages=2000, cost=0.28, limit=240.0, believed=480.0)).run()

    # Four in flight meet it, and one page asks when a ban would have ended.
    assert drive.refused_requests <= 5
    assert 240.0 * 0.97 <= drive.governor.operating_limit <= 240.0


def test_a_lower_limit_of_a_banning_portal_costs_one_volley():
    drive = Drive(Portal(pages=2000, cost=0.28, limit=240.0, believed=480.0, ban=True)).run()

    assert drive.refused_requests <= 4
    assert 240.0 * 0.97 <= drive.governor.operating_limit <= 240.0


def test_a_bucket_that_others_keep_nearly_full_refuses_hardly_ever():
    drive = Drive(Portal(pages=30_000, cost=0.01, limit=1e9, tenant_rate=1.6)).run()

    assert drive.refused_requests < 0.02 * drive.requests
    # 600 requests of 50 pages; others leave 0.4 a second, and 50 at once.
    assert drive.requests < 1.05 * 600
    assert drive.now < 1.1 * (600 - 50) / 0.4


def test_a_run_of_hours_takes_no_longer_than_the_limit_makes_it():
    drive = Drive(Portal(pages=10_000, cost=0.28, limit=480.0)).run()

    # 2,800 s of work are five times the limit, and 400 s for four at once.
    assert drive.now <= 1.03 * (5 * 600.0 + 400.0 / 4)
