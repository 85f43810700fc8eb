"""What the governor is told at the start and asked with, and what it shows. Data and nothing else."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the run has to keep within.

    Attributes:
        capacity: Requests that the portal's bucket holds; infinite for no limit.
        drain: Requests a second that leave it.
        operating_limit: Seconds of operating time per ten minutes.
        operating_share: Of it, what we may use.
        intensity_share: Of the bucket, what we may use.
        concurrency: Requests in flight at most.
        batch_size: Pages in a request at most.
        jitter: Seconds by which a request may be longer on its way than the next.
        patience: Seconds without any answer after which to give up.
    """

    capacity: float
    drain: float
    operating_limit: float
    operating_share: float = 0.98
    intensity_share: float = 1.0
    concurrency: int = 4
    batch_size: int = 50
    jitter: float = 0.0
    patience: float = 900.0


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """The pages that could be sent.

    Attributes:
        together: Pages that may share a request.
        alone: Pages that need a request of their own.
        is_all: No further page will come.
        unlisted: Pages that may share a request of their own kind, and are to: the portal does not
            list them.
    """

    together: int
    alone: int
    is_all: bool
    unlisted: int = 0

    @property
    def several(self) -> int:
        """Pages that may share a request, of either kind."""
        return self.together + self.unlisted


@dataclass(frozen=True, slots=True)
class Gauge:
    """How full something is."""

    level: float
    limit: float


@dataclass(frozen=True, slots=True)
class Levels:
    """What a person wants to see of the limits.

    Attributes:
        operating: The fullest meter; None where the portal has none.
    """

    intensity: Gauge
    operating: Gauge | None
    in_flight: int
    window: int
    size: int
    cost: float
