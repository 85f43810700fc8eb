"""A line that is typed or pasted at the terminal and not shown there, waited for as long as is said."""

import os
import select
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from bulk_publisher.cli.output.output import Output

_MOST = 16_384
"""Bytes that are read: an address has a few hundred."""


def read_unseen(output: Output, *, seconds: float) -> str | None:
    """The next line from the terminal; None where none comes within *seconds*, or the input ends.

    Raises:
        KeyboardInterrupt: If Ctrl-C is the answer.
    """
    output.drain()
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        # A session without a terminal of its own may be given one all the same.
        terminal = os.dup(sys.stdin.fileno())
    try:
        with _unseen(terminal):
            return _line(terminal, seconds)
    finally:
        os.write(terminal, b"\n")
        os.close(terminal)


@contextmanager
def _unseen(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    quiet = termios.tcgetattr(terminal)
    quiet[3] &= ~termios.ECHO
    # What was typed before it was asked for stays, since a person pastes early.
    termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _line(terminal: int, seconds: float) -> str | None:
    waiting = select.poll()
    waiting.register(terminal, select.POLLIN)
    # The terminal gives whole lines: one wait is for one line.
    if not waiting.poll(seconds * 1000):
        return None
    line = os.read(terminal, _MOST)
    return line.decode("utf-8", "replace").strip() or None
