"""What is done when somebody lets an application in: tokens are had, kept, and tried.

They are kept before they are tried: the code that they came for is used up, and a try may renew them.
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bulk_publisher.client.oauth import OAuth
from bulk_publisher.clock import LoopClock
from bulk_publisher.errors import BadSetting, PortalUnusable
from bulk_publisher.jobs import (
    Portal,
    Secret,
    is_portal_name,
    portals_path,
    put_portal,
    read_portals,
)
from bulk_publisher.jobs.values import PORTAL_NAMES
from bulk_publisher.log import RunLog
from bulk_publisher.model import Fault, FaultClass, Mono
from bulk_publisher.operations import crash
from bulk_publisher.operations.portal_names import beside
from bulk_publisher.operations.secrets import keeping_of, read_credential, read_given
from bulk_publisher.portal.authorising import CODE_LIFETIME, Granted, Visit, portal_origin
from bulk_publisher.portal.secret_addresses import host_of, split_address
from bulk_publisher.portal.throttle import Door
from bulk_publisher.portal.token_endpoint import TokenEndpoint
from bulk_publisher.portal.tokens import (
    TOKEN_ENDPOINTS,
    TokenAnswer,
    encode_tokens,
    given_tokens,
    token_endpoint_of,
)
from bulk_publisher.portal.tokens import (
    TokenSet as TokenSet,  # noqa: PLC0414 - whoever is handed one finds it here too
)
from bulk_publisher.portal.transport import PortalClient
from bulk_publisher.sources.opening import found
from bulk_publisher.store import SharedState
from bulk_publisher.store.secret_file import token_file
from bulk_publisher.store.token_keeping import TokenKeeping
from bulk_publisher.text.redaction import Redactor
from bulk_publisher.text.shown import as_text, shown

_LOCK_IS_AWAITED = 60.0
_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Application:
    """What a portal knows an application by."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where tokens are to be kept.

    Attributes:
        portal: How they are found again: by ``oauth``, and by a name where they have one.
        named_in: The file that names it; None where it has no name.
        is_new: That file does not name it yet, or says something else of it.
    """

    portal: Portal
    named_in: Path | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """How a login has ended.

    Attributes:
        user: On whose behalf the application works; None where that is not told.
        place: Where the tokens are, in words.
        has_sites: Whether the application may work on sites.
    """

    host: str
    user: int | None
    place: str
    has_sites: bool


def place_of(
    asked: Portal,
    environment: Mapping[str, str],
    *,
    in_keyring: bool,
    in_database: bool = False,
    replaces: bool,
) -> Place:
    """Where the tokens of a login belong: under a name, or where *asked* says itself.

    Args:
        in_keyring: Those of a name are kept in the system's keyring.
        in_database: Or else in the database of the runs.
        replaces: The name may be that of a webhook's portal, which it is no more afterwards.

    Raises:
        BadSetting: If neither or both are given, or the name can't be taken.
    """
    if (asked.name is None) == (asked.oauth is None) or (in_keyring and asked.name is None):
        raise BadSetting(
            "Say where to keep the tokens: --portal NAME, with or without --keyring, or --oauth-file FILE."
        )
    if asked.name is None:
        return Place(asked)
    if not is_portal_name(asked.name):
        raise BadSetting(f"{shown(asked.name)}: {PORTAL_NAMES}.")
    named_in = portals_path(asked.named_in, environment)
    before = read_portals(named_in).by_name.get(asked.name)
    if before is not None and before.webhook is not None and not replaces:
        raise BadSetting(
            f"The portal {asked.name} has a webhook already.",
            "Choose another name, or replace the webhook with --replace.",
        )
    secret = None if before is None else before.oauth
    if in_keyring and (secret is None or secret.keyring is None):
        secret = Secret(keyring=asked.name)
    elif in_database and not in_keyring and (secret is None or secret.store is None):
        secret = Secret(store=asked.name)
    if secret is None:
        secret = Secret(file=str(token_file(asked.name, environment)))
    plan, ca_file = (None, None) if before is None else (before.plan, before.ca_file)
    portal = msgspec.structs.replace(
        asked, oauth=secret, plan=plan, ca_file=asked.ca_file or ca_file
    )
    return Place(portal, named_in, is_new=before is None or before.oauth != secret)


def check_place(place: Place, environment: Mapping[str, str], state: SharedState) -> None:
    """Refuse a place in a database that can't be used: no code is to be spent in vain.

    Raises:
        BadSetting: If it can't be.
    """
    if place.portal.oauth is not None and place.portal.oauth.store is not None:
        keeping = keeping_of(place.portal, environment, state)
        keeping.make_folder()
        keeping.is_there()


def read_client(name: str) -> Application:
    """The application whose ID and secret stand in the JSON file *name*.

    Raises:
        BadSetting: If they do not.
    """
    try:
        told = msgspec.json.decode(read_given(name), type=dict[str, object])
        client_id, client_secret = (told.get(key) for key in ("client_id", "client_secret"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        client_id = client_secret = None
    if not isinstance(client_id, str) or not isinstance(client_secret, str):
        raise BadSetting(
            f"{as_text(name)}: it is not a JSON object with client_id and client_secret."
        ) from None
    return Application(client_id, client_secret)


def new_visit(address: str, client_id: str) -> Visit:
    """A visit to the page of the portal at *address*, with a state that nobody can foresee.

    Raises:
        BadSetting: If *address* is no portal's.
    """
    return Visit(portal_origin(address), client_id, secrets.token_urlsafe(24))


def token_endpoint_at(server: str | None, told: Mapping[str, str], origin: str) -> str:
    """Where codes are exchanged: at *server* if it is given, else where the vendor does it for this portal.

    Raises:
        BadSetting: If *server* is no host.
    """
    if server is None:
        vendor = {key: told[key] for key in ("server_domain",) if key in told}
        is_here = "//127." in origin or "//[::1]" in origin or "//localhost" in origin
        return token_endpoint_of({"client_endpoint": f"{origin}/rest/"} if is_here else vendor)
    if server in TOKEN_ENDPOINTS:
        return TOKEN_ENDPOINTS[server]
    parts = split_address(f"https://{server}")
    if parts is None or parts.path or parts.query or parts.username:
        raise BadSetting(
            "--token-server: that is not a host.", "Give its name, such as oauth.bitrix.info."
        )
    return f"https://{host_of(parts)}/oauth/token/"


async def exchanged(
    visit: Visit,
    granted: Granted,
    application: Application,
    *,
    server: str | None,
    ca_file: str | None,
) -> TokenSet:
    """The tokens that the code of a visit is good for.

    Raises:
        PortalUnusable: If the authorisation server hands out none.
        BadSetting: If they are for another portal, or *server* is no host.
    """
    redactor = Redactor(application.client_secret)
    redactor.learn(granted.code)
    with crash.hidden(RunLog(redactor)):
        endpoint = token_endpoint_at(server, granted.told, visit.origin)
        asked = TokenEndpoint(
            endpoint,
            redactor,
            ca_file=None if ca_file is None else Path(found(ca_file)),
            proxy=None,
        )
        query = {
            "grant_type": "authorization_code",
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "code": granted.code,
        }
        answer = await asked.ask(query, LoopClock())
        if isinstance(answer, Fault):
            raise PortalUnusable(answer.words, _after_code(answer))
        return _tokens_for(visit, application, answer, endpoint)


async def tokens_from(data: bytes, application: Application, *, where: str) -> TokenSet:
    """The tokens that an application has already.

    Args:
        application: Where *data* does not name it.
        where: They were found, ``-`` for standard input.

    Raises:
        BadSetting: If they are none.
    """
    return given_tokens(
        data,
        where="<stdin>" if where == "-" else where,
        client_id=application.client_id,
        client_secret=application.client_secret,
        now=LoopClock().epoch(),
    )


async def log_in(
    tokens: TokenSet,
    place: Place,
    environment: Mapping[str, str],
    state: SharedState | None = None,
) -> LoggedIn:
    """Keep *tokens*, and try them with a call that changes nothing.

    Args:
        state: What runs share, tokens in a database included; None for what the environment names.

    Raises:
        BadSetting: If they can't be kept.
        PortalUnusable: If the portal does not take them; they are kept all the same.
    """
    redactor = Redactor(tokens.client_secret)
    for secret in tokens.secrets[1:]:
        redactor.learn(secret)
    with crash.hidden(RunLog(redactor)):
        keeping = keeping_of(place.portal, environment, state)
        await _keep(tokens, place, keeping)
        credential = read_credential(place.portal, environment, state)
        if not isinstance(credential, OAuth):
            raise TypeError("tokens are read as tokens")
        with crash.hidden(RunLog(credential.redactor)):
            scopes = await _tried(credential, place)
        return LoggedIn(credential.host, credential.user, keeping.place, "landing" in scopes)


async def _keep(tokens: TokenSet, place: Place, keeping: TokenKeeping) -> None:
    clock = LoopClock()
    until = clock.now() + _LOCK_IS_AWAITED
    try:
        keeping.make_folder()
        while (lock := keeping.try_lock()) is None and clock.now() < until:
            await clock.sleep_until(Mono(clock.now() + _POLL))
        if lock is None:
            raise BadSetting(f"{keeping.place}: another process is renewing the tokens.", "Try again later.")  # fmt: skip
        with lock:
            keeping.write(encode_tokens(tokens))
    except OSError as error:
        raise BadSetting(
            f"{keeping.place}: the tokens can't be kept there: {error.strerror or error}.",
            "Make the folder writable, or keep them elsewhere.",
        ) from error
    if place.named_in is not None and place.is_new:
        # After the tokens: an entry is found with what it names.
        _name(place.portal, place.named_in)


def _name(portal: Portal, named_in: Path) -> None:
    secret = portal.oauth or Secret()
    if secret.file is not None:
        secret = Secret(file=beside(Path(secret.file), named_in))
    ca_file = None if portal.ca_file is None else beside(Path(portal.ca_file), named_in)
    entry = Portal(oauth=secret, plan=portal.plan, ca_file=ca_file)
    put_portal(named_in, str(portal.name), entry, replaces=True)


async def _tried(credential: OAuth, place: Place) -> list[object]:
    """The permissions that the application has."""
    ca_file = place.portal.ca_file
    door = Door(capacity=1.0, drain=1.0)
    path = None if ca_file is None else Path(found(ca_file))
    async with PortalClient(credential, door, ca_file=path, connections=1) as client:
        answer = await client.call("scope", {})
    if isinstance(answer, Fault):
        raise PortalUnusable(answer.words, answer.hint)
    return answer.result if isinstance(answer.result, list) else []


def _tokens_for(
    visit: Visit, application: Application, answer: TokenAnswer, endpoint: str
) -> TokenSet:
    told = answer.client_endpoint or f"{visit.origin}/rest/"
    parts = split_address(told)
    if parts is None or host_of(parts) != visit.host:
        raise BadSetting(f"The tokens are for another portal than {visit.host}: they are not kept.")
    with suppress(msgspec.ValidationError):
        return msgspec.convert(
            {
                "access_token": answer.access_token,
                "refresh_token": answer.refresh_token,
                "client_id": application.client_id,
                "client_secret": application.client_secret,
                "client_endpoint": told,
                "token_endpoint": endpoint,
                "member_id": answer.member_id,
                "user_id": answer.user_id,
                "expires": answer.expires,
            },
            TokenSet,
        )
    raise BadSetting("The client ID or the client secret can't be one.")


def _after_code(fault: Fault) -> str:
    if fault.code == "invalid_grant":
        return f"A code is good for one time and for {CODE_LIFETIME} s: log in again, and paste the address sooner."
    if fault.kind is FaultClass.TRANSIENT:
        return "The code may be used up: log in again."
    return fault.hint
