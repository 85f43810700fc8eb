"""What stands in a run's folder, as a test looks at it or changes it: past all of our own code."""

import json
from typing import Any

from bulk_publisher.store.folder.run_folder import RunFolder


def described(folder: RunFolder) -> dict[str, Any]:
    """The content of ``run.json``."""
    data = json.loads(folder.description.read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def describe(folder: RunFolder, **changes: object) -> None:
    """Write ``run.json`` with *changes*."""
    old = described(folder) if folder.description.exists() else {}
    folder.description.write_text(json.dumps(old | changes), encoding="utf-8")
