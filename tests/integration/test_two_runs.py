"""Two runs in one loop: each has its own log, whole, and neither knows the other's secret."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from bulk_publisher.log import log, show_by
from bulk_publisher.operations import crash
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.sandbox import Scenario, User, serve
from tests.oracle import Seen, contents, run_job

SECRETS = ("f1rstC0de00000000", "sec0ndC0de1111111")


class _Talks(Seen):
    """Says the run's secret in its log, in a few forms; falls over after some pages if it is to."""

    def __init__(self, secret: str, *, falls_after: int | None = None) -> None:
        super().__init__()
        self.secret = secret
        self.falls_after = falls_after

    def on_settled(self) -> None:
        super().on_settled()
        escaped = json.dumps(f"/rest/1/{self.secret}/").replace("/", "%2F")
        log.info("pages.seen", pages=self.settled, said=self.secret, deep={"x": [escaped]})
        if self.falls_after is not None and self.settled >= self.falls_after:
            raise ValueError(self.secret)


@pytest.fixture
def shown() -> Iterator[list[dict[str, Any]]]:
    """What goes to stderr."""
    lines: list[dict[str, Any]] = []
    show_by(lines.append)
    return lines


async def _run_both(tmp_path: Path, *talks: _Talks) -> list[Finished | BaseException]:
    async def one(number: int, seen: _Talks) -> Finished:
        user = User(id=1, is_admin=True, code=seen.secret)
        scenario = Scenario(pages=300 * number, seed=number, users=[user], cost=0.05)
        async with serve(scenario) as sandbox:
            return await run_job(sandbox, tmp_path / str(number), watch=seen)

    runs = (one(number, seen) for number, seen in enumerate(talks, start=1))
    return await asyncio.gather(*runs, return_exceptions=True)


def _lines(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.glob("2*/log.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_each_log_is_whole_and_neither_secret_is_anywhere(tmp_path: Path, shown) -> None:
    talks = [_Talks(secret) for secret in SECRETS]

    finished = await _run_both(tmp_path, *talks)

    for number, (run, seen) in enumerate(zip(finished, talks, strict=True), start=1):
        assert isinstance(run, Finished)
        told = _lines(tmp_path / str(number))
        assert (told[0]["event"], told[-1]["event"]) == ("run.started", "run.ended")
        assert {(line["run"], line["portal"]) for line in told} == {(run.kept.run_id, run.description.portal)}  # fmt: skip
        pages = [line["pages"] for line in told if line["event"] == "pages.seen"]
        assert pages[-1] == seen.settled == 300 * number
        assert pages == sorted(set(pages))
        assert [line["time"] for line in told] == sorted(line["time"] for line in told)
        assert told == [line for line in shown if line.get("portal") == run.description.portal]
    texts = [*contents(tmp_path), repr(shown)]
    assert not [secret for secret in SECRETS for text in texts if secret in text]


async def test_a_run_that_falls_over_tells_its_own_log_alone(tmp_path: Path, shown) -> None:
    talks = [_Talks(SECRETS[0], falls_after=100), _Talks(SECRETS[1])]

    fallen, other = await _run_both(tmp_path, *talks)

    assert isinstance(fallen, Exception)
    assert isinstance(other, Finished)
    assert [line["event"] for line in _lines(tmp_path / "1")].count("run.crashed") == 1
    assert "run.crashed" not in {line["event"] for line in _lines(tmp_path / "2")}
    assert crash.logged_in(fallen) == str(next((tmp_path / "1").glob("2*/log.jsonl")))
    assert SECRETS[0] not in crash.words_of(fallen) + crash.traceback_of(fallen) + repr(shown)


async def test_how_structlog_is_configured_around_a_run_changes_nothing(
    tmp_path: Path, capsys
) -> None:
    elsewhere: list[object] = []
    structlog.configure(
        processors=[lambda *event: elsewhere.append(event)],
        wrapper_class=structlog.make_filtering_bound_logger(50),
    )
    before = structlog.get_config()

    await _run_both(tmp_path, _Talks(SECRETS[0]))
    log.warning("nobody.listens")

    assert structlog.get_config() == before
    structlog.reset_defaults()
    assert "run.ended" in {line["event"] for line in _lines(tmp_path / "1")}
    assert not elsewhere
    assert capsys.readouterr() == ("", "")
