"""What a client needs of others, in its own words: a portal over some wire."""

from collections.abc import Mapping
from typing import Any, Protocol

from bulk_publisher.model import Fault
from bulk_publisher.portal.wire import Answer, BatchAnswer


class RawPortal(Protocol):
    """A portal that is asked once and says what came."""

    @property
    def host(self) -> str: ...

    async def call(self, method: str, params: Mapping[str, Any]) -> Answer | Fault: ...

    async def batch(self, commands: Mapping[str, str]) -> BatchAnswer | Fault: ...
