"""A fault of ours: one line, a status of its own, and a traceback without secrets where it can be found."""

import asyncio
import json
import logging
import stat
from contextvars import Context
from pathlib import Path

import pytest
from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.cli.commands.doing import run_task
from bulk_publisher.cli.output.complaints import errors_said
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.output.stderr_log import configure_log
from bulk_publisher.clock import LoopClock
from bulk_publisher.errors import LimitReached
from bulk_publisher.jobs import Job, Portal, Secret, Selection
from bulk_publisher.operations import crash
from bulk_publisher.operations.logs import log_to
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.store.folder.folder_run import FolderLog

HOOK = "https://example.bitrix24.com/rest/1/planted5ecret/"


def _ended(output: Output, error: Exception) -> object:
    with pytest.raises(SystemExit) as ended, errors_said(output):
        raise error
    return ended.value.code


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "bulk-publisher"


@pytest.mark.parametrize(
    "error",
    [
        KeyError(HOOK + "x.json"),
        ExceptionGroup("tasks", [OSError(5, "Input/output error")]),
        RecursionError("x" * 10_000),
        ExceptionGroup("tasks", [ValueError("a\x1b[31m"), LimitReached("b")]),
        MemoryError(),
    ],
    ids=["keyed", "of the disk", "endless", "several", "memory"],
)
def test_a_fault_of_ours_is_a_line_and_70(state: Path, capsys, error: Exception) -> None:
    status = _ended(Output(verbosity=0, log_format="console", is_plain=True), error)

    (kept,) = state.glob("crash-*.txt")
    (line,) = capsys.readouterr().err.splitlines()
    assert status == 70
    assert line.startswith("Internal error in bulk-publisher: ")
    assert str(kept) in line
    assert len(line) < 400 + len(str(kept))
    assert "Traceback" in kept.read_text()
    assert "planted5ecret" not in line + kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_where_nothing_can_be_kept_the_line_says_how_to_see_it(monkeypatch, capsys) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")

    status = _ended(Output(verbosity=0, log_format="console", is_plain=True), KeyError("x"))

    assert status == 70
    assert "Its traceback is shown with -vv." in capsys.readouterr().err


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_the_traceback_is_shown_where_all_is_wanted(capsys, log_format: str) -> None:
    status = _ended(Output(verbosity=2, log_format=log_format, is_plain=True), KeyError(HOOK))

    said = capsys.readouterr().err
    assert status == 70
    assert "Traceback (most recent call last)" in said
    assert "planted5ecret" not in said
    if log_format == "json":
        (told,) = [json.loads(line) for line in said.splitlines()]
        assert (told["event"], told["status"]) == ("crash", 70)


async def test_the_log_of_the_run_holds_it_where_there_is_one(tmp_path: Path, capsys) -> None:
    log = tmp_path / "log.jsonl"
    error = ValueError("planted5ecret")

    def run() -> None:
        with log_to(FolderLog(log), Webhook(HOOK), LoopClock(), run="r1", place=str(log)):
            raise error

    with pytest.raises(ValueError, match="planted"):
        run()
    status = _ended(
        Output(verbosity=0, log_format="console", is_plain=True), ExceptionGroup("x", [error])
    )

    (event,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert status == 70
    assert (event["event"], event["run"]) == ("run.crashed", "r1")
    assert "in run\n" in event["traceback"]
    assert "planted5ecret" not in log.read_text()
    assert f"Its traceback is in {log}." in capsys.readouterr().err
    assert crash.logged_in(error) == str(log)


async def test_what_libraries_say_goes_to_the_log_and_not_to_stderr(tmp_path: Path, capsys) -> None:
    log = tmp_path / "log.jsonl"
    configure_log(verbosity=0, is_json=False, has_colour=False)

    with log_to(FolderLog(log), Webhook(HOOK), LoopClock(), run="r1", place=str(log)):
        logging.getLogger("asyncio").error("lost %s", HOOK, exc_info=KeyError("planted5ecret"))

    (event,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert (event["event"], event["logger"]) == ("library.said", "asyncio")
    assert "KeyError" in event["traceback"]
    assert "planted5ecret" not in log.read_text()
    assert capsys.readouterr().err == ""


@pytest.mark.real_time
def test_a_fault_beside_a_run_is_told_as_from_within_it(tmp_path: Path, capsys) -> None:
    (tmp_path / "hook").write_text(HOOK)
    job = Job(name="j", select=Selection(), portal=Portal(webhook=Secret(file=str(tmp_path / "hook"))))  # fmt: skip

    async def task(*_: object, **_1: object) -> Finished:
        beside = {"message": "lost", "exception": ValueError("planted5ecret")}
        # As the loop does it, from wherever it is.
        Context().run(asyncio.get_running_loop().call_exception_handler, beside)
        raise LimitReached("full")

    with pytest.raises(LimitReached):
        run_task(job, task, Output(verbosity=1, log_format="json", is_plain=True), runs=tmp_path)

    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["what"] for line in told if line["event"] == "fault.aside"] == ["ValueError: ***"]
    assert "planted5ecret" not in repr(told)


async def test_what_ends_a_run_in_order_is_no_crash(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"

    def run() -> None:
        with log_to(FolderLog(log), Webhook(HOOK), LoopClock(), run="r1", place=str(log)):
            raise LimitReached("full")

    with pytest.raises(LimitReached):
        run()

    assert log.read_text() == ""


def test_a_file_that_cannot_be_used_is_2_and_is_named(capsys) -> None:
    error = ExceptionGroup("tasks", [PermissionError(13, "Permission denied", b"/x\xd1")])

    status = _ended(Output(verbosity=0, log_format="console", is_plain=True), error)

    assert status == 2
    assert capsys.readouterr().err == "Error: Can't be used: /x\\xd1: Permission denied.\n"


@pytest.mark.parametrize(
    "words",
    [
        "--log-format json publsh",
        "--log-format=json publish --bogus",
        "publish --page 3 --progress json --bogus",
        "publish --page 3x --progress=json",
        "--log-format json report nosuch",
        "--log-format json",
        "--log-format json --bogus",
        "publish --progress json --concurrency 0",
        "publish --progress json",
    ],
)
def test_a_mistake_is_json_where_json_is_read(words: str) -> None:
    done = CliRunner().invoke(main, words.split())

    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.exit_code == 2
    assert {one["event"] for one in told} == {"error"}
    assert all(one["text"] and one["status"] == 2 for one in told)


@pytest.mark.parametrize(
    "words", ["publsh", "publish --bogus", "publish --concurrency \x9b\u202e", ""]
)
def test_a_mistake_is_2_and_words_else(words: str) -> None:
    done = CliRunner().invoke(main, words.split())

    assert done.exit_code == 2
    assert "Usage: " in done.stderr
    assert not {"\x9b", "\u202e"} & set(done.stderr)
