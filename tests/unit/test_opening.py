"""A file that somebody names is found and read, or ends in a line: never in a wait."""

import os
import threading
from pathlib import Path

import pytest

from bulk_publisher.errors import BadJobFile, BadSetting, RunBusy
from bulk_publisher.jobs import Secret, read_job
from bulk_publisher.operations.plan_file import read_plan
from bulk_publisher.operations.secrets import read_webhook
from bulk_publisher.sandbox import ScenarioError, load_scenario
from bulk_publisher.sources import opening
from bulk_publisher.sources.opening import found, opened, read_settings
from bulk_publisher.store import machine_state
from bulk_publisher.text.shown import as_text

ODD = os.fsdecode(b"\xd1\xf2\xf0")
URL = "https://example.bitrix24.com/rest/1/s3cr3tC0de/"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def with_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "WRITER_IS_AWAITED", 0.05)


def written_to(name: str, content: bytes) -> threading.Thread:
    """Somebody who writes to a pipe as soon as it is opened."""
    writer = threading.Thread(target=Path(name).write_bytes, args=(content,))
    writer.start()
    return writer


def test_a_pipe_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "WRITER_IS_AWAITED", 60.0)
    os.mkfifo("pipe")
    writer = written_to("pipe", b"some\nlines\n" * 1000)

    content = read_settings("pipe")
    writer.join()

    assert content == b"some\nlines\n" * 1000


def test_a_pipe_whose_writer_has_nothing_to_say_yet_is_waited_for() -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open("pipe", os.O_WRONLY)
    with opened("pipe") as file:
        os.close(reader)
        os.write(writer, b"late")
        os.close(writer)

        assert file.read() == b"late"


def test_a_pipe_that_nobody_writes_to_is_given_up() -> None:
    os.mkfifo("pipe")

    with pytest.raises(OSError, match=r"it is a pipe, and in 0.05 s nobody wrote to it"):
        read_settings("pipe")


def test_a_file_is_found_by_the_name_that_was_written_down() -> None:
    Path(ODD).write_text("1\n")

    assert as_text(ODD) == r"\xd1\xf2\xf0"
    assert found(as_text(ODD)) == ODD


@pytest.mark.parametrize("name", ["gone", "\ud800", ODD, "Нет", ""])
def test_a_name_of_nothing_is_no_file(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        read_settings(name)


def sources_of(name: str) -> dict[str, str]:
    """What is said where *name* is given for a file of each kind."""
    said = {}
    with pytest.raises(BadJobFile) as job:
        read_job(Path(name))
    said["job"] = job.value.message
    with pytest.raises(BadSetting) as webhook:
        read_webhook(Secret(file=name), {})
    said["webhook"] = webhook.value.message
    with pytest.raises(BadSetting) as plan:
        read_plan(Path(name))
    said["plan"] = plan.value.message
    with pytest.raises(ScenarioError) as scenario:
        load_scenario(name)
    said["scenario"] = str(scenario.value)
    return said


@pytest.mark.parametrize(
    ("name", "why"),
    [("/dev/zero", "it has over"), ("/dev/full", "it has over"), ("./pipe", "it is a pipe")],
)
def test_what_never_ends_is_told_in_a_line_whatever_it_is_given_for(
    monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    monkeypatch.setattr("bulk_publisher.operations.plan_file.MOST_OF_PLAN", 1 << 20)
    os.mkfifo("pipe")

    said = sources_of(name)

    assert "it is no file" in said.pop("scenario")
    assert all(why in one and "\n" not in one for one in said.values())


def test_a_folder_is_told_in_a_line_whatever_it_is_given_for() -> None:
    said = sources_of("./")

    assert all("\n" not in one for one in said.values())


def test_a_webhook_is_read_from_a_file_whose_name_is_no_text() -> None:
    Path(ODD).write_text(f"{URL}\n")

    assert read_webhook(Secret(file=ODD), {}).host == "example.bitrix24.com"
    assert read_webhook(Secret(file=as_text(ODD)), {}).host == "example.bitrix24.com"


def test_a_job_in_a_file_whose_name_is_no_text_is_done_once_at_a_time() -> None:
    path = Path(f"{ODD}.toml")
    path.write_text('[select]\npage = 351\ncolumn = "x"\n')

    with pytest.raises(BadJobFile, match=r"^\\xd1\\xf2\\xf0.toml:3: column needs csv"):
        read_job(path)
    state = machine_state(os.environ)
    with state.alone(path), pytest.raises(RunBusy), state.alone(path):
        pass
