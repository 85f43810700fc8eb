"""Columns of a CSV come out again beside what became of their pages."""

import csv
import io
import json
from pathlib import Path

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
