"""Where pieces of secrets stand in bytes, however many secrets there are. Pure.

Rules: a piece is 8 characters in a row of a secret, or what 8 of them are in hex or base64, whatever
stands before and after them. Small and capital letters of ASCII are the same. A piece that is made of
one or two characters, such as ``00000001``, tells nothing and is none.

How it works: any 7 bytes in a row hold 4 that begin at a multiple of 4. So only every fourth place of
a text is looked up, all of them at once and as numbers, and where one is found the pieces around it
are compared. What that costs depends on the text's length and hardly on the number of secrets.
"""

import base64
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

PIECE = 8
"""Characters of a secret from which a part of it is hidden."""

_WORD = 4
_BLOCK = 1 << 16
"""Bytes that are looked up at once: their numbers take half a megabyte."""
_SEXTETS = 10
"""Characters of base64 that depend on 8 bytes alone, wherever these begin."""
_IN_ADDRESSES = bytes.maketrans(b"+/", b"-_")

K = TypeVar("K")

Span = tuple[int, int]
"""Where something begins and where it has ended."""


class Pieces:
    """The pieces of some secrets. Invariant: each that a text holds lies in a span of it."""

    def __init__(self) -> None:
        self._words: dict[int, int] = {}
        """How many pieces begin with each, or hold it within their first bytes."""
        self._pieces: dict[int, dict[bytes, int]] = {}
        """By their length; how many secrets have each."""

    def add(self, secret: str) -> None:
        """Find *secret* as well; while another thread looks for others, too."""
        for piece in _telling_pieces_of(secret):
            pieces = self._pieces.setdefault(len(piece), {})
            pieces[piece] = pieces.get(piece, 0) + 1
            for word in _words_of(piece):
                self._words[word] = self._words.get(word, 0) + 1

    def remove(self, secret: str) -> None:
        """Find *secret*, which was added, no more."""
        for piece in _telling_pieces_of(secret):
            _take_one(self._pieces[len(piece)], piece)
            for word in _words_of(piece):
                _take_one(self._words, word)

    def may_be_in(self, text: bytes) -> bool:
        """Whether *text* may hold a piece: never wrong when it says no."""
        lower = text.lower()
        return any(not self._words.keys().isdisjoint(words) for _, words in _blocks(lower))

    def spans(self, text: bytes) -> list[Span]:
        """Where pieces stand in *text*, in order; those that touch are one."""
        lower = text.lower()
        spans: list[Span] = []
        for begin, words in _blocks(lower):
            if self._words.keys().isdisjoint(words):
                continue
            for at, word in enumerate(words):
                if word in self._words:
                    self._look_around(lower, begin + at * _WORD, spans)
        return _joined(spans) if spans else spans

    def _look_around(self, lower: bytes, at: int, spans: list[Span]) -> None:
        for begin in range(max(0, at - _WORD + 1), at + 1):
            for length, pieces in tuple(self._pieces.items()):
                if lower[begin : begin + length] in pieces:
                    spans.append((begin, begin + length))


def _telling_pieces_of(secret: str) -> Iterator[bytes]:
    return (piece for piece in _pieces_of(secret) if len({*piece}) > 2)


def _words_of(piece: bytes) -> Iterator[int]:
    return (int.from_bytes(piece[at : at + _WORD], sys.byteorder) for at in range(_WORD))


def _take_one(counts: dict[K, int], key: K) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]


def _blocks(text: bytes) -> Iterable[tuple[int, list[int]]]:
    """The parts of *text* in which a piece may begin: where, and every fourth place as a number."""
    view = memoryview(text)[: len(text) // _WORD * _WORD]
    if len(view) <= _BLOCK:
        # Nearly all are: what a generator costs is as much as all the rest.
        return ((0, view.cast("I").tolist()),)
    return (
        (begin, view[begin : begin + _BLOCK].cast("I").tolist())
        for begin in range(0, len(view), _BLOCK)
    )


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def _pieces_of(secret: str) -> Iterator[bytes]:
    """Each piece of *secret*, in each of its forms."""
    for at in range(len(secret) - PIECE + 1):
        piece = secret[at : at + PIECE]
        for data in _encoded(piece):
            yield data.lower()
            yield data.hex().encode()
    for data in _encoded(secret):
        for core in _in_base64(data):
            for at in range(len(core) - _SEXTETS + 1):
                yield core[at : at + _SEXTETS].lower()


def _encoded(text: str) -> set[bytes]:
    """*text* as bytes: in UTF-8, and as logins to proxies are sent."""
    forms = {text.encode("utf-8", "surrogatepass")}
    with suppress(UnicodeEncodeError):
        forms.add(text.encode("latin-1"))
    return forms


def _in_base64(data: bytes) -> set[bytes]:
    """What of base64 is the same wherever in a longer text *data* stands, in both its alphabets."""
    cores = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data)
        first, last = (0, 2, 3)[before], (before + len(data)) * 8 // 6
        cores |= {encoded[first:last], encoded[first:last].translate(_IN_ADDRESSES)}
    return cores
