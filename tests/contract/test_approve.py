"""``approve``, ``approvals`` and ``publish --approved``: a person at a terminal says yes, once."""

import json
import re
from pathlib import Path

import pytest

FAST = ("--cost", "0.005")
PLAN = ("plan", "--page", "1-12", "--scope", "KNOWLEDGE")


@pytest.fixture
def webhook(start_sandbox) -> str:
    return start_sandbox("--pages", "30", *FAST)


def _name(text: str) -> str:
    found = re.search(r"p-[0-9a-f]{10}", text)
    assert found is not None, text
    return found[0]


def test_a_plan_is_shown_approved_and_published_once(
    command, at_terminal, webhook: str, tmp_path: Path
) -> None:
    command(*PLAN, webhook=webhook)

    status, screen = at_terminal("approve", "plan.json", webhook=webhook, keys="y\n")

    assert status == 0, screen
    assert "Would publish 12 pages on 127.0.0.1" in screen
    assert "Pages of KNOWLEDGE: 1-12" in screen
    assert "the webhook in the environment as BITRIX24_WEBHOOK" in screen
    # What is published is the copy, whatever becomes of the file.
    (tmp_path / "plan.json").unlink()
    name = _name(screen)
    done = command("publish", "--approved", name, webhook=webhook)
    assert done.returncode == 0, done.stderr
    assert "12 published" in done.stdout
    again = command("publish", "--approved", name, webhook=webhook)
    assert again.returncode == 2
    assert "an approval is for one run" in again.stderr
    assert len(again.stderr.strip().splitlines()) <= 2
    told = json.loads(command("approvals", "--json").stdout)
    assert [(one["plan"], one["phase"], one["pages"]) for one in told] == [(name, "taken", 12)]
    listed = command("approvals").stdout
    assert f"published in run {told[0]['run']}" in listed


def test_a_no_keeps_nothing(command, at_terminal, webhook: str, tmp_path: Path) -> None:
    command(*PLAN, webhook=webhook)

    status, screen = at_terminal("approve", "plan.json", webhook=webhook, keys="n\n")

    assert status == 2, screen
    assert not (tmp_path / "runs" / "approvals").exists()


def test_which_files_are_read_is_shown_with_the_plan(
    command, at_terminal, webhook: str, tmp_path: Path
) -> None:
    (tmp_path / "pages.csv").write_text("id\n3\n4\n")
    command("plan", "--csv", "pages.csv", "--scope", "KNOWLEDGE", webhook=webhook)

    status, screen = at_terminal("approve", "plan.json", "--yes", webhook=webhook)

    assert status == 0, screen
    assert "Reads the file pages.csv (csv)" in screen
    done = command("publish", "--approved", _name(screen), webhook=webhook)
    assert "2 published" in done.stdout, done.stderr


@pytest.mark.parametrize("more", [(), ("--yes",)])
def test_without_a_terminal_nothing_is_approved(
    command, webhook: str, tmp_path: Path, more
) -> None:
    command(*PLAN, webhook=webhook)

    done = command("approve", "plan.json", *more, webhook=webhook, stdin="y\n")

    assert done.returncode == 2
    assert "Only a person at a terminal" in done.stderr
    assert not (tmp_path / "runs" / "approvals").exists()


def test_a_proposed_plan_waits_for_a_person(command, at_terminal, webhook: str) -> None:
    made = command(*PLAN, "--propose", webhook=webhook)
    name = _name(made.stderr)

    early = command("publish", "--approved", name, webhook=webhook)
    status, screen = at_terminal("approve", name, "--yes", webhook=webhook)
    done = command("publish", "--approved", name, webhook=webhook)

    assert early.returncode == 2
    assert "nobody has approved this plan" in early.stderr
    assert "on the web page or at a terminal: bulk-publisher approve" in early.stderr
    assert status == 0, screen
    assert f"{name}, proposed by" in screen
    assert done.returncode == 0, done.stderr


def test_where_nothing_is_to_be_sent_nothing_is_proposed(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "12", "--active-share", "1", *FAST)

    made = command(*PLAN, "--only", "unpublished", "--propose", webhook=webhook)

    assert made.returncode == 0, made.stderr
    assert "Nothing was proposed" in made.stderr
    assert json.loads(command("approvals", "--json").stdout) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--approved", "p-0123456789"), "no such plan in runs"),
        (("--approved", "../x"), "no such plan in runs"),
        (("--approved", "p-0123456789", "--page", "3"), "--approved can't be combined with --page"),
        (("--approved", "p-0123456789", "--plan", "plan.json"), "can't be combined with --plan"),
        (("--approved", "p-0123456789", "--dry-run"), "can't be combined with --dry-run"),
    ],
)
def test_what_can_not_be_published_is_one_line(command, words, said: str) -> None:
    done = command("publish", *words)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_no_plan_is_not_approved(at_terminal, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("[]")

    for word, said in (("plan.json", "not a plan"), ("gone.json", "can't be read"), ("p-0123456789", "no such plan")):  # fmt: skip
        status, screen = at_terminal("approve", word, "--yes")
        assert status == 2
        assert said in screen


def test_where_no_plans_are_there_are_none(command) -> None:
    done = command("approvals")

    assert (done.returncode, done.stdout) == (0, "")
    assert "No plans were proposed" in done.stderr


def test_that_there_is_no_such_plan_is_said_before_a_terminal_is_asked_for(command) -> None:
    done = command("approve", "p-0000000000", stdin="")

    assert done.returncode == 2
    assert "'p-0000000000': no such plan in runs" in done.stderr
    assert "terminal" not in done.stderr


def test_until_when_it_is_approved_is_said_in_one_form(
    command, at_terminal, webhook: str, tmp_path: Path
) -> None:
    command(*PLAN, webhook=webhook)
    _, screen = at_terminal("approve", "plan.json", "--yes", webhook=webhook)

    again = command("approve", _name(screen))

    (until,) = re.findall(r"until (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\.", screen)
    assert f"has approved it already, until {until}." in again.stderr
