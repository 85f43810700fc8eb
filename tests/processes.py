"""Real processes that are ended at random moments, against a sandbox in the test's own loop."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bulk_publisher.model import Outcome
from bulk_publisher.sandbox import Sandbox
from bulk_publisher.store import KeptRun, open_store

PUBLISH = ("publish", "--scope", "KNOWLEDGE", "--portal-plan", "self-hosted", "--batch-size", "10")
RESUME = ("resume", "latest", "--yes")


@dataclass
class Story:
    """What happened to a run.

    Attributes:
        hits: How often each page was published by a request whose process was killed.
        statuses: Of each process, as the operating system tells them.
    """

    kills: int = 0
    hits: Counter[int] = field(default_factory=Counter)
    statuses: list[int] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def moments(default: int) -> int:
    """How many times to strike: ``CRASH_MOMENTS``, or *default*."""
    return int(os.environ.get("CRASH_MOMENTS", default))


async def spawn(
    sandbox: Sandbox, runs: Path, *words: str, shell: str = "", file: int | None = None
) -> Process:
    """The command as a process of its own; *shell* is done before it, in the same process."""
    command = [sys.executable, "-m", "bulk_publisher", *words, "--runs", str(runs)]
    if shell:
        command = ["bash", "-c", f'{shell}; exec "$@"', "bash", *command]
    return await asyncio.create_subprocess_exec(
        *command,
        env={
            **os.environ,
            "BITRIX24_WEBHOOK": sandbox.webhook,
            "BULK_PUBLISHER_REPORT": "0",
            "PYTHONWARNINGS": "",
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=file or asyncio.subprocess.PIPE,
    )


async def ended(process: Process) -> tuple[int, str]:
    """Its exit status and its words."""
    _, words = await process.communicate()
    return process.returncode or 0, words.decode()


async def begun(process: Process) -> None:
    """Return when the run has begun, or the process has ended."""
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if line.startswith(b"Run "):
            return


async def do(sandbox: Sandbox, runs: Path, *words: str, shell: str = "") -> tuple[int, str]:
    """A command from beginning to end."""
    return await ended(await spawn(sandbox, runs, *words, shell=shell))


async def strike(
    sandbox: Sandbox,
    runs: Path,
    words: tuple[str, ...],
    number: signal.Signals,
    after: float,
    story: Story,
) -> None:
    """A process that gets a signal *after* seconds of its run, if it has not ended by then."""
    process = await spawn(sandbox, runs, *words)
    await begun(process)
    await asyncio.sleep(after)
    if process.returncode is None:
        process.send_signal(number)
        story.kills += 1
    status, said = await ended(process)
    story.statuses.append(status)
    story.words.append(said)
    if status == -signal.SIGKILL:
        while sandbox.busy:  # noqa: ASYNC110 - it ends within milliseconds, and has no event
            await asyncio.sleep(0.01)
        story.hits.update(hit(sandbox, open_store(runs).find("latest"), story))


def hit(sandbox: Sandbox, folder: KeptRun, story: Story) -> list[int]:
    """Pages that were published once more than there is a line, a kill or a lost answer for."""
    settled = {line.page for line in lines_of(folder)}
    return [
        page
        for page, count in sandbox.truth.publications.items()
        if page not in settled and count > explained(page, sandbox, story)
    ]


def explained(page: int, sandbox: Sandbox, story: Story) -> int:
    """Publications of *page* that a kill or a lost answer has hit."""
    return story.hits[page] + sandbox.truth.unheard.get(page, 0)


def lines_of(folder: KeptRun) -> list[Outcome]:
    """The lines of a journal; none where there is none."""
    return list(folder.outcomes()) if folder.has_journal else []


async def struck(
    sandbox: Sandbox, runs: Path, number: signal.Signals, *, times: int, rng: random.Random
) -> tuple[KeptRun, Story]:
    """A run that is ended *times* times at random moments, and then resumed to its end."""
    story = Story()
    words = PUBLISH
    for _ in range(times):
        await strike(sandbox, runs, words, number, rng.uniform(0, 0.35), story)
        words = RESUME
    status, said = await do(sandbox, runs, *words)
    story.statuses.append(status)
    story.words.append(said)
    return open_store(runs).find("latest"), story


def too_often(sandbox: Sandbox, story: Story) -> dict[int, int]:
    """Pages published more often than once, and once for each kill and lost answer that hit them."""
    return {
        page: count
        for page, count in sandbox.truth.publications.items()
        if count > 1 + explained(page, sandbox, story)
    }


def repeats(sandbox: Sandbox) -> int:
    """Publications that were not the first of their page."""
    return sum(sandbox.truth.publications.values()) - len(sandbox.truth.publications)
