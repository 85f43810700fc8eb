"""Who may see the page and steer, over real sockets."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web

from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.route import Route, visitor_of
from tests.web.pages import page_served

LOOPBACK = (ip_network("127.0.0.0/8"),)
ELSEWHERE = (ip_network("192.0.2.0/24"),)


async def who(request: web.Request) -> web.Response:
    visitor = visitor_of(request)
    return web.Response(text=f"{visitor.name} {visitor.role} by {visitor.proof}")


async def steer(_request: web.Request) -> web.Response:
    return web.Response(text="steered")


MORE = (
    Route("GET", "/who", who),
    Route("POST", "/steer", steer, Role.STEER),
    Route("GET", "/helm", steer, Role.STEER),
)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# hosts


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9", "localhost:8080", "LOCALHOST."])
async def test_somebody_on_this_machine_sees_and_needs_no_token(tmp_path: Path, host: str) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get("/", headers={"Host": host})

    assert answer.status == 200
    assert "<h1>Now</h1>" in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "evil.example:80", "a@127.0.0.1", "[::1"]
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/login", "/static/app.js", "/no"])  # fmt: skip
async def test_another_host_is_refused_in_one_line(tmp_path: Path, host: str, path: str) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get(path, headers={"Host": host, **bearer(page.add_token())})

    assert answer.status == 421
    assert answer.text.count("\n") == 1
    assert "--web-host" in answer.text


# tokens


@pytest.mark.parametrize(
    ("role", "status"), [(Role.SEE, 403), (Role.STEER, 200)], ids=["see", "steer"]
)
async def test_what_a_token_may(tmp_path: Path, role: Role, status: int) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        headers = bearer(page.add_token("anna", role))
        seen = await page.get("/who", headers=headers)
        pressed = await page.post("/steer", headers=headers)
        read = await page.get("/helm", headers=headers)

    assert seen.text == f"anna {role} by token"
    assert pressed.status == read.status == status


async def test_a_wrong_token_is_refused_where_none_would_do(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        page.add_token()
        answer = await page.get("/who", headers=bearer("bpw_" + "A" * 43))

    assert answer.status == 401
    assert "Bearer" in answer.headers["WWW-Authenticate"]


async def test_nobody_on_this_machine_steers_without_a_token(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        pressed = await page.press("/steer")
        read = await page.get("/helm")

    assert pressed.status == read.status == 403
    assert "web token add" in read.text
    assert 'href="/login"' in read.text


async def test_a_token_that_was_removed_counts_no_more(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        token = page.add_token()
        before = await page.get("/who", headers=bearer(token))
        page.tokens.remove("anna")
        after = await page.get("/who", headers=bearer(token))

    assert (before.status, after.status) == (200, 401)


@pytest.mark.parametrize("path", ["/", "/who", "/metrics", "/live/now", "/nothing"])
async def test_from_other_machines_all_needs_a_token(tmp_path: Path, path: str) -> None:
    async with page_served(tmp_path, more=MORE, host="0.0.0.0") as page:
        as_person = await page.get(path)
        as_program = await page.get(path, headers={"Accept": "application/json"})

    assert as_person.status == 303
    assert as_person.headers["Location"].startswith("/login?then=%2F")
    assert as_program.status == 401


async def test_signs_of_life_need_no_token(tmp_path: Path) -> None:
    async with page_served(tmp_path, host="0.0.0.0") as page:
        answers = [await page.get("/healthz"), await page.get("/readyz")]

    assert [answer.text for answer in answers] == ["ok\n", "ok\n"]


# proxies


USER: dict[str, object] = {"user_header": "X-User", "steerers": frozenset(["boris"])}


@pytest.mark.parametrize(("user", "role"), [("anna", "see"), ("boris", "steer")])
async def test_a_trusted_proxy_names_the_user(tmp_path: Path, user: str, role: str) -> None:
    async with page_served(tmp_path, more=MORE, proxies=LOOPBACK, **USER) as page:
        answer = await page.get("/who", headers={"X-User": user})

    assert answer.text == f"{user} {role} by user header"


async def test_the_header_of_anybody_else_says_nothing(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE, proxies=ELSEWHERE, **USER) as page:
        answer = await page.get("/who", headers={"X-User": "boris"})

    assert answer.text == "local see by loopback"


@pytest.mark.parametrize(
    "headers",
    [[], [("X-User", "")], [("X-User", "anna"), ("X-User", "boris")], [("X-User", "x" * 300)]],
    ids=["none", "empty", "two", "long"],
)
async def test_a_proxy_that_names_no_user_lets_nobody_in(
    tmp_path: Path, headers: list[tuple[str, str]]
) -> None:
    async with page_served(tmp_path, more=MORE, proxies=LOOPBACK, **USER) as page:
        answer = await page.session.get(f"{page.url}/who", headers=headers)
        answer.release()

    assert answer.status == 401


@pytest.mark.parametrize(
    "name",
    ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"],
)
async def test_a_proxy_that_nobody_has_told_of_lets_nobody_in(tmp_path: Path, name: str) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        answer = await page.get("/who", headers={name: "1.2.3.4", "Accept": "*/*"})

    assert answer.status == 401


async def test_a_password_for_the_proxy_is_not_ours(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE, proxies=LOOPBACK, **USER) as page:
        headers = {"X-User": "anna", "Authorization": "Basic YW5uYTpzZWNyZXQ="}
        answer = await page.get("/who", headers=headers)

    assert answer.text == "anna see by user header"


# other websites


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
    ids=["picture", "script", "frame"],
)
async def test_other_websites_put_nothing_of_it_into_theirs(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get("/", headers=headers)

    assert answer.status == 403


async def test_a_link_from_elsewhere_is_followed(tmp_path: Path) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}  # fmt: skip
    async with page_served(tmp_path) as page:
        answer = await page.get("/", headers=headers)

    assert answer.status == 200


@pytest.mark.parametrize(
    "path", ["/", "/login", "/nothing", "/static/app.js", "/healthz", "/api/x"]
)
async def test_every_answer_says_what_a_browser_has_to_refuse(tmp_path: Path, path: str) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get(path)

    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Server"] == "bulk-publisher"
