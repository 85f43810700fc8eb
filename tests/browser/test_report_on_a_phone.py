"""The report's failures can be read on a phone."""

from pathlib import Path

from bulk_publisher.store import open_store
from tests.browser.nights import Words, ended_by_hand
from tests.browser.stage import Stage, browsed, reading
from tests.contract.conftest import carry_out

PHONE = 390
_WIDTHS = "[...document.querySelectorAll('.failures tbody tr:first-child td')].map((one) => [one.textContent, one.getBoundingClientRect().width])"


@browsed
async def test_the_failures_of_a_report_are_read_at_390_pixels(
    stage: Stage, tmp_path: Path
) -> None:
    kept = await ended_by_hand(open_store(tmp_path / "runs"), Words(), 1_772_334_000.0)
    made = carry_out(tmp_path, "report", kept.name, "--html", "report.html")
    assert made.returncode == 0, made.stderr
    async with reading(stage, tmp_path.as_uri()) as reader:
        await reader.show("light", PHONE)
        await reader.open("/report.html")
        cells = await reader.page.evaluate(_WIDTHS)
        wide, faults = await reader.too_wide(), await reader.unusable()
        await reader.show("dark", PHONE)
        faults += await reader.unusable()
        await reader.page.get_by_role("searchbox").fill("ACCESS_DENIED")
        found = await reader.page.locator(".failures tbody tr:visible").count()

    assert (wide, faults) == ([], [])
    assert min(width for text, width in cells if text) > 200
    assert 0 < found < 7
