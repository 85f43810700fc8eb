"""How a command is interrupted: by signals, the second of which ends it at once, and by a terminal that closes."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from bulk_publisher.operations import crash

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """The signals that a command has heard.

    Attributes:
        signal: The last of them; None for none.
    """

    def __init__(self, on_signal: Callable[[signal.Signals, bool], None]) -> None:
        """None is heard yet.

        Args:
            on_signal: Told each of them, and whether it is the first.
        """
        self.signal: signal.Signals | None = None
        self._on_signal = on_signal
        # Asked now: one that was closed says that it is none.
        self._terminals = [
            stream.fileno() for stream in (sys.stdout, sys.stderr) if stream.isatty()
        ]

    def listen(self) -> None:
        """From now on they are heard, in the running loop."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            # Whoever began this with nohup wants it to outlive its terminal; a shell's "&" means no such
            # thing, though it has Ctrl-C ignored.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._hear, number)

    @property
    def status(self) -> int:
        """The exit status of a command that was left for it."""
        return 128 + (self.signal or signal.SIGINT)

    def _hear(self, number: signal.Signals) -> None:
        is_first = self.signal is None
        if number == signal.SIGHUP:
            self._let_go_of_terminal()
            if not is_first:
                # The shell and the kernel both tell of one terminal that was closed.
                return
        self.signal = signal.Signals(number)
        self._on_signal(self.signal, is_first)

    def _let_go_of_terminal(self) -> None:
        """It was closed: what is written to it now would fail, and goes nowhere instead."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in self._terminals:
            os.dup2(nowhere, number)
        os.close(nowhere)


def how_to_quit(number: signal.Signals) -> str:
    """What ends at once a command that waits since *number*."""
    return "Press Ctrl-C again to quit now" if number == signal.SIGINT else "A second signal quits at once"  # fmt: skip


def words_of_fault(context: dict[str, Any]) -> tuple[str, str]:
    """What a loop says of a fault that ends nothing, and its traceback; empty where it has none."""
    error = context.get("exception")
    if error is None:
        return str(context.get("message")), ""
    return crash.words_of(error), crash.traceback_of(error)
