"""How runs and files are named in a command that can be copied."""

import os
import shlex
from pathlib import Path

from bulk_publisher.store.protocol import KeptRun


def name_for_commands(run: KeptRun) -> str:
    """How a run is named in a command that can be copied: by its ID where that is found."""
    runs = os.environ.get("BULK_PUBLISHER_RUNS") or "runs"
    return run.name if run.is_in(runs) else shlex.quote(run.place)


def path_from_here(path: Path) -> str:
    """How a file is named in a command that can be copied: from the current folder where that is short."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
