"""The README's commands do what the README shows."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = "id;title\n3;Welcome\n4;Rules\n5;Holidays\n57;Gone\n41;Shop\n"


def _shown() -> list[tuple[list[str], list[str]]]:
    """Each command of the README's console blocks with the lines shown below it."""
    shown: list[tuple[list[str], list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ bulk-publisher "):
                shown.append((line.removeprefix("$ bulk-publisher ").split(), []))
            else:
                shown[-1][1].append(line)
    return shown


def _without_numbers(text: str) -> str:
    """*text* without what differs from one run to the next."""
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{4}", "RUN", text)
    text = re.sub(r"127\.0\.0\.1:\d+|example\.bitrix24\.com", "PORTAL", text)
    return re.sub(r"\d+(\.\d+)? s", "TIME", text)


def test_every_command_prints_what_the_readme_shows(command, tmp_path: Path, start_sandbox) -> None:
    webhook = start_sandbox(
        "--pages",
        "60",
        "--cost",
        "0.01",
        "--set",
        "missing_pages=[57]",
        "--set",
        "unpaid_pages=[41]",
    )
    (tmp_path / "pages.csv").write_text(PAGES, encoding="utf-8")

    done = [(command(*words, webhook=webhook), lines) for words, lines in _shown()]

    missing = [
        line
        for finished, lines in done
        for line in lines
        if _without_numbers(line) not in _without_numbers(finished.stdout + finished.stderr)
    ]
    assert missing == []
    assert len(done) >= 3


def test_the_two_commands_of_a_stranger_are_targets_of_make() -> None:
    targets = re.findall(
        r"^([a-z.]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert {"demo", "test", ".venv", "lint", "bench", "clean"} <= set(targets)


def test_every_file_that_the_readme_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]

    assert [link for link in links if not (ROOT / link).exists()] == []
