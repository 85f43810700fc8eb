"""The thread beside the loop goes on, whatever becomes of one piece of its work."""

import threading

import pytest

from bulk_publisher.store.postgres.keeper import Keeper
from tests.store.patience import soon

pytestmark = [pytest.mark.service, pytest.mark.real_time]


def test_a_fault_in_one_piece_of_work_ends_no_other() -> None:
    keeper, done, failed = Keeper("test"), threading.Event(), threading.Event()

    def fail() -> None:
        failed.set()
        raise TypeError("what the database gives is not as it was")

    keeper.every(600.0, "broken", fail)
    assert soon(failed.is_set)
    keeper.soon("whole", done.set)

    assert soon(done.is_set, seconds=5.0)
    keeper.no_more("broken")
    assert keeper.settle(5.0)
