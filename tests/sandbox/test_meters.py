"""The sandbox's limits: against the vendor's limiters, and a second, naive reading of the text.

``meters.json.xz``: 72 random scenarios, each with its variant, its limit, the epoch that its times
count from, and events ``[time, request, kind, method, answer]``, answered by the vendor's two
published limiters: the newest, which bans, and an older one, which books nothing to ``batch``.
"""

import json
import lzma
from fractions import Fraction
from functools import cache
from heapq import heappop, heappush
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.sandbox.meters import Bill, LeakyBucket, MeterKey, OperatingLimiter

LIMIT = 10.0
NOON = 1_800_000_000.0
PUBLISH = MeterKey("w", "publication")


@cache
def vendors_scenarios() -> list[dict]:
    packed = Path(__file__).with_name("meters.json.xz").read_bytes()
    return json.loads(lzma.decompress(packed))


def vendors_limiter(scenario: dict) -> tuple[OperatingLimiter, dict[str, float]]:
    """The sandbox's limiter as that variant has it, and what its methods pay."""
    is_newest = scenario["variant"] == "newest"
    meters = OperatingLimiter(scenario["limit"], ban=is_newest, by_minute=True, expires=is_newest)
    return meters, {"batch": 0.5 if is_newest else 0.0, "m": 1.0}


@pytest.mark.parametrize("number", range(72))
def test_every_event_is_answered_as_the_vendors_limiter_answers_it(number):
    scenario = vendors_scenarios()[number]
    epoch = scenario["epoch"]
    meters, weights = vendors_limiter(scenario)
    bills: dict[int, Bill] = {}
    wrong = []

    for place, (time, request, kind, method, expected) in enumerate(scenario["events"]):
        now, key = epoch + time, MeterKey("w", method)
        bill = bills.setdefault(request, Bill(lambda key: weights[key.method]))
        if kind == "check" and meters.is_blocked(bill, key, now) is not expected:
            wrong.append((place, expected))
        elif kind == "start":
            bill.start(key, now)
        elif kind == "end":
            bill.end(key, now)
        elif kind == "told":
            operating, reset_at = meters.told(bill, key, now)
            if abs(operating - expected[0]) > 1e-5 or reset_at - epoch != expected[1]:
                wrong.append((place, expected, operating, reset_at - epoch))
        elif kind == "book":
            meters.settle(bill, now)

    assert wrong == []


def test_all_of_the_vendors_answers_are_there():
    scenarios = vendors_scenarios()

    assert (len(scenarios), sum(len(one["events"]) for one in scenarios)) == (72, 14_122)


class NaiveLimiter:
    """Forgets nothing, and reckons everything anew at each question."""

    def __init__(self, *, ban: bool, by_minute: bool, expires: bool) -> None:
        self.ban = ban
        self.by_minute = by_minute
        self.expires = expires
        self.bookings: dict[str, list[tuple[int, float, float]]] = {}
        self.checked: dict[int, int] = {}
        self.bans: dict[str, float] = {}
        self.commands: dict[int, list[tuple[str, float]]] = {}
        self.successes: dict[int, list[tuple[str, float]]] = {}

    def stored(self, request: int, method: str, now: float) -> float:
        minutes: dict[int, list[tuple[float, float]]] = {}
        for minute, began, seconds in self.bookings.get(method, []):
            minutes.setdefault(minute, []).append((began, seconds))
        return sum(
            sum(seconds for _, seconds in booked)
            for minute, booked in minutes.items()
            if not (self.expires and now >= int(booked[0][0]) + 600)
            and not (self.by_minute and not 0 <= self.checked[request] - minute < 10)
        )

    def hits(self, request: int, method: str) -> list[float]:
        starts = [at for name, at in self.commands.get(request, []) if name == method]
        ends = [at for name, at in self.successes.get(request, []) if name == method]
        return [end - start for start, end in zip(starts, ends, strict=False)]

    def refuses(self, request: int, method: str, now: float) -> bool:
        self.checked.setdefault(request, int(now) // 60)
        if now < self.bans.get(method, 0.0):
            return True
        running = sum(hit for hit in self.hits(request, method) if hit > 0.1)
        if self.stored(request, method, now) + running <= LIMIT:
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
                began = min(at for name, at in self.commands[request] if name == method)
                booked = (self.checked[request], began, together)
                self.bookings.setdefault(method, []).append(booked)


class Ours:
    """The sandbox's limiter behind the same questions."""

    def __init__(self, **variant: bool) -> None:
        self.limiter = OperatingLimiter(LIMIT, **variant)
        self.bills: dict[int, Bill] = {}

    def refuses(self, request: int, method: str, now: float) -> bool:
        bill = self.bills.setdefault(request, Bill())
        return self.limiter.is_blocked(bill, MeterKey("w", method), now)

    def stored(self, request: int, method: str, now: float) -> float:
        key, bill = MeterKey("w", method), self.bills[request]
        return self.limiter.told(bill, key, now)[0] - bill.running(key)

    def begins(self, request: int, method: str, now: float) -> None:
        self.bills[request].start(MeterKey("w", method), now)

    def succeeds(self, request: int, method: str, now: float) -> None:
        self.bills[request].end(MeterKey("w", method), now)

    def ends(self, request: int, now: float) -> None:
        self.limiter.settle(self.bills[request], now)


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
        found.append((request, place, refused, model.stored(request, method, now)))
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


VARIANTS = {
    "documented": {"ban": False, "by_minute": False, "expires": True},
    "older": {"ban": False, "by_minute": True, "expires": False},
    "newest": {"ban": True, "by_minute": True, "expires": True},
}


@given(volley=volleys, variant=st.sampled_from(sorted(VARIANTS)))
def test_any_sequence_of_calls_gets_the_same_verdicts_and_sums_from_a_naive_model(volley, variant):
    naive = verdicts(NaiveLimiter(**VARIANTS[variant]), at_times(volley))

    ours = verdicts(Ours(**VARIANTS[variant]), at_times(volley))

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


def limiter(variant: str = "documented") -> OperatingLimiter:
    return OperatingLimiter(480.0, **VARIANTS[variant])


def test_exactly_the_limit_is_not_above_it():
    meters, bill = limiter(), Bill()
    meters.book(PUBLISH, 480.0, int(NOON // 60), NOON)

    assert not meters.is_blocked(bill, PUBLISH, NOON + 1)
    bill.start(PUBLISH, NOON + 1)
    bill.end(PUBLISH, NOON + 1.25)
    assert meters.is_blocked(bill, PUBLISH, NOON + 1.25)


@pytest.mark.parametrize(
    ("variant", "leaves_after"), [("documented", 600.0), ("older", 550.0), ("newest", 550.0)]
)
def test_a_basket_leaves_when_its_variant_says(variant, leaves_after):
    meters, began = limiter(variant), NOON + 50.0
    meters.book(PUBLISH, 470.0, int(began // 60), began)

    assert meters.told(Bill(), PUBLISH, began) == (470.0, NOON + 650)
    assert meters.total(PUBLISH, began + leaves_after - 0.5) == 470.0
    assert meters.total(PUBLISH, began + leaves_after) == 0.0


def test_a_request_of_minutes_still_sees_what_it_saw_at_first():
    meters, bill = limiter("older"), Bill()
    meters.book(PUBLISH, 481.0, int(NOON // 60), NOON)

    assert meters.is_blocked(bill, PUBLISH, NOON + 599)
    assert meters.is_blocked(bill, PUBLISH, NOON + 660)
    assert not meters.is_blocked(Bill(), PUBLISH, NOON + 600)


def test_a_ban_lasts_300_seconds_and_starts_the_sum_anew():
    meters = limiter("newest")
    meters.book(PUBLISH, 481.0, int(NOON // 60), NOON)

    assert meters.is_blocked(Bill(), PUBLISH, NOON + 10)
    assert meters.is_blocked(Bill(), PUBLISH, NOON + 200)
    assert meters.told(Bill(), PUBLISH, NOON + 200) == (0.0, NOON + 310)
    assert not meters.is_blocked(Bill(), PUBLISH, NOON + 310)


def test_a_batch_is_halved_before_it_is_held_against_the_floor():
    short, long = Bill(lambda _key: 0.5), Bill(lambda _key: 0.5)
    short.start(PUBLISH, 0.0)
    short.end(PUBLISH, 0.1875)
    long.start(PUBLISH, 0.0)
    long.end(PUBLISH, 0.25)

    assert (short.totals(), long.totals()) == ({}, {PUBLISH: 0.125})


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
