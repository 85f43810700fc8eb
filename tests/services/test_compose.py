"""docs/compose.yaml, as Compose itself reads it, and its role as docs/cluster.md has it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def _compose() -> list[str] | None:
    """The command that this machine has: the plugin of docker, or the program of before."""
    if docker := shutil.which("docker"):
        asked = subprocess.run([docker, "compose", "version"], check=False, capture_output=True)
        if asked.returncode == 0:
            return [docker, "compose"]
    program = shutil.which("docker-compose")
    return None if program is None else [program]


COMMAND = _compose()


@pytest.mark.service
@pytest.mark.skipif(COMMAND is None, reason="Compose is missing: apt-get install -y docker-compose")
def test_compose_takes_the_file(tmp_path: Path) -> None:
    shutil.copy(DOCS / "compose.yaml", tmp_path)
    (tmp_path / "secrets").mkdir()
    for name in ("db-password", "cluster.key", "environment"):
        (tmp_path / "secrets" / name).touch()
    words = [*(COMMAND or []), "-f", str(tmp_path / "compose.yaml"), "config"]

    told = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)

    assert told.returncode == 0, told.stderr
    for host in ("host1", "host2", "host3"):
        assert f"hostname: {host}" in told.stdout
    assert "on-failure" in told.stdout


def test_the_role_has_the_rights_that_the_docs_tell() -> None:
    (told,) = re.findall(
        r"^```sql\n(.*?)^```", (DOCS / "cluster.md").read_text(), re.DOTALL | re.MULTILINE
    )
    rights = [line for line in told.splitlines() if line.startswith(("GRANT", "REVOKE"))]
    given = [line.strip() for line in (DOCS / "compose.yaml").read_text().splitlines()]

    assert len(rights) == 3
    assert [line for line in rights if line not in given] == []
