"""Whoever asks the portal shares its limits with the runs in the database: also where no run is begun."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from bulk_publisher.cli.commands import taking_down
from bulk_publisher.cli.output.output import Output
from bulk_publisher.jobs import Job, Selection
from bulk_publisher.mcp_server.calls import Call
from bulk_publisher.model import Action, Scope
from bulk_publisher.operations.checking import examine
from bulk_publisher.operations.selecting import check_selection
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import shared_state
from tests.postgres_server import PostgresServer, name_in

pytestmark = [pytest.mark.service, pytest.mark.real_time]

OUTPUT = Output(verbosity=-1, log_format="console", is_plain=True)
TAKEN_DOWN = Job(
    name="t", action=Action.UNPUBLISH, select=Selection(page=("1-3",), scope=Scope.KNOWLEDGE)
)


@pytest.fixture
async def portal(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    async with serve(Scenario(pages=3, cost=0.0)) as sandbox:
        monkeypatch.setenv("BITRIX24_WEBHOOK", sandbox.webhook)
        yield sandbox


def words_left(postgres: PostgresServer, url: str) -> int:
    """How many credentials have left word of their limits."""
    return int(postgres.sql("SELECT count(*) FROM bulk_publisher.handover", name=name_in(url)))


@pytest.mark.parametrize("words", [("doctor",), ("pages", "--scope", "KNOWLEDGE")], ids=lambda words: words[0])  # fmt: skip
@pytest.mark.parametrize("way", ["option", "variable"])
async def test_a_command_that_begins_no_run(
    portal: Sandbox, postgres: PostgresServer, database: str, words: tuple[str, ...], way: str
) -> None:
    named = ("--store", database) if way == "option" else ()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bulk_publisher", *words, *named),
        env={**os.environ, "BULK_PUBLISHER_STORE": database if way == "variable" else "runs"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()
    assert words_left(postgres, database) == 1


async def test_the_question_before_pages_are_taken_down(
    portal: Sandbox, postgres: PostgresServer, database: str
) -> None:
    selected = check_selection(TAKEN_DOWN.select)
    state = shared_state(database, {})

    _, sites = await taking_down._look(TAKEN_DOWN, selected, OUTPUT, state)

    assert sites.total() == 3
    assert words_left(postgres, database) == 1


async def test_a_tool_of_an_assistant(
    portal: Sandbox, postgres: PostgresServer, database: str
) -> None:
    call, job = Call(shared_state(database, {})), Job(name="doctor")

    async with call.enter(job) as reached:
        found = await examine(
            job, reached, scopes=(Scope.KNOWLEDGE,), most_pages=10, warn=call.warn
        )

    assert found.is_usable
    assert words_left(postgres, database) == 1
