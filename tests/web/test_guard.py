"""Who may see the page, over real sockets."""

import pytest

from tests.web.pages import page_served


async def test_somebody_on_this_machine_sees_and_needs_no_token(tmp_path) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get("/")

    assert answer.status == 200
    assert "<h1>Now</h1>" in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "evil.example:8080"]
)
async def test_another_host_is_refused_in_one_line(tmp_path, host: str) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get("/", headers={"Host": host})

    assert answer.status == 421
    assert answer.text.count("\n") == 1
