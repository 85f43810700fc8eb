"""What takes long and does not ask the portal, done beside the loop."""

from collections.abc import Callable
from typing import TypeVar

from bulk_publisher.store.disk import Disk

T = TypeVar("T")


async def beside(work: Callable[[], T]) -> T:
    """What *work* gives: a long list or a long journal takes seconds to read."""
    given: list[T] = []
    with Disk() as disk:
        await disk.do(lambda: given.append(work()))
    return given[0]
