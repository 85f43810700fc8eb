"""Which pages have been seen: a set of page ids that stays small for millions of them.

Rules:
    Ids are whole numbers from 1 to 2^63-1. Nothing is ever taken out. This file knows no page's
    source and no outcome: only numbers.

How it works:
    The ids are cut into blocks of 65,536. A *leaf* holds the ids of one or more whole blocks, and
    the leaves follow each other without a gap, so that a binary search over their first ids finds
    the one that an id belongs to. A leaf is one of two things: a sorted array of at most 1,024
    ids, or, for a single block, a bitmap of 8 KiB, which is what 1,024 ids would take. A full
    array that spans several blocks is split at a block's edge; one that lies in a single block
    becomes that block's bitmap. So ids that lie close together take a bit or so each, and ids
    that are scattered over any range take 8 to 16 bytes each.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence

from bulk_publisher.model import PageId

_BLOCK = 1 << 16
_FULL = 1024
LARGEST_ID = (1 << 63) - 1
"""The portal keeps its ids in signed numbers of 64 bits."""


def is_page_id(number: int) -> bool:
    """Whether *number* can be a page's id."""
    return 1 <= number <= LARGEST_ID


class PageSet(Collection[PageId]):
    """A set of page ids, iterated in ascending order.

    Invariant: ``_starts`` is strictly ascending, begins with 0 and holds edges of blocks only;
    every id of leaf *i* is at least ``_starts[i]`` and less than ``_starts[i + 1]``.
    """

    __slots__ = ("_leaves", "_size", "_starts")

    def __init__(self, pages: Iterable[PageId] = ()) -> None:
        self._starts: list[int] = [0]
        self._leaves: list[array[int] | bytearray] = [array("Q")]
        self._size = 0
        for page in pages:
            self.add(page)

    def add(self, page: PageId) -> bool:
        """Put *page* in.

        Returns:
            Whether it is new.

        Raises:
            ValueError: If it is less than 1 or more than 2^63-1.
        """
        if not is_page_id(page):
            raise ValueError(f"{page} is not a page's id: it is not between 1 and 2^63-1")
        at = bisect_right(self._starts, page) - 1
        leaf = self._leaves[at]
        if isinstance(leaf, bytearray):
            byte, bit = (page & 0xFFFF) >> 3, 1 << (page & 7)
            if leaf[byte] & bit:
                return False
            leaf[byte] |= bit
        else:
            position = bisect_left(leaf, page)
            if position < len(leaf) and leaf[position] == page:
                return False
            leaf.insert(position, page)
            if len(leaf) >= _FULL:
                self._relieve(at, leaf, position)
        self._size += 1
        return True

    def add_all(self, pages: Sequence[PageId]) -> int:
        """Put all of *pages* in, in half the time that `add` takes for each.

        Returns:
            How many of them are new.

        Raises:
            ValueError: If one is less than 1 or more than 2^63-1; those before it are in then.
        """
        before = self._size
        for page in pages:
            leaf = self._leaves[bisect_right(self._starts, page) - 1] if page > 0 else None
            if isinstance(leaf, bytearray):
                byte, bit = (page & 0xFFFF) >> 3, 1 << (page & 7)
                if not leaf[byte] & bit:
                    leaf[byte] |= bit
                    self._size += 1
            else:
                self.add(page)
        return self._size - before

    def __contains__(self, page: object) -> bool:
        if not isinstance(page, int) or not is_page_id(page):
            return False
        leaf = self._leaves[bisect_right(self._starts, page) - 1]
        if isinstance(leaf, bytearray):
            return bool(leaf[(page & 0xFFFF) >> 3] & 1 << (page & 7))
        position = bisect_left(leaf, page)
        return position < len(leaf) and leaf[position] == page

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[PageId]:
        for start, leaf in zip(self._starts, self._leaves, strict=True):
            if isinstance(leaf, bytearray):
                yield from _ids_of_bitmap(start, leaf)
            else:
                yield from map(PageId, leaf)

    def _relieve(self, at: int, leaf: "array[int]", inserted: int) -> None:
        """Make room: split the full *leaf* at a block's edge, or make its one block a bitmap."""
        first, last = leaf[0] - leaf[0] % _BLOCK, leaf[-1] - leaf[-1] % _BLOCK
        if first == last:
            self._make_bitmap(at, leaf, first)
            return
        # Ids often come in order: then the part that gets no more of them is left full.
        if inserted == len(leaf) - 1:
            edge = last
        elif inserted == 0:
            edge = first + _BLOCK
        else:
            middle = leaf[len(leaf) // 2]
            edge = max(middle - middle % _BLOCK, first + _BLOCK)
        cut = bisect_left(leaf, edge)
        self._starts.insert(at + 1, edge)
        self._leaves[at : at + 1] = [leaf[:cut], leaf[cut:]]

    def _make_bitmap(self, at: int, leaf: "array[int]", block: int) -> None:
        """Replace *leaf* by its only *block* as a bitmap, with empty leaves for the blocks beside it."""
        bitmap = bytearray(_BLOCK // 8)
        for page in leaf:
            bitmap[(page & 0xFFFF) >> 3] |= 1 << (page & 7)
        starts = [block]
        leaves: list[array[int] | bytearray] = [bitmap]
        if self._starts[at] < block:
            starts.insert(0, self._starts[at])
            leaves.insert(0, array("Q"))
        if at + 1 == len(self._starts) or block + _BLOCK < self._starts[at + 1]:
            starts.append(block + _BLOCK)
            leaves.append(array("Q"))
        self._starts[at : at + 1] = starts
        self._leaves[at : at + 1] = leaves


def _ids_of_bitmap(start: int, bitmap: bytearray) -> Iterator[PageId]:
    for byte, bits in enumerate(bitmap):
        if bits:
            for bit in range(8):
                if bits >> bit & 1:
                    yield PageId(start + byte * 8 + bit)
