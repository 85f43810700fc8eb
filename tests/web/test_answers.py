"""Files, signs of life, faults and templates, over real sockets."""

import re
from pathlib import Path

import pytest
from aiohttp import web

from bulk_publisher.errors import BadJournal, BadSetting, BulkPublisherError, RunBusy
from bulk_publisher.web.failures import Failure
from bulk_publisher.web.rendering import render
from bulk_publisher.web.route import Route
from bulk_publisher.web.static_files import StaticFiles
from tests.web.pages import page_served

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e{{ 7*7 }}"
SECRET = "https://example.com/rest/1/abcdefgh12345678/"


async def break_down(_request: web.Request) -> web.Response:
    raise RuntimeError(f"no answer from {SECRET}")


def raising(error: BulkPublisherError) -> Route:
    async def handler(_request: web.Request) -> web.Response:
        raise error

    return Route("GET", f"/{type(error).__name__}", handler)


# faults


@pytest.mark.parametrize("path", ["/broken", "/api/broken"])
async def test_a_fault_is_told_without_its_inside(tmp_path: Path, path: str) -> None:
    more = (Route("GET", "/broken", break_down), Route("GET", "/api/broken", break_down))
    async with page_served(tmp_path, more=more) as page:
        answers = [await page.get(path), await page.get(path)]
        alive = await page.get("/healthz")

    assert {answer.status for answer in answers} == {500}
    assert "RuntimeError" not in answers[0].text
    assert "Traceback" not in answers[0].text
    assert alive.status == 200
    assert page.said == [f"GET {path}: internal error: RuntimeError: no answer from https://example.com/rest/1/***/"]  # fmt: skip


async def test_a_fault_that_comes_each_second_is_said_once_a_minute(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=(Route("GET", "/broken", break_down),)) as page:
        for _ in range(130):
            await page.get("/broken")
            await page.clock.sleep_until(page.clock.now() + 1)

    assert len(page.said) == 3


@pytest.mark.parametrize(
    ("error", "status"),
    [(BadJournal("a", "b"), 404), (BadSetting("a", "b"), 422), (RunBusy("a", "b"), 409), (BulkPublisherError("a", "b"), 500)],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
async def test_an_error_of_ours_says_what_and_what_to_do(
    tmp_path: Path, error: BulkPublisherError, status: int
) -> None:
    async with page_served(tmp_path, more=(raising(error),)) as page:
        answer = await page.get(f"/{type(error).__name__}", headers={"Accept": "*/*"})

    assert answer.status == status
    assert answer.text == "a\nb\n"


async def test_programs_are_told_in_json(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get("/api/none", headers={"Accept": "application/json"})

    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.text == (
        '{"type":"about:blank","title":"Not Found","status":404,"detail":"Not Found","hint":""}'
    )


async def test_a_wrong_method_names_the_right_ones(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.ask("OPTIONS", "/healthz")

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET,HEAD"


# templates


async def test_what_a_portal_calls_a_page_is_text(tmp_path: Path) -> None:
    async def page_of(request: web.Request) -> web.Response:
        return render(request, "error.html", failure=Failure(404, HOSTILE, f"{HOSTILE}\n{HOSTILE}"))

    async with page_served(tmp_path, more=(Route("GET", "/hostile", page_of),)) as page:
        answer = await page.get("/hostile")

    assert answer.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3
    assert "<img" not in answer.text
    assert "\u202e" not in answer.text
    assert "{{ 7*7 }}" in answer.text


async def test_a_misspelt_name_in_a_template_is_a_fault(tmp_path: Path) -> None:
    async def misspelt(request: web.Request) -> web.Response:
        return render(request, "error.html", failures=None)

    async with page_served(tmp_path, more=(Route("GET", "/misspelt", misspelt),)) as page:
        answer = await page.get("/misspelt")

    assert answer.status == 500


@pytest.mark.parametrize("path", ["/", "/runs", "/jobs", "/history", "/login", "/nothing"])
async def test_nothing_is_inline_and_nothing_from_elsewhere(tmp_path: Path, path: str) -> None:
    async with page_served(tmp_path) as page:
        text = (await page.get(path)).text

    assert "<h1>" in text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", text)
    assert all(address.startswith("/") for address in re.findall(r'(?:src|action)="([^"]*)"', text))
    assert all(address.startswith(("/", "#")) for address in re.findall(r'href="([^"]*)"', text))


async def test_pages_are_kept_by_nobody(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        answers = [await page.get(path) for path in ("/", "/login", "/nothing")]

    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


# files


async def test_a_file_is_kept_for_as_long_as_it_stays_the_same(tmp_path: Path) -> None:
    address = StaticFiles().url("style.css")
    async with page_served(tmp_path, host="0.0.0.0") as page:
        first = await page.get(address)
        again = await page.get(address, headers={"If-None-Match": first.headers["ETag"]})
        by_name = await page.get("/static/style.css?v=old")

    assert first.status == 200
    assert first.headers["Content-Type"] == "text/css; charset=utf-8"
    assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (again.status, again.text) == (304, "")
    assert by_name.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/none.js", "/static/", "/static//etc/passwd", "/static/base.html"],
)  # fmt: skip
async def test_no_path_leads_out_of_the_files(tmp_path: Path, path: str) -> None:
    from yarl import URL

    async with page_served(tmp_path) as page:
        address = URL(page.url + path, encoded=True)
        async with page.session.get(address) as answer:
            assert answer.status == 404


@pytest.mark.parametrize("name", ["htmx.min.js", "hx-sse.min.js", "uPlot.iife.min.js", "uPlot.min.css", "htmx.LICENSE.txt", "uPlot.LICENSE.txt"])  # fmt: skip
async def test_what_others_wrote_is_there_with_its_licence(tmp_path: Path, name: str) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get(f"/static/{name}")

    assert answer.status == 200
    assert len(answer.text) > 500


# signs of life


async def test_a_store_that_cannot_be_read_is_not_ready_and_the_process_lives(
    tmp_path: Path,
) -> None:
    (tmp_path / "runs/serve").mkdir(parents=True)
    (tmp_path / "runs/serve/plan.json").write_text("{")
    async with page_served(tmp_path) as page:
        alive, ready = await page.get("/healthz"), await page.get("/readyz")

    assert alive.status == 200
    assert ready.status == 503
    assert ready.text == "not ready: the plan in the store can't be read (BadJournal)\n"


async def test_numbers_are_guarded_and_come_as_prometheus_reads_them(tmp_path: Path) -> None:
    async with page_served(tmp_path, host="0.0.0.0", metrics=lambda: b"runs_total 1\n") as page:
        refused = await page.get("/metrics", headers={"Accept": "text/plain"})
        token = {"Authorization": f"Bearer {page.add_token()}"}
        answer = await page.get("/metrics", headers=token)

    assert refused.status == 401
    assert answer.text == "runs_total 1\n"
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_without_numbers_one_line_says_what_is_missing(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get("/metrics", headers={"Accept": "*/*"})

    assert answer.status == 404
    assert "bulk-publisher[metrics]" in answer.text
