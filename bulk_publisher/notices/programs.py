"""Messages by a program: it reads the message on standard input, and has its time.

No shell: its words are given as they are. When its time is over its process group is killed, and with it
whatever it has begun.
"""

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath

from bulk_publisher.jobs.job import Occasion
from bulk_publisher.notices.message import Message
from bulk_publisher.notices.sending import NotSent
from bulk_publisher.text.escaping import json_text, printable
from bulk_publisher.text.redaction import without_webhooks

TIMEOUT = 30.0
"""Seconds that a program has."""
_KINDS: Mapping[Occasion, str] = {
    Occasion.FAILED: "failure",
    Occasion.STOPPED: "warning",
    Occasion.LATE: "warning",
    Occasion.FINISHED: "success",
    Occasion.HEALED: "success",
}
"""What Apprise calls them; its services choose a colour by that."""
_MOST_SAID = 200
_MOST_READ = 1 << 16


class Command:
    """A program that a job names."""

    def __init__(self, words: Sequence[str], *, seconds: float = TIMEOUT) -> None:
        self._words = words
        self._seconds = seconds

    @property
    def name(self) -> str:
        """Its name, without the way to it or its arguments."""
        return f"command {printable(PurePath(self._words[0]).name)}"

    async def send(self, message: Message) -> str:
        """Run it; it has taken the message where it ends with 0."""
        status, said = await run_program(
            self._words, json_text(message.data).encode(), seconds=self._seconds
        )
        words = printable(without_webhooks(said.decode("utf-8", "replace"))).strip()[:_MOST_SAID]
        if status:
            how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            raise NotSent(f"it {how}{f': {words}' if words else ''}")
        return f"ended with status 0{f': {words}' if words else ''}"


class Apprise:
    """A service that Apprise knows, in a process of its own.

    Apprise's own time limits are each service's, and a thread that waits for one can't be ended; a process can.
    """

    def __init__(self, url: str, *, seconds: float = TIMEOUT) -> None:
        self._url = url
        self._seconds = seconds

    @property
    def name(self) -> str:
        """The kind of the service, which is no secret."""
        scheme = self._url.partition("://")[0]
        return f"Apprise ({scheme})" if scheme.isalnum() and len(scheme) < 20 else "Apprise"

    async def send(self, message: Message) -> str:
        """Have it send the title and the text."""
        asked = {
            "url": self._url,
            "title": message.title,
            # Some services take no message without one.
            "body": message.text or message.title,
            "kind": _KINDS[message.occasion],
        }
        words = [sys.executable, "-m", "bulk_publisher.notices.apprise_process"]
        status, _ = await run_program(words, json_text(asked).encode(), seconds=self._seconds)
        match status:
            case 0:
                return "accepted"
            case 2:
                raise NotSent("that is no address that Apprise knows", is_final=True)
            case 3:
                raise NotSent(
                    "install it with: pip install 'bulk-publisher[notify]'", is_final=True
                )
            case _:
                raise NotSent("the service did not take it")


async def run_program(words: Sequence[str], given: bytes, *, seconds: float) -> tuple[int, bytes]:
    """Its exit status, and the beginning of what it said.

    Args:
        given: On its standard input.
        seconds: After which its process group is killed.

    Raises:
        NotSent: If it can't be begun, or has no end.
    """
    # No pipe: what it leaves behind might hold that open, and nobody would know that it has ended.
    with tempfile.TemporaryFile() as said:
        try:
            process = await asyncio.create_subprocess_exec(
                *words, stdin=PIPE, stdout=said, stderr=STDOUT, start_new_session=True
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "its words can't be given"
            raise NotSent(f"it can't be started: {why}", is_final=True) from error
        try:
            async with asyncio.timeout(seconds):
                # Who does not read what it is given may have no need to.
                await process.communicate(given)
        except TimeoutError:
            # It had its time; three times that would hold up the end of a job for minutes.
            why = f"it had not ended after {seconds:g} s, and was killed"
            raise NotSent(why, is_final=True) from None
        finally:
            _kill_group(process)
            status = await process.wait()
        said.seek(0)
        return status, said.read(_MOST_READ)


def _kill_group(process: Process) -> None:
    """What a program leaves behind ends with it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
