"""Who has sent this request, and may they? Everything that reads a request to find that out is here.

How it works:
    First whom the request means (``Host``), then who has sent it: a token in the request counts before a
    session, a session before a user whom a proxy names, and last comes who needs nothing on this machine.
    Then whether the role is enough; and of a request that changes something, whether our own page has sent it.
"""

import asyncio
import secrets
from collections.abc import Sequence

from aiohttp import hdrs, web

from bulk_publisher.clock import Clock
from bulk_publisher.web.guard.forms import (
    FIELD,
    HEADER,
    SAFE,
    form_token,
    is_form_token,
    is_from_elsewhere,
    is_taken_from_elsewhere,
)
from bulk_publisher.web.guard.hosts import is_ours
from bulk_publisher.web.guard.login_rate import LoginRate
from bulk_publisher.web.guard.page_tokens import PageTokens
from bulk_publisher.web.guard.proxies import FORWARDING, address_of, client_of, is_trusted
from bulk_publisher.web.guard.roles import Proof, Role, Visitor
from bulk_publisher.web.guard.sessions import LONGEST, Sessions
from bulk_publisher.web.place import WebPlace, is_user_name
from bulk_publisher.web.refusal import hinted

LOCAL = Visitor("local", Role.SEE, Proof.LOOPBACK, "loopback")
_SESSION = "bulk-publisher-session"
_GUEST = "bulk-publisher-guest"
"""Of a browser that has not logged in: what its form to log in is bound to."""
_BODIES = frozenset(["application/x-www-form-urlencoded", "application/json"])
"""What may be sent: files never are, and other kinds would go by a check that reads forms."""
_BODY_TIMEOUT = 20.0
"""Seconds in which a body has to come: it is a few kilobytes at most."""
_BEARER = "bearer "
_API = "/api/"
_HOW_TO_SEND = "Send Authorization: Bearer TOKEN. Make a token with: bulk-publisher web token add NAME --role see|steer"
_HOW_TO_STEER = "Log in with a token that may steer. Make one with: bulk-publisher web token add NAME --role steer"
_HOST_ONLY = "__Host-"
"""Begins the name of a cookie that no other host of the domain can set; browsers see to that over HTTPS."""


class Doorkeeper:
    """Knows visitors. Invariant: what it can't tell it refuses."""

    def __init__(self, place: WebPlace, tokens: PageTokens, clock: Clock) -> None:
        """Nobody has come yet."""
        self._place = place
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self.tokens = tokens
        self.sessions = Sessions(tokens, clock)
        self.login_rate = LoginRate()

    # who

    def check_host(self, request: web.Request) -> None:
        """Refuse what is meant for another host.

        Raises:
            HTTPMisdirectedRequest: If it is.
        """
        hosts = request.headers.getall(hdrs.HOST, [])
        if len(hosts) != 1 or not is_ours(hosts[0], self._place.hosts):
            raise web.HTTPMisdirectedRequest(
                text="This address is not known here. Start the daemon with --web-host NAME for a name"
                " that it is to be reached by."
            )

    def visitor(self, request: web.Request) -> Visitor | None:
        """Who has sent *request*; None for somebody unknown.

        Raises:
            HTTPUnauthorized: If it has a token that does not count.
        """
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        # What a proxy asks a browser for, such as a password, is passed on and is not ours.
        if any(one.lower().startswith(_BEARER) for one in given):
            return self._bearer(given)
        session = self._session(request)
        return session or self._of_proxy(request) or self._of_this_machine(request)

    def still_may(self, request: web.Request) -> bool:
        """Whether who has sent *request*, which was let in, would be let in now."""
        try:
            return self.visitor(request) is not None
        except web.HTTPException:
            return False

    def address(self, request: web.Request) -> str:
        """The address of the client, as far as proxies are believed."""
        ways = request.headers.getall("X-Forwarded-For", [])
        return client_of(request.remote, ways, self._place.proxies)

    def is_https(self, request: web.Request) -> bool:
        """Whether the client's browser speaks HTTPS, as a trusted proxy says."""
        said = request.headers.get("X-Forwarded-Proto", "")
        return self._by_proxy(request) and said.strip().lower() == "https"

    def _by_proxy(self, request: web.Request) -> bool:
        return is_trusted(request.remote, self._place.proxies)

    def _bearer(self, given: Sequence[str]) -> Visitor:
        token = self.tokens.match(given[0][len(_BEARER) :].strip()) if len(given) == 1 else None
        if token is None:
            raise unauthorized(
                "This token does not count here.",
                "Make another with: bulk-publisher web token add NAME --role see|steer",
            )
        return Visitor(token.name, token.role, Proof.BEARER, token.sha256)

    def _session(self, request: web.Request) -> Visitor | None:
        name = request.cookies.get(self._cookie(_SESSION, request))
        return None if name is None else self.sessions.find(name)

    def _of_proxy(self, request: web.Request) -> Visitor | None:
        header = self._place.user_header
        if header is None or not self._by_proxy(request):
            return None
        users = request.headers.getall(header, [])
        if len(users) != 1 or not is_user_name(users[0]):
            # A proxy that lets a client's own header through beside its own is no proof.
            return None
        role = Role.STEER if users[0] in self._place.steerers else Role.SEE
        return Visitor(users[0], role, Proof.HEADER, f"user:{users[0]}")

    def _of_this_machine(self, request: web.Request) -> Visitor | None:
        """Who needs nothing: not what a proxy on this machine passes on, for whomever."""
        address = address_of(request.remote)
        is_passed_on = self._by_proxy(request) or any(
            name in request.headers for name in FORWARDING
        )
        if not self._place.is_loopback or address is None or not address.is_loopback:
            return None
        return None if is_passed_on else LOCAL

    # forms

    def check_origin(self, request: web.Request) -> None:
        """Refuse a request that changes something and that comes from another website.

        Raises:
            HTTPForbidden: If it does.
        """
        host, is_https = request.headers[hdrs.HOST], self.is_https(request)
        if is_from_elsewhere(request.headers, host=host, is_https=is_https):
            raise web.HTTPForbidden(text="Another website has sent this. Nothing was done.")

    def check_form(self, request: web.Request, visitor: Visitor | None, field: str) -> None:
        """Refuse a request that changes something and that our own page has not made.

        Args:
            field: What its form carries in ``csrf``; empty for none.

        Raises:
            HTTPForbidden: If it has not.
        """
        is_by_token = visitor is not None and visitor.proof is Proof.BEARER
        if is_by_token and hdrs.COOKIE not in request.headers:
            # No other website knows the token, and a browser sends it by itself to nobody.
            return
        given = request.headers.get(HEADER) or field
        key = self._form_key(request, visitor)
        if not key or not is_form_token(given, self._secret, key):
            if is_for_program(request):
                raise hinted(
                    web.HTTPForbidden(
                        text="X-CSRF-Token is missing, or too old. Nothing was done."
                    ),
                    "With a session, send what the page carries in its element meta csrf-token; with a token, no cookies.",
                )
            raise web.HTTPForbidden(
                text="This form is too old, or not ours. Nothing was done: load the page again, and"
                " press once more."
            )

    def form_token(self, request: web.Request, visitor: Visitor | None) -> str:
        """What forms for whoever has sent *request* carry; empty for who has to get a cookie first."""
        key = self._form_key(request, visitor)
        return form_token(self._secret, key) if key else ""

    def _form_key(self, request: web.Request, visitor: Visitor | None) -> str:
        if visitor is not None and visitor.proof is not Proof.LOOPBACK:
            return visitor.key
        guest = request.get(GUEST) or request.cookies.get(self._cookie(_GUEST, request), "")
        return f"guest:{guest}" if guest else ""

    # cookies

    def welcome(self, request: web.Request) -> None:
        """Give somebody unknown, who is about to see a form, what the form is bound to."""
        if not request.cookies.get(self._cookie(_GUEST, request)):
            request[GUEST] = secrets.token_urlsafe(16)

    def set_guest(self, request: web.Request, response: web.StreamResponse) -> None:
        """Have the browser keep what ``welcome`` has given."""
        if GUEST in request:
            self._set(request, response, _GUEST, request[GUEST], seconds=3600)

    def let_in(self, request: web.Request, response: web.StreamResponse, name: str) -> None:
        """Have the browser keep the session *name*."""
        self._set(request, response, _SESSION, name, seconds=int(LONGEST))

    def let_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session of the browser, in it and here."""
        cookie = self._cookie(_SESSION, request)
        self.sessions.end(request.cookies.get(cookie, ""))
        self._set(request, response, _SESSION, "", seconds=0)

    def _set(
        self,
        request: web.Request,
        response: web.StreamResponse,
        name: str,
        value: str,
        *,
        seconds: int,
    ) -> None:
        response.set_cookie(
            self._cookie(name, request),
            value,
            max_age=seconds,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self.is_https(request),
        )

    def _cookie(self, name: str, request: web.Request) -> str:
        return f"{_HOST_ONLY}{name}" if self.is_https(request) else name


VISITOR: web.RequestKey[Visitor] = web.RequestKey("visitor", Visitor)
GUEST: web.RequestKey[str] = web.RequestKey("guest", str)
DOORKEEPER: web.AppKey[Doorkeeper] = web.AppKey("doorkeeper", Doorkeeper)


def unauthorized(text: str, hint: str = _HOW_TO_SEND) -> web.HTTPUnauthorized:
    """The refusal of somebody unknown."""
    headers = {hdrs.WWW_AUTHENTICATE: 'Bearer realm="bulk-publisher"'}
    return hinted(web.HTTPUnauthorized(text=text, headers=headers), hint)


def is_for_program(request: web.Request) -> bool:
    """Whether a program is answered, in JSON."""
    return request.path.startswith(_API)


async def check(request: web.Request, role: Role | None) -> None:
    """Let *request* in, or refuse it; who has sent it is kept with it, if that is known.

    Args:
        role: What its route asks for; None for nothing.

    Raises:
        HTTPException: If it is refused.
    """
    keeper = request.app[DOORKEEPER]
    keeper.check_host(request)
    if request.method in SAFE and is_taken_from_elsewhere(request.headers):
        raise web.HTTPForbidden(text="Another website asks for this. Open it here instead.")
    visitor = _visitor(request, keeper, role)
    if visitor is not None:
        request[VISITOR] = visitor
    if request.method not in SAFE:
        keeper.check_origin(request)
    if role is not None and (visitor is None or _must_say_who(request, visitor, role)):
        raise unauthorized("A token is needed here.")
    if request.method not in SAFE:
        keeper.check_form(request, visitor, await _field_of_form(request))
    if role is not None and visitor is not None and not visitor.role.covers(role):
        who = "Without a token you" if visitor is LOCAL else visitor.name
        raise hinted(
            web.HTTPForbidden(text=f"{who} may look, and not do this."),
            _HOW_TO_STEER
            if not is_for_program(request)
            else "A token that may steer is needed: bulk-publisher web token add NAME --role steer",
        )


def _must_say_who(request: web.Request, visitor: Visitor, role: Role) -> bool:
    """Whether a program on this machine asks for more than everybody there may have: it has no form to load again."""
    return is_for_program(request) and visitor is LOCAL and not visitor.role.covers(role)


def _visitor(request: web.Request, keeper: Doorkeeper, role: Role | None) -> Visitor | None:
    try:
        return keeper.visitor(request)
    except web.HTTPUnauthorized:
        if role is None:
            return None
        raise


async def _field_of_form(request: web.Request) -> str:
    """What the form carries that *request* brings; its body has been read then, within bounds."""
    if request.body_exists and request.content_type not in _BODIES:
        raise web.HTTPUnsupportedMediaType(
            text="Send a form, or JSON with the header Content-Type: application/json."
        )
    try:
        async with asyncio.timeout(_BODY_TIMEOUT):
            await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="The request did not come to its end.") from None
    field = (await request.post()).get(FIELD, "")
    return field if isinstance(field, str) else ""
