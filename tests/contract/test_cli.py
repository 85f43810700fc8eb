"""What scripts and cron rely on: exit statuses, where words go, and that a mistake is one line."""

import os
import re
import shlex
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest

from bulk_publisher.cli import main
from bulk_publisher.model import Outcome
from tests.contract.conftest import COMMAND, carry_out, environment
from tests.workbooks import workbook

FAST = ("--cost", "0.005", "--latency", "0")
COMMANDS = main.list_commands(None)  # type: ignore[arg-type]
HEAVY = {"aiohttp", "structlog", "rich", "msgspec", "matplotlib", "asyncio"}


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom bulk_publisher.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.rstrip().endswith("LOADED []")


@pytest.mark.parametrize(("shell", "at"), [("bash", "1"), ("zsh", "1"), ("fish", "publ")])
def test_a_shell_is_told_how_to_complete(shell: str, at: str) -> None:
    program = Path(sys.executable).with_name("bulk-publisher")
    asked = {"_BULK_PUBLISHER_COMPLETE": f"{shell}_complete", "COMP_WORDS": "bulk-publisher publ", "COMP_CWORD": at}  # fmt: skip
    told = {"_BULK_PUBLISHER_COMPLETE": f"{shell}_source"}

    script, completed = (
        subprocess.run(
            [program], env={**os.environ, **words}, capture_output=True, text=True, timeout=60, check=False
        ).stdout
        for words in (told, asked)
    )  # fmt: skip

    assert f"_BULK_PUBLISHER_COMPLETE={shell}_complete" in script
    assert "publish" in completed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(command, name: str) -> None:
    done = command(name, "--help")

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ")


def test_all_pages_well_exit_with_0_and_the_summary_is_on_stdout(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "30", *FAST)

    done = command("publish", "--scope", "KNOWLEDGE", webhook=webhook)

    assert done.returncode == 0, done.stderr
    assert "30 published" in done.stdout
    assert "30 published" not in done.stderr


def test_failed_pages_exit_with_1_and_are_explained(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "30", "--set", "unpaid_pages=[7]", *FAST)

    done = command("publish", "--scope", "KNOWLEDGE", webhook=webhook)

    assert done.returncode == 1
    assert "LANDING_PAYMENT_FAILED: 1 page, for example page 7" in done.stdout
    assert "retry" in done.stdout


def test_a_full_plan_exits_with_3_and_says_how_to_go_on(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "400", "--page-limit", "60", *FAST)

    done = command("publish", "--scope", "KNOWLEDGE", webhook=webhook)

    assert done.returncode == 3
    assert "PUBLIC_PAGE_REACHED" in done.stderr
    assert "bulk-publisher resume" in done.stderr


def test_why_a_site_was_left_is_explained_once_in_the_summary(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "300", "--set", "denied_share=1.0", *FAST)

    done = command("publish", "--scope", "KNOWLEDGE", webhook=webhook)

    assert "was stopped: NOT_PUBLISHED\n" in done.stdout
    assert done.stdout.count("lacks the right to publish") == 1


def test_a_run_that_stops_says_how_many_pages_are_left(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "90", "--set", "unpaid_pages=[30]", *FAST)

    done = command(
        "publish", "--page", "1-90", "--scope", "KNOWLEDGE", "--fail-fast", "--batch-size", "10",
        "--concurrency", "1", webhook=webhook,
    )  # fmt: skip

    assert "30 pages settled" in done.stdout
    assert "60 pages are left. Continue with: bulk-publisher resume" in done.stderr
    for words in (("status", "latest"), ("report", "latest")):
        assert "60 pages are left. Continue with" in command(*words).stdout
    assert "60 pages are left. Continue with" in command("verify", "latest", webhook=webhook).stderr


def test_of_what_only_the_portal_knows_as_much_is_said_to_be_left_as_it_has_listed(
    command, start_sandbox
) -> None:
    webhook = start_sandbox("--pages", "9000", "--set", "unpaid_pages=[30]", *FAST)

    done = command(
        "publish", "--scope", "KNOWLEDGE", "--fail-fast", "--batch-size", "10", webhook=webhook
    )

    (left,) = re.findall(r"At least ([\d,]+) pages are left. Continue with", done.stderr)
    assert 30 < int(left.replace(",", "")) < 9000
    for words in (("status", "latest"), ("report", "latest")):
        told = command(*words).stdout
        assert f"At least {left} pages are left. Continue with: bulk-publisher resume" in told
        assert "bulk-publisher retry" not in told
    assert f"At least {left} pages" in command("verify", "latest", webhook=webhook).stderr


def test_a_retry_of_a_run_that_stopped_early_names_resume(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "400", "--page-limit", "60", *FAST)
    command("publish", "--scope", "KNOWLEDGE", webhook=webhook)

    done = command("retry", "latest", webhook=webhook)

    assert "nothing to retry" in done.stderr
    assert "Continue with: bulk-publisher resume" in done.stderr


def _advice(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """The commands about runs that are named, as a shell would read them."""
    named = re.findall(r"bulk-publisher ((?:resume|retry|status) .+)$", done.stdout + done.stderr, re.MULTILINE)  # fmt: skip
    return [shlex.split(words) for words in named]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "from another folder"])
def test_advice_can_be_followed_where_it_is_given(
    command, tmp_path: Path, start_sandbox, elsewhere: bool
) -> None:
    webhook = start_sandbox("--pages", "60", "--set", "unpaid_pages=[5]", *FAST)
    begun = command(
        "publish", "--page", "1-60", "--scope", "KNOWLEDGE", "--fail-fast", "--batch-size", "5",
        "--portal-plan", "self-hosted", "--runs", "other runs", webhook=webhook,
    )  # fmt: skip
    (tmp_path / "other").mkdir()
    run = tmp_path / "other runs" / "latest" if elsewhere else "latest"
    ask = partial(carry_out, tmp_path / "other" if elsewhere else tmp_path, webhook=webhook)

    looks = [
        ask(name, str(run), *([] if elsewhere else ["--runs", "other runs"]))
        for name in (("status",) if elsewhere else ("status", "report", "verify"))
    ]

    advice = [*([] if elsewhere else _advice(begun)), *(one for done in looks for one in _advice(done))]  # fmt: skip
    assert len(advice) == (1 if elsewhere else 4)
    followed = [ask(*words) for words in {tuple(words) for words in advice}]
    assert [done.stderr for done in followed if "no such run" in done.stderr] == []
    again = ask("resume", str(run), *([] if elsewhere else ["--runs", "other runs"]))
    assert ask(*_advice(again)[0]).returncode == 1


def test_a_webhook_that_is_refused_exits_with_4(command, start_sandbox) -> None:
    webhook = start_sandbox("--set", 'envelope_error="INVALID_CREDENTIALS"', *FAST)

    done = command("publish", "--scope", "KNOWLEDGE", webhook=webhook)

    assert done.returncode == 4
    assert "INVALID_CREDENTIALS" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["publish", "--scope", "KNOWLEDGE"], "BITRIX24_WEBHOOK", id="no webhook"),
        pytest.param(["publish"], "--csv", id="no selection"),
        pytest.param(["publish", "--page", "12x"], "12x", id="no id"),
        pytest.param(["publish", "--csv", "nowhere.csv"], "nowhere.csv", id="no file"),
        pytest.param(["publish", "--csv", "a.csv", "--site", "3"], "site", id="two sources"),
        pytest.param(["publish", "--scope", "KNOWLEGE"], "KNOWLEDGE", id="no such scope"),
        pytest.param(["run", "nowhere.toml"], "nowhere.toml", id="no job file"),
        pytest.param(["publsh"], "publsh", id="no such command"),
        pytest.param(["resume", "latest"], "latest", id="no such run"),
    ],
)
def test_bad_usage_exits_with_2_and_no_traceback(command, words: list[str], said: str) -> None:
    done = command(*words)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 5


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("publsh", "There is no command 'publsh': did you mean publish?"),
        ("UNPUBLISH", "There is no command 'UNPUBLISH': did you mean unpublish?"),
        ("zzz", "There is no command 'zzz': there is publish, unpublish, run, plan,"),
        ("nosuch", "There is no command 'nosuch': there is publish, unpublish, run, plan,"),
        ("nosuch", ", schema, sandbox, demo"),
        ("list", "There is no command 'list': bulk-publisher status lists the runs"),
    ],
)
def test_an_unknown_command_names_the_nearest_right_one(command, word: str, said: str) -> None:
    done = command(word)

    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("publish --page 12x", "--page: '12x' is neither"),
        ("publish --csv a.csv --site 3", "--csv and --site can't be combined"),
        ("publish --page 3 --column x", "--column needs --csv"),
        ("publish --page 3 --skip-bad-rows", "--skip-bad-rows needs --csv"),
        ("publish --page 3 --no-lookup --only changed", "--only changed needs the lookup"),
        ("publish --page 3 --operating-share 2", "--operating-share: must be a number"),
    ],
)
def test_what_is_wrong_with_an_option_names_the_option(command, words: str, said: str) -> None:
    done = command(*words.split())

    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {said}")


@pytest.mark.parametrize("words", ["plan --page 1 --out", "sandbox --truth-json"])
def test_no_file_is_named_a_dash(command, tmp_path: Path, words: str) -> None:
    done = command(*words.split(), "-")

    assert done.returncode == 2
    assert "not to standard output" in done.stderr
    assert not (tmp_path / "-").exists()


def test_bad_rows_are_listed_with_their_lines_and_nothing_is_sent(
    command, tmp_path: Path, start_sandbox
) -> None:
    (tmp_path / "pages.csv").write_text("id\n1\nabc\n3\n4x\n")

    done = command("publish", "--csv", "pages.csv", webhook=start_sandbox(*FAST))

    assert done.returncode == 2
    assert "pages.csv:3:" in done.stderr
    assert "pages.csv:5:" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_pages_of_a_spreadsheet_are_planned_and_published(
    command, tmp_path: Path, start_sandbox
) -> None:
    webhook = start_sandbox("--pages", "9", *FAST)
    workbook(tmp_path / "pages.xlsx", {"List": [["id"], [1], ["2"]], "Old": [[3]]}, hidden=["Old"])
    selection = ("--xlsx", "pages.xlsx", "--scope", "KNOWLEDGE")

    planned = command("plan", *selection, "--out", "plan.json", webhook=webhook)
    done = command("publish", "--plan", "plan.json", webhook=webhook)
    undone = command("unpublish", *selection, "--sheet", "Old", "--yes", webhook=webhook)

    assert "the sheet 'List' was taken" in planned.stdout + done.stderr
    assert "2 published" in done.stdout, done.stderr
    assert "1 unpublished" in undone.stdout, undone.stderr


def test_bad_rows_of_a_spreadsheet_are_listed_and_nothing_is_sent(command, tmp_path: Path) -> None:
    workbook(tmp_path / "pages.xlsx", {"List": [["id"], [1], ["1.23E+05"], [3]]})
    (tmp_path / "job.toml").write_text(
        '[portal]\nsandbox = "demo"\n[select]\nxlsx = "pages.xlsx"\nsheet = "List"\n'
    )

    done = command("run", "job.toml")

    assert done.returncode == 2
    assert "pages.xlsx:List:3: '1.23E+05' is no page id any more" in done.stderr
    assert not (tmp_path / "runs").exists()


FOLDER = "a-folder-with-a-long-name/and-another"
LONG = f"{FOLDER}/a list that nobody has ever written and nobody reads.csv"


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_an_error_is_wrapped_at_a_terminal(at_terminal, columns: int) -> None:
    status, screen = at_terminal("publish", "--csv", LONG, columns=columns)

    first, *rest = screen.splitlines()
    assert status == 2
    assert rest
    assert FOLDER in first
    assert all(line.startswith("  ") and len(line) <= min(columns, 80) for line in rest)


def test_an_error_is_one_line_in_a_pipe(command) -> None:
    done = command("publish", "--csv", LONG)

    assert done.stderr == f"Error: {LONG} can't be read: there is no such file\n"


def test_a_run_leaves_a_report_unless_none_is_wanted(
    command, tmp_path: Path, start_sandbox
) -> None:
    webhook = start_sandbox("--pages", "3", *FAST)
    page = ("publish", "--page", "1", "--scope", "KNOWLEDGE")

    without = [command(*page, *words, webhook=webhook) for words in ([], ["--no-report"])]
    assert not any("report" in done.stdout for done in without)
    assert not [*tmp_path.rglob("report.html")]

    done = command(*page, "--report", webhook=webhook)

    (report,) = tmp_path.rglob("report.html")
    assert f"Report: {report.relative_to(tmp_path)}" in done.stdout


def test_a_list_of_pages_is_read_from_standard_input(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "9", *FAST)

    done = command(
        "publish", "--csv", "-", "--scope", "KNOWLEDGE", webhook=webhook, stdin="1\n2\n2\n"
    )

    assert done.returncode == 0, done.stderr
    assert "2 published" in done.stdout
    assert "Left out: 1 repeat of a page already named." in done.stdout


def test_what_a_list_names_in_vain_is_counted_alike_everywhere(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "9", *FAST)
    said = "Left out: 3 repeats of pages already named, 1 bad row."
    publish = ("publish", "--csv", "-", "--scope", "KNOWLEDGE", "--skip-bad-rows")
    rows = "1\n2\n2\n2\n1\nx\n"

    done = command(*publish, webhook=webhook, stdin=rows)

    assert said in done.stderr
    assert said in done.stdout
    assert said in command("status", "latest").stdout
    assert said in command("report", "latest").stdout
    assert said in command(*publish, "--dry-run", webhook=webhook, stdin=rows).stdout


def test_a_dry_run_changes_nothing_and_makes_no_folder(
    command, tmp_path: Path, start_sandbox
) -> None:
    webhook = start_sandbox("--pages", "30", *FAST)

    done = command("publish", "--scope", "KNOWLEDGE", "--dry-run", webhook=webhook)

    assert done.returncode == 0, done.stderr
    assert "30" in done.stdout
    assert not (tmp_path / "runs").exists()


def test_a_forgotten_scope_is_asked_about_and_there_is_one_advice(
    command, tmp_path: Path, start_sandbox
) -> None:
    webhook = start_sandbox("--pages", "70", *FAST)
    publish = ("publish", "--page", "1-60")

    looked = [command(*words, webhook=webhook) for words in ((*publish, "--dry-run"), ("plan", "--page", "1-60"))]  # fmt: skip
    begun = command(*publish, webhook=webhook)
    after = [command(*words, webhook=webhook) for words in (("report", "latest"), ("status", "latest"), ("verify", "latest"))]  # fmt: skip

    for done in looked:
        assert done.returncode == 2
        assert done.stderr.startswith("Error: The portal lists none of the 60 pages: is --scope the right one?")  # fmt: skip
        assert done.stdout == ""
    assert not (tmp_path / "plan.json").exists()
    assert begun.returncode == 3
    assert "start a new run" in begun.stderr
    said = "".join(one.stdout + one.stderr for one in (begun, *after))
    assert "bulk-publisher resume" not in said


def test_where_there_is_nothing_to_publish_that_is_what_is_said(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "9", "--active-share", "1", "--changed-share", "0", *FAST)

    done = command("publish", "--scope", "KNOWLEDGE", "--only", "unpublished", webhook=webhook)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Nothing to publish.\n")
    assert "Nothing to publish.\n" in command("report", "latest").stdout
    assert "settled" not in done.stdout


def test_a_dry_run_says_which_pages_the_webhook_s_owner_may_not_publish(
    command, start_sandbox
) -> None:
    webhook = start_sandbox("--pages", "30", "--set", 'users=[{id=1,rights="read"}]', *FAST)

    done = command("publish", "--scope", "KNOWLEDGE", "--dry-run", webhook=webhook)

    assert "30 on sites where the webhook's owner may not publish: they will fail" in done.stdout


def test_piped_words_have_no_control_characters(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "30", "--set", "unpaid_pages=[7]", *FAST)

    done = command("-vv", "publish", "--scope", "KNOWLEDGE", webhook=webhook)

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout + done.stderr)


def test_no_secret_is_found_anywhere(command, tmp_path: Path, start_sandbox) -> None:
    webhook = start_sandbox(
        "--pages", "60", "--fault", "html502=0.1", "--fault", "reset=0.1", *FAST
    )
    secret = webhook.rstrip("/").rpartition("/")[2]

    done = command("-vv", "publish", "--scope", "KNOWLEDGE", "--report", webhook=webhook)

    files = [path.read_text() for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert [text for text in [done.stdout, done.stderr, *files] if secret in text] == []


@pytest.mark.parametrize(
    "webhook",
    [
        "http://example.bitrix24.com/rest/1/planted5ecret/",
        "https://example.bitrix24.com/planted5ecret/",
        "https://127.0.0.1:9/rest/1/planted5ecret/",
        "planted5ecret",
    ],
)
def test_a_webhook_that_cannot_be_used_is_never_repeated(command, webhook: str) -> None:
    done = command("-vv", "doctor", webhook=webhook)

    assert done.returncode in {2, 4}
    assert "planted5ecret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_limits_that_can_t_be_shared_are_said_once(
    command, tmp_path: Path, start_sandbox, monkeypatch
) -> None:
    webhook = start_sandbox("--pages", "3", *FAST)
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    selection = ("--page", "1-3", "--scope", "KNOWLEDGE")

    done = [
        command(*words, webhook=webhook)
        for words in (
            ("publish", *selection),
            ("plan", *selection),
            ("doctor",),
        )
    ]

    assert [one.returncode for one in done] == [0] * 3
    words = [" ".join((one.stdout + one.stderr).split()) for one in done]
    assert [text.count("can't share the webhook's limits") for text in words] == [1] * 3
    assert [text.count("XDG_STATE_HOME") for text in words] == [1] * 3
    (log,) = tmp_path.glob("runs/*Z-*/log.jsonl")
    assert log.read_text().count("turn.not_kept") == 1


def test_the_schema_names_every_field_of_an_outcome(command) -> None:
    schema = msgspec.json.decode(command("schema").stdout)

    assert schema["required"] == list(Outcome.__struct_fields__)
    assert set(schema["properties"]) == set(Outcome.__struct_fields__)


def test_a_job_file_does_what_it_says(command, tmp_path: Path) -> None:
    (tmp_path / "weather.toml").write_text("pages = 20\ncost = 0.005\nunpaid_pages = [3]\n")
    (tmp_path / "job.toml").write_text(
        '[portal]\nsandbox = "./weather.toml"\n[select]\nscope = "KNOWLEDGE"\n'
    )

    done = command("run", "job.toml")

    assert done.returncode == 1, done.stderr
    assert "19 published" in done.stdout


def test_an_unknown_key_of_a_job_file_names_the_nearest_right_one(command, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('[select]\nscope = "KNOWLEDGE"\n[pace]\nconcurency = 3\n')

    done = command("run", "job.toml")

    assert done.returncode == 2
    assert "job.toml:4:" in done.stderr
    assert "concurrency" in done.stderr


def test_pages_are_named_by_addresses(command, start_sandbox, tmp_path: Path) -> None:
    webhook = start_sandbox("--pages", "30", *FAST)
    (tmp_path / "list.txt").write_text("/knowledge/site1/page-3/\n/kb/wiki/1/view/7/\n")

    planned = command("plan", "--urls", "list.txt", webhook=webhook)
    done = command("publish", "--urls", "list.txt", webhook=webhook)
    one = command("publish", "--url", "https://site9.example/x/", webhook=webhook)

    assert "Looking up 1 address took" in planned.stdout
    assert "and 5 requests; publish does it again first." in planned.stdout
    assert "2 published" in done.stdout
    assert one.returncode == 2
    assert "neither on the portal nor on one of its sites" in one.stderr


def test_a_plan_of_addresses_is_carried_out(command, start_sandbox, tmp_path: Path) -> None:
    webhook = start_sandbox("--pages", "30", *FAST)
    address = ("--url", "/knowledge/site1/page-3/", "--url", "/nowhere/", "--skip-bad-rows")

    looked = command("publish", *address, "--dry-run", webhook=webhook)
    command("plan", *address, webhook=webhook)
    done = command("publish", "--plan", "plan.json", webhook=webhook)

    assert "would publish 1 page" in looked.stdout.lower()
    assert "1 published" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("form", [["--url", "{}"], ["--url={}"], ["--urls", "{}"]])
def test_a_webhook_is_no_page_and_not_repeated(command, form: list[str]) -> None:
    url = "https://example.bitrix24.com/rest/1/abcdefabcdef1234/"

    done = command("publish", *(word.format(url) for word in form))

    assert done.returncode == 2
    assert "that is a webhook's URL, which is a secret" in done.stderr
    assert "abcdefabcdef1234" not in done.stdout + done.stderr


@pytest.mark.parametrize(("umask", "mode"), [("", 0o700), ("027", 0o750), ("0077", 0o700)])
def test_who_may_see_runs_is_said_by_a_variable(
    tmp_path: Path, start_sandbox, umask: str, mode: int
) -> None:
    webhook = start_sandbox("--pages", "3")
    told = environment(webhook) | {"BULK_PUBLISHER_UMASK": umask}

    done = subprocess.run([*COMMAND, "publish", "--scope", "KNOWLEDGE"], cwd=tmp_path, env=told, capture_output=True, text=True, timeout=60, check=False)  # fmt: skip

    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.glob("runs/2*")
    assert stat.S_IMODE(run.stat().st_mode) == mode
    assert {stat.S_IMODE(path.stat().st_mode) for path in run.iterdir()} == {mode & 0o666}


@pytest.mark.parametrize("umask", ["27", "8", "u=rwx", "00027", "-27"])
def test_a_umask_that_is_none_is_refused(tmp_path: Path, umask: str) -> None:
    told = environment(None) | {"BULK_PUBLISHER_UMASK": umask}

    done = subprocess.run([*COMMAND, "status"], cwd=tmp_path, env=told, capture_output=True, text=True, timeout=60, check=False)  # fmt: skip

    assert done.returncode == 2
    assert done.stderr == (
        "Error: BULK_PUBLISHER_UMASK is no umask.\n"
        "Write three octal digits: 027 lets the group read runs, 077 (the default) nobody.\n"
    )
