"""The client over real loopback sockets, in virtual time, against a server that can do anything."""

import asyncio
import errno
import gzip
import json
import shutil
import socket
import ssl
import struct
import subprocess
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.virtual import new_event_loop
from bulk_publisher.errors import BadSetting
from bulk_publisher.log import show_by
from bulk_publisher.model import Fault, FaultClass
from bulk_publisher.portal import faults
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.portal.proxy import Proxy, proxy_of
from bulk_publisher.portal.throttle import Door
from bulk_publisher.portal.transport import PortalClient, retry_after
from bulk_publisher.portal.wire import Answer, encode_command
from tests.bucket import levels

SECRET = "s3cr3tC0de"
METHOD = "landing.landing.publication"
TIME = {"start": 100.5, "finish": 102.0, "duration": 1.5}
GOOD = json.dumps({"result": True, "time": TIME}).encode()
HTML = b"<html><body>nginx</body></html>"
OPENSSL = shutil.which("openssl")
FREE = Door(capacity=float("inf"), drain=1.0)


class Server:
    """Answers each request by *respond*, and remembers what came."""

    def __init__(self, respond):
        self._respond = respond
        self.requests = []
        self.host = ""

    async def handle(self, request):
        self.requests.append((request.path, request.headers.copy(), await request.read()))
        return await self._respond(request)


@asynccontextmanager
async def _serving(respond, *, tls=None):
    server = Server(respond)
    runner = web.ServerRunner(web.Server(server.handle, access_log=None), shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        server.host = "{}:{}".format(*runner.addresses[0][:2])
        yield server
    finally:
        await runner.cleanup()


def _client(host, *, door=FREE, **settings):
    webhook = Webhook(f"http://{host}/rest/1/{SECRET}/")
    return PortalClient(webhook, door, **{"ca_file": None, "connections": 4, **settings})


async def _ask(respond, **settings):
    """What the client makes of one call that is answered by *respond*."""
    async with _serving(respond) as server, _client(server.host, **settings) as client:
        return await client.call(METHOD, {"lid": 7})


async def _ask_by_tls(host, *, ca_file=None):
    webhook = Webhook(f"https://{host}/rest/1/{SECRET}/")
    async with PortalClient(webhook, FREE, ca_file=ca_file, connections=1) as client:
        return await client.call(METHOD, {"lid": 7})


def _reset(request):
    """End the connection with a reset, not with an end."""
    wire = request.transport.get_extra_info("socket")
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


def _answering(status=200, body=GOOD, *, headers=None):
    async def respond(_request):
        return web.Response(status=status, body=body, headers=headers)

    return respond


def _writing(raw, *, then=_reset):
    """Writes bytes as they are, and then ends the connection."""

    async def respond(request):
        request.transport.write(raw)
        await asyncio.sleep(0.1)
        then(request)
        return web.Response()

    return respond


async def _resetting(request):
    _reset(request)
    return web.Response()


async def _closing(request):
    request.transport.close()
    return web.Response()


async def _hanging(_request):
    await asyncio.sleep(3_600)


def _head(length, *extra):
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {length}", *extra, "", ""]
    return "\r\n".join(lines).encode()


# what is sent


async def test_a_call_is_posted_as_json_to_the_secret_address():
    async with _serving(_answering()) as server, _client(server.host) as client:
        answer = await client.call(METHOD, {"lid": 7})

    [(path, headers, body)] = server.requests
    assert answer.result is True
    assert path == f"/rest/1/{SECRET}/{METHOD}.json"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"lid": 7}


async def test_a_batch_has_a_fate_for_each_command():
    parts = {"result": {"p7": True}, "result_error": {"p8": {"error": "LANDING_NOT_EXIST"}}}
    body = json.dumps({"result": parts, "time": TIME}).encode()
    commands = {key: encode_command(METHOD, {"lid": key[1:]}) for key in ("p7", "p8", "p9")}

    async with _serving(_answering(body=body)) as server, _client(server.host) as client:
        batch = await client.batch(commands)

    assert server.requests[0][0].endswith("/batch.json")
    assert batch.commands["p7"] == Answer(True, None)
    assert batch.commands["p8"].kind is FaultClass.PAGE
    assert batch.commands["p9"].code == faults.MISSING_FROM_ANSWER


async def test_a_client_that_is_not_open_says_so():
    with pytest.raises(RuntimeError, match="not open"):
        await _client("127.0.0.1:1").call(METHOD, {})


async def test_what_goes_to_this_machine_goes_through_no_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")

    answer = await _ask(_answering())

    assert isinstance(answer, Answer)


def test_certificates_that_cannot_be_read_are_a_bad_setting(tmp_path):
    with pytest.raises(BadSetting, match="no certificates"):
        _client("127.0.0.1:1", ca_file=tmp_path / "missing.pem")


# what comes back


@pytest.mark.parametrize(
    "content_type", ["text/html", "text/plain; charset=windows-1251", "application/xml", ""]
)
async def test_a_good_answer_may_call_itself_what_it_likes(content_type):
    answer = await _ask(_answering(headers={"Content-Type": content_type}))

    assert answer.result is True


async def test_an_answer_may_be_packed():
    packed = _answering(body=gzip.compress(GOOD), headers={"Content-Encoding": "gzip"})

    assert (await _ask(packed)).result is True


@pytest.mark.parametrize(
    ("status", "code", "kind", "sent"),
    [
        (502, faults.NOT_JSON, FaultClass.TRANSIENT, True),
        (503, faults.NOT_JSON, FaultClass.TRANSIENT, True),
        (504, faults.NOT_JSON, FaultClass.TRANSIENT, True),
        (500, faults.NOT_JSON, FaultClass.TRANSIENT, True),
        (429, faults.NOT_JSON, FaultClass.TRANSIENT, False),
        (403, faults.NO_SUCH_ADDRESS, FaultClass.CREDENTIAL, False),
        (404, faults.NO_SUCH_ADDRESS, FaultClass.CREDENTIAL, False),
        (200, faults.NO_PORTAL, FaultClass.TRANSIENT, True),
    ],
)
async def test_a_page_of_html_goes_by_its_status(status, code, kind, sent):
    fault = await _ask(_answering(status, HTML, headers={"Content-Type": "text/html"}))

    assert (fault.code, fault.kind, fault.sent) == (code, kind, sent)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (503, "QUERY_LIMIT_EXCEEDED", FaultClass.RATE),
        (429, "OPERATION_TIME_LIMIT", FaultClass.OPERATING),
        (401, "expired_token", FaultClass.TOKEN),
        (400, "LANDING_NOT_EXIST", FaultClass.PAGE),
        (200, "WRONG_ENCODING", FaultClass.TRANSIENT),
    ],
)
async def test_an_error_of_the_portal_is_told_by_its_code(status, error, kind):
    fault = await _ask(_answering(status, json.dumps({"error": error}).encode()))

    assert (fault.kind, fault.code) == (kind, error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_its_host_alone_is_said(status):
    location = f"https://new.example.com/rest/1/{SECRET}/{METHOD}.json"

    async with (
        _serving(_answering(status, HTML, headers={"Location": location})) as server,
        _client(server.host) as client,
    ):
        fault = await client.call(METHOD, {})

    assert (fault.code, fault.kind, fault.sent) == (faults.MOVED, FaultClass.CREDENTIAL, False)
    assert "new.example.com" in fault.description
    assert SECRET not in repr(fault)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "headers",
    [None, {"Location": ""}, {"Location": f"/rest/1/{SECRET}/"}, {"Location": "https://[::1/x"}],
    ids=["none", "empty", "a path", "junk"],
)
async def test_a_redirect_to_nowhere_is_a_redirect(headers):
    fault = await _ask(_answering(302, b"", headers=headers))

    assert (fault.code, fault.sent) == (faults.MOVED, False)
    assert "an address it does not tell" in fault.description
    assert SECRET not in repr(fault)


# what breaks on the way


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(_resetting, id="reset before an answer"),
        pytest.param(_closing, id="closed before an answer"),
        pytest.param(_writing(b"HTTP/1.1 200 OK\r\nContent-Le"), id="reset within the head"),
        pytest.param(_writing(b"SSH-2.0-OpenSSH\r\n"), id="another protocol"),
        pytest.param(_writing(_head(500) + GOOD), id="reset within the body"),
        pytest.param(
            _writing(_head(500) + GOOD, then=lambda request: request.transport.close()),
            id="closed within the body",
        ),
        pytest.param(
            _answering(body=b"no gzip at all", headers={"Content-Encoding": "gzip"}), id="no gzip"
        ),
        pytest.param(
            _writing(_head(20, "Content-Encoding: gzip") + gzip.compress(GOOD)[:20]),
            id="gzip that ends early",
        ),
        pytest.param(
            _writing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            id="chunks that are none",
        ),
    ],
)
async def test_an_answer_that_breaks_leaves_open_what_was_done(respond):
    fault = await _ask(respond)

    assert (fault.code, fault.kind) == (faults.NO_ANSWER, FaultClass.TRANSIENT)
    assert fault.may_be_done
    assert SECRET not in repr(fault)
    assert "127.0.0.1" not in fault.description


async def test_a_connection_that_is_refused_has_sent_nothing():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
        async with _client(host) as client:
            fault = await client.call(METHOD, {})

    assert (fault.code, fault.sent) == (faults.UNREACHABLE, False)
    assert fault.description == f"No connection to {host}: Connection refused."


async def _ask_where(loop_method, error, *, host="portal.example"):
    """What the client makes of a call for which the loop's *loop_method* raises *error*."""

    async def fail(*_args, **_kwargs):
        raise error

    setattr(asyncio.get_running_loop(), loop_method, fail)
    webhook = Webhook(f"https://{host}/rest/1/{SECRET}/")
    async with PortalClient(webhook, FREE, ca_file=None, connections=1) as client:
        return await client.call(METHOD, {"lid": 7})


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (socket.EAI_AGAIN, faults.NO_NETWORK, "the host name can't be looked up right now"),
        (socket.EAI_FAIL, faults.NO_NETWORK, "the host name can't be looked up right now"),
        (socket.EAI_NONAME, faults.UNREACHABLE, "unknown host name"),
        (socket.EAI_NODATA, faults.UNREACHABLE, "unknown host name"),
    ],
)
async def test_a_name_that_does_not_exist_is_told_from_one_that_cannot_be_looked_up_now(
    number, code, words
):
    fault = await _ask_where("getaddrinfo", socket.gaierror(number, "fake"))

    assert (fault.code, fault.kind, fault.sent) == (code, FaultClass.TRANSIENT, False)
    assert fault.description == f"No connection to portal.example: {words}."


def _of_several(*numbers):
    told = ", ".join(f"[Errno {number}] Connect call failed" for number in numbers)
    return OSError(f"Multiple exceptions: {told}")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(errno.ENETUNREACH, "x"), faults.NO_NETWORK, "Network is unreachable"),
        (OSError(errno.EHOSTUNREACH, "x"), faults.NO_NETWORK, "No route to host"),
        (OSError(errno.ENETDOWN, "x"), faults.NO_NETWORK, "Network is down"),
        (OSError(errno.ECONNREFUSED, "x"), faults.UNREACHABLE, "Connection refused"),
        (_of_several(errno.ENETUNREACH, errno.EHOSTUNREACH), faults.NO_NETWORK, "Network is unreachable, No route to host"),
        (_of_several(errno.ENETUNREACH, errno.ECONNREFUSED), faults.UNREACHABLE, "Network is unreachable, Connection refused"),
        (OSError(errno.EMFILE, "x"), faults.TOO_MANY_FILES, "Too many open files"),
    ],
)  # fmt: skip
async def test_an_address_to_which_no_network_leads_is_told_from_one_at_which_nobody_is(
    error, code, words
):
    fault = await _ask_where("sock_connect", error, host="127.0.0.1:1")

    assert (fault.code, fault.kind, fault.sent) == (code, FaultClass.TRANSIENT, False)
    assert fault.description == f"No connection to 127.0.0.1:1: {words}."


async def test_where_no_more_files_can_be_opened_that_is_said_and_not_that_the_network_is_bad(
    monkeypatch,
):
    def refuse(*_args, **_kwargs):
        raise OSError(errno.EMFILE, "x")

    monkeypatch.setattr("os.open", refuse)

    fault = await _ask_where("getaddrinfo", socket.gaierror(socket.EAI_NONAME, "fake"))

    assert fault.code == faults.TOO_MANY_FILES
    assert "too many open files" in fault.description
    assert "ulimit" in fault.hint
    assert "network" not in fault.words + fault.hint


async def test_a_portal_that_hangs_is_given_up_after_75_seconds():
    loop = asyncio.get_running_loop()
    began_at = loop.time()

    fault = await _ask(_hanging)

    assert (fault.code, fault.sent) == (faults.NO_ANSWER, True)
    assert 75.0 <= loop.time() - began_at < 80.0


async def test_an_answer_that_comes_byte_by_byte_is_an_answer():
    async def respond(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(GOOD), 8):  # some 20 s in all
            await asyncio.sleep(2)
            await response.write(GOOD[start : start + 8])
        return response

    answer = await _ask(respond)

    assert answer.result is True


async def test_bytes_that_never_end_are_given_up_after_75_seconds():
    async def respond(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1_000):
            await asyncio.sleep(1)
            await response.write(b" ")
        return response

    fault = await _ask(respond)

    assert (fault.code, fault.sent) == (faults.NO_ANSWER, True)


@pytest.mark.parametrize("headers", [None, {"Content-Encoding": "gzip"}], ids=["plain", "packed"])
async def test_an_answer_that_is_too_large_is_not_read_to_its_end(headers):
    body = b" " * 100_000 + GOOD
    packed = body if headers is None else gzip.compress(body)

    fault = await _ask(_answering(body=packed, headers=headers), largest_answer=50_000)

    assert (fault.code, fault.kind, fault.sent) == (faults.TOO_LARGE, FaultClass.TRANSIENT, True)


async def test_an_answer_as_large_as_may_be_is_read():
    answer = await _ask(_answering(body=GOOD), largest_answer=len(GOOD))

    assert isinstance(answer, Answer)


async def test_a_client_goes_on_after_whatever_broke():
    ways = iter([_resetting, _answering(502, HTML), _writing(_head(500) + GOOD), _answering()])

    async def respond(request):
        return await next(ways)(request)

    async with _serving(respond) as server, _client(server.host) as client:
        replies = [await client.call(METHOD, {}) for _ in range(4)]

    assert [isinstance(reply, Fault) for reply in replies] == [True, True, True, False]


async def test_what_speaks_no_tls_is_not_said_to_have_a_bad_certificate():
    async with _serving(_answering()) as server:
        fault = await _ask_by_tls(server.host)

    assert (fault.code, fault.kind, fault.sent) == (faults.NO_TLS, FaultClass.CREDENTIAL, False)
    assert fault.description == f"{server.host} does not speak TLS."
    assert "--ca-file" not in fault.hint
    assert SECRET not in repr(fault)
    assert server.requests == []


@pytest.fixture
def certified(tmp_path):
    """A certificate of another host that nobody has signed, and a server's TLS with it."""
    if OPENSSL is None:
        pytest.skip("no openssl here")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=elsewhere",
         "-addext", "subjectAltName=DNS:elsewhere", "-keyout", key, "-out", certificate],
        capture_output=True, check=True,
    )  # fmt: skip
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    return certificate, tls


@pytest.mark.parametrize(
    ("is_trusted", "why"),
    [(False, "self-signed certificate"), (True, "IP address mismatch")],
    ids=["self-signed", "of another host"],
)
async def test_why_a_certificate_is_not_trusted_is_said(certified, is_trusted, why):
    certificate, tls = certified

    async with _serving(_answering(), tls=tls) as server:
        fault = await _ask_by_tls(server.host, ca_file=certificate if is_trusted else None)

    assert (fault.code, fault.sent) == (faults.BAD_CERTIFICATE, False)
    assert why in fault.description
    assert not fault.description.endswith("..")


# the proxy


async def _ask_through(monkeypatch, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    webhook = Webhook(f"https://portal.example/rest/1/{SECRET}/")
    async with PortalClient(webhook, FREE, ca_file=None, connections=1) as client:
        return await client.call(METHOD, {})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (302, faults.PROXY_REFUSED, FaultClass.CREDENTIAL),
        (403, faults.PROXY_REFUSED, FaultClass.CREDENTIAL),
        (407, faults.PROXY_WANTS_LOGIN, FaultClass.CREDENTIAL),
        (503, faults.PROXY_FAILED, FaultClass.TRANSIENT),
    ],
)
async def test_what_a_proxy_answers_is_not_said_of_the_portal(monkeypatch, status, code, kind):
    async with _serving(_answering(status, HTML)) as server:
        fault = await _ask_through(monkeypatch, f"http://admin:pa55word@{server.host}")

    [(_, headers, _)] = server.requests
    assert headers["Proxy-Authorization"] == "Basic YWRtaW46cGE1NXdvcmQ="
    assert (fault.code, fault.kind, fault.sent) == (code, kind, False)
    assert fault.description == f"The proxy {server.host} answered {status}."
    assert "pa55word" not in repr(fault)


async def test_a_proxy_that_is_dead_is_named(monkeypatch):
    fault = await _ask_through(monkeypatch, "http://admin:pa55word@127.0.0.1:1")

    assert (fault.code, fault.sent) == (faults.PROXY_FAILED, False)
    assert fault.description == "No connection through the proxy 127.0.0.1:1: Connection refused."


@pytest.mark.parametrize(
    ("proxy", "why"),
    [
        ("socks5://admin:pa55word@127.0.0.1:1080", "socks5:// proxy, and only http://"),
        ("https://127.0.0.1:3128", "https:// proxy, and only http://"),
        ("http://admin:pa55word@127.0.0.1:many", "not the address"),
        ("http://", "not the address"),
        ("http://admin:pa55word/x@127.0.0.1:3128", "can't be sent|not the address"),
        ("http://admin:pa55word\u043f@127.0.0.1:3128", "can't be sent to a proxy"),
        ("http://admin:pa55word%D0%BF@127.0.0.1:3128", "can't be sent to a proxy"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_a_bad_setting(monkeypatch, proxy, why):
    with pytest.raises(BadSetting, match=why) as refused:
        await _ask_through(monkeypatch, proxy)

    assert "pa55word" not in str(refused.value)


@pytest.mark.parametrize(
    "excluded",
    ["portal.example", ".example", "*", "*.example portal:1", "localhost,PORTAL.example:443"],
)
def test_a_portal_may_be_reached_without_the_proxy(monkeypatch, excluded):
    monkeypatch.setenv("https_proxy", "127.0.0.1:3128")
    webhook = Webhook("https://portal.example/rest/1/abc/")

    monkeypatch.delenv("no_proxy", raising=False)
    assert proxy_of(webhook) == Proxy("http://127.0.0.1:3128", "127.0.0.1:3128")

    monkeypatch.setenv("no_proxy", excluded)
    assert proxy_of(webhook) is None


async def test_a_request_that_is_cut_off_leaves_the_client_usable():
    ways = iter([_hanging, _answering()])

    async def respond(request):
        return await next(ways)(request)

    async with _serving(respond) as server, _client(server.host) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.call(METHOD, {}), 5)
        answer = await client.call(METHOD, {})

    assert answer.result is True


@pytest.mark.parametrize(
    "respond",
    [_answering(), _answering(302, headers={"Location": f"//x/{SECRET}"}), _resetting],
    ids=["answered", "moved", "reset"],
)
async def test_the_log_of_a_request_holds_no_secret(respond):
    lines = []
    show_by(lines.append)
    await _ask(respond)

    assert [line["event"] for line in lines] == ["request.answered"]
    assert SECRET not in repr(lines)


# the door


async def _pass(door, pauses):
    """The moments at which requests go through *door*, each asked for a pause after the last."""
    loop = asyncio.get_running_loop()
    moments = []

    async def one():
        async with door:
            moments.append(loop.time())

    async with asyncio.TaskGroup() as group:
        for pause in pauses:
            await asyncio.sleep(pause)
            group.create_task(one())
    return moments


def _run_virtually(coroutine):
    # Hypothesis calls a test many times: each example needs a loop, and a time, of its own.
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(coroutine)


@settings(max_examples=25)
@given(
    capacity=st.integers(1, 20),
    drain=st.floats(0.5, 10),
    pauses=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.3, 5.0]), min_size=1, max_size=80),
)
def test_what_goes_through_the_door_never_overfills_the_portals_bucket(capacity, drain, pauses):
    moments = _run_virtually(_pass(Door(capacity=capacity, drain=drain), pauses))

    assert len(moments) == len(pauses)
    assert max(levels(moments, drain)) <= capacity + 1e-6


async def _pass_in_sessions(sessions) -> list[float]:
    moments: list[float] = []
    level = 0.0
    for burst, pause in sessions:
        door = Door(capacity=50, drain=2)
        door.raise_to(level)
        moments += await _pass(door, [0.0] * burst)
        level = door.level
        await asyncio.sleep(pause)
        level -= 2 * pause
    return moments


@settings(max_examples=8)
@given(
    sessions=st.lists(
        st.tuples(st.integers(1, 70), st.sampled_from([0.0, 0.3, 20.0])), min_size=1, max_size=3
    )
)
def test_a_door_that_is_handed_on_never_overfills_the_portals_bucket(sessions):
    moments = _run_virtually(_pass_in_sessions(sessions))

    assert len(moments) == sum(burst for burst, _ in sessions)
    assert max(levels(moments, 2)) <= 50 + 2


async def test_a_burst_goes_through_the_door_at_once_and_what_follows_one_by_one():
    moments = await _pass(Door(capacity=5, drain=1.0), [0.0] * 10)

    assert moments[:5] == [0.0] * 5
    assert moments[5:] == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0], abs=0.3)


async def test_whoever_keeps_to_the_bucket_never_waits_at_the_door():
    moments = await _pass(Door(capacity=5, drain=1.0), [0.0, 0.0, 0.0, 0.0, *[1.0] * 30])

    assert moments == [0.0] * 4 + [float(second) for second in range(1, 31)]


async def test_a_door_without_a_limit_lets_everything_through_at_once():
    assert await _pass(Door(capacity=float("inf"), drain=1.0), [0.0] * 500) == [0.0] * 500


async def test_a_door_keeps_the_pace_of_another_plan_from_then_on():
    door = Door(capacity=2, drain=1.0)
    await _pass(door, [0.0] * 2)
    door.set_pace(capacity=10, drain=1.0)

    moments = await _pass(door, [0.0] * 9)

    assert moments[:7] == [0.0] * 7
    assert moments[7] == pytest.approx(1.0, abs=0.1)


async def test_requests_leave_the_client_no_faster_than_its_door_lets_them():
    loop = asyncio.get_running_loop()
    moments = []

    async def respond(_request):
        moments.append(loop.time())
        return web.Response(body=GOOD)

    async with (
        _serving(respond) as server,
        _client(server.host, door=Door(capacity=5, drain=1.0), connections=20) as client,
        asyncio.TaskGroup() as group,
    ):
        _ = [group.create_task(client.call(METHOD, {})) for _ in range(20)]

    assert len(moments) == 20
    assert max(levels(sorted(moments), 1.0)) <= 5 + 1e-6


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 30 "}, 30.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Thu, 26 Nov 2026 12:01:00 GMT", "Date": "Thu, 26 Nov 2026 12:00:15 GMT"}, 45.0),
        ({"Retry-After": "Thu, 26 Nov 2026 12:01:00 GMT"}, None),
        ({"Retry-After": "Thu, 26 Nov 2026 12:01:00 GMT", "Date": "Thu, 26 Nov 2026 12:02:00 GMT"}, 0.0),
        ({"Retry-After": "9" * 400}, 999_999_999.0),
        ({"Retry-After": "٣"}, None),
    ],
    ids=str,
)  # fmt: skip
def test_when_to_ask_again_is_read_as_seconds_or_as_a_date(headers, seconds):
    assert retry_after(headers) == seconds
