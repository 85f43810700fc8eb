"""The command, as a process of its own."""

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

RUN = [sys.executable, "-c", "from bulk_publisher.cli.commands.sandbox import sandbox; sandbox()"]


def start(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*RUN, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def publish(webhook: str, page: int) -> dict:
    body = json.dumps({"lid": page, "scope": "KNOWLEDGE"}).encode()
    request = urllib.request.Request(
        f"{webhook}landing.landing.publication", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.real_time
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_a_webhook_and_in_the_end_the_truth(tmp_path, number):
    file = tmp_path / "truth.json"
    with start("--scenario", "demo", "--set", "cost=0.01", "--truth-json", str(file)) as process:
        line = process.stdout.readline()
        webhook = re.fullmatch(
            r"export BITRIX24_WEBHOOK=(http://127\.0\.0\.1:\d+/rest/1/\w+/)\n", line
        )
        answer = publish(webhook[1], 5)
        process.send_signal(number)
        said, complained = process.communicate(timeout=10)

    assert answer["result"] is True
    assert process.returncode == 0
    assert re.search(r"^pages published +1$", said, re.MULTILINE)
    assert json.loads(file.read_text())["pages_published"] == 1
    assert complained == "300 pages on standard. Press Ctrl-C to stop.\n"


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--scenario", "nope"], "nope: No such file or directory"),
        (["--fault", "html502"], "--fault html502: write it as NAME=P"),
        (["--fault", "quake=1"], "unknown fault 'quake'"),
        (["--intensity", "50"], "--intensity 50: write it as X/Y"),
        (["--set", "cost="], "--set cost=: write it as KEY=VALUE"),
        (["--set", "cots=3"], "unknown key `cots`"),
        (["--missing-share", "7"], "missing_share must be 0 to 1, not 7"),
        (["--scenario", "full-plan", "--pages", "3"], "its sites say their pages"),
        (["--pages", "3", "--set", "denied_pages=[9]"], "there is no page 9"),
        (["--scope", "WIKI"], "scope must be one of"),
        (("--oauth-file", "/nowhere/tokens.json"), "/nowhere/tokens.json"),
    ],
    ids=str,
)
def test_bad_input_is_one_clear_line(flags, complaint):
    done = subprocess.run([*RUN, *flags], capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_help_starts_no_server():
    probe = (
        "import sys; from bulk_publisher.cli.commands.sandbox import sandbox\n"
        "try: sandbox(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m in {'aiohttp', 'msgspec'}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=20, check=False
    )

    assert "--scenario" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_every_scenario_that_ships_is_named_in_the_help():
    from click.testing import CliRunner

    from bulk_publisher.cli.commands.sandbox import sandbox
    from bulk_publisher.sandbox import scenario_names

    text = CliRunner().invoke(sandbox, ["--help"]).output

    assert set(scenario_names()) <= set(
        re.findall(r"[\w-]+", text.split("Built-in scenarios:")[-1])
    )
