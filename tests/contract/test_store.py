"""``--store`` and ``--runs``, and what is said where there is no database to be had."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulk_publisher.cli import main

URL = "postgresql://ann:s3cretPassw0rd@127.0.0.1:1/bulk?connect_timeout=2"


def command(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, words, env=environment)


def test_store_names_a_folder_as_runs_does(tmp_path: Path) -> None:
    by_store = command("status", "--store", str(tmp_path))

    assert by_store.exit_code == 0
    assert by_store.output == command("status", "--runs", str(tmp_path)).output
    assert by_store.output == command("status", BULK_PUBLISHER_STORE=str(tmp_path)).output


def test_runs_on_the_command_line_wins_over_a_store_in_the_environment(tmp_path: Path) -> None:
    told = command("status", "--runs", str(tmp_path), BULK_PUBLISHER_STORE=URL)

    assert str(tmp_path) in told.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--runs", "a", "--store", "b"), "--runs and --store name the same thing"),
        (("--runs", "postgresql://db/bulk"), "a database is named by --store"),
        (("--store", "postgresql://db:x/bulk"), "the database's URL can't be read"),
        (("--store", "postgresql://db/bulk#20260301T030000Z-1f2e"), "a run is named by itself"),
        (
            ("--store", "https://example.com/"),
            "--store: that is a URL, and only that of a PostgreSQL database is taken: postgresql://HOST/NAME.",
        ),
        (("--store=mysql://db/bulk",), "only that of a PostgreSQL database is taken"),
        (("--runs", "https://example.com/"), "--runs: that is a URL, and nothing here takes one."),
    ],
)
def test_what_can_t_be_a_place_is_refused_in_a_line(words: tuple[str, ...], said: str) -> None:
    told = command("status", *words)

    assert told.exit_code == 2
    assert said in " ".join(told.output.split())


@pytest.mark.parametrize("way", ["typed", "in the environment"])
def test_a_database_that_is_away_is_said_without_the_password(way: str) -> None:
    pytest.importorskip("psycopg")
    told = (
        command("status", "--store", URL)
        if way == "typed"
        else command("status", BULK_PUBLISHER_STORE=URL)
    )

    assert told.exit_code == 2
    assert "postgresql://ann@127.0.0.1:1/bulk" in told.output
    assert "refused" in told.output
    assert "s3cret" not in told.output
    assert ("list of processes" in told.output) is (way == "typed")


def test_a_folder_needs_no_migration(tmp_path: Path) -> None:
    told = command("store", "migrate", "--runs", str(tmp_path))

    assert told.exit_code == 2
    assert "a folder needs no preparation" in told.output


def test_a_run_moves_from_folder_to_folder(tmp_path: Path) -> None:
    folders, to = tmp_path / "runs", tmp_path / "to"
    shutil.copytree(Path(__file__).parents[1] / "store" / "folders", folders)

    told = command("store", "export", "2026", "--runs", str(folders), "--to", str(to))
    again = command("store", "export", "2026", "--runs", str(folders), "--to", str(to))

    (run,) = to.iterdir()
    assert told.exit_code == 0
    assert str(run) in told.output
    journal = next(folders.glob("2026*/outcomes.jsonl"))
    assert (run / "outcomes.jsonl").read_bytes() == journal.read_bytes()
    assert again.exit_code == 2


def test_without_a_database_nothing_of_the_extra_is_loaded(tmp_path: Path) -> None:
    asks = "import sys; from bulk_publisher.cli import main; main(['status', '--runs', sys.argv[1]], standalone_mode=False); "
    loaded = "sys.exit(bool({'psycopg', 'cryptography'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", asks + loaded, str(tmp_path)], check=False)

    assert done.returncode == 0


def test_a_machine_without_the_extra_is_told_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError('not here')", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "bulk_publisher", "status", "--store", "postgresql://db/bulk"],
        check=False, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path), "PATH": ""}, cwd=Path(__file__).parents[2],
    )  # fmt: skip

    assert done.returncode == 2
    assert "bulk-publisher[cluster]" in done.stderr


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("jobs", "jobs: that is no run's folder: it has no run.json."),
        ("/nowhere", "/nowhere: there is no such folder."),
    ],
)
def test_what_is_no_run_is_not_imported(
    folder: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").mkdir()

    told = CliRunner().invoke(main, ["store", "import", folder, "--runs", "runs"])

    assert told.exit_code == 2
    assert f"Error: {said}\n" in told.output
