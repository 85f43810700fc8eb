"""The sandbox's limits against a second, naive reading of the same text."""

from fractions import Fraction
from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.sandbox.meters import Bill, LeakyBucket, MeterKey, OperatingLimiter

LIMIT = 10.0
NOON = 1_800_000_000.0
PUBLISH = MeterKey("w", "publication")


class NaiveLimiter:
    """Forgets nothing, and reckons everything anew at each question."""

    def __init__(self, *, ban: bool, minute: bool) -> None:
        self.ban = ban
        self.minute = minute
        self.bookings: dict[str, list[tuple[float, float]]] = {}
        self.bans: dict[str, float] = {}
        self.commands: dict[int, list[tuple[str, float]]] = {}
        self.successes: dict[int, list[tuple[str, float]]] = {}

    def stored(self, method: str, now: float) -> float:
        minutes: dict[int, list[tuple[float, float]]] = {}
        for at, seconds in self.bookings.get(method, []):
            minutes.setdefault(int(at) // 60, []).append((at, seconds))
        total = 0.0
        for minute, booked in minutes.items():
            leaves = min(at for at, _ in booked) + 600
            if self.minute:
                leaves = min(leaves, (minute + 10) * 60)
            if now < leaves:
                total += sum(seconds for _, seconds in booked)
        return total

    def hits(self, request: int, method: str) -> list[float]:
        starts = [at for name, at in self.commands.get(request, []) if name == method]
        ends = [at for name, at in self.successes.get(request, []) if name == method]
        return [end - start for start, end in zip(starts, ends, strict=False)]

    def refuses(self, request: int, method: str, now: float) -> bool:
        if now < self.bans.get(method, 0.0):
            return True
        running = sum(hit for hit in self.hits(request, method) if hit > 0.1)
        if self.stored(method, now) + running <= LIMIT:
            return False
        if self.ban:
            self.bans[method] = now + 300
            self.bookings[method] = []
        return True

    def begins(self, request: int, method: str, now: float) -> None:
        self.commands.setdefault(request, []).append((method, now))

    def succeeds(self, request: int, method: str, now: float) -> None:
        self.successes.setdefault(request, []).append((method, now))

    def ends(self, request: int, now: float) -> None:
        for method in {name for name, _ in self.commands.get(request, [])}:
            together = sum(self.hits(request, method))
            if together > 0.1:
                self.bookings.setdefault(method, []).append((now, together))


class Ours:
    """The sandbox's limiter behind the same questions."""

    def __init__(self, *, ban: bool, minute: bool) -> None:
        self.limiter = OperatingLimiter(LIMIT, ban=ban, leaves_with_minute=minute)
        self.bills: dict[int, Bill] = {}

    def refuses(self, request: int, method: str, now: float) -> bool:
        key = MeterKey("w", method)
        running = self.bills.setdefault(request, Bill()).running(key)
        return self.limiter.is_blocked(key, now, running=running)

    def stored(self, method: str, now: float) -> float:
        return self.limiter.total(MeterKey("w", method), now)

    def begins(self, request: int, method: str, now: float) -> None:
        self.bills[request].start(MeterKey("w", method), now)

    def succeeds(self, request: int, method: str, now: float) -> None:
        self.bills[request].end(MeterKey("w", method), now)

    def ends(self, request: int, now: float) -> None:
        self.limiter.settle(self.bills[request], now, weights=lambda _key: 1.0)


def verdicts(model, requests) -> list[tuple[int, int, bool, float]]:
    """Plays overlapping requests: each a start and commands that run one after the other."""
    found: list[tuple[int, int, bool, float]] = []
    waiting = [(start, request, 0, False) for request, (start, _) in enumerate(requests)]
    waiting.sort(reverse=True)
    events: list[tuple[float, int, int, bool]] = []
    for event in waiting:
        heappush(events, event)
    while events:
        now, request, place, is_running = heappop(events)
        commands = requests[request][1]
        if is_running:
            method, _, works = commands[place]
            if works:
                model.succeeds(request, method, now)
            place += 1
        if place == len(commands):
            model.ends(request, now)
            continue
        method, seconds, _ = commands[place]
        refused = model.refuses(request, method, now)
        found.append((request, place, refused, model.stored(method, now)))
        if refused:
            commands = commands[:place] + commands[place + 1 :]
            requests[request] = (requests[request][0], commands)
            heappush(events, (now, request, place, False))
        else:
            model.begins(request, method, now)
            heappush(events, (now + seconds, request, place, True))
    return found


# Quarters and eighths of a second add up without rounding, whatever the order.
durations = st.sampled_from([0.0, 0.0625, 0.125, 0.5, 1.0, 2.5, 6.0, 11.0])
commands = st.tuples(st.sampled_from(["publication", "getlist"]), durations, st.booleans())
gaps = st.sampled_from(
    [0.0, 0.25, 1.0, 20.0, 59.75, 60.0, 240.0, 299.75, 300.0, 540.0, 599.75, 600.0]
)
volleys = st.lists(st.tuples(gaps, st.lists(commands, min_size=1, max_size=6)), max_size=25)


def at_times(volley):
    now, requests = NOON, []
    for gap, given_commands in volley:
        now += gap
        requests.append((now, list(given_commands)))
    return requests


@given(volley=volleys, ban=st.booleans(), minute=st.booleans())
def test_any_sequence_of_calls_gets_the_same_verdicts_and_sums_from_a_naive_model(
    volley, ban, minute
):
    naive = verdicts(NaiveLimiter(ban=ban, minute=minute), at_times(volley))

    ours = verdicts(Ours(ban=ban, minute=minute), at_times(volley))

    assert ours == naive


@given(
    arrivals=st.lists(st.integers(0, 3_000), max_size=150),
    capacity=st.integers(1, 8),
    drain=st.integers(1, 3),
)
def test_the_bucket_refuses_what_exact_numbers_refuse(arrivals, capacity, drain):
    bucket = LeakyBucket(float(capacity), float(drain))
    times = [sum(arrivals[: place + 1]) for place in range(len(arrivals))]

    ours = [bucket.take(NOON + time / 1000) for time in times]

    assert ours == exactly(times, capacity, drain)
    assert bucket.highest <= capacity + 1e-5


def exactly(times: list[int], capacity: int, drain: int) -> list[bool]:
    level, before, found = Fraction(0), 0, []
    for time in times:
        level = max(Fraction(0), level - Fraction((time - before) * drain, 1000))
        before = time
        found.append(level + 1 <= capacity)
        level += found[-1]
    return found


@given(
    gaps=st.lists(st.integers(0, 40_000), max_size=200),
    capacity=st.integers(1, 10),
    drain=st.integers(1, 5),
)
def test_a_sliding_window_of_its_capacity_is_never_refused(gaps, capacity, drain):
    bucket = LeakyBucket(float(capacity), float(drain))
    sent: list[float] = []

    def send(gap: int) -> bool:
        now = (sent[-1] if sent else NOON) + gap / 1000
        if len(sent) >= capacity:
            now = max(now, sent[-capacity] + capacity / drain)
        sent.append(now)
        return bucket.take(now)

    admitted = [send(gap) for gap in gaps]

    assert all(admitted)


def test_others_fill_the_same_bucket():
    bucket = LeakyBucket(10.0, 2.0, tenant_rate=5.0)
    bucket.take(NOON)

    assert bucket.level(NOON + 2.0) == 7.0
    assert not bucket.take(NOON + 100.0)


def limiter(**settings) -> OperatingLimiter:
    return OperatingLimiter(480.0, **{"ban": False, "leaves_with_minute": False, **settings})


def test_exactly_the_limit_is_not_above_it():
    meters = limiter()
    meters.book(PUBLISH, 480.0, NOON)

    assert not meters.is_blocked(PUBLISH, NOON + 1)
    assert meters.is_blocked(PUBLISH, NOON + 1, running=0.25)


@pytest.mark.parametrize(
    ("by_minute", "leaves_after"), [(False, 600.0), (True, 550.0)], ids=["reset_at", "minute"]
)
def test_a_basket_leaves_when_its_variant_says(by_minute, leaves_after):
    meters = limiter(leaves_with_minute=by_minute)
    booked_at = NOON + 50.0
    meters.book(PUBLISH, 481.0, booked_at)

    assert meters.is_blocked(PUBLISH, booked_at + leaves_after - 0.5)
    assert not meters.is_blocked(PUBLISH, booked_at + leaves_after)
    assert meters.reset_at(PUBLISH, booked_at) in {booked_at + 600, NOON + 660}


def test_a_ban_lasts_300_seconds_and_starts_the_sum_anew():
    meters = limiter(ban=True)
    meters.book(PUBLISH, 481.0, NOON)

    assert meters.is_blocked(PUBLISH, NOON + 10)
    assert meters.is_blocked(PUBLISH, NOON + 200)
    assert meters.reset_at(PUBLISH, NOON + 200) == NOON + 310
    assert meters.total(PUBLISH, NOON + 200) == 0.0
    assert not meters.is_blocked(PUBLISH, NOON + 310)


def test_failures_charge_later_successes_from_an_earlier_start():
    bill = Bill()
    bill.start(PUBLISH, 0.0)  # fails
    bill.start(PUBLISH, 1.0)  # fails
    bill.start(PUBLISH, 2.0)
    bill.end(PUBLISH, 3.0)
    bill.start(PUBLISH, 3.0)
    bill.end(PUBLISH, 4.0)

    assert bill.totals() == {PUBLISH: 6.0}


def test_small_hits_are_added_up_before_the_floor():
    alone, together = Bill(), Bill()
    alone.start(PUBLISH, 0.0)
    alone.end(PUBLISH, 0.0625)
    together.start(PUBLISH, 0.0)
    together.end(PUBLISH, 0.0625)
    together.start(PUBLISH, 1.0)
    together.end(PUBLISH, 1.0625)

    assert alone.totals() == {}
    assert together.totals() == {PUBLISH: 0.125}
    assert together.running(PUBLISH) == 0
