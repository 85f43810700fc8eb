"""What ends a run at its very beginning is said in a line, with the status of the contract."""

from pathlib import Path

import pytest

from bulk_publisher.sandbox import Scenario, serve
from tests.processes import do


@pytest.mark.real_time
async def test_a_portal_that_refuses_the_credential_is_said_without_a_traceback(
    tmp_path: Path,
) -> None:
    async with serve(Scenario(pages=5, envelope_error="PORTAL_DELETED")) as sandbox:
        status, words = await do(sandbox, tmp_path, "publish", "--scope", "KNOWLEDGE")

    assert status == 4
    assert "Traceback" not in words


@pytest.mark.real_time
async def test_a_run_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    async with serve(Scenario(pages=5)) as sandbox:
        status, words = await do(sandbox, tmp_path, "resume", "latest")

    assert status == 2
    assert "no such run" in words
