"""A TOML job file → `Job`, with every mistake in it told at once, and where.

Paths in a job file are relative to the folder that the file is in, not to the current one: cron
starts its jobs elsewhere.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bulk_publisher.errors import BadJobFile
from bulk_publisher.jobs.job import Job, Portal, Secret, Selection
from bulk_publisher.jobs.rules import (
    OPTIONAL,
    TABLES,
    TOP,
    Rule,
    portal_conflicts,
    selection_conflicts,
)
from bulk_publisher.jobs.toml_lines import Key, find_lines
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.sources.opening import read_settings, reason
from bulk_publisher.text.shown import as_text, nearest, shown

_REPEATED_KEY = re.compile(r"\(.*\)|(?<= key )(['\"]).*\1", re.DOTALL)
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{999}")


def read_job(path: Path) -> Job:
    """The job that the file at *path* describes, its paths made relative to the current folder.

    A job without a name is named after its file.

    Raises:
        BadJobFile: With a line for each mistake: ``file:line: why``.
    """
    data, lines = _parse(_read(path), path)
    complaints = _Complaints(path, lines)
    values = _judge(data, complaints)
    if not complaints.concern("portal"):
        for key, why in portal_conflicts(msgspec.convert(values["portal"], Portal)):
            complaints.add(("portal", key), why)
    if not complaints.concern("select"):
        for key, why in selection_conflicts(msgspec.convert(values["select"], Selection)):
            complaints.add(("select", key), why)
    if complaints.found:
        raise BadJobFile(complaints.text())
    return _beside(msgspec.convert({"name": path.stem, **values}, Job), path.parent)


class _Complaints:
    """What is wrong with a file, by line."""

    def __init__(self, path: Path, lines: Mapping[Key, int]) -> None:
        self.found: list[tuple[int, Key, str]] = []
        self._path = path
        self._lines = lines

    def add(self, key: Key, why: str) -> None:
        line = 1
        for length in range(1, len(key) + 1):
            line = self._lines.get(key[:length], line)
        self.found.append((line, key, why))

    def concern(self, table: str) -> bool:
        return any(key[0] == table for _, key, _ in self.found)

    def text(self) -> str:
        return "\n".join(
            f"{_shown(self._path)}:{line}: {why}" for line, _, why in sorted(self.found)
        )


def _read(path: Path) -> str:
    try:
        content = read_settings(str(path))
    except OSError as error:
        raise BadJobFile(f"{_shown(path)} can't be read: {reason(error)}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadJobFile(f"{_shown(path)}:{line}: it is not UTF-8, as TOML has to be") from error


def _shown(path: Path) -> str:
    return as_text(str(path))


def _parse(text: str, path: Path) -> tuple[dict[str, object], dict[Key, int]]:
    try:
        return tomllib.loads(text), find_lines(text)
    except (ValueError, RecursionError) as error:
        line, why = _complaint(error, text)
        raise BadJobFile(f"{_shown(path)}:{line}: this is not TOML: {why}") from error


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


def _judge(data: Mapping[str, object], complaints: _Complaints) -> dict[str, Any]:
    """The values that keep their rules; complaints about the others and about unknown keys."""
    values = _judge_table(
        (), {key: data[key] for key in data if key not in TABLES}, TOP, complaints
    )
    for table, rules in TABLES.items():
        if table in OPTIONAL and table not in data:
            continue
        inside = data.get(table, {})
        if isinstance(inside, dict):
            values[table] = _judge_table((table,), inside, rules, complaints)
            needed = OPTIONAL.get(table)
            if needed is not None and needed not in inside:
                complaints.add((table,), f"[{table}] needs {needed}")
        else:
            complaints.add((table,), f"{table} must be a table: [{table}]")
    return values


def _judge_table(
    table: Key, data: Mapping[str, object], rules: Mapping[str, Rule], complaints: _Complaints
) -> dict[str, Any]:
    values = {}
    for key, value in data.items():
        if key not in rules:
            complaints.add((*table, key), _unknown(key, table, rules))
            continue
        judged = rules[key](value)
        if isinstance(judged, Wrong):
            complaints.add((*table, key), f"{key}: {judged.why}")
        else:
            values[key] = judged
    return values


def _unknown(key: str, table: Key, rules: Mapping[str, Rule]) -> str:
    what = f"{shown(key)} is not a key of {f'[{table[0]}]' if table else 'a job'}"
    elsewhere = [other for other, its_rules in TABLES.items() if key in its_rules]
    if key in TOP:
        return f"{what}: it belongs at the top, before the first table"
    if elsewhere:
        return f"{what}: it belongs in [{elsewhere[0]}]"
    return what + nearest(key, rules if table else [*TOP, *TABLES])


def _beside(job: Job, folder: Path) -> Job:
    """*job* with its paths, which are relative to *folder*, as the current folder sees them."""
    return msgspec.structs.replace(
        job,
        portal=_portal_beside(job.portal, folder),
        select=job.select.with_paths(lambda path: str(folder / path)),
    )


def _portal_beside(portal: Portal, folder: Path) -> Portal:
    webhook = portal.webhook
    if webhook is not None and webhook.file is not None:
        webhook = Secret(file=str(folder / webhook.file))
    sandbox = portal.sandbox
    if sandbox is not None and ("/" in sandbox or sandbox.endswith(".toml")):
        sandbox = str(folder / sandbox)
    ca_file = None if portal.ca_file is None else str(folder / portal.ca_file)
    return msgspec.structs.replace(portal, webhook=webhook, sandbox=sandbox, ca_file=ca_file)
