"""The program's streams: another alphabet, a reader who is slow, gone or never there, a full disk."""

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Iterator

import pytest
from rich.cells import cell_len
from rich.console import Console

from bulk_publisher.cli.output import streams
from bulk_publisher.cli.output.alphabet import encoded, shown_by
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.output.streams import Data, ReaderGone, Words, installed
from bulk_publisher.cli.progress.screen import Screen, drawn
from bulk_publisher.errors import BadSetting
from tests.integration.test_progress import _snapshot

ENCODINGS = ["cp1251", "koi8-r", "latin-1", "ascii", "utf-8", "cp866"]
OUTPUT = Output(verbosity=0, log_format="console", is_plain=True)
JSON = Output(verbosity=0, log_format="json", is_plain=True)
FULL = os.open("/dev/full", os.O_WRONLY)


@pytest.fixture
def pipe() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """A pipe that nobody reads by itself: where it can be read, and its other end as a stream."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", encoding="utf-8")
    yield reading, stream
    stream.close()
    os.close(reading)


def _fill(fd: int) -> None:
    os.set_blocking(fd, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(fd, b"x" * 4096)
    os.set_blocking(fd, True)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_an_alphabet_lacks_is_replaced(monkeypatch, encoding: str) -> None:
    streams_of = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams_of[0])
    monkeypatch.setattr(sys, "stderr", streams_of[1])

    with installed(is_json=False):
        OUTPUT.put("✓ Ünïcode ☃ 中 “Привет” … \udcd1 🙂")
        OUTPUT.tell(["✗ → ‘x’"])
        OUTPUT.explain("━ Ünïcode ☃ “Привет” — \udcff")
        sys.stderr.write("✓\n")

    for stream in streams_of:
        assert stream.buffer.getvalue().decode(encoding).count("\n") == 2


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("“a” … → ✓ ✗ ━", "ascii", '"a" ... -> + x ='),
        ("№ 3 “Тест”", "koi8-r", 'No. 3 "Тест"'),
        ("и\u0306од — ✓", "cp1251", "иод — +"),
        ("a\udcd1\udcf2.csv", "utf-8", "a\\xd1\\xf2.csv"),
        ("☃中", "latin-1", "??"),
    ],
)
def test_signs_have_their_stand_ins(text: str, encoding: str, shown: str) -> None:
    assert encoded(text, encoding).decode(encoding) == shown


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_data_is_utf_8_in_every_alphabet(monkeypatch, encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)

    with installed(is_json=False):
        OUTPUT.put_json({"title": "Ünïcode ☃ 中"})
        with OUTPUT.data_file() as file:
            file.write("Тест,“x”\n")

    assert "☃" in stream.buffer.getvalue().decode()
    assert stream.buffer.getvalue().decode().endswith("Тест,“x”\n")


def test_an_unread_pipe_holds_nobody_up_and_what_is_lost_is_counted(pipe, monkeypatch) -> None:
    reading, stream = pipe
    monkeypatch.setattr(streams, "PATIENCE", 0.05)
    words = Words(stream, is_json=False)

    for number in range(20_000):
        words.write(f"{number:050}\n")
    assert not words.drain(0.05)
    words.close()

    # Somebody begins to read.
    text = b""
    while f"{19_999:050}\n".encode() not in text:
        text += os.read(reading, 65_536)
    lines = text.decode().splitlines()
    said = [line for line in lines if line.startswith("(")]
    read = [line for line in lines if line not in said]
    lost = sum(int(line[1:].partition(" ")[0].replace(",", "")) for line in said)
    assert lost > 0
    assert lost + len(read) == 20_000
    assert read == sorted(read)


def test_a_slow_reader_loses_nothing(pipe) -> None:
    reading, stream = pipe
    words = Words(stream, is_json=False)
    sent = "".join(f"{number:0100}\n" for number in range(1000))

    for line in sent.splitlines(keepends=True):
        words.write(line)
    read = b""
    while len(read) < len(sent):
        read += os.read(reading, 1000)
    words.close()

    assert read.decode() == sent


def test_the_summary_is_not_waited_for_at_a_pipe_that_nobody_reads(pipe, monkeypatch) -> None:
    _, stream = pipe
    _fill(stream.fileno())
    monkeypatch.setattr(sys, "stdout", Data(stream))
    monkeypatch.setattr("bulk_publisher.cli.output.output.PATIENCE", 0.05)

    OUTPUT.tell(["12 pages settled"] * 1000)


def test_a_reader_who_is_gone_is_no_error_for_words_and_ends_data(pipe, monkeypatch) -> None:
    reading, stream = os.pipe()
    os.close(reading)
    gone = os.fdopen(stream, "w", encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", Data(gone))

    OUTPUT.tell(["12 pages settled"])
    sys.stdout.write("a help text\n")
    with pytest.raises(ReaderGone):
        OUTPUT.put_json({})
    words = Words(gone, is_json=False)
    words.write("a\n")
    words.close()

    gone.close()


def test_data_that_cannot_be_written_is_an_error_and_words_are_none(monkeypatch) -> None:
    full = os.fdopen(os.dup(FULL), "w", encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", Data(full))

    OUTPUT.tell(["12 pages settled"])
    with pytest.raises(BadSetting, match="Standard output can't be written: No space left"):
        OUTPUT.put("12 pages settled")
    words = Words(full, is_json=False)
    words.write("a\n")
    words.close()

    full.close()


def test_a_descriptor_that_does_not_wait_is_waited_for(pipe) -> None:
    reading, stream = pipe
    os.set_blocking(stream.fileno(), False)
    words = Words(stream, is_json=False)

    for number in range(3000):
        words.write(f"{number:050}\n")
    read = b""
    while len(read) < 3000 * 51:
        read += os.read(reading, 65_536)
    words.close()

    assert read.count(b"\n") == 3000


def test_whoever_speaks_where_json_is_read_speaks_json(pipe) -> None:
    reading, stream = pipe
    words = Words(stream, is_json=True)

    words.write("Traceback (most recent call last):\n  File \x1b[31m“x”\n\nno end of li")
    words.put_json({"event": "error", "text": "a\u202eb"})
    words.close()

    lines = os.read(reading, 65_536).decode().splitlines()
    told = [json.loads(line) for line in lines]
    assert {one["event"] for one in told} == {"message", "error"}
    assert told[1]["text"] == "File  [31m“x”"
    assert not [line for line in lines if not line.isprintable()]


def test_words_have_their_event_where_json_is_read(capsys) -> None:
    JSON.say("a")
    JSON.warn("b\nc")
    JSON.explain("d", colour="red", indent=2)
    JSON.complain("")

    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert told == [
        {"event": "info", "text": "a"},
        {"event": "warning", "text": "b\nc"},
        {"event": "error", "text": "d"},
    ]


def test_no_text_moves_the_terminal_by_whatever_way_it_goes(capsys) -> None:
    text = "a\x1b[31m\x9b\u202e\u2066\u061cb"

    OUTPUT.put(text)
    OUTPUT.tell([text])
    OUTPUT.say(text)
    OUTPUT.explain(text)

    said = capsys.readouterr()
    assert said.out + said.err == "a [31m b\n" * 4


@pytest.mark.parametrize(
    ("answer", "is_yes"),
    [
        ("y\n", True),
        ("YES\n", True),
        ("n\n", False),
        ("\n", False),
        ("", False),
        ("\udcff\n", False),
    ],
)
@pytest.mark.parametrize("output", [OUTPUT, JSON], ids=["words", "json"])
def test_a_question_without_an_answer_is_a_no(monkeypatch, capsys, output, answer, is_yes) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))

    assert output.ask("Take down 3 pages?") is is_yes

    said = capsys.readouterr().err
    assert said.startswith(("Take down 3 pages? [y/N]: ", '{"event": "question"'))


@pytest.mark.parametrize("encoding", ["cp1251", "ascii", "koi8-r", "utf-8"])
@pytest.mark.parametrize("colour", [None, "standard"], ids=["plain", "coloured"])
@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_bar_shows_what_is_filled(encoding: str, colour, share: float) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=60, color_system=colour, force_terminal=True)
    screen = Screen(OUTPUT, console)
    snapshot = _snapshot(pages=int(5000 * share), last_failures=("page 3: X “Тест " + "☃" * 90,))

    lines = drawn(snapshot, 60, is_plain=screen._is_plain, shown=screen._as_shown)
    with console.capture() as captured:
        console.print(lines)

    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown_by(file, captured.get()))
    assert max(cell_len(line) for line in shown.split("\n")) <= 60
    bar = shown.split("\n")[0].rpartition("%")[0].rpartition(" ")[0].strip()
    assert len(set(bar)) == (1 if colour and encoding == "utf-8" else 2)
