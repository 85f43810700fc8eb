"""What was really done: the side of the portal that a client cannot see.

Pure. Tests compare a journal with it; nothing of it goes over the wire.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence


class PageCounts(Mapping[int, int]):
    """How often something was done to each page; pages that it was never done to are left out.

    Compact, as it stands for a million pages.
    """

    def __init__(self, ids: Sequence[int], index: Callable[[int], int | None]) -> None:
        self._ids = ids
        self._index = index
        self._counts = array("H", bytes(2 * len(ids)))
        self._pages = 0

    def add(self, place: int) -> None:
        """Counts one more for the page at *place* of the world."""
        missing = place + 1 - len(self._counts)
        if missing > 0:
            self._counts.extend([0] * missing)
        if self._counts[place] == 0:
            self._pages += 1
        # 65,535 and more show as 65,535: nobody publishes a page that often.
        self._counts[place] = min(self._counts[place] + 1, 65_535)

    def __getitem__(self, page_id: int) -> int:
        place = self._index(page_id)
        count = self._counts[place] if place is not None and place < len(self._counts) else 0
        if not count:
            raise KeyError(page_id)
        return count

    def __iter__(self) -> Iterator[int]:
        return (self._ids[place] for place, count in enumerate(self._counts) if count)

    def __len__(self) -> int:
        return self._pages

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"


class Truth:
    """Everything a sandbox has seen and done.

    Attributes:
        publications: Page id → how often it was really published.
        unpublications: Page id → how often it was really taken down.
        unheard: Page id → how often it was really published by a request that gave no answer of it.
        log: (epoch second, page id, ``publish`` or ``unpublish``), if the scenario asks for it.
        refused: How often by code: QUERY_LIMIT_EXCEEDED, OPERATION_TIME_LIMIT (each command).
        errors: How often each other error code was answered, inside batches too.
        nulls: Publications that were answered with null.
        requests: HTTP requests that reached the portal, refused ones included.
        commands: Method calls that ran, alone or inside a batch.
        requests_by_method: Requests by the method of the envelope.
        highest_bucket: The highest level of the intensity bucket.
        bucket_capacity: Its capacity; None where there is no limit.
        highest_meter: Meter → its highest sum at any booking, in seconds.
        operating_limit: What these sums are held against; None where the limiter is off.
        faults: How often each fault was injected.
        timeouts: Requests that were cut at the request timeout.
        refreshes: OAuth refreshes that were granted.
        notifications: (user id, text) of each that was made.
    """

    def __init__(self, ids: Sequence[int], index: Callable[[int], int | None]) -> None:
        self.publications = PageCounts(ids, index)
        self.unpublications = PageCounts(ids, index)
        self.unheard = PageCounts(ids, index)
        self.log: list[tuple[float, int, str]] = []
        self.refused: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.nulls = 0
        self.requests = 0
        self.commands = 0
        self.requests_by_method: Counter[str] = Counter()
        self.highest_bucket = 0.0
        self.bucket_capacity: float | None = None
        self.highest_meter: dict[str, float] = {}
        self.operating_limit: float | None = None
        self.faults: Counter[str] = Counter()
        self.timeouts = 0
        self.refreshes = 0
        self.notifications: list[tuple[int, str]] = []
        self.first_publication_at: float | None = None
        self.last_publication_at: float | None = None
        self.most_at_once = 0

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, for JSON; pages by count instead of one by one."""
        times = self.publications.values()
        return {
            "pages_published": len(self.publications),
            "publications": sum(times),
            "pages_published_twice_or_more": sum(1 for count in times if count > 1),
            "publications_unheard": sum(self.unheard.values()),
            "pages_unpublished": len(self.unpublications),
            "unpublications": sum(self.unpublications.values()),
            "first_publication_at": self.first_publication_at,
            "last_publication_at": self.last_publication_at,
            "requests": self.requests,
            "requests_by_method": dict(self.requests_by_method),
            "commands": self.commands,
            "refused": dict(self.refused),
            "errors": dict(self.errors),
            "nulls": self.nulls,
            "faults": dict(self.faults),
            "timeouts": self.timeouts,
            "refreshes": self.refreshes,
            "notifications": len(self.notifications),
            "most_requests_at_once": self.most_at_once,
            "bucket_capacity": self.bucket_capacity,
            "highest_bucket": round(self.highest_bucket, 3),
            "operating_limit": self.operating_limit,
            "highest_meter": {key: round(top, 3) for key, top in self.highest_meter.items()},
        }
