"""A line of the log is JSON without the secret, whatever the secret looks like."""

import json
from pathlib import Path

import pytest
import structlog

from bulk_publisher.clock import LoopClock
from bulk_publisher.operations.logs import configure_log, log_to
from bulk_publisher.portal.credentials import Webhook


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

    with log_to(tmp_path / "log.jsonl", webhook, LoopClock(), run="r"):
        log = structlog.get_logger()
        log.info(
            "a.b", pages=12, is_it=True, cost=1.25, none=None, said=f"at /rest/7/{code}/, {code}"
        )
        log.warning("c.d", deep={"x": [f"{code}", 112]}, odd=_Said(code), error=ValueError(code))
    structlog.reset_defaults()

    first, second = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert (first["pages"], first["is_it"], first["cost"], first["none"]) == (12, True, 1.25, None)
    assert first["said"] == "at /rest/7/***/, ***"
    assert second["deep"] == {"x": ["***", 112]}
    assert second["odd"] == "<***>"
    assert second["error"] == "ValueError('***')"
    said = capsys.readouterr().err
    assert said.count("***") == 5
    assert all(isinstance(json.loads(line), dict) for line in said.splitlines() if is_json)
