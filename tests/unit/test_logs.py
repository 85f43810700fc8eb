"""A line of the log is JSON without the secret, whatever the secret looks like."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.virtual import new_event_loop
from bulk_publisher.cli.output.stderr_log import configure_log
from bulk_publisher.clock import LoopClock
from bulk_publisher.log import RunLog, bound, log
from bulk_publisher.operations.logs import log_to
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.store.folder.folder_run import FolderLog
from bulk_publisher.text.redaction import Redactor


class Lines:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.closed = 0

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    def close(self) -> None:
        self.closed += 1


class _Said:
    """An object that tells the secret when it is written down."""

    def __init__(self, said: str) -> None:
        self.said = said

    def __repr__(self) -> str:
        return f"<{self.said}>"


@pytest.mark.parametrize("code", ["1", "12", "e", "2026", "true", "run", "12345678", "n_-4", "s3cr3tC0de"])  # fmt: skip
@pytest.mark.parametrize("is_json", [True, False], ids=["json", "console"])
async def test_it_stays_json_and_numbers_stay_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: str, is_json: bool
) -> None:
    configure_log(verbosity=2, is_json=is_json, has_colour=False)
    webhook = Webhook(f"https://p.example/rest/1/{code}/")

    with log_to(FolderLog(tmp_path / "log.jsonl"), webhook, LoopClock(), run="r", place="log"):
        log.info(
            "a.b", pages=12, is_it=True, cost=1.25, none=None, said=f"at /rest/7/{code}/, {code}"
        )
        log.warning("c.d", deep={"x": [f"{code}", 112]}, odd=_Said(code), error=ValueError(code))

    first, second = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert (first["pages"], first["is_it"], first["cost"], first["none"]) == (12, True, 1.25, None)
    assert first["said"] == "at /rest/7/***/, ***"
    assert second["deep"] == {"x": ["***", 112]}
    assert second["odd"] == "<***>"
    assert "***" not in first["time"]
    assert second["error"] == "ValueError('***')"
    said = capsys.readouterr().err
    assert said.count("***") == 5
    assert all(isinstance(json.loads(line), dict) for line in said.splitlines() if is_json)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 2)),
        max_size=12,
    )
)
def test_however_runs_overlap_each_log_holds_its_own_events_in_order(
    events: list[tuple[int, float, int]],
) -> None:
    """Each event is of a run, comes some time after that run's last one, and names a run's code."""
    codes = ("f1rstC0de000", "sec0ndC0de11", "th1rdC0de222")
    sinks = [Lines() for _ in codes]

    async def one(number: int) -> None:
        run_log = RunLog(Redactor(codes[number]), sink=sinks[number])
        with bound(run_log):
            for index, (run, pause, named) in enumerate(events):
                if run == number:
                    await asyncio.sleep(pause)
                    task = asyncio.create_task(_tell(index, codes[named]))
                    await task
        run_log.close()
        log.warning("too.late")

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, range(len(codes))))

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(all_of_them())

    for number, sink in enumerate(sinks):
        told = [json.loads(line) for line in sink.lines]
        mine = [(index, named) for index, (run, _, named) in enumerate(events) if run == number]
        assert [line["index"] for line in told] == [index for index, _ in mine]
        assert [line["said"] == "***" for line in told] == [named == number for _, named in mine]


async def _tell(index: int, said: str) -> None:
    log.info("a.b", index=index, said=said)


def test_a_log_that_is_closed_writes_no_more() -> None:
    sink = Lines()
    late = RunLog(Redactor("f1rstC0de000"), sink=sink)
    late.close()

    with bound(late):
        log.info("a.b")
    late.close()

    assert (sink.lines, sink.closed) == ([], 1)
