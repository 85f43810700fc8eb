"""How much of the portal's limits does a run use, and which of them holds it? Pure."""

import msgspec

from bulk_publisher.store.heard import Bar, Snapshot

_NEARLY = 0.9
"""The share of a limit from which it is what holds a run, as far as nothing says otherwise."""
_LIMITS = {"intensity": "requests", "operating": "operating time"}
"""A snapshot's words for what it waits for, and ours."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One of the portal's limits.

    Attributes:
        name: ``requests`` in the portal's bucket, or ``operating time`` in ten minutes.
        unit: Of both figures; empty for requests.
        binds: Whether it is what holds the run.
    """

    name: str
    level: float
    limit: float
    unit: str
    binds: bool

    @property
    def share(self) -> float:
        """How much of it is used, 0 to 1."""
        return min(1.0, max(0.0, self.level / self.limit)) if self.limit > 0 else 0.0

    @property
    def words(self) -> str:
        """``463 of 480 s``."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.level:,.0f} of {self.limit:,.0f}{unit}"


def budgets_of(snapshot: Snapshot) -> tuple[Budget, ...]:
    """Both limits, as far as the portal has any; one at most binds."""
    bars = [
        (name, bar, unit)
        for name, bar, unit in (
            ("requests", snapshot.requests, ""),
            ("operating time", snapshot.operating, "s"),
        )
        if bar is not None
    ]
    binding = _binding(snapshot, {name: bar for name, bar, _ in bars})
    return tuple(
        Budget(name=name, level=bar.level, limit=bar.limit, unit=unit, binds=name == binding)
        for name, bar, unit in bars
    )


def _binding(snapshot: Snapshot, bars: dict[str, Bar]) -> str | None:
    if snapshot.waiting is not None:
        return _LIMITS.get(snapshot.waiting.limit)
    shares = {name: bar.level / bar.limit for name, bar in bars.items() if bar.limit > 0}
    fullest = max(shares, key=lambda name: shares[name], default=None)
    return fullest if fullest is not None and shares[fullest] >= _NEARLY else None
