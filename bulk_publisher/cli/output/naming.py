"""How runs and files are named in a command that can be copied."""

import os
import shlex
from pathlib import Path


def name_for_commands(path: Path) -> str:
    """How a run's folder is named in a command that can be copied: by its ID where that is found."""
    runs = Path(os.environ.get("BULK_PUBLISHER_RUNS") or "runs")
    return path.name if path.parent in {runs, runs.resolve()} else shlex.quote(str(path))


def path_from_here(path: Path) -> str:
    """How a file is named in a command that can be copied: from the current folder where that is short."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
