"""A TOML file that a person writes: read, and each mistake in it told with its line.

Job files and files of named portals are judged here by the tables of rules that they hand in.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bulk_publisher.errors import UsageError
from bulk_publisher.jobs.toml_lines import Key, find_lines
from bulk_publisher.jobs.values import Rule
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.sources.opening import read_settings, reason
from bulk_publisher.text.shown import as_text

_REPEATED_KEY = re.compile(r"\(.*\)|(?<= key )(['\"]).*\1", re.DOTALL)
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{999}")


class Complaints:
    """What is wrong with a file, by line."""

    def __init__(self, path: Path, lines: Mapping[Key, int]) -> None:
        self.found: list[tuple[int, Key, str]] = []
        self._path = path
        self._lines = lines

    def add(self, key: Key, why: str) -> None:
        """*why*, in the line of *key*, or of the innermost table around it that stands in the file."""
        line = 1
        for length in range(1, len(key) + 1):
            line = self._lines.get(key[:length], line)
        self.found.append((line, key, why))

    def concern(self, table: str) -> bool:
        """Whether anything is wrong in *table*."""
        return any(key[0] == table for _, key, _ in self.found)

    def text(self) -> str:
        """A line for each, in the file's order: ``file:line: why``."""
        return "\n".join(
            f"{as_text(str(self._path))}:{line}: {why}" for line, _, why in sorted(self.found)
        )


class TomlFile:
    """A file's tables, as they were written, and the complaints about it."""

    def __init__(self, path: Path, bad: type[UsageError]) -> None:
        """Read the file at *path*.

        Args:
            bad: What is raised of it.

        Raises:
            UsageError: If it can't be read, or is no TOML.
        """
        self.text = _read(path, bad)
        self.data, lines = _parse(self.text, path, bad)
        self.complaints = Complaints(path, lines)
        self._bad = bad

    def check(self) -> None:
        """Refuse a file that there are complaints about.

        Raises:
            UsageError: With a line for each.
        """
        if self.complaints.found:
            raise self._bad(self.complaints.text())


def _parse(text: str, path: Path, bad: type[UsageError]) -> tuple[dict[str, Any], dict[Key, int]]:
    try:
        return tomllib.loads(text), find_lines(text)
    except (ValueError, RecursionError) as error:
        line, why = _complaint(error, text)
        raise bad(f"{as_text(str(path))}:{line}: this is not TOML: {why}") from error


def judge_table(
    table: Key,
    data: Mapping[str, object],
    rules: Mapping[str, Rule],
    complaints: Complaints,
    unknown: Callable[[str, Key], str],
) -> dict[str, Any]:
    """The values of *table* that keep their rules; complaints about the others.

    Args:
        unknown: What is said of a key without a rule, by key and table.
    """
    values = {}
    for key, value in data.items():
        if key not in rules:
            complaints.add((*table, key), unknown(key, table))
            continue
        judged = rules[key](value)
        if isinstance(judged, Wrong):
            complaints.add((*table, key), f"{key}: {judged.why}")
        else:
            values[key] = judged
    return values


def _read(path: Path, bad: type[UsageError]) -> str:
    shown = as_text(str(path))
    try:
        content = read_settings(str(path))
    except OSError as error:
        raise bad(f"{shown} can't be read: {reason(error)}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise bad(f"{shown}:{line}: it is not UTF-8, as TOML has to be") from error


def _complaint(error: Exception, text: str) -> tuple[int, str]:
    """The line that *error* is about, and its words without the keys that they repeat.

    A key may be a secret in the wrong place; of all else the words name single characters.
    """
    what, _, where = str(error).rpartition(" (at ")
    what = _REPEATED_KEY.sub("…", what or where)
    if place := re.match(r"line (\d+), column (\d+)", where):
        return int(place[1]), f"{what} (column {place[2]})"
    if isinstance(error, RecursionError):
        return 1, "its lists and tables are nested too deep"
    # Python refuses to read a number of thousands of digits, and its words are about itself.
    number = _LONG_NUMBER.search(text)
    if number and not isinstance(error, tomllib.TOMLDecodeError):
        return text.count("\n", 0, number.start()) + 1, "a number has too many digits"
    return max(text.count("\n"), 1), what
