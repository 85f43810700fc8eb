"""Coming in with a token in a browser, and leaving."""

from http.cookies import SimpleCookie
from ipaddress import ip_network
from pathlib import Path

import pytest

from bulk_publisher.model import Mono
from bulk_publisher.web.guard.login_rate import MOST_IN_ALL, MOST_OF_ONE, WINDOW
from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.pages.entering import path_within
from tests.web.pages import Answer, Page, page_served

HOUR = 3600.0
PROXY = {"proxies": (ip_network("127.0.0.1"),)}


async def wait(page: Page, seconds: float) -> None:
    await page.clock.sleep_until(Mono(page.clock.now() + seconds))


def cookie_of(answer: Answer, name: str) -> SimpleCookie:
    cookie = SimpleCookie[str]()
    cookie.load(next(one for one in answer.headers.getall("Set-Cookie") if one.startswith(name)))
    return cookie


async def test_a_token_begins_a_session(tmp_path: Path) -> None:
    async with page_served(tmp_path, host="0.0.0.0") as page:
        token = page.add_token("anna", Role.STEER)
        answer = await page.log_in(token)
        seen = await page.get("/")

    cookie = cookie_of(answer, "bulk-publisher-session")["bulk-publisher-session"]
    assert answer.status == 303
    assert answer.headers["Location"] == "/"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert not cookie["secure"]
    assert token not in str(answer.headers)
    assert "anna (steer)" in seen.text


async def test_behind_a_proxy_with_https_the_cookie_is_secure(tmp_path: Path) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.5"}
    async with page_served(tmp_path, **PROXY) as page:
        form = await page.get("/login", headers=headers)
        guest = cookie_of(form, "__Host-bulk-publisher-guest")["__Host-bulk-publisher-guest"]
        headers |= {"Origin": page.url.replace("http:", "https:"), "Cookie": f"__Host-bulk-publisher-guest={guest.value}"}  # fmt: skip
        answer = await page.post(
            "/login", {"csrf": form.csrf, "token": page.add_token()}, headers=headers
        )

    session = cookie_of(answer, "__Host-bulk-publisher-session")["__Host-bulk-publisher-session"]
    assert answer.status == 303
    assert session["secure"]
    assert guest["secure"]


async def test_anybody_else_who_says_https_is_not_believed(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        form = await page.get("/login", headers={"X-Forwarded-Proto": "https"})

    assert not cookie_of(form, "bulk-publisher-guest")["bulk-publisher-guest"]["secure"]


async def test_a_session_lasts_half_a_day(tmp_path: Path) -> None:
    async with page_served(tmp_path, host="0.0.0.0") as page:
        await page.log_in(page.add_token())
        await wait(page, 11.9 * HOUR)
        before = await page.get("/")
        await wait(page, 0.2 * HOUR)
        after = await page.get("/")

    assert (before.status, after.status) == (200, 303)


async def test_a_session_ends_with_its_token(tmp_path: Path) -> None:
    async with page_served(tmp_path, host="0.0.0.0") as page:
        await page.log_in(page.add_token())
        page.tokens.remove("anna")
        page.add_token("anna")
        after = await page.get("/")

    assert after.status == 303


async def test_who_leaves_is_out_whatever_the_browser_keeps(tmp_path: Path) -> None:
    async with page_served(tmp_path, host="0.0.0.0") as page:
        await page.log_in(page.add_token())
        kept = {one.key: one.value for one in page.session.cookie_jar}
        csrf = (await page.get("/")).csrf
        left = await page.post("/logout", {"csrf": csrf}, headers={"Origin": page.url})
        page.session.cookie_jar.update_cookies(kept)
        after = await page.get("/")

    assert left.status == 303
    assert after.status == 303


async def test_nobody_is_logged_out_by_another_website(tmp_path: Path) -> None:
    async with page_served(tmp_path, host="0.0.0.0") as page:
        await page.log_in(page.add_token())
        answer = await page.post("/logout", headers={"Origin": "https://evil.example"})
        after = await page.get("/")

    assert (answer.status, after.status) == (403, 200)


async def test_a_wrong_token_says_so(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        page.add_token()
        answer = await page.log_in("bpw_wrong")

    assert answer.status == 403
    assert "This token does not count here." in answer.text
    assert "bpw_wrong" not in answer.text


async def test_another_website_logs_nobody_in(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        form = {"token": page.add_token(), "csrf": (await page.get("/login")).csrf}
        forged = await page.post("/login", form, headers={"Origin": "https://evil.example"})
        page.session.cookie_jar.clear()
        stolen = await page.post("/login", form, headers={"Origin": page.url})

    assert (forged.status, stolen.status) == (403, 403)


async def test_wrong_tokens_are_counted_and_the_right_one_waits_too(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        token = page.add_token()
        wrong = [(await page.log_in("wrong")).status for _ in range(MOST_OF_ONE)]
        refused = await page.log_in(token)
        await wait(page, WINDOW)
        later = await page.log_in(token)

    assert set(wrong) == {403}
    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW + 1
    assert later.status == 303


async def test_each_address_has_its_own_count_and_all_have_one(tmp_path: Path) -> None:
    async with page_served(tmp_path, **PROXY) as page:
        token = page.add_token()

        async def enter(text: str, number: int) -> int:
            return (await page.log_in(text, headers={"X-Forwarded-For": f"10.0.0.{number}"})).status

        for number in range(MOST_IN_ALL // MOST_OF_ONE - 1):
            for _ in range(MOST_OF_ONE):
                assert await enter("wrong", number) == 403
        from_one = await enter(token, 0)
        from_another = await enter(token, 200)
        for _ in range(MOST_OF_ONE):
            await enter("wrong", 201)
        in_all = await enter(token, 202)

    assert (from_one, from_another, in_all) == (429, 303, 429)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/runs/1?q=a%20b&sort=x", "/runs/1?q=a%20b&sort=x"),
        ("/é", "/%C3%A9"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/" + "a" * 3000, "/"),
        ("", "/"),
        ("evil", "/"),
    ],
    ids=str,
)
def test_who_has_logged_in_stays_here(given: str, path: str) -> None:
    assert path_within(given) == path


async def test_who_has_logged_in_comes_where_they_wanted(tmp_path: Path) -> None:
    async with page_served(tmp_path, host="0.0.0.0") as page:
        first = await page.get("/metrics?x=1&y=2")
        await page.get(first.headers["Location"])
        token = page.add_token()
        csrf = (await page.get(first.headers["Location"])).csrf
        answer = await page.post(first.headers["Location"], {"csrf": csrf, "token": token})

    assert answer.headers["Location"] == "/metrics?x=1&y=2"
