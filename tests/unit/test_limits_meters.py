"""The meters of one credential, as its answers tell of them."""

import pytest

from bulk_publisher.limits.decision import Lane, Permit, Reading, Usage
from bulk_publisher.limits.meters import Meters
from bulk_publisher.model import Mono


class Credential:
    """Meters, and the answers of a portal that books pages alone on one of their own, or not."""

    def __init__(self) -> None:
        self.meters = Meters(together=("batch", "batch/m"), alone=("m",))
        self.sent = 0

    def settle(self, lane: Lane, *, worked: float, operating: float, at: float) -> None:
        """A request of *lane* ended at *at*, with *worked* seconds on the meter of its pages."""
        self.sent += 1
        permit = Permit(self.sent, lane, 1, Mono(at - worked))
        name = "batch/m" if lane is Lane.BATCH else "m"
        reading = Reading(name, operating, worked, None)
        usage = Usage(Mono(at), int(at // 60), (reading,), (worked,), 0)
        self.meters.reserve(permit, worked)
        self.meters.release(permit)
        self.meters.settle(permit, usage, now=Mono(at))

    def ready_at(self, lane: Lane, cost: float) -> float:
        return self.meters.ready_at(lane, cost, limit=100.0, now=Mono(60.0))


@pytest.fixture
def credential() -> Credential:
    return Credential()


def test_before_the_first_answer_each_meter_may_be_there(credential):
    assert len(credential.meters.shown(Lane.BATCH)) == 2

    credential.settle(Lane.BATCH, worked=1.0, operating=1.0, at=1.0)

    assert len(credential.meters.shown(Lane.BATCH)) == 1
    # That of single calls may be the same one.
    assert credential.meters.shown(Lane.SINGLE) == credential.meters.shown(Lane.BATCH)


def test_a_page_alone_that_is_told_what_batches_have_spent_shares_their_meter(credential):
    credential.settle(Lane.BATCH, worked=40.0, operating=40.0, at=40.0)

    credential.settle(Lane.SINGLE, worked=1.0, operating=41.0, at=45.0)

    assert credential.meters.is_shared


def test_a_page_alone_that_is_told_its_own_cost_has_a_meter_of_its_own(credential):
    credential.settle(Lane.BATCH, worked=40.0, operating=40.0, at=40.0)

    credential.settle(Lane.SINGLE, worked=1.0, operating=1.0, at=45.0)

    assert credential.meters.is_shared is False


def test_a_meter_of_its_own_begins_its_baskets_with_its_own_pages(credential):
    # In one minute of the portal, whose first booking is a batch.
    credential.settle(Lane.BATCH, worked=5.0, operating=5.0, at=5.0)
    credential.settle(Lane.SINGLE, worked=60.0, operating=60.0, at=50.0)
    credential.settle(Lane.BATCH, worked=35.0, operating=40.0, at=55.0)
    credential.settle(Lane.SINGLE, worked=1.0, operating=61.0, at=59.0)

    assert 650.0 <= credential.ready_at(Lane.SINGLE, 90.0) <= 660.0


def test_what_was_lost_counts_on_each_meter_that_it_may_be_on(credential):
    credential.settle(Lane.BATCH, worked=40.0, operating=40.0, at=40.0)
    credential.settle(Lane.SINGLE, worked=1.0, operating=41.0, at=45.0)

    credential.meters.guess(Permit(9, Lane.SINGLE, 1, Mono(50.0)), 30.0, now=Mono(55.0))

    assert credential.ready_at(Lane.BATCH, 50.0) > 600.0
    assert credential.ready_at(Lane.SINGLE, 50.0) > 600.0


def test_what_an_earlier_process_has_spent_counts_on_the_meters_of_pages_only(credential):
    lists = credential.meters.of("landing.landing.getList")

    credential.meters.on_resumed([(Mono(0.0), 80.0)], now=Mono(60.0))

    assert credential.ready_at(Lane.BATCH, 50.0) > 590.0
    assert lists.told is None
