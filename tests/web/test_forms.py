"""What changes something is sent by our own page, or by who has a token in the request."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web

from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.route import Route
from tests.web.pages import Page, page_served


async def steer(request: web.Request) -> web.Response:
    said = await request.json() if request.content_type == "application/json" else ""
    return web.Response(text=f"steered {said}")


MORE = (Route("POST", "/steer", steer, Role.STEER), Route("DELETE", "/steer", steer, Role.STEER))
OURS = {"Sec-Fetch-Site": "same-origin"}


async def logged_in(page: Page) -> str:
    """What a form of who may steer carries."""
    await page.log_in(page.add_token("boris", Role.STEER))
    return (await page.get("/")).csrf


async def test_a_form_of_our_own_page_is_done(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        csrf = await logged_in(page)
        as_form = await page.post("/steer", {"csrf": csrf}, headers={"Origin": page.url, **OURS})
        by_script = await page.post("/steer", headers={"X-CSRF-Token": csrf, **OURS})
        deleted = await page.ask("DELETE", "/steer", headers={"X-CSRF-Token": csrf})

    assert (as_form.status, by_script.status, deleted.status) == (200, 200, 200)


@pytest.mark.parametrize("csrf", ["", "0" * 64, "é"], ids=["none", "wrong", "no ASCII"])
async def test_a_form_without_its_token_is_refused(tmp_path: Path, csrf: str) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        await logged_in(page)
        answer = await page.post("/steer", {"csrf": csrf}, headers={"Origin": page.url, **OURS})

    assert answer.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[::1"},
        {"Origin": "ftp://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_another_website_is_refused_whatever_it_knows(
    tmp_path: Path, headers: dict[str, str], method: str
) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        csrf = await logged_in(page)
        answer = await page.ask(method, "/steer", headers={"X-CSRF-Token": csrf, **headers})

    assert answer.status == 403
    assert "Another website" in answer.text


async def test_another_website_is_refused_also_where_nobody_is_known(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE, host="0.0.0.0") as page:
        forged = await page.post("/steer", headers={"Origin": "https://evil.example"})
        unknown = await page.post("/steer", headers={"Origin": page.url})

    assert (forged.status, unknown.status) == (403, 303)
    assert unknown.headers["Location"] == "/login?then=%2F"


async def test_the_form_of_one_is_of_no_use_to_another(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        csrf = await logged_in(page)
        await page.log_in(page.add_token("vera", Role.STEER))
        answer = await page.post("/steer", {"csrf": csrf}, headers=OURS)

    assert answer.status == 403


async def test_a_user_of_a_proxy_needs_a_form_too(tmp_path: Path) -> None:
    place = {
        "proxies": (ip_network("127.0.0.1"),),
        "user_header": "X-User",
        "steerers": frozenset(["boris"]),
    }
    async with page_served(tmp_path, more=MORE, **place) as page:
        boris = {"X-User": "boris", **OURS}
        csrf = (await page.get("/", headers=boris)).csrf
        of_anna = (await page.get("/", headers={"X-User": "anna"})).csrf
        with_it = await page.post("/steer", {"csrf": csrf}, headers=boris)
        without = await page.post("/steer", headers=boris)
        with_hers = await page.post("/steer", {"csrf": of_anna}, headers=boris)

    assert (with_it.status, without.status, with_hers.status) == (200, 403, 403)


async def test_a_program_with_a_token_needs_no_form(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        token = {"Authorization": f"Bearer {page.add_token('ci', Role.STEER)}"}
        answer = await page.ask("POST", "/steer", headers=token, json={"run": "latest"})

    assert answer.text == "steered {'run': 'latest'}"


async def test_a_token_beside_cookies_needs_one(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        await logged_in(page)
        token = {"Authorization": f"Bearer {page.add_token('ci', Role.STEER)}"}
        answer = await page.post("/steer", headers=token)

    assert answer.status == 403


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "text/plain", "application/xml"]
)
async def test_files_and_other_kinds_are_refused(tmp_path: Path, kind: str) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        token = {
            "Authorization": f"Bearer {page.add_token('ci', Role.STEER)}",
            "Content-Type": kind,
        }
        answer = await page.ask("POST", "/steer", headers=token, data=b"x")

    assert answer.status == 415


async def test_a_large_body_is_refused(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        csrf = await logged_in(page)
        answer = await page.post("/steer", {"csrf": csrf, "x": "y" * 70_000}, headers=OURS)

    assert answer.status == 413
