"""``pages``: what a selection is, in every form, and that what it writes is a selection again."""

import csv
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

SHOP = ("--pages", "30", "--cost", "0.01")


@pytest.fixture
def listed(command, start_sandbox):
    """Lists pages of a portal."""
    webhook = start_sandbox(*SHOP)

    def listed(*words: str) -> subprocess.CompletedProcess[str]:
        return command("pages", "--scope", "KNOWLEDGE", *words, webhook=webhook)

    listed.webhook = webhook
    return listed


def test_people_see_a_line_a_page_and_how_many_there_are(listed) -> None:
    done = listed("--limit", "3")

    head, *lines = done.stdout.splitlines()
    assert head.split() == ["id", "site", "state", "modified", "page"]
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert done.stderr == "3 pages\n"
    assert done.returncode == 0


def test_the_csv_is_taken_back_by_publish(command, listed, tmp_path: Path) -> None:
    done = listed("--where", "title~page 2", "--format", "csv", "-o", "pages.csv")
    assert done.stdout == ""
    assert done.stderr == "11 pages written: pages.csv\n"

    published = command("publish", "--csv", "pages.csv", webhook=listed.webhook)

    assert "11 published" in published.stdout
    rows = [*csv.DictReader(StringIO((tmp_path / "pages.csv").read_text(encoding="utf-8")))]
    assert [int(row["lid"]) for row in rows] == [2, *range(20, 30)]
    assert {row["scope"] for row in rows} == {"KNOWLEDGE"}
    assert {row["active"] for row in rows} == {"false"}


@pytest.mark.parametrize("words", [[], ["--where", "id>99"]], ids=["pages", "none"])
def test_json_is_a_list_of_objects(listed, words: list[str]) -> None:
    rows = json.loads(listed("--format", "json", *words).stdout)

    assert len(rows) == (0 if words else 30)
    assert all(
        set(row) == {"id", "scope", "site", "folder_id", "folder", "title", "address", "active", "changed", "modified"}
        for row in rows
    )  # fmt: skip


def test_a_workbook_is_written_to_a_file(listed, tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")

    done = listed("--format", "xlsx", "-o", "pages.xlsx")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pages.xlsx").read_bytes().startswith(b"PK")
    assert [path.name for path in tmp_path.iterdir()] == ["pages.xlsx"]


def test_a_workbook_is_not_written_to_a_pipe(listed) -> None:
    done = listed("--format", "xlsx")

    assert done.returncode == 2
    assert "--format xlsx needs a file." in done.stderr


def test_without_what_writes_workbooks_one_line_says_so(tmp_path: Path) -> None:
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'xlsxwriter' else find(name, *rest)\n"
        "from bulk_publisher.cli import main\n"
        "main(['pages', '--scope', 'KNOWLEDGE', '--format', 'xlsx', '-o', 'p.xlsx'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("Error: --format xlsx needs XlsxWriter")
    assert "bulk-publisher[xlsx]" in done.stderr
    assert not [*tmp_path.iterdir()]


def test_no_run_is_kept(listed, tmp_path: Path) -> None:
    listed("--order", "tree")

    assert not [*tmp_path.iterdir()]


def test_a_list_that_breaks_off_leaves_no_file(listed, tmp_path: Path) -> None:
    done = listed("--folder", "99", "--format", "csv", "-o", "pages.csv")

    assert done.returncode == 2
    assert "shows no folder 99" in done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--where title", "--where: 'title' is not a condition"),
        ("--where titel~x", "did you mean title?"),
        ("--folder 0", "--folder: must be a folder id"),
        ("--exclude -", "--exclude: must be a file"),
        ("--exclude nowhere.csv", "nowhere.csv can't be read"),
        ("--folder 3 --page 5", "--page and --folder can't be combined"),
        ("--page 5 --order tree", "--order tree and --page can't be combined"),
        ("--page 5 --where modified>1.1.2026", "--where modified and --page can't be combined"),
        ("--page 5 --where id>3 --no-lookup", "--where needs the lookup"),
    ],
)
def test_what_is_wrong_is_one_clear_line(command, words: str, said: str) -> None:
    webhook = "https://example.bitrix24.com/rest/1/abcdefghijklmnop/"
    done = command("pages", "--scope", "KNOWLEDGE", *words.split(), webhook=webhook)

    assert done.returncode == 2
    assert said in done.stderr.splitlines()[0]


@pytest.mark.parametrize("words", [["plan"], ["publish", "--dry-run"], ["pages"]], ids=" ".join)
def test_pages_that_are_all_left_out_cast_no_doubt_on_the_scope(
    command, listed, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "done.csv").write_text("lid\n1\n2\n")

    done = command(
        *words, "--page", "1-2", "--exclude", "done.csv", "--scope", "KNOWLEDGE",
        webhook=listed.webhook,
    )  # fmt: skip

    assert (done.returncode, "--scope right" in done.stderr) == (0, False)


def test_a_plan_of_a_choice_does_what_it_says(command, listed) -> None:
    words = ("--scope", "KNOWLEDGE", "--where", "id<9", "--order", "tree")
    planned = command("plan", *words, webhook=listed.webhook)
    assert "Would publish 8 pages" in planned.stdout

    done = command("publish", "--plan", "plan.json", webhook=listed.webhook)

    assert "8 published" in done.stdout
