"""A long list in parts that a person can look through. Pure."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

R = TypeVar("R")

SIZES = (25, 50, 100, 200)
"""Rows in a part, as a person may choose."""
_USUAL = 50


class Excerpt(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """A part of a list.

    Attributes:
        number: Of the part, from 1.
        size: Rows in a part at most.
        count: Rows in all parts together.
    """

    rows: tuple[R, ...]
    number: int
    size: int
    count: int

    @property
    def last(self) -> int:
        """The number of the last part; there is always one."""
        return max(1, -(-self.count // self.size))

    @property
    def first_row(self) -> int:
        """The place of its first row among all, from 1; 0 where there is none."""
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last_row(self) -> int:
        """The place of its last row."""
        return self.first_row + len(self.rows) - 1 if self.rows else 0


def excerpt(rows: Sequence[R], number: int, size: int) -> Excerpt[R]:
    """Part *number* of *rows*; where there are fewer parts, the last one.

    Args:
        size: Rows in a part; what is none of ``SIZES`` is taken for 50.
    """
    size = size if size in SIZES else _USUAL
    last = max(1, -(-len(rows) // size))
    number = min(max(1, number), last)
    begins = (number - 1) * size
    return Excerpt(
        rows=tuple(rows[begins : begins + size]), number=number, size=size, count=len(rows)
    )
