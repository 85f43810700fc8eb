"""Programs as recipients: JSON on their standard input, no shell, their time, and then their whole group ends."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from bulk_publisher.jobs import Occasion
from bulk_publisher.notices.message import Message
from bulk_publisher.notices.programs import Apprise, Command
from bulk_publisher.notices.sending import NotSent
from tests.notices.receiver import receiving

pytestmark = pytest.mark.real_time
MESSAGE = Message(id="1", at="2026-03-01T03:00:00Z", occasion=Occasion.FAILED, job="nightly")


async def test_a_program_reads_the_message_as_json(tmp_path: Path) -> None:
    code = "import sys, json, pathlib; pathlib.Path(sys.argv[1]).write_text(json.load(sys.stdin)['job'])"

    answer = await Command([sys.executable, "-c", code, str(tmp_path / "it")]).send(MESSAGE)

    assert answer == "ended with status 0"
    assert (tmp_path / "it").read_text() == "nightly"


async def test_no_shell_reads_the_words(tmp_path: Path) -> None:
    answer = await Command(["/bin/echo", "$HOME; rm -rf x", "`id`"]).send(MESSAGE)

    assert answer == "ended with status 0: $HOME; rm -rf x `id`"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["/bin/sh", "-c", "echo no luck; exit 3"], "it ended with status 3: no luck"),
        (["/nowhere/at/all"], "it can't be started: No such file or directory"),
        (["/bin/sh", "-c", "kill -9 $$"], "it was killed by signal 9"),
    ],
)
async def test_a_program_that_fails_is_told(words: list[str], why: str) -> None:
    with pytest.raises(NotSent) as raised:
        await Command(words).send(MESSAGE)

    assert raised.value.why == why


async def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    script = f"trap '' TERM; sleep 600 & echo $! > {tmp_path}/child; sleep 600"

    began = time.monotonic()
    with pytest.raises(NotSent, match=r"it had not ended after 0\.7 s, and was killed") as raised:
        await Command(["/bin/sh", "-c", script], seconds=0.7).send(MESSAGE)

    assert time.monotonic() - began < 5
    assert raised.value.is_final
    await gone(int((tmp_path / "child").read_text()))


async def test_what_a_program_leaves_behind_is_not_waited_for_and_ends(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child"

    began = time.monotonic()
    await Command(["/bin/sh", "-c", script]).send(MESSAGE)

    assert time.monotonic() - began < 5
    await gone(int((tmp_path / "child").read_text()))


async def test_apprise_sends_to_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("apprise")
    async with receiving() as receiver:
        url = receiver.url.replace("http://", "json://")

        answer = await Apprise(f"{url}/hook").send(MESSAGE)

        assert answer == "accepted"
        (post,) = receiver.received
        assert json.loads(post.body)["title"] == "bulk-publisher: nightly failed"
        assert json.loads(post.body)["type"] == "failure"


async def test_apprise_refusing_or_hanging_is_told_without_the_address() -> None:
    pytest.importorskip("apprise")
    async with receiving(500) as receiver:
        url = receiver.url.replace("http://", "json://")
        with pytest.raises(NotSent, match="the service did not take it"):
            await Apprise(f"{url}/hook").send(MESSAGE)
        with pytest.raises(NotSent, match="had not ended"):
            await Apprise(f"{url}/hook", seconds=0.01).send(MESSAGE)
    with pytest.raises(NotSent, match="no address that Apprise knows"):
        await Apprise("nonsense://pl4nted").send(MESSAGE)


async def gone(process: int) -> None:
    """Return when there is no such process; one that nobody waits for yet counts as gone."""
    async with asyncio.timeout(5):
        while is_alive(process):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
