"""``serve --web`` and ``web token`` as processes."""

import json
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.conftest import COMMAND, environment
from tests.contract.test_serve import PATIENCE, serving, until

NOWHERE = "https://example.com/rest/1/0123456789abcdef/"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def get(url: str, headers: Mapping[str, str] = {}) -> tuple[int, str]:
    """Status and text; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers))) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def test_a_page_beside_the_jobs_with_a_token_made_meanwhile(command, tmp_path: Path) -> None:
    web = f"127.0.0.1:{free_port()}"
    url = f"http://{web}"
    with serving(tmp_path, NOWHERE, "--web", web) as daemon:
        until(lambda: get(f"{url}/healthz")[0])
        made = command("web", "token", "add", "anna", "--role", "see")
        token = {"Authorization": f"Bearer {made.stdout.strip()}"}
        seen, numbers = get(f"{url}/", token), get(f"{url}/metrics", token)
        listed = command("web", "token", "list")
        removed = command("web", "token", "remove", "anna")
        after = get(f"{url}/", token)
        daemon.send_signal(signal.SIGTERM)
        said = daemon.communicate(timeout=PATIENCE)[1]

    assert f"The page is at {url}/" in said
    assert "Traceback" not in said
    assert daemon.returncode == 0
    assert made.stdout.startswith("bpw_")
    assert made.stdout.strip() not in made.stderr + said + listed.stdout
    assert (seen[0], numbers[0], after[0]) == (200, 200, 401)
    assert "bulk_publisher_" in numbers[1]
    assert listed.stdout.splitlines()[1].split()[:2] == ["anna", "see"]
    assert removed.returncode == 0


def test_a_port_that_is_taken_ends_it_before_a_job_begins(command, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = command("serve", "--web", f"127.0.0.1:{port}")

    assert ended.returncode == 2
    assert (
        ended.stderr
        == f"Error: --web 127.0.0.1:{port}: can't be used: Address already in use.\nChoose a free port.\n"
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--web", "0.0.0.0:8080", "--web-host", "example.com"), "other machines reach this address, and there is no token yet"),
        (("--web", "8080"), "--web '8080': that is no address of this machine with a port."),
        (("--web", "127.0.0.1:8080", "--once"), "--web does not go with --once"),
        (("--web-host", "example.com"), "--web-host needs --web"),
        (("--web", "127.0.0.1:8080", "--web-steer", "anna"), "--web-steer needs --web-user-header"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)  # fmt: skip
def test_what_cannot_be_is_told_before_anything_begins(command, words, said: str) -> None:
    ended = command("serve", *words)

    assert ended.returncode == 2
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2


def test_without_jinja_a_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "jinja2.py").write_text("raise ImportError\n")
    ended = subprocess.run(
        [*COMMAND, "serve", "--web", f"127.0.0.1:{free_port()}"],
        check=False,
        cwd=tmp_path,
        env=environment(NOWHERE) | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert ended.returncode == 2
    assert "pip install 'bulk-publisher[web]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_page_is_loaded_only_where_it_is_asked_for(tmp_path: Path) -> None:
    code = (
        "import sys; from bulk_publisher.cli import main\n"
        "try: main(['serve', '--once'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if 'jinja' in name or 'publisher.web' in name])"
    )
    ended = subprocess.run(
        [*COMMAND[:1], "-c", code], check=False, cwd=tmp_path, env=environment(NOWHERE), capture_output=True, text=True, timeout=PATIENCE
    )  # fmt: skip

    assert ended.stdout.strip() == "[]"


def test_a_unit_keeps_the_options_of_the_page(command) -> None:
    words = ("--web", "127.0.0.1:8080", "--web-host", "example.com", "--web-proxy", "127.0.0.1")
    unit = command("serve", "--systemd", *words).stdout

    assert f"{' '.join(words[:4])} --web-proxy 127.0.0.1" in unit


# tokens


@pytest.mark.parametrize("name", ["", "a b", "../x", "é", "x" * 61])
def test_a_token_has_a_name_that_can_be_said(command, name: str) -> None:
    ended = command("web", "token", "add", name, "--role", "see")

    assert ended.returncode == 2
    assert "can't be a token's name" in ended.stderr


def test_a_name_is_given_once(command) -> None:
    first = command("web", "token", "add", "anna", "--role", "steer")
    again = command("web", "token", "add", "anna", "--role", "see")
    gone = command("web", "token", "remove", "boris")

    assert (first.returncode, again.returncode, gone.returncode) == (0, 2, 2)
    assert "web token remove anna" in again.stderr
    assert again.stdout == ""


def test_tokens_are_kept_as_hashes_for_their_owner_alone(command, tmp_path: Path) -> None:
    file = tmp_path / "kept" / "tokens.json"
    made = command("web", "token", "add", "anna", "--role", "see", "--web-tokens", str(file))

    kept = json.loads(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert made.stdout.strip() not in file.read_text()
    assert set(kept["tokens"][0]) == {"name", "role", "sha256", "added"}


@pytest.mark.parametrize("kind", ["link", "open to others", "damaged", "unknown role"])
def test_a_file_of_tokens_that_cannot_be_trusted_is_refused(
    command, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "tokens.json"
    match kind:
        case "link":
            file.symlink_to(tmp_path / "elsewhere")
            (tmp_path / "elsewhere").write_text("{}")
        case "open to others":
            file.write_text('{"tokens": []}')
            file.chmod(0o644)
        case "damaged":
            file.touch(0o600)
            file.write_text("{")
        case _:
            file.touch(0o600)
            file.write_text('{"tokens": [{"name": "a", "role": "root", "sha256": "", "added": 0}]}')

    words = ("--web-tokens", str(file))
    ends = [
        command("web", "token", "list", *words),
        command("serve", "--web", "127.0.0.1:1", *words),
    ]

    assert [one.returncode for one in ends] == [2, 2]
    assert all(str(file) in one.stderr and "Traceback" not in one.stderr for one in ends)


def test_who_finds_another_daemon_tells_of_no_page(tmp_path: Path) -> None:
    with serving(tmp_path, NOWHERE) as daemon:
        assert daemon.stderr is not None
        assert daemon.stderr.readline() == "Jobs: none.\n"
        with serving(tmp_path, NOWHERE, "--web", f"127.0.0.1:{free_port()}") as other:
            said = other.communicate(timeout=PATIENCE)[1]
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=PATIENCE)

    assert other.returncode == 5
    assert "another daemon serves these runs" in said
    assert "The page is at" not in said
