"""What may stand where among the words of a command, without a process: options, suggestions, the Tab key."""

import json
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from bulk_publisher.cli import main
from bulk_publisher.cli.output.output import Output

COMMANDS = main.list_commands(None)  # type: ignore[arg-type]
RUNS = ("20261124T211933Z-a996", "20261124T222708Z-1352", "20261125T030000Z-9a6e")


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Gives the words of a command to it, in a folder of its own with some runs."""
    for name in ("BITRIX24_WEBHOOK", "BULK_PUBLISHER_RUNS", "BULK_PUBLISHER_PORTALS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for run in RUNS:
        folder = tmp_path / "runs" / run
        folder.mkdir(parents=True)
        described = {"run": run, "job": {"name": "j"}, "portal": "p", "ended": "2026-11-24T21:20:00.000Z"}  # fmt: skip
        (folder / "run.json").write_text(json.dumps({**described, "totals": {"is_whole": True}}))
    (tmp_path / "p.toml").write_text('shop.webhook = { env = "A" }\nshed.webhook = { env = "B" }\n')

    def say(*words: str, **environment: str) -> Result:
        return CliRunner().invoke(main, words, env=environment)

    return say


def _output(*words: str) -> Output:
    """The output that a command is given."""
    context = main.make_context("bulk-publisher", list(words))
    with context:
        name, command, rest = main.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        click.Command.invoke(main, context)
        assert command is not None
        return command.make_context(name, rest, parent=context).obj


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["-v"], []),
        ([], ["-v"]),
        (["-v"], ["-v"]),
        ([], ["-vv"]),
        ([], ["-q"]),
        (["-v"], ["-q"]),
        (["-q"], ["--verbose"]),
        ([], ["--quiet", "--log-format", "json"]),
        (["--log-format", "json"], ["--log-format", "console"]),
        (["--no-color"], []),
        ([], ["--no-color"]),
    ],
    ids=" ".join,
)
def test_what_is_said_of_how_much_is_said_means_the_same_before_and_after(before, after):
    output = _output(*before, "status", *after)

    words = [*before, *after]
    is_quiet = bool({"-q", "--quiet"} & {*words})
    assert output.verbosity == (
        -1 if is_quiet else " ".join(words).count("v") - " ".join(words).count("versb")
    )
    assert output.log_format == next((w for w in reversed(words) if w in {"json", "console"}), "console")  # fmt: skip
    assert output.is_plain == ("--no-color" in words)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_takes_them(say, name: str) -> None:
    done = say(name, "--help")

    assert done.exit_code == 0
    for option in ("-v, --verbose", "-q, --quiet", "--log-format", "--no-color"):
        assert done.output.count(option) == 1


URL = "https://example.bitrix24.com/rest/1/5ecretC0de77/"


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["publish", "--webhook-file", URL], "--webhook-file: "),
        (["publish", f"--webhook-file={URL}", "--page", "1"], "--webhook-file: "),
        (["publish", "--csv", URL], "--csv: "),
        (["publish", "--plan", URL], "--plan: "),
        (["publish", "--page", "1", "--ca-file", URL], "--ca-file: "),
        (["publish", "--page", "1", "--portal-plan", URL], "--portal-plan: "),
        (["publish", "--page", "1", "--scope", URL], "--scope: "),
        (["publish", "--page", URL], "--page: "),
        (["publish", "--column", URL, "--csv", "x"], "--column: "),
        (["publish", "--runs", URL, "--page", "1"], "--runs: "),
        (["publish", "--concurrency", URL], "--concurrency: "),
        (["plan", "--page", "1", "--out", URL], "--out: "),
        (["report", "latest", "--html", URL], "--html: "),
        (["retry", "latest", "--error", URL], "--error: "),
        (["sandbox", "--scenario", URL], "--scenario: "),
        (["run", URL], ""),
        (["resume", URL], ""),
        (["report", "latest", URL], ""),
        (["status", URL], ""),
        ([URL], ""),
        (["publish", URL], ""),
        (["publish", f"--{URL}"], ""),
        (["resume", URL.removeprefix("https://")], ""),
        (["resume", URL.upper()], ""),
        (["resume", URL.replace("/", "%2F")], ""),
    ],
    ids=lambda words: " ".join(words).replace(URL, "URL"),
)
def test_a_webhook_where_something_else_is_meant_is_hidden_and_said_what_it_is(
    say, tmp_path: Path, words: list[str], where: str
) -> None:
    done = say(*words)

    assert done.exit_code == 2
    assert f"Error: {where}that is a webhook's URL, which is a secret. Put it into" in done.output
    assert "5ecretC0de77" not in done.output.replace("%", "")
    assert not [path for path in tmp_path.rglob("*") if "5ecret" in str(path).lower()]


@pytest.mark.parametrize("name", ["BULK_PUBLISHER_RUNS", "BULK_PUBLISHER_REPORT", "XDG_STATE_HOME", "SSL_CERT_FILE"])  # fmt: skip
def test_a_webhook_in_another_variable_is_hidden_and_said_what_it_is(say, name: str) -> None:
    done = say("status", **{name: URL})

    assert done.exit_code == 2
    assert f"Error: {name}: that is a webhook's URL" in done.output
    assert "5ecret" not in done.output


@pytest.mark.parametrize(
    "words",
    [
        ["publish", "5ecretC0de77"],
        ["publish", "--page", "1", "--5ecretC0de77"],
        ["5ecretC0de77"],
        ["run", "5ecretC0de77"],
        ["resume", "5ECRETC0DE77"],
        ["publish", "--csv", "5ecretC0de77/pages.csv"],
        ["publish", "--webhook-file", "5ecretC0de77", "--page", "1"],
        ["publish", "--page", "1", "--concurrency", "5ecretC0de77"],
    ],
    ids=" ".join,
)
def test_the_code_of_the_environment_s_webhook_is_repeated_nowhere(say, words: list[str]) -> None:
    done = say(*words, BITRIX24_WEBHOOK=URL)

    assert done.exit_code == 2
    assert "5ecretc0de77" not in done.output.lower()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["publish", "--csv", "https://example.com/pages.csv?key=5ecret"], "--csv: that is a URL"),
        (["run", "https://example.com/job.toml?key=5ecret"], "Error: that is a URL"),
    ],
)
def test_no_other_url_is_taken_or_repeated(say, words: list[str], said: str) -> None:
    done = say(*words)

    assert done.exit_code == 2
    assert said in done.output
    assert "5ecret" not in done.output


@pytest.mark.parametrize(
    "line",
    [
        f'name = "{URL}"',
        f'name = "{URL.removeprefix("https://")}"',
        f'action = "{URL}"',
        f'[select]\ncsv = "{URL}"',
        f'[select]\npage = ["{URL}"]',
        f'[select]\nscope = "{URL}"',
        f'[portal]\nwebhook = "{URL}"',
        f'[portal]\nwebhook = {{ env = "{URL}" }}',
        f'[portal]\nwebhook = {{ file = "{URL}" }}',
        f'[portal]\nwebhook = {{ file = "{URL.removeprefix("https://")}" }}',
        f'[portal]\nsandbox = "{URL}"',
        f'[portal]\nca_file = "{URL}"',
        f'[pace]\nconcurrency = "{URL}"',
        f'"{URL}" = 1',
        f'["{URL}"]',
        f"[portal]\nwebhook = {URL}",
    ],
    ids=lambda line: line.replace(URL, "URL"),
)
def test_a_job_file_with_a_webhook_in_it_is_refused_and_does_not_repeat_it(
    say, tmp_path: Path, line: str
) -> None:
    (tmp_path / "job.toml").write_text(line + "\n")

    done = say("run", "job.toml")

    assert done.exit_code == 2
    assert "job.toml:" in done.output
    assert "5ecret" not in done.output
    assert "bitrix24.com" not in done.output


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["--page", "3"], "Take down 1 page?"),
        (["--site", "7"], "Take down the pages of site 7?"),
        (["--site", "7", "--site", "9"], "Take down the pages of sites 7, 9?"),
        ([], "Take down every page of scope KNOWLEDGE?"),
    ],
)
def test_where_nobody_can_answer_the_portal_is_not_even_asked(
    say, words: list[str], asked: str
) -> None:
    done = say("unpublish", "--scope", "KNOWLEDGE", *words)

    assert done.exit_code == 2
    assert f"Error: {asked} There is no terminal to ask on." in done.output
    assert "Confirm with --yes." in done.output
    assert "BITRIX24_WEBHOOK" not in done.output


def _offered(*words: str) -> list[str]:
    """What the Tab key offers for the last of *words*."""
    *before, begun = words
    completion = ShellComplete(main, {}, "bulk-publisher", "_BULK_PUBLISHER_COMPLETE")
    return [item.value for item in completion.get_completions(before, begun)]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["publish", "--scope", ""], ["KNOWLEDGE", "GROUP", "MAINPAGE"]),
        (["doctor", "--scope", "k"], ["KNOWLEDGE"]),
        (["resume", ""], [*reversed(RUNS), "latest"]),
        (["retry", "20261124"], [RUNS[1], RUNS[0]]),
        (["verify", "la"], ["latest"]),
        (["rollback", "20261125"], [RUNS[2]]),
        (["report", "latest", "20261125"], [RUNS[2]]),
        (["status", "2026112"], [*reversed(RUNS)]),
        (["status", "--runs", "nowhere", ""], []),
        (["resume", "other/ru"], ["other/ru"]),
        (["publish", "--portals", "p.toml", "--portal", "sh"], ["shop", "shed"]),
        (["portals", "remove", "--portals", "p.toml", "she"], ["shed"]),
        (["portals", "check", "--portals", "nowhere.toml", "s"], []),
        (["sandbox", "--scenario", "st"], ["storm"]),
        (["sandbox", "--scenario", "my/weather"], ["my/weather"]),
    ],
    ids=" ".join,
)
def test_the_tab_key_knows_runs_scopes_and_scenarios(say, words, offered) -> None:
    assert _offered(*words) == offered


def test_the_tab_key_knows_runs_where_the_environment_says(
    say, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    monkeypatch.setenv("BULK_PUBLISHER_RUNS", "elsewhere")

    assert _offered("resume", "20261125") == [RUNS[2]]


def test_the_beginning_of_a_run_s_id_names_it(say) -> None:
    assert f"Run {RUNS[1]}:" in say("report", "20261124T22").output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("20261124", f"2 runs in runs start like this: {RUNS[1]}, {RUNS[0]}."),
        ("2027", "2027: no such run in runs."),
        ("", "no such run in runs."),
        ("x" * 5000, "no such run in runs."),
    ],
    ids=["ambiguous", "none", "empty", "too long"],
)
def test_a_beginning_that_is_no_run_s_own_is_refused(say, name: str, said: str) -> None:
    done = say("resume", name)

    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize("there", [b"{}", b"my notes", b'{"version": 1}', b"\xff", b"[" * 5000])
def test_plan_replaces_nothing_that_is_no_plan(say, tmp_path: Path, there: bytes) -> None:
    (tmp_path / "plan.json").write_bytes(there)

    done = say("plan", "--page", "1")

    assert done.exit_code == 2
    assert "Error: plan.json already exists and is not a plan: it was not replaced." in done.output
    assert "--out, or replace it with --force" in done.output
    assert (tmp_path / "plan.json").read_bytes() == there


@pytest.mark.parametrize("place", ["/dev/null", "/dev/zero", "runs"])
def test_a_plan_is_written_to_no_device(say, place: str) -> None:
    done = say("plan", "--page", "1", "-o", place)

    assert done.exit_code == 2
    assert "BITRIX24_WEBHOOK" not in done.output


@pytest.mark.parametrize("words", [["--force"], ["-o", "other.json"]], ids=" ".join)
def test_with_force_or_another_name_it_goes_on(say, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "plan.json").write_text("my notes")

    done = say("plan", "--page", "1", *words)

    assert "BITRIX24_WEBHOOK is not set" in done.output
