"""In which line of a TOML text each key stands. Pure.

Rules:
    The text has been read by `tomllib` before, so that it is known to be right: this file finds
    the places and checks nothing.

How it works:
    The text is cut into the few kinds of piece that matter here. Strings and comments are single
    pieces, so that whatever looks like a key inside them is not taken for one. A key is a string
    or a bare word, with more of them behind dots; what stands to the left of ``=`` or between
    the brackets of a table's header is a key, and what stands after ``=`` is skipped, except for
    the keys of inline tables in it.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

Key = tuple[str, ...]
"""A key with the tables it is in, outermost first."""

_PIECE = re.compile(
    r"""
      (?P<skipped> [\ \t\r]+ | \#[^\n]* )
    | (?P<newline> \n )
    | (?P<string>
          \"{3} (?: \\. | [^\\] )*? \"{3,5}
        | '{3} .*? '{3,5}
        | \" (?: \\. | [^\\"\n] )* \"
        | ' [^'\n]* '
      )
    | (?P<mark> [\[\]{}=,.] )
    | (?P<word> [^\s\[\]{}=,.\#"']+ )
    """,
    re.VERBOSE | re.DOTALL,
)


class _Piece(NamedTuple):
    kind: str
    text: str
    line: int


def find_lines(text: str) -> dict[Key, int]:
    """The line, from 1, in which each key and each table of *text* first stands.

    What stands in the tables of a list, ``[[portals]]``, is also there with its number, from 0:
    ``("portals", "1", "name")``.
    """
    scan = _Scan(text)
    table: Key = ()
    while scan.left:
        if scan.next_is("\n"):
            scan.take()
        elif scan.next_is("["):
            table = scan.take_header()
        else:
            scan.take_assignment(table)
    return scan.lines


def trailing_comment(line: str) -> str:
    """The comment at the end of *line*, a whole line of a TOML text; empty without one."""
    pieces = [match for match in _PIECE.finditer(line) if match[0].startswith("#")]
    return pieces[-1][0].strip() if pieces else ""


class _Scan:
    """What is left of a text, and what was found in the rest."""

    def __init__(self, text: str) -> None:
        self.left = list(_pieces(text))
        self.left.reverse()
        self.lines: dict[Key, int] = {}
        self._counts: Counter[Key] = Counter()
        self._numbered: Key = ()

    def next_is(self, *texts: str) -> bool:
        return bool(self.left) and self.left[-1].text in texts

    def take(self) -> _Piece:
        return self.left.pop()

    def take_header(self) -> Key:
        line = self.take().line
        is_list = self.next_is("[")
        while self.next_is("["):
            self.take()
        key = self.take_key()
        self._numbered = ()
        if is_list:
            self._numbered = (*key, str(self._counts[key]))
            self._counts[key] += 1
            self.note(self._numbered, line)
        while self.next_is("]"):
            self.take()
        self.note(key, line)
        return key

    def take_assignment(self, table: Key) -> None:
        line = self.left[-1].line
        inner = self.take_key()
        key = table + inner
        self.take()  # the equals sign
        self.note(key, line)
        if self._numbered:
            self.note(self._numbered + inner, line)
        self.take_value(key)

    def take_key(self) -> Key:
        key = [_key_part(self.take())]
        while self.next_is("."):
            self.take()
            key.append(_key_part(self.take()))
        return tuple(key)

    def take_value(self, key: Key) -> None:
        opening = self.take()
        if opening.text == "[":
            self.take_list(key)
        elif opening.text == "{":
            self.take_inline_table(key)
        elif opening.kind == "word":
            # A number with a fraction, or a date and a time, are several pieces.
            while self.left and (self.left[-1].kind == "word" or self.next_is(".")):
                self.take()

    def take_list(self, key: Key) -> None:
        while not self.next_is("]"):
            if self.next_is(",", "\n"):
                self.take()
            else:
                self.take_value(key)
        self.take()

    def take_inline_table(self, key: Key) -> None:
        while not self.next_is("}"):
            if self.next_is(",", "\n"):
                self.take()
            else:
                self.take_assignment(key)
        self.take()

    def note(self, key: Key, line: int) -> None:
        for length in range(1, len(key) + 1):
            self.lines.setdefault(key[:length], line)


def _pieces(text: str) -> Iterator[_Piece]:
    line = 1
    for match in _PIECE.finditer(text):
        if match.lastgroup != "skipped":
            yield _Piece(match.lastgroup or "", match[0], line)
        line += match[0].count("\n")


def _key_part(piece: _Piece) -> str:
    if piece.kind != "string":
        return piece.text
    unquoted: str = tomllib.loads(f"key = {piece.text}")["key"]
    return unquoted
