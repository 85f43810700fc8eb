"""The program's streams: closed, full, unread, of another alphabet. What can't be said changes nothing else.

Rules: all that the command line says goes through here. ``Words`` is stderr: it never raises, and never
makes anybody wait; a thread of its own waits for who reads it, the oldest lines are dropped when that
takes too long, and are counted. ``Data`` is stdout: what is asked for there and can't be written is an
error, but for a reader who has enough. What a stream's encoding does not have is replaced.
"""

import io
import os
import select
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO, cast

from bulk_publisher.cli.output.alphabet import REPLACED, encoded
from bulk_publisher.errors import BadSetting

if TYPE_CHECKING:
    import threading

PATIENCE = 3.0
"""Seconds that are waited at the end for a reader who takes nothing."""

_MOST = 256 * 1024
"""Bytes that are kept for a reader who is behind."""
_AT_ONCE = 4096
"""Bytes that a pipe takes whole when it takes any (POSIX: at least 512; Linux: PIPE_BUF)."""


class ReaderGone(BrokenPipeError):
    """Who read standard output has enough."""


def open_closed() -> None:
    """Open descriptors that were closed on /dev/null: else the next file that is opened would be one."""
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            file = os.open(os.devnull, mode)
            if file != number:
                os.dup2(file, number)
                os.close(file)
            os.set_inheritable(number, True)
    for number, (name, kind) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            # It stays open as long as the process lives.
            raw = io.FileIO(number, kind, closefd=False)
            buffer = io.BufferedReader(raw) if kind == "r" else io.BufferedWriter(raw)
            setattr(sys, name, io.TextIOWrapper(buffer, encoding="utf-8"))


@contextmanager
def installed(*, is_json: bool) -> Iterator[None]:
    """``sys.stdout`` and ``sys.stderr`` are ours as long as this lasts.

    Args:
        is_json: Nothing but lines of JSON go to stderr.
    """
    open_closed()
    before = sys.stdout, sys.stderr
    words = Words(before[1], is_json=is_json)
    sys.stdout, sys.stderr = cast("TextIO", Data(before[0], words)), cast("TextIO", words)
    try:
        yield
    finally:
        words.close()
        sys.stdout, sys.stderr = before


class _Stream:
    """What is common to both: which stream it is, and what others ask a stream for."""

    errors = REPLACED
    closed = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"
        self._fd: int | None = None
        # A stream of a test or of another program's window has no descriptor.
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
            self._fd = stream.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Its descriptor.

        Raises:
            OSError: If it has none.
        """
        return self._stream.fileno()

    def writable(self) -> bool:
        """It is."""
        return True

    def flush(self) -> None:
        """Nothing is kept back that could be written now."""

    def _bytes_of(self, text: str | bytes) -> bytes:
        if isinstance(text, str):
            return encoded(text, self.encoding)
        if not text:
            # So click asks whether this is a stream of bytes.
            raise TypeError("words are text")
        return text

    def _hand_over(self, data: bytes) -> None:
        """Give *data* to a stream that has no descriptor."""
        buffer = getattr(self._stream, "buffer", None)
        if buffer is None:
            self._stream.write(data.decode(self.encoding, "replace"))
        else:
            self._stream.flush()
            buffer.write(data)
        self._stream.flush()


class Data(_Stream):
    """Standard output."""

    def __init__(self, stream: TextIO, words: "Words | None" = None) -> None:
        super().__init__(stream)
        self._words = words if words is not None and _is_same(self, words) else None
        self._is_given_up = False

    def write(self, text: str | bytes) -> int:
        """Words for people, or what completes those of a shell; a reader who has enough is no error.

        Raises:
            BadSetting: If they can't be written.
        """
        with suppress(ReaderGone):
            self.put(self._bytes_of(text))
        return len(text)

    def put(self, data: bytes, *, patience: float | None = None) -> None:
        """*data* as it is.

        Args:
            patience: Seconds after which a reader who takes nothing is given up; None: never.

        Raises:
            ReaderGone: If nobody reads it any more.
            BadSetting: If it can't be written.
        """
        if self._words is not None and not self._words.drain(patience or PATIENCE):
            # It is the same pipe, which nobody reads.
            self._is_given_up = True
        try:
            if self._fd is None:
                self._hand_over(data)
            elif patience is None:
                _write_all(self._fd, data)
            elif not self._is_given_up:
                self._write_patiently(self._fd, data, patience)
        except BrokenPipeError as error:
            raise ReaderGone from error
        except OSError as error:
            raise BadSetting(f"Standard output can't be written: {error.strerror}.") from error

    def _write_patiently(self, fd: int, data: bytes, patience: float) -> None:
        for start in range(0, len(data), _AT_ONCE):
            if not select.select([], [fd], [], patience)[1]:
                self._is_given_up = True
                return
            _write_all(fd, data[start : start + _AT_ONCE])


class _Raw(io.RawIOBase):
    """Standard output for those who write to a file of bytes."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._data.put(bytes(data))
        return len(data)


def utf8_file(data: Data) -> TextIO:
    """*data* as a file of text in UTF-8, which is flushed by whoever has it."""
    buffer = io.BufferedWriter(_Raw(data), 64 * 1024)
    return io.TextIOWrapper(buffer, encoding="utf-8", errors=REPLACED, newline="")


class Words(_Stream):
    """Standard error."""

    def __init__(self, stream: TextIO, *, is_json: bool) -> None:
        super().__init__(stream)
        self._is_json = is_json
        self._begun = ""
        self._backlog = None if self._fd is None else _Backlog(self._fd, self._lost_note)

    def write(self, text: str) -> int:
        """Whatever is said by whomever; where only JSON may stand, in lines of it."""
        if not self._is_json:
            self._add(self._bytes_of(text))
            return len(text)
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._put_foreign(line)
        return len(text)

    def put_json(self, data: dict[str, Any]) -> None:
        """A line of JSON, in UTF-8 whatever the locale."""
        from bulk_publisher.text.escaping import json_text

        self.put_line(json_text(data))

    def put_line(self, line: str) -> None:
        """A line that is JSON already."""
        self._add(encoded(f"{line}\n", "utf-8"))

    def drain(self, patience: float) -> bool:
        """Wait until all is written; whether it is. Nobody waits twice for a reader who takes nothing."""
        return self._backlog is None or self._backlog.drain(patience)

    def close(self) -> None:
        """Write what is left, as far as somebody reads it."""
        if self._begun:
            self._put_foreign(self._begun)
            self._begun = ""
        if self._backlog is not None:
            # Who has lost patience with it, too, knows how the command ended.
            with suppress(KeyboardInterrupt):
                self._backlog.close(PATIENCE)

    def _put_foreign(self, line: str) -> None:
        from bulk_publisher.text.escaping import printable

        if text := printable(line).strip():
            self.put_json({"event": "message", "text": text})

    def _add(self, data: bytes) -> None:
        if self._backlog is not None:
            self._backlog.add(data)
            return
        with suppress(OSError):
            self._hand_over(data)

    def _lost_note(self, count: int) -> bytes:
        text = f"({count:,} {'line' if count == 1 else 'lines'} could not be written here.)"
        if not self._is_json:
            return encoded(f"{text}\n", self.encoding)
        from bulk_publisher.text.escaping import json_text

        return f"{json_text({'event': 'dropped', 'lines': count, 'text': text})}\n".encode()


class _Backlog:
    """Lines that wait for a descriptor. Invariant: who adds one never waits for who reads it."""

    def __init__(self, fd: int, note: Callable[[int], bytes]) -> None:
        """Nothing waits yet.

        Args:
            note: What is said of a number of lines that were lost.
        """
        from threading import Condition

        self._fd = fd
        self._note = note
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._taken = 0
        self._given_up_at: int | None = None
        self._is_busy = self._is_torn = self._is_gone = False
        self._changed = Condition()
        self._thread: threading.Thread | None = None

    def add(self, line: bytes) -> None:
        with self._changed:
            if self._is_gone:
                return
            self._lines.append(line)
            self._size += len(line)
            while self._size > _MOST and len(self._lines) > 1:
                self._size -= len(self._lines.popleft())
                self._lost += 1
            if self._thread is None:
                self._begin()
            self._changed.notify_all()

    def drain(self, patience: float) -> bool:
        with self._changed:
            while not self._is_done():
                taken = self._taken
                if taken == self._given_up_at:
                    return False
                if not self._changed.wait_for(partial(self._has_moved, taken), patience):
                    self._given_up_at = taken
                    return False
            return True

    def close(self, patience: float) -> None:
        if self.drain(patience) and self._lost and not self._is_gone:
            lost, self._lost = self._lost, 0
            self.add(self._note(lost))
            self.drain(patience)

    def _begin(self) -> None:
        from threading import Thread

        self._thread = Thread(target=self._work, name="words", daemon=True)
        self._thread.start()

    def _is_done(self) -> bool:
        return not self._lines and not self._is_busy

    def _has_moved(self, taken: int) -> bool:
        return self._is_done() or self._taken != taken

    def _work(self) -> None:
        # Signals are for the main thread: only there they end a wait.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._lines))
                self._is_busy = True
                line = self._lines.popleft()
                self._size -= len(line)
                # A terminal is redrawn from these lines: a note between them would spoil the picture.
                lost = 0 if os.isatty(self._fd) else self._lost
                self._lost -= lost
            is_written = self._write((self._note(lost) if lost else b"") + line)
            with self._changed:
                self._taken += 1
                self._lost += 0 if is_written else lost + 1

    def _write(self, data: bytes) -> bool:
        """Write *data*, however long that takes; whether it could be."""
        try:
            if self._is_torn:
                _write_all(self._fd, b"\n")
                self._is_torn = False
            _write_all(self._fd, data, self._tear)
        except BrokenPipeError:
            with self._changed:
                self._is_gone = True
                self._lines.clear()
                self._size = 0
            return False
        except OSError:
            return False
        return True

    def _tear(self) -> None:
        self._is_torn = True


def _write_all(fd: int, data: bytes, on_torn: Callable[[], None] = lambda: None) -> None:
    """Write *data*, also where whoever shares the descriptor has made it one that does not wait.

    Args:
        on_torn: Told if a part is written and the rest can't be.

    Raises:
        OSError: If it can't be written.
    """
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])
        except OSError:
            if len(rest) < len(data):
                on_torn()
            raise


def _is_same(one: _Stream, other: _Stream) -> bool:
    """Whether both are one file, in which their lines are to stand in order."""
    try:
        return os.path.samestat(os.fstat(one.fileno()), os.fstat(other.fileno()))
    except (OSError, ValueError, AttributeError):
        return False
