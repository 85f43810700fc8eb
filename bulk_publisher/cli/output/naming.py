"""How runs and files are named in a command that can be copied."""

import os
import shlex
from pathlib import Path

from bulk_publisher.store.protocol import KeptRun


def name_for_commands(run: KeptRun) -> str:
    """How a run is named in a command that can be copied: by its ID where that is found."""
    told = (os.environ.get(f"BULK_PUBLISHER_{name}") for name in ("STORE", "RUNS"))
    here = next((place for place in told if place), "runs")
    return run.name if run.is_in(here) else shlex.quote(run.place)


def path_from_here(path: Path) -> str:
    """How a file is named in a command that can be copied: from the current folder where that is short."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
