"""The examples of docs/python.md do what the page says."""

import re
from pathlib import Path

import pytest

from bulk_publisher.testing import sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = [
    code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "main()" in code
]


def test_there_are_five() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize(
    "code", EXAMPLES, ids=["ids", "csv", "two portals", "job files", "resumed"]
)
async def test_an_example_prints_what_it_says(
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pages.csv").write_text("id\n3\n4\n5\n6\n7\n", encoding="utf-8")
    (tmp_path / "nightly.toml").write_text(
        '[[portals]]\nname = "a"\nwebhook = { env = "SHOP_WEBHOOK" }\n'
        '[[portals]]\nname = "b"\nwebhook = { env = "B_WEBHOOK" }\n'
        '[select]\npage = "3-5"\nscope = "KNOWLEDGE"\n'
    )
    names: dict[str, object] = {}
    exec(compile(code, "docs/python.md", "exec"), names)
    main = names["main"]
    assert callable(main)

    async with (
        sandbox(pages=300, missing_pages=[57]) as one,
        sandbox(pages=300) as other,
        sandbox(pages=300) as third,
    ):
        webhook = other.webhook if "from_csv" in code or "resume" in code else one.webhook
        monkeypatch.setenv("BITRIX24_WEBHOOK", webhook)
        monkeypatch.setenv("SHOP_WEBHOOK", other.webhook)
        monkeypatch.setenv("WIKI_WEBHOOK", third.webhook)
        await main()

    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^# prints: (.*)$", code, re.MULTILINE)
    assert [line for line in promised if line not in printed] == []
