"""How did a run end? The same answer for one that ends now and for one that is read from its folder. Pure."""

from bulk_publisher.store.description import Description, FinalTotals
from bulk_publisher.store.totals import Left, Totals


class Summary:
    """A run by what it says of itself, and by how its pages ended.

    Attributes:
        description: Of ``run.json``.
        totals: Of its lines.
    """

    __slots__ = ()
    description: Description
    totals: Totals

    @property
    def told(self) -> FinalTotals:
        """What it says itself at its end; all zero where it has not come to one, or goes on from it."""
        return self.description.final if self.has_ended else FinalTotals()

    @property
    def seconds(self) -> float:
        """How long its processes were at work on it."""
        return self.told.seconds

    @property
    def waited(self) -> dict[str, float]:
        """Seconds that each limit held it, as its processes say that have ended in order."""
        return self.description.final.waited

    @property
    def can_be_followed(self) -> bool:
        """Whether other commands can go on with it: not where its portal was simulated for it alone."""
        return self.description.job.portal.sandbox is None

    @property
    def is_whole(self) -> bool:
        """Whether every page of its selection had a line at its end, and its journal still has them."""
        return self.told.is_whole and not self.missing

    @property
    def missing(self) -> int:
        """Pages that had a line when it ended and have none now: somebody removed them."""
        return max(0, self.told.pages - self.totals.pages)

    @property
    def left(self) -> Left:
        """Pages without a line."""
        return pages_left(self.description, self.totals.pages)

    @property
    def has_ended(self) -> bool:
        """Whether it has come to its end, in order or not."""
        return self.description.ended is not None


def pages_left(description: Description, settled: int) -> Left:
    """Pages of a run without a line."""
    total = description.selected.total
    if total is not None:
        return Left(max(0, total - settled))
    return Left(None if description.ended is None else description.final.left, is_all=False)
