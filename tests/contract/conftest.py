"""Real processes: the command line, and a sandbox that it talks to."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "bulk_publisher"]


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., str]]:
    """Starts a sandbox in a process of its own; gives its webhook."""
    processes = []

    def start(*options: str) -> str:
        process = subprocess.Popen(
            [*COMMAND, "sandbox", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip().removeprefix("export BITRIX24_WEBHOOK=")

    yield start
    for process in processes:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in a folder of its own, through pipes."""

    def run(
        *words: str, webhook: str | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BITRIX24_", "BULK_PUBLISHER_"))
        }
        if webhook is not None:
            environment["BITRIX24_WEBHOOK"] = webhook
        return subprocess.run(
            [*COMMAND, *words],
            cwd=tmp_path,
            env=environment,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
