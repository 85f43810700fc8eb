"""The portal on a loopback socket: HTTP, PHP workers, time-outs and broken wires.

The only file of the sandbox that waits. Everything it answers comes from `portal`.
"""

import asyncio
import gzip
import socket
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any

from aiohttp import web

from bulk_publisher.sandbox import php
from bulk_publisher.sandbox.calls import RestError
from bulk_publisher.sandbox.handling import Handling
from bulk_publisher.sandbox.methods import METHODS, METHODS_3
from bulk_publisher.sandbox.oauth import OAuthApp
from bulk_publisher.sandbox.portal import Answer, Portal, error_answer, html_answer
from bulk_publisher.sandbox.scenario import TIMED_FAULTS, Scenario, ScenarioError, TimedFault
from bulk_publisher.sandbox.truth import Truth
from bulk_publisher.sandbox.workers import Clock, Gone, Work, Workers
from bulk_publisher.sandbox.world import World

_LONG = 3600.0
_SLOW_PIECES = 20
_SLOW_PAUSE = 2.0
_BEFORE_WORK: dict[str, Answer] = {
    "html502": html_answer(502),
    "html503": html_answer(503),
    "html504": html_answer(504),
    "forbidden": html_answer(403),
    "moved": html_answer(302),
    "json500": error_answer(
        RestError("INTERNAL_SERVER_ERROR", "Internal server error", status=500)
    ),
    "connection_error": error_answer(
        RestError("CONNECTION_ERROR", "Error connecting to authorization server", status=401)
    ),
    "overload_limit": error_answer(
        RestError("OVERLOAD_LIMIT", "REST API is blocked due to overload.", status=503)
    ),
    "payment": error_answer(
        RestError("ACCESS_DENIED", "REST is available only on commercial plans.", status=401)
    ),
}
_AFTER_WORK: dict[str, Answer] = {
    "html504_after": html_answer(504),
    "json500_after": error_answer(
        RestError("ERROR_UNEXPECTED_ANSWER", "Server returned an unexpected answer", status=500)
    ),
    "empty": Answer(200, b""),
    "wrong_encoding": error_answer(RestError("WRONG_ENCODING", "Wrong encoding", status=200)),
}
_HEARD_AFTER_WORK = {"", "slow_bytes", "wrong_type"}
_TOO_MANY = error_answer(RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", status=503))


class _Gone(Exception):
    """The connection, and the PHP process behind it, are no more."""


class Sandbox:
    """A running sandbox.

    Attributes:
        scenario: What it is like.
        truth: What was really done.
        world: Its pages and sites, to look at and to change.
        webhook: The address to call, secret included.
        oauth: The application with its tokens, and where to refresh them.
        now: Its clock, right even where the portal's is off.
        started_at: When it began; a script counts from here.
    """

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        self.scenario = scenario
        self.now = clock
        self.started_at = clock()
        self.portal = Portal(scenario, now=self.started_at)
        self.url = ""
        self._workers = Workers(scenario, clock)
        self._server = web.Server(self._handle, access_log=None)

    @property
    def truth(self) -> Truth:
        return self.portal.truth

    @property
    def world(self) -> World:
        return self.portal.world

    @property
    def oauth(self) -> OAuthApp:
        return self.portal.tokens.app

    @property
    def busy(self) -> int:
        """Requests that PHP works on, or that wait for it."""
        return self._workers.busy

    @property
    def webhook(self) -> str:
        return self.webhook_of(self.portal.users[0].id)

    def webhook_of(self, user_id: int) -> str:
        """The webhook of another user of the scenario."""
        return f"{self.url}/rest/{user_id}/{self.portal.codes[user_id]}/"

    def token_file(self) -> dict[str, object]:
        """The application's tokens as a program keeps them that has logged in already."""
        app = self.oauth
        return {
            **self.portal.tokens.as_dict(),
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "token_endpoint": app.token_url,
        }

    def expire_token(self) -> None:
        """Lets the OAuth access token expire now."""
        self.portal.tokens.expire()

    def drop_connections(self) -> None:
        """A deploy: every connection is reset, and work in progress stops where it is."""
        self._workers.kill()
        for connection in list(self._server.connections):
            _reset(connection.transport)

    # -- one request -----------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._respond(request)
        except Gone:
            _reset(request.transport)
            return web.Response()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.strip("/").split("/")
        params = await _read_params(request)
        if path[0] == "oauth":
            return await self._respond_as_oauth(path[1:], params)
        is_3 = len(path) in {3, 5} and path[1] == "api"
        if is_3:
            del path[1]
        if path[0] != "rest" or len(path) not in {2, 4}:
            return _respond_with(html_answer(404))
        method = path[-1].removesuffix(".json").removesuffix(".xml").lower()
        owner, code = path[1:3] if len(path) == 4 else ("", "")
        now, truth = self.now(), self.truth
        truth.requests += 1
        truth.requests_by_method[method] += 1
        if not self.portal.admit(now):
            wish = self.scenario.retry_after
            return _respond_with(_TOO_MANY, {} if wish is None else {"Retry-After": str(wish)})
        fault = self.portal.dice.request_fault(now)
        if fault:
            truth.faults[fault] += 1
            await self._break_before(fault)
        if method == "batch" and self.scenario.swallows_batches:
            await self._break_before("hang")
        if fault in _BEFORE_WORK:
            return _respond_with(_BEFORE_WORK[fault], _MOVED if fault == "moved" else {})
        if not owner:
            _take_bearer(request, params)
        try:
            credential = self.portal.authorise(owner, code, params, now)
        except RestError as error:
            truth.errors[str(error.code)] += 1
            return _respond_with(error_answer(error))
        methods = METHODS_3 if is_3 else METHODS
        handling = Handling(self.portal, method, params, credential, now=now, methods=methods)
        return await self._work(request, handling, fault, now)

    async def _break_before(self, fault: str) -> None:
        if fault == "hang":
            await asyncio.sleep(_LONG)
        if fault in {"hang", "reset"}:
            raise Gone

    async def _work(
        self, request: web.BaseRequest, handling: Handling, fault: str, arrived: float
    ) -> web.StreamResponse:
        until = arrived + self.scenario.request_timeout
        async with self._workers.work(handling, until) as work:
            answer = await work.on(until)
            self.truth.most_at_once = max(self.truth.most_at_once, self._workers.busy)
            if answer is None:
                return await self._time_out(request, work, until)
        if self.scenario.latency:
            await asyncio.sleep(self.scenario.latency)
        if fault not in _HEARD_AFTER_WORK:
            handling.lose_answer()
        return await _answer_badly(request, answer, fault) if fault else _respond_with(answer)

    async def _time_out(
        self, request: web.BaseRequest, work: Work, until: float
    ) -> web.StreamResponse:
        self.truth.timeouts += 1
        response = _respond_with(html_answer(504))
        if self.scenario.linger:
            # The front server gives up; PHP does not know, and goes on for a while.
            response.force_close()
            await response.prepare(request)
            await response.write_eof()
            await work.on(until + self.scenario.linger)
        work.cut()
        return response

    async def _respond_as_oauth(self, path: list[str], params: dict[str, Any]) -> web.Response:
        """The OAuth server, and the portal's page that sends a visitor there."""
        if path == ["authorize"]:
            return self._authorise(params)
        fault = self.portal.dice.token_fault()
        if fault:
            self.truth.faults[f"token {fault}"] += 1
            await self._break_before(fault)
        if fault in _BEFORE_WORK:
            return _respond_with(_BEFORE_WORK[fault])
        answer = self._hand_out(params)
        await asyncio.sleep(_LONG if fault == "hang_after" else self.scenario.token_latency)
        if fault in {"hang_after", "reset_after"}:
            raise Gone
        return _respond_with(_AFTER_WORK.get(fault, answer))

    def _authorise(self, params: dict[str, Any]) -> web.Response:
        try:
            to = self.portal.tokens.authorise(params, self.scenario.app_address, self.now())
        except RestError as error:
            self.truth.errors[str(error.code)] += 1
            return _respond_with(html_answer(403))
        return _respond_with(html_answer(302), {"Location": to})

    def _hand_out(self, params: dict[str, Any]) -> Answer:
        try:
            tokens = self.portal.tokens.answer(params, self.now())
        except RestError as error:
            self.truth.errors[str(error.code)] += 1
            return error_answer(error)
        self.truth.refreshes += params.get("grant_type") == "refresh_token"
        return Answer(200, php.encode(tokens))

    # -- the socket ------------------------------------------------------------------------

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[None]:
        """Serves until the block ends, and plays the script meanwhile."""
        runner = web.ServerRunner(self._server, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
            host, port = runner.addresses[0][:2]
            self.url = f"http://{host}:{port}"
            app = self.oauth
            app.token_url, app.client_endpoint = f"{self.url}/oauth/token/", f"{self.url}/rest/"
            script = asyncio.create_task(self._play(runner, site, host, port))
            try:
                yield
            finally:
                script.cancel()
                await asyncio.wait([script])
        finally:
            for connection in list(self._server.connections):
                connection.force_close()
            await runner.cleanup()

    async def _play(
        self, runner: web.ServerRunner, site: web.TCPSite, host: str, port: int
    ) -> None:
        timed = [fault for fault in self.scenario.script if fault.fault in TIMED_FAULTS]
        for fault in sorted(timed, key=_start):
            await asyncio.sleep(max(0.0, self.started_at + fault.at - self.now()))
            self.truth.faults[fault.fault] += 1
            if fault.fault == "refuse":
                await site.stop()
            self.drop_connections()
            if fault.fault == "refuse":
                await asyncio.sleep(fault.seconds)
                site = web.TCPSite(runner, host, port, reuse_address=True)
                await site.start()


def _start(fault: TimedFault) -> float:
    return fault.at


async def _read_params(request: web.BaseRequest) -> dict[str, Any]:
    params = php.parse_str(request.query_string) if request.query_string else {}
    if request.method != "POST":
        return params
    body = await request.read()
    if request.content_type == "application/json":
        decoded = php.decode(body)
        params.update(decoded if isinstance(decoded, dict) else {})
    elif request.content_type == "application/x-www-form-urlencoded":
        params.update(php.parse_str(body.decode("utf-8", "replace")))
    return params


def _take_bearer(request: web.BaseRequest, params: dict[str, Any]) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and "auth" not in params:
        params["auth"] = token


_MOVED = {"Location": "https://renamed.bitrix24.example/rest/"}


def _respond_with(
    answer: Answer, headers: Mapping[str, str] = MappingProxyType({})
) -> web.Response:
    return web.Response(
        status=answer.status,
        body=answer.body,
        headers={
            "Content-Type": f"{answer.content_type}; charset=utf-8",
            **answer.headers,
            **headers,
        },
    )


async def _answer_badly(request: web.BaseRequest, answer: Answer, fault: str) -> web.StreamResponse:
    body = answer.body
    if fault == "hang_after":
        await asyncio.sleep(_LONG)
    if fault in {"hang_after", "reset_after"}:
        raise Gone
    if fault in {"cut_body", "slow_bytes"}:
        return await _trickle(request, answer, cut=fault == "cut_body")
    if fault == "cut_json":
        return _respond_with(answer._replace(body=body[: max(1, len(body) // 2)]))
    if fault == "wrong_type":
        return _respond_with(answer._replace(content_type="text/html"))
    if fault == "bad_gzip":
        # A good header, then a block of a kind that does not exist.
        packed = gzip.compress(body)[:10] + b"\xff" * 32
        response = _respond_with(answer._replace(body=packed))
        response.headers["Content-Encoding"] = "gzip"
        return response
    return _respond_with(_AFTER_WORK.get(fault, answer))


async def _trickle(request: web.BaseRequest, answer: Answer, *, cut: bool) -> web.StreamResponse:
    response = web.StreamResponse(
        status=answer.status, headers={"Content-Type": answer.content_type}
    )
    response.content_length = len(answer.body)
    response.force_close()
    await response.prepare(request)
    if cut:
        await response.write(answer.body[: len(answer.body) // 2])
        if request.transport is not None:
            request.transport.close()
        return response
    size = -(-len(answer.body) // _SLOW_PIECES)
    for start in range(0, len(answer.body), size):
        await asyncio.sleep(_SLOW_PAUSE)
        await response.write(answer.body[start : start + size])
    await response.write_eof()
    return response


def _reset(transport: asyncio.BaseTransport | None) -> None:
    if not isinstance(transport, asyncio.WriteTransport):
        return
    wire = transport.get_extra_info("socket")
    if wire is not None:
        # Linger for zero seconds: the other side sees a reset, not an end.
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


@asynccontextmanager
async def serve(
    scenario: Scenario | None = None,
    *,
    clock: Clock | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[Sandbox]:
    """Runs a sandbox while the block runs.

    Args:
        scenario: What it is like; by default 300 pages of a knowledge base.
        clock: Epoch seconds. By default the running loop's time on top of the scenario's
            ``starts_at``, so that it is virtual where the loop is.
        host: A literal address; nothing is looked up.
        port: 0 takes a free one.

    Raises:
        ScenarioError: The scenario names pages or sites that cannot be, or *host* is not loopback.
    """
    if not ip_address(host).is_loopback:
        # The portal takes plain http from nobody else; and its secret is no secret here.
        raise ScenarioError(f"{host}: the sandbox serves on loopback only")
    scenario = scenario or Scenario()
    sandbox = Sandbox(scenario, clock or _loop_clock(scenario.starts_at))
    async with sandbox.listening(host, port):
        yield sandbox


def _loop_clock(starts_at: float | None) -> Clock:
    loop = asyncio.get_running_loop()
    base = (time.time() if starts_at is None else starts_at) - loop.time()
    return lambda: base + loop.time()
