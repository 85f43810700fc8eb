"""The unit that ``serve --systemd`` prints, as systemd itself reads it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ANALYZE = shutil.which("systemd-analyze")
pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(
        ANALYZE is None, reason="systemd-analyze is missing: apt-get install systemd"
    ),
]


@pytest.mark.parametrize("name", ["jobs", "jobs of 100% $HOME", 'a "quoted" one'])
def test_systemd_takes_the_unit_without_a_word(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    # What it starts must be there, and be a program.
    program = Path(sys.executable).with_name("bulk-publisher")
    unit = tmp_path / "bulk-publisher.service"
    words = [program, "serve", "--systemd", "--allow", tmp_path, "--allow-env", "SHOP", tmp_path / name]  # fmt: skip
    unit.write_text(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    told = subprocess.run([str(ANALYZE), "verify", unit], capture_output=True, text=True, check=False)  # fmt: skip

    # An unknown key alone is no failure to it.
    assert (told.returncode, told.stderr) == (0, "")


def test_the_unit_of_a_host_names_the_database_and_never_its_password(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("bulk-publisher")
    unit = tmp_path / "bulk-publisher.service"
    url = "postgresql://publisher:s3cret@db.example.com/bulk?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem"
    words = [program, "serve", "--systemd", "--store", url, tmp_path]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    unit.write_text(printed)

    told = subprocess.run([str(ANALYZE), "verify", unit], capture_output=True, text=True, check=False)  # fmt: skip

    assert (told.returncode, told.stderr) == (0, "")
    assert "s3cret" not in printed
    assert '"BULK_PUBLISHER_STORE=postgresql://publisher@db.example.com/bulk?' in printed
    assert "BULK_PUBLISHER_RUNS" not in printed
    for line in ("Restart=on-failure", "RestartSec=5", "StartLimitIntervalSec=0"):
        assert line in printed.splitlines()
