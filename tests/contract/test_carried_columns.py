"""Columns of a CSV come out again beside what became of their pages."""

import csv
import io
import json
from pathlib import Path

from python_calamine import CalamineWorkbook

from tests.workbooks import workbook

FAST = ("--pages", "30", "--cost", "0.005", "--latency", "0")
LIST = "lid,confluence_id,Owner\n1,98304,Ann\n2,98305,=cmd()\n99,98306,\n"


def test_a_foreign_id_joins_to_what_became_of_its_page(
    command, start_sandbox, tmp_path: Path
) -> None:
    (tmp_path / "pages.csv").write_text(LIST)

    done = command(
        "publish", "--csv", "pages.csv", "--scope", "KNOWLEDGE", webhook=start_sandbox(*FAST)
    )
    table = command("report", "latest", "--csv").stdout
    told = json.loads(command("report", "latest", "--json").stdout)

    assert done.returncode == 1, done.stderr
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {row["confluence_id"]: (row["status"], row["Owner"]) for row in rows} == {
        "98304": ("published", "Ann"),
        "98305": ("published", "'=cmd()"),
        "98306": ("failed", ""),
    }
    (failure,) = told["failures"].values()
    assert failure["example"]["row"] == {"confluence_id": "98306"}


def test_the_columns_that_would_be_carried_are_named_beforehand(
    command, start_sandbox, tmp_path: Path
) -> None:
    (tmp_path / "pages.csv").write_text(LIST)
    webhook = start_sandbox(*FAST)
    given = ("--csv", "pages.csv", "--scope", "KNOWLEDGE")

    dry = command("publish", *given, "--dry-run", webhook=webhook)
    plan = command("plan", *given, "--carry", "Owner", webhook=webhook)
    told = json.loads(command("plan", *given, "--json", "--force", webhook=webhook).stdout)
    none = command("plan", *given, "--carry", "", "--force", webhook=webhook)

    assert "Carried columns: confluence_id, Owner.\n" in dry.stdout
    assert "Carried column: Owner.\n" in plan.stdout
    assert told["carried"] == ["confluence_id", "Owner"]
    assert "Carried" not in none.stdout


def test_a_spreadsheet_comes_out_as_a_spreadsheet(command, start_sandbox, tmp_path: Path) -> None:
    workbook(tmp_path / "pages.xlsx", [["lid", "key", "due"], [1, 98304, 2.5], [99, "A-2", None]])
    webhook = start_sandbox(*FAST)

    done = command("publish", "--xlsx", "pages.xlsx", "--scope", "KNOWLEDGE", webhook=webhook)
    command("retry", "latest", webhook=webhook)
    command("report", "latest", "--format", "xlsx", "-o", "out.xlsx")

    assert done.returncode == 1, done.stderr
    header, row = (
        CalamineWorkbook.from_path(tmp_path / "out.xlsx").get_sheet_by_index(0).to_python()
    )
    assert header[-1] == "key"
    assert (row[header.index("page")], row[-1]) == (99, "A-2")


def test_the_columns_to_carry_can_be_named_and_none_be_wanted(
    command, start_sandbox, tmp_path: Path
) -> None:
    (tmp_path / "pages.csv").write_text(LIST)
    webhook = start_sandbox(*FAST)
    given = ("publish", "--csv", "pages.csv", "--scope", "KNOWLEDGE")

    command(*given, "--carry", "lid", "--carry", "owner", webhook=webhook)
    some = command("report", "latest", "--csv").stdout.splitlines()[0]
    command(*given, "--carry", "", webhook=webhook)
    none = command("report", "latest", "--csv").stdout.splitlines()[0]
    wrong = command(*given, "--carry", "ownr", webhook=webhook)

    assert some.endswith(",source,lid,Owner")
    assert none.endswith(",source")
    assert wrong.returncode == 2
    assert "pages.csv has no column 'ownr': did you mean Owner?" in wrong.stderr
