"""Whatever stands in a run's folder, each of our readers reads it or refuses it in a line."""

import copy
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.model import Status
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.store.record import encode_outcomes
from tests.outcomes import RUN, outcome
from tests.readers import read_run

WHOLE: dict[str, Any] = {
    "run": RUN,
    "version": "0.1.0",
    "schema": "1.0",
    "portal": "example.bitrix24.com",
    "user": 1,
    "plan": "standard",
    "limits": {"capacity": 50.0, "drain": 2.0, "operating": 480.0},
    "started": "2026-03-01T03:00:00.000Z",
    "ended": "2026-03-01T03:10:00.000Z",
    "seed": 1,
    "folder": "/",
    "job": {
        "name": "a",
        "action": "publish",
        "portal": {"webhook": {"env": "A", "file": None}, "plan": None, "ca_file": None},
        "select": {"csv": None, "page": ["1-4"], "scope": "KNOWLEDGE", "limit": None, "lookup": True},
        "pace": {"concurrency": 4, "batch_size": 50, "operating_share": 0.98, "max_failures": None},
    },
    "selected": {"total": 4, "duplicates": 0, "bad_rows": 0, "sha256": None},
    "totals": {
        "counts": {"published": 3, "failed": 1},
        "errors": {"X": 1},
        "left": 0,
        "seconds": 600.0,
        "cost": 0.2,
        "waited": {"operating": 3.0},
        "is_whole": True,
        "is_interrupted": False,
        "stopped_by": {"message": "m", "hint": "h"},
        "stopped_sites": {"7": "X"},
    },
    "following": {"kind": "retry", "run": RUN, "folder": "/tmp", "statuses": [], "errors": []},
    "resumed": [{"at": "2026-03-01T03:05:00Z", "seed": 2, "seconds": 2.5, "ended": None}],
    "retried_by": ["b"],
    "rolled_back_by": ["c"],
}  # fmt: skip
ABSURD: list[Any] = [None, True, -1, 0, 1e300, 10**30, "", "x", "a\0b", "\x1b[2J", "../..", [], [None], {}, {"a": []}]  # fmt: skip
"""Instead of any value, and of another type than almost all of them."""


def _places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()  # fmt: skip
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _with(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    data = copy.deepcopy(WHOLE)
    inner: Any = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return data


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "runs" / RUN)
    run.path.mkdir(parents=True)
    lines = [outcome(page) for page in (1, 2, 3)]
    lines.append(outcome(4, status=Status.FAILED, error="X"))
    run.journal.write_bytes(encode_outcomes(lines))
    run.description.write_text(json.dumps(WHOLE))
    return run


@pytest.mark.parametrize("place", list(_places(WHOLE)), ids=lambda place: ".".join(map(str, place)))
def test_no_single_value_of_a_description_is_a_traceback(
    folder: RunFolder, place: tuple[Any, ...]
) -> None:
    for value in ABSURD:
        folder.description.write_text(json.dumps(_with(place, value)))
        for error in read_run(folder.path):
            assert error.exit_status == 2, (value, error.message)


FILES = ["run.json", "outcomes.jsonl", "sent.jsonl", "verify.jsonl", "progress.json", "lock"]
LINE = json.loads(encode_outcomes([outcome(5)]))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\n",
        b'{"page": "\xff", "run": "\xff", "pages": "\xff", "time": "\xff"}\n',
        b"[" * 50_000 + b"\n",
        b'{"a": ' * 50_000 + b"\n",
        b'{"page": ' + b"9" * 5000 + b"}\n",
        b"\0" * 4096,
        b"\n",
        b"",
        None,
    ],
    ids=["utf-16", "no utf-8", "nested lists", "nested", "digits", "zeros", "empty line", "empty", "a folder"],
)  # fmt: skip
def test_no_file_of_a_run_is_a_traceback(folder: RunFolder, name: str, data: bytes | None) -> None:
    path = folder.path / name
    path.unlink(missing_ok=True)
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)

    read_run(folder.path)


@pytest.mark.parametrize("key", LINE)
def test_no_single_value_of_a_line_is_a_traceback(folder: RunFolder, key: str) -> None:
    whole = folder.journal.read_bytes()
    for value in [*ABSURD, 2**63, 2**64 + 1, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]:
        folder.journal.write_bytes(whole + json.dumps(LINE | {key: value}).encode() + b"\n")
        read_run(folder.path)


def test_an_absurd_figure_is_no_figure(folder: RunFolder) -> None:
    line = encode_outcomes([outcome(5, duration=1e300, operating=-1e300)])
    folder.journal.write_bytes(folder.journal.read_bytes() + line)

    assert read_run(folder.path, draws=True) == []


def _invoke(folder: RunFolder, *words: str):
    return CliRunner().invoke(main, [*words, "--runs", str(folder.path.parent)])


def test_a_bad_run_is_named_and_spoils_no_other(folder: RunFolder) -> None:
    bad = folder.path.with_name("20990101T000000Z-0000")
    shutil.copytree(folder.path, bad)
    (bad / "run.json").write_text('{"run": 7}')

    told = _invoke(folder, "status")
    reported = _invoke(folder, "report", bad.name, folder.path.name)
    listed = _invoke(folder, "report", "--json", bad.name, folder.path.name)

    assert told.exit_code == 0
    assert f"{bad.name}/run.json: it is damaged: run: " in told.stdout
    line = rf"{folder.path.name}  retry of {folder.path.name}  .*  4 pages, 1 failed or unknown"
    assert re.search(line, told.stdout)
    assert "4 pages settled" in reported.stdout
    assert f"{bad.name}/run.json: it is damaged" in reported.stderr
    assert reported.exit_code == 2
    assert [one["run"] for one in json.loads(listed.stdout)] == [RUN]


def test_a_copy_of_a_run_is_that_run(folder: RunFolder) -> None:
    copied = folder.path.with_name("COPY")
    shutil.copytree(folder.path, copied)

    resumed = _invoke(folder, "resume", "COPY")

    assert f"Run {RUN} is complete" in resumed.stderr
    assert resumed.exit_code == 1


def test_lines_that_are_all_of_another_run_are_not_done_again(folder: RunFolder) -> None:
    folder.description.write_text(json.dumps({**WHOLE, "run": "another"}))

    resumed = _invoke(folder, "resume", RUN)

    assert resumed.exit_code == 2
    assert f"its lines are of run {RUN}, but run.json is of run another" in resumed.stderr
