"""What a portal, or what stands before it, can do on the wire: whole runs, and single answers."""

import asyncio
import gzip
import json
import tracemalloc
import zlib

import pytest

from bulk_publisher.errors import PortalUnusable, StoppedByPortal
from bulk_publisher.jobs import Pace
from bulk_publisher.model import Fault, Status
from bulk_publisher.portal import faults
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.portal.throttle import Door
from bulk_publisher.portal.transport import PortalClient
from bulk_publisher.portal.wire import Answer
from tests.hostile.hostile_http import (
    SECRET,
    TIME,
    body_of,
    http,
    pages_of,
    polite,
    run,
    served,
    talking,
)
from tests.oracle import journal_of
from tests.resumption import resume

MARK = b"\xef\xbb\xbf"
WARNING = (
    b"<br />\n<b>Warning</b>:  Undefined array key in <b>/x/init.php</b> on line <b>3</b><br />\n"
)
LIMIT = b'{"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}'
METHOD = "landing.landing.publication"
PUBLISHED = {Status.PUBLISHED}


async def _ask(respond, **settings):
    """What the client makes of one call."""
    async with (
        served(respond) as portal,
        PortalClient(
            Webhook(portal.webhook),
            Door(capacity=float("inf"), drain=1.0),
            ca_file=None,
            connections=4,
            **settings,
        ) as client,
    ):
        return await client.call(METHOD, {"lid": 7})


def _statuses(finished):
    return {line.status for line in journal_of(finished)}


# no page is answered


def _each(request, error):
    """A batch in which each command is refused, or the answer to a page's own request."""
    if request.method != "batch":
        return http(json.dumps({"error": error}).encode(), 429)
    errors = {key: {"error": error} for key in request.params["cmd"]}
    parts = {"result": [], "result_error": errors, "result_time": []}
    return http(json.dumps({"result": parts, "time": TIME}).encode())


def _in_turns(request):
    ways = [http(LIMIT, 503), http(b"<html>", 502), http(b'{"error": "OPERATION_TIME_LIMIT"}', 429)]
    return ways[request.number % 3]


@pytest.mark.parametrize(
    "instead",
    [
        pytest.param(lambda _: http(LIMIT, 503), id="too many requests"),
        pytest.param(lambda _: http(b'{"error": "OPERATION_TIME_LIMIT"}', 429), id="too much time"),
        pytest.param(lambda request: _each(request, "OPERATION_TIME_LIMIT"), id="each for time"),
        pytest.param(lambda request: _each(request, "QUERY_LIMIT_EXCEEDED"), id="each for requests"),
        pytest.param(lambda _: http(b"<html>nginx</html>", 503), id="html"),
        pytest.param(lambda _: b"", id="closed"),
        pytest.param(_in_turns, id="in turns"),
    ],
)  # fmt: skip
async def test_no_page_answered_for_15_minutes_ends_a_run_whatever_is_answered_instead(
    tmp_path, instead
):
    def respond(request):
        return instead(request) if request.is_about_pages else polite(request)

    async with served(respond) as portal:
        finished = await run(portal, tmp_path, pages=5_000, pace=Pace(batch_size=5))

    assert isinstance(finished.ending.error, StoppedByPortal)
    assert finished.ending.error.exit_status == 3
    assert "No page was answered for 1" in finished.ending.error.message
    assert 880 < finished.ending.seconds < 1300
    assert not finished.ending.is_whole


async def test_a_first_question_that_is_refused_for_ever_ends_it(tmp_path):
    loop = asyncio.get_running_loop()

    async with served(lambda _: http(LIMIT, 503)) as portal:
        with pytest.raises(PortalUnusable, match="QUERY_LIMIT_EXCEEDED"):
            await run(portal, tmp_path)

    assert loop.time() < 1000


async def test_a_portal_that_answers_a_page_now_and_then_is_never_given_up(tmp_path):
    def respond(request):
        # For two minutes of twelve.
        is_good = not request.is_about_pages or asyncio.get_running_loop().time() % 720 < 120
        return polite(request) if is_good else http(LIMIT, 503)

    async with served(respond) as portal:
        finished = await run(portal, tmp_path, pages=350, pace=Pace(batch_size=1, concurrency=1))

    assert finished.ending.is_whole
    assert _statuses(finished) == PUBLISHED
    assert finished.ending.seconds > 700


# what surrounds the JSON


@pytest.mark.parametrize(
    ("before", "after"), [(MARK, b""), (MARK * 2, MARK), (b"\n\n", b""), (b" " * 9, b"\r\n")]
)
async def test_a_run_goes_through_where_marks_and_blanks_surround_answers(tmp_path, before, after):
    async with served(lambda request: http(before + body_of(request) + after)) as portal:
        finished = await run(portal, tmp_path)

    assert finished.ending.is_whole
    assert _statuses(finished) == PUBLISHED


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(WARNING, b"", "Warning: Undefined array key in /x/init.php"), (b"", b"\n<!-- 0.1 s -->", "<!-- 0.1 s -->")],
)  # fmt: skip
async def test_what_surrounds_answers_is_said_at_once(tmp_path, before, after, words):
    loop = asyncio.get_running_loop()

    async with served(lambda request: http(before + body_of(request) + after)) as portal:
        with pytest.raises(PortalUnusable) as refused:
            await run(portal, tmp_path)

    assert loop.time() < 1
    assert words in refused.value.message
    assert "display_errors" in refused.value.hint
    assert list(tmp_path.iterdir()) == []


async def test_publications_with_a_warning_around_them_stop_the_run_and_a_resume_asks_again(
    tmp_path,
):
    asked, is_mended = [], False

    def respond(request):
        asked.extend(pages_of(request))
        warning = b"" if is_mended or not request.is_about_pages else WARNING
        return http(warning + body_of(request))

    async with served(respond) as portal:
        stopped = await run(portal, tmp_path, pages=20)
        first, is_mended = list(asked), True
        resumed = await resume(portal, stopped.kept)

    assert isinstance(stopped.ending.error, PortalUnusable)
    assert "Undefined array key" in stopped.ending.error.message
    assert first
    assert set(first) <= set(asked[len(first) :])
    assert resumed.ending.is_whole
    assert sorted(line.page for line in journal_of(resumed)) == list(range(1, 21))
    assert _statuses(resumed) == PUBLISHED


# connections that are dropped


@pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])
async def test_where_a_connection_is_dropped_at_its_second_request_fresh_ones_are_used(
    tmp_path, is_done
):
    done = []

    def respond(request):
        if request.on_connection > 1:
            done.extend(pages_of(request) if is_done else [])
            return b""
        done.extend(pages_of(request))
        return polite(request)

    async with served(polite) as portal:
        usual = await run(portal, tmp_path / "usual", pages=400, pace=Pace(batch_size=5))
    async with served(respond) as portal:
        finished = await run(portal, tmp_path / "dropped", pages=400, pace=Pace(batch_size=5))

    lost = [request for request in portal.requests if request.on_connection > 1]
    assert finished.ending.is_whole
    assert _statuses(finished) == PUBLISHED
    assert sorted({line.page for line in journal_of(finished)}) == sorted(set(done))
    assert len(lost) <= 12
    assert finished.ending.seconds < usual.ending.seconds + 15


async def test_connections_are_kept_where_nothing_is_lost_on_them(tmp_path):
    async with served(polite) as portal:
        await run(portal, tmp_path, pages=400, pace=Pace(batch_size=5))

    assert portal.connections <= 6


# figures


@pytest.mark.parametrize("figure", ["1e300", "NaN", "9" * 5_000, '"1e300"', "-5", "null", "99", "1e11"])  # fmt: skip
@pytest.mark.parametrize("field", ["start", "finish", "duration", "operating", "operating_reset_at"])  # fmt: skip
async def test_absurd_figures_do_not_keep_a_run_from_its_end(tmp_path, field, figure):
    meter = {"operating": 1.0, "operating_reset_at": 1_700_000_600}
    time = json.dumps({**TIME, **meter, field: "@"}).replace('"@"', figure)

    def respond(request):
        body = body_of(request, time="@").decode()
        # Every third answer is well: it is the contrast that hurts.
        good = json.dumps({**TIME, **meter})
        return http(body.replace('"@"', good if request.number % 3 else time).encode())

    async with served(respond) as portal:
        finished = await run(portal, tmp_path, pages=120, pace=Pace(batch_size=10))

    assert finished.ending.is_whole
    assert _statuses(finished) == PUBLISHED
    assert finished.ending.seconds < 7_200


# broken HTTP

GOOD = json.dumps({"result": True, "time": TIME}).encode()


def _chunked(*chunks, end=b"0\r\n\r\n"):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def _packed(body, encoding="gzip"):
    return http(body, 200, f"Content-Encoding: {encoding}")


BROKEN = {
    "nothing": b"",
    "no http": b"hello\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9\r\n",
    "tls alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "http/0.9": GOOD,
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/9.9": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "icy": b"ICY 200 OK\r\n\r\n",
    "status of letters": b"HTTP/1.1 OK OK\r\n\r\n",
    "status 0": b"HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n",
    "status 99": http(GOOD, 99),
    "status 999": http(GOOD, 999),
    "status 99999": http(GOOD, 99999),
    "negative status": http(GOOD, -1),
    "101": b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n" + GOOD,
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "204 with a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}",
    "205": http(b"", 205),
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "300 elsewhere": http(b"", 300, "Location: https://evil.example/"),
    "302 to a file": http(b"", 302, "Location: file:///etc/passwd"),
    "307 twice": http(b"", 307, "Location: //a/", "Location: //b/"),
    "308 with controls": http(b"", 308, "Location: http://\x01\x7f/"),
    "refresh": http(b"", 200, "Refresh: 0; url=https://evil.example/"),
    "head that ends": b"HTTP/1.1 200 OK\r\nContent-Le",
    "bare newlines": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "colon first": b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\n{}",
    "blank in a name": b"HTTP/1.1 200 OK\r\nA B : x\r\nContent-Length: 2\r\n\r\n{}",
    "folded head": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "null in a head": b"HTTP/1.1 200 OK\r\nA: \x00\r\nContent-Length: 2\r\n\r\n{}",
    "bytes in a head": b"HTTP/1.1 200 OK\r\nA: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
    "one long line": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 1_000_000,
    "a long reason": b"HTTP/1.1 200 " + b"x" * 1_000_000,
    "10,000 heads": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
    "length of letters": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
    "huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "too short": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + GOOD,
    "too long": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + GOOD,
    "no length": b"HTTP/1.1 200 OK\r\n\r\n" + GOOD[:-3],
    "chunk of letters": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunk too large": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
    "chunk without an end": _chunked(GOOD, end=b""),
    "chunk with a negative length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "endless chunk extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" + b"a" * 500_000,
    "10,000 trailers": _chunked(GOOD[:-1], end=b"0\r\n" + b"A: b\r\n" * 10_000 + b"\r\n"),
    "transfer gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n" + gzip.compress(GOOD)[:-4],
    "gzip that is none": _packed(GOOD),
    "gzip that ends early": _packed(gzip.compress(GOOD)[:-20]),
    "gzip with a wrong sum": _packed(gzip.compress(GOOD)[:-8] + b"\0" * 8),
    "deflate that is none": _packed(GOOD, "deflate"),
    "an unknown packing": _packed(b"\x01\x02\x03", "br"),
    "packed twice": _packed(gzip.compress(gzip.compress(GOOD)), "gzip, gzip"),
    "an empty body": http(b""),
    "blanks": http(b" \n\t "),
    "a mark alone": http(MARK),
    "utf-16": http('{"result": true}'.encode("utf-16")),
    "null bytes": http(b"\0" * 500),
    "two answers": http(GOOD * 2),
    "an answer of another form": http(b'callback({"result": true, "time": {}})'),
    "true as text": http(b'{"result": "true", "time": {}}'),
    "1": http(b'{"result": 1, "time": {}}'),
    "deep": http(b'{"result": ' + b"[" * 100_000),
    "deep error": http(b'{"error": ' + b"[" * 900 + b"]" * 900 + b"}"),
    "a surrogate": http(b'{"error": "\\ud800", "error_description": "\\udfff"}', 400),
    "a key twice": http(b'{"result": true, "result": null}'),
    "xml": http(b"<?xml version='1.0'?><result>true</result>"),
}  # fmt: skip


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_broken_http_and_json_is_a_fault_and_never_a_success(answer):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await asyncio.sleep(0.1)

    async with talking(talk) as host:
        webhook = Webhook(f"http://{host}/rest/1/{SECRET}/")
        door = Door(capacity=float("inf"), drain=1.0)
        async with PortalClient(webhook, door, ca_file=None, connections=1) as client:
            reply = await client.call(METHOD, {"lid": 7})

    assert isinstance(reply, Fault) or reply.result is not True
    assert SECRET not in repr(reply)


def _bomb(megabytes, pack):
    packer = gzip.compress if pack == "gzip" else zlib.compress
    return _packed(packer(b" " * (megabytes * 2**20) + GOOD), pack)


@pytest.mark.parametrize("pack", ["gzip", "deflate"])
async def test_a_packed_bomb_is_not_unpacked_to_its_end(pack):
    answer = _bomb(60, pack)
    tracemalloc.start()
    try:
        fault = await _ask(lambda _: answer)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert fault.code == faults.TOO_LARGE
    assert peak < 100 * 2**20


async def test_heads_that_never_end_are_given_up():
    async def respond(_request):
        return b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100

    fault = await _ask(respond)

    assert isinstance(fault, Fault)
    assert fault.may_be_done


async def test_interim_answers_that_never_end_are_given_up_and_one_is_passed_over():
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    assert await _ask(lambda request: interim * 3 + polite(request)) == Answer(
        True, (await _ask(polite)).timing
    )
    fault = await _ask(lambda _: interim * 50_000)
    assert (fault.code, fault.sent) == (faults.NO_ANSWER, True)
