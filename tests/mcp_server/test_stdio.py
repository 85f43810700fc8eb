"""The command as a process of its own, as an assistant starts it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from bulk_publisher.operations.approving import approve
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import open_store
from bulk_publisher.store.approvals import Door

COMMAND = [sys.executable, "-m", "bulk_publisher"]
SLOW = Scenario(pages=300, cost=0.2, latency=0.01, plan="self-hosted")


def environment(sandbox: Sandbox) -> dict[str, str]:
    return {**os.environ, "BITRIX24_WEBHOOK": sandbox.webhook}


def approved(runs: Path, plan: str) -> None:
    store = open_store(runs)
    approve(store, plan, store.approvals.find(plan).sha256, by="bob", through=Door.TERMINAL)


class Spoken:
    """The protocol, spoken by hand. Every line of standard output is one of its messages."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._number = 0

    async def ask(self, method: str, params: dict[str, Any]) -> int:
        self._number += 1
        self.say({"id": self._number, "method": method, "params": params})
        return self._number

    def say(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        message = json.loads(await asyncio.wait_for(self.process.stdout.readline(), 60))
        assert message["jsonrpc"] == "2.0"
        return message

    async def answer(self, number: int) -> dict[str, Any]:
        while (message := await self.hear()).get("id") != number:
            pass
        return message["result"]

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        asked = await self.ask("tools/call", {"name": tool, "arguments": arguments})
        return (await self.answer(asked))["structuredContent"]


async def started(sandbox: Sandbox, runs: Path, *options: str) -> Spoken:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *options, "mcp", "--runs", str(runs),
        env=environment(sandbox), stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    spoken = Spoken(process)
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}  # fmt: skip
    said = await spoken.answer(await spoken.ask("initialize", hello))
    assert said["serverInfo"]["name"] == "bulk-publisher"
    assert "data" in said["instructions"]
    spoken.say({"method": "notifications/initialized"})
    return spoken


async def begun(spoken: Spoken, runs: Path) -> int:
    """The call of a run that has settled its first pages."""
    made = await spoken.call("plan", pages=["1-300"], scope="KNOWLEDGE")
    approved(runs, made["plan_id"])
    call = await spoken.ask("tools/call", {"name": "publish_approved", "arguments": {"plan_id": made["plan_id"]}, "_meta": {"progressToken": "p"}})  # fmt: skip
    while True:
        message = await spoken.hear()
        if message.get("method") == "notifications/progress" and message["params"]["progress"]:
            return call


@pytest.mark.real_time
async def test_the_sdks_client_publishes_an_approved_plan(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    async with serve(Scenario(pages=20, cost=0.001)) as sandbox:
        server = StdioServerParameters(
            command=COMMAND[0], args=[*COMMAND[1:], "mcp", "--runs", str(runs)], env=environment(sandbox)
        )  # fmt: skip
        async with Client(stdio_client(server)) as client:
            made = await client.call_tool("plan", {"pages": ["1-20"], "scope": "KNOWLEDGE"})
            plan = made.structured_content["plan_id"]
            assert f"approve --runs {runs} {plan}" in made.structured_content["what_now"]
            refused = await client.call_tool("publish_approved", {"plan_id": plan})
            approved(runs, plan)
            done = await client.call_tool("publish_approved", {"plan_id": plan})

        assert refused.is_error
        assert done.structured_content["counts"] == {"published": 20}
        assert len(sandbox.world.active_ids()) == 20


@pytest.mark.real_time
@pytest.mark.parametrize("how", ["cancelled", "closed", "SIGTERM", "SIGINT"])
async def test_however_it_is_ended_the_run_ends_in_order(tmp_path: Path, how: str) -> None:
    async with serve(SLOW) as sandbox:
        spoken = await started(sandbox, tmp_path, "-vv")
        call = await begun(spoken, tmp_path)
        process = spoken.process

        if how == "cancelled":
            spoken.say({"method": "notifications/cancelled", "params": {"requestId": call}})
            kept = open_store(tmp_path).find("latest")
            for _ in range(600):
                await asyncio.sleep(0.05 if kept.is_locked else 0)
            assert (await spoken.call("status", run="latest"))["state"] == "ended"
        if how in {"cancelled", "closed"}:
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[how])
        rest, stderr = await asyncio.wait_for(asyncio.gather(process.stdout.read(), process.stderr.read()), 60)  # fmt: skip
        status = await process.wait()

    kept = open_store(tmp_path).find("latest")
    assert status == {"SIGTERM": 143, "SIGINT": 130}.get(how, 0), stderr
    assert 0 < kept.read_description().final.pages < 300
    assert kept.read_description().ended is not None
    assert not kept.still_out()
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
    assert b"Traceback" not in stderr
    assert sandbox.webhook.split("/")[-2].encode() not in stderr


@pytest.mark.real_time
async def test_what_is_no_message_ends_nothing(tmp_path: Path) -> None:
    async with serve(Scenario(pages=3)) as sandbox:
        spoken = await started(sandbox, tmp_path)
        assert spoken.process.stdin is not None
        spoken.process.stdin.write(b"hello\n\xff\xfe\n{}\n[1]\n")

        assert (await spoken.call("jobs"))["portal_data"]["jobs"]["rows"] == []
        spoken.process.stdin.close()
        await asyncio.wait_for(spoken.process.communicate(), 60)
        assert spoken.process.returncode == 0


@pytest.mark.parametrize("given", [os.devnull, "file"])
def test_what_is_no_pipe_is_read_to_its_end(tmp_path: Path, given: str) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}  # fmt: skip
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    (tmp_path / "file").write_text(json.dumps(message) + "\n")
    with (tmp_path / given).open("rb") as stdin:
        done = subprocess.run(
            [*COMMAND, "mcp", "--runs", str(tmp_path / "runs")],
            stdin=stdin, capture_output=True, timeout=60, check=False,
        )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, b"")
    if given == "file":
        assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "bulk-publisher"


def test_nothing_but_the_protocol_is_on_standard_output(tmp_path: Path) -> None:
    noisy = (
        "import asyncio, os, subprocess, sys\n"
        "from bulk_publisher.mcp_server.stdio import _own_streams\n"
        "with _own_streams() as (theirs, ours):\n"
        "    print('a library', flush=True); os.write(1, b'another\\n')\n"
        "    subprocess.run(['cat']); subprocess.run(['echo', 'a program'])\n"
        "    os.write(ours, b'the protocol\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", noisy], input=b"asked\n", capture_output=True, timeout=60, check=True
    )

    assert done.stdout == b"the protocol\n"
    assert done.stderr == b"a library\nanother\na program\n"


def test_without_the_sdk_it_is_one_line() -> None:
    without = (
        "import sys; sys.modules['mcp'] = None; from bulk_publisher.cli import main; main(['mcp'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", without], input=b"", capture_output=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"pip install 'bulk-publisher[mcp]'" in done.stderr
    assert b"Traceback" not in done.stderr


def test_help_does_without_the_sdk() -> None:
    loads = "import sys; from bulk_publisher.cli import main\ntry: main(['mcp', '--help'])\nexcept SystemExit: pass\nassert 'mcp' not in sys.modules and 'anyio' not in sys.modules"
    subprocess.run([sys.executable, "-c", loads], capture_output=True, timeout=60, check=True)


def test_a_terminal_is_told_who_starts_it() -> None:
    ours, theirs = os.openpty()
    done = subprocess.run(
        [*COMMAND, "mcp"], stdin=theirs, capture_output=True, timeout=60, check=False
    )
    os.close(ours)
    os.close(theirs)

    assert done.returncode == 2
    assert b"speaks with an assistant" in done.stderr
