"""What stands in a run's folder, as a test looks at it or changes it: past all of our own code."""

import json
from pathlib import Path
from typing import Any

from bulk_publisher.store import KeptRun
from bulk_publisher.store.folder.run_folder import RunFolder


def files_of(run: KeptRun) -> RunFolder:
    """Its files."""
    return RunFolder(Path(run.place))


def described(run: KeptRun) -> dict[str, Any]:
    """The content of ``run.json``."""
    data = json.loads(files_of(run).description.read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def describe(run: KeptRun, /, **changes: object) -> None:
    """Write ``run.json`` with *changes*."""
    old = described(run) if files_of(run).description.exists() else {}
    files_of(run).description.write_text(json.dumps(old | changes), encoding="utf-8")
