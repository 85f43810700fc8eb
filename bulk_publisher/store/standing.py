"""How far has a run come? What its journal and its notes say of that, as data. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from bulk_publisher.model import Status
from bulk_publisher.page_ids.page_set import LARGEST_ID, PageSet


class Place(msgspec.Struct, frozen=True):
    """A place in a selection that the portal lists: all pages up to it have their lines.

    Attributes:
        source: The selection's part, as its pages name it.
        after: The ID up to which nothing is left.
    """

    source: str
    after: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]


@dataclass(slots=True)
class Standing:
    """What is settled.

    Attributes:
        settled: The pages that have a line of this run.
        good: How many of them ended well, by their status.
        foreign: Lines of other runs: they stay where they are, and count for nothing here.
        foreign_run: One of those.
        doubled: Lines for a page that had one already.
        impossible: Lines of what can't be a page: they count for nothing either.
        first_impossible: Which line is the first of them; 0 for none.
    """

    settled: PageSet = field(default_factory=PageSet)
    good: Counter[Status] = field(default_factory=Counter)
    duration: float = 0.0
    repeated: int = 0
    foreign: int = 0
    foreign_run: str = ""
    doubled: int = 0
    impossible: int = 0
    first_impossible: int = 0
