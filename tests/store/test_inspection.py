"""``store check`` finds what is wrong in a folder of runs, and says nothing of what is right."""

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.store import KeptRun, open_store
from bulk_publisher.store.flaws import FlawKind
from tests.folders import describe, files_of
from tests.store.making import begun, lines_of, record

FOLDERS = Path(__file__).with_name("folders")


@pytest.fixture
async def run(tmp_path: Path) -> KeptRun:
    """A run of three pages."""
    made = begun(open_store(tmp_path / "runs"))
    await record(made, lines_of(made, 1, 2, 3))
    return made


def kinds(run: KeptRun) -> list[str]:
    return [flaw.kind.value for flaw in run.flaws()]


def check(runs: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["store", "check", "--runs", str(runs), *options])
    return result.exit_code, result.stdout


def test_a_store_without_a_fault_ends_with_0(tmp_path: Path, run: KeptRun) -> None:
    assert check(tmp_path / "runs") == (0, "Runs checked: 1. Nothing is wrong.\n")
    assert check(tmp_path / "nowhere")[0] == 0


def test_each_damaged_line_is_named_up_to_three(tmp_path: Path, run: KeptRun) -> None:
    journal = files_of(run).journal
    journal.write_bytes(journal.read_bytes() + b'{"page": 1}\n' * 5)

    status, said = check(tmp_path / "runs")

    assert status == 1
    assert f"{journal}:4 the line is damaged: " in said
    assert f"{journal}:7 " not in said
    assert "has 2 more damaged lines" in said
    assert "Wrong: 4 damaged." in said


def test_a_torn_line_is_told_unless_somebody_is_at_work(run: KeptRun) -> None:
    with files_of(run).journal.open("ab") as file:
        file.write(b'{"page": 4, "st')

    assert kinds(run) == ["torn"]
    with run.lock():
        assert kinds(run) == []


@pytest.mark.parametrize("name", ["description", "sent", "verdicts"])
def test_what_can_t_be_read_is_damaged(run: KeptRun, name: str) -> None:
    path: Path = getattr(files_of(run), name)
    path.write_text("[}\n")
    path.chmod(0o600)

    assert kinds(run) == ["damaged"]


def test_links_are_told_and_not_followed(tmp_path: Path, run: KeptRun) -> None:
    files = files_of(run)
    elsewhere = tmp_path / "elsewhere"
    files.journal.rename(elsewhere)
    files.journal.symlink_to(elsewhere)
    os.link(files.description, tmp_path / "second")

    flaws = list(run.flaws())

    assert [flaw.kind for flaw in flaws].count(FlawKind.LINK) == 2
    assert any("can't be read: it is a link" in flaw.what for flaw in flaws)


def test_a_pipe_in_the_place_of_a_file_blocks_nothing(run: KeptRun) -> None:
    files_of(run).verdicts.unlink(missing_ok=True)
    os.mkfifo(files_of(run).verdicts, 0o600)

    assert "foreign" in kinds(run)


@pytest.mark.parametrize(("name", "mode"), [("journal", 0o644), ("path", 0o755)])
def test_what_is_open_to_others_is_told(run: KeptRun, name: str, mode: int) -> None:
    getattr(files_of(run), name).chmod(mode)

    (flaw,) = run.flaws()

    assert flaw.kind is FlawKind.MODE
    assert f"mode {mode:04o}" in flaw.what
    assert flaw.hint.startswith("chmod go= ")


@pytest.mark.parametrize(("mode", "flaws"), [(0o755, []), (0o775, [FlawKind.MODE])])
def test_a_folder_of_runs_may_be_listed_by_others_and_not_written(
    run: KeptRun, mode, flaws
) -> None:
    runs = files_of(run).path.parent
    runs.chmod(mode)

    assert [flaw.kind for flaw in open_store(runs).flaws()] == flaws


def test_what_is_none_of_ours_is_foreign(tmp_path: Path, run: KeptRun) -> None:
    (files_of(run).path / "notes.txt").touch()
    (tmp_path / "runs" / "pages.csv").touch()
    shutil.copytree(files_of(run).path, tmp_path / "runs" / "20200101T000000Z-0000")
    (tmp_path / "runs" / f".{run.name}.abc.removed").mkdir()
    (tmp_path / "runs" / "latest").unlink()
    (tmp_path / "runs" / "latest").symlink_to("gone")

    status, said = check(tmp_path / "runs", "--json")

    told = [(Path(flaw["where"]).name, flaw["kind"]) for flaw in json.loads(said)["flaws"]]
    assert status == 1
    assert sorted(set(told)) == [
        (f".{run.name}.abc.removed", "foreign"),
        ("20200101T000000Z-0000", "foreign"),
        ("latest", "link"),
        ("notes.txt", "foreign"),
        ("pages.csv", "foreign"),
    ]


def test_a_damaged_plan_of_the_daemon_is_told(tmp_path: Path, run: KeptRun) -> None:
    store = open_store(tmp_path / "runs")
    store.agenda.write_slots({})
    plan = tmp_path / "runs" / "serve" / "plan.json"
    plan.write_text("[]")

    assert [flaw.kind for flaw in store.flaws()] == [FlawKind.DAMAGED]


def test_a_journal_that_is_gone_is_told(run: KeptRun) -> None:
    describe(run, totals={"counts": {"published": 3}})
    files_of(run).description.chmod(0o600)
    files_of(run).journal.unlink()

    assert kinds(run) == ["damaged"]


def test_older_folders_are_whole(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(FOLDERS, runs)
    for path in [runs, *runs.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)

    flaws = [flaw for run in open_store(runs).runs() for flaw in run.flaws()]

    assert [(flaw.kind, flaw.what) for flaw in flaws if flaw.kind is not FlawKind.TORN] == []


def prune(runs: Path, *options: str, keys: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["store", "prune", "--runs", str(runs), *options], keys)
    return result.exit_code, result.stdout, result.stderr


def test_prune_says_what_it_frees_and_asks_before(tmp_path: Path, run: KeptRun) -> None:
    runs = tmp_path / "runs"
    ended = {"started": "2026-03-01T03:00:00Z", "ended": "2026-03-01T03:01:00Z", "totals": {"is_whole": True}}  # fmt: skip
    describe(run, **ended)

    status, said, _ = prune(runs, "--older-than", "90d", "--dry-run")
    assert status == 0
    assert f"{run.name}  " in said
    assert "Dry run: nothing was removed." in said

    status, _, complaint = prune(runs, "--older-than", "90d")
    assert status == 2
    assert "Confirm with --yes" in complaint
    assert run.is_described

    (runs / f".{run.name}.abc.removed").mkdir()
    status, said, _ = prune(runs, "--older-than", "90d", "--yes")
    assert status == 0
    assert "Removed 1 run, 1." in said
    assert sorted(path.name for path in runs.iterdir()) == []


def test_prune_refuses_an_age_that_is_none(tmp_path: Path) -> None:
    status, _, complaint = prune(tmp_path, "--older-than", "soon")

    assert status == 2
    assert "--older-than must be a duration" in complaint


def test_prune_of_nothing_says_so(tmp_path: Path, run: KeptRun) -> None:
    status, said, _ = prune(tmp_path / "runs", "--older-than", "1d", "--yes")

    assert (status, said.splitlines()[0]) == (0, "No run is to be removed.")
