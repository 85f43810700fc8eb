"""The recipients of a job, as what sends to them; their secrets are read late, and handed on alone."""

import random
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module

from bulk_publisher.clock import Clock
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Job, Recipient, Secret
from bulk_publisher.notices.message import Message
from bulk_publisher.notices.portal_user import Entrance, PortalUser
from bulk_publisher.notices.posting import Ping, SignedPost, read_address
from bulk_publisher.notices.programs import Apprise, Command
from bulk_publisher.notices.sending import NotSent, Sender, Switch
from bulk_publisher.operations.beside import beside
from bulk_publisher.sources.opening import read_settings, reason
from bulk_publisher.text.redaction import Redactor
from bulk_publisher.text.shown import as_text

SERVICE = "bulk-publisher"
"""What the keyring calls us."""
_SHORTEST_SECRET = 6
"""Characters of a word in an address that may be a secret."""
_WORDS = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A recipient whose secret can't be read: whoever sends to it hears why."""

    name: str
    why: str

    async def send(self, message: Message) -> str:
        """Say why."""
        raise NotSent(self.why, is_final=True)

    async def begin(self) -> str:
        """Say why."""
        raise NotSent(self.why, is_final=True)

    async def end(self, *, is_well: bool, words: str) -> str:
        """Say why."""
        raise NotSent(self.why, is_final=True)


@dataclass(slots=True)
class Addressees:
    """All recipients of a job.

    Attributes:
        redactor: Knows their secrets.
    """

    senders: list[Sender] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
    redactor: Redactor = field(default_factory=lambda: Redactor(secrets.token_hex(16)))

    def learn(self, address: str, *, is_whole: bool = False) -> None:
        """Hide what may be secret in *address*.

        Args:
            is_whole: All of it is one secret.
        """
        # The name of a host is told; of a service's address hardly anything can be known.
        words = [address] if is_whole else _WORDS.findall(address.partition("://")[2])
        for word in words:
            if len(word) >= _SHORTEST_SECRET:
                self.redactor.learn(word)


async def addressees_of(
    job: Job,
    environment: Mapping[str, str],
    entrance: Entrance,
    *,
    clock: Clock,
    rng: random.Random,
) -> Addressees:
    """Whom *job* names. One whose secret can't be read is among them, and says so."""
    found = Addressees()
    for one in () if job.notify is None else job.notify.to:
        try:
            if one.user is not None:
                found.senders.append(PortalUser(one.user, job, entrance, rng))
            elif one.command:
                found.senders.append(Command(one.command))
            elif one.ping is not None:
                found.switches.append(_ping(one.ping, environment, found))
            elif one.webhook is not None:
                found.senders.append(_post(one.webhook, one.secret, environment, found, clock))
            else:
                found.senders.append(await _apprise(one, environment, found))
        except BadSetting as error:
            unreachable = Unreachable(_kind_of(one), f"{error.message} {error.hint}".rstrip())
            (found.switches if one.ping is not None else found.senders).append(unreachable)
    return found


def _ping(secret: Secret, environment: Mapping[str, str], found: Addressees) -> Ping:
    text, where = _read(secret, environment)
    found.learn(text.partition("://")[2].partition("/")[2], is_whole=True)
    return Ping(read_address(text, where=where))


def _post(
    secret: Secret,
    key: Secret | None,
    environment: Mapping[str, str],
    found: Addressees,
    clock: Clock,
) -> SignedPost:
    text, where = _read(secret, environment)
    found.learn(text.partition("://")[2].partition("/")[2], is_whole=True)
    signing = None if key is None else _read(key, environment)[0]
    if signing is not None:
        found.learn(signing, is_whole=True)
    return SignedPost(read_address(text, where=where), signing, clock)


async def _apprise(one: Recipient, environment: Mapping[str, str], found: Addressees) -> Apprise:
    if one.keyring is None:
        text, where = _read(Secret(env=one.env, file=one.file), environment)
    else:
        name = one.keyring
        text, where = await beside(lambda: _in_keyring(name)), f"The keyring's {name}"
    found.learn(text)
    if "://" not in text:
        raise BadSetting(f"{where} holds no address of a service, such as tgram://... or mailto://...")  # fmt: skip
    return Apprise(text)


def _read(secret: Secret, environment: Mapping[str, str]) -> tuple[str, str]:
    """What *secret* names, and how to call the place.

    Raises:
        BadSetting: If nothing is there.
    """
    if secret.file is not None:
        where = as_text(secret.file)
        try:
            text = read_settings(secret.file).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = reason(error) if isinstance(error, OSError) else "it is not UTF-8 text"
            raise BadSetting(f"{where} can't be read: {why}.") from error
        if not text:
            raise BadSetting(f"{where} is empty.")
        return text, where
    name = secret.env or ""
    text = environment.get(name, "").strip()
    if not text:
        raise BadSetting(f"The environment variable {name} is not set.")
    return text, name


def _in_keyring(name: str) -> str:
    try:
        keyring = import_module("keyring")
    except ImportError as error:
        raise BadSetting(
            "The keyring needs a library.",
            "Install it with: pip install 'bulk-publisher[keyring]'.",
        ) from error
    try:
        text = keyring.get_password(SERVICE, name)
    except Exception as error:  # each system's keyring has errors of its own
        raise BadSetting(f"The keyring can't be opened ({type(error).__name__}).") from error
    if not text:
        raise BadSetting(
            f"The keyring has no {name}.", f"Put it there with: keyring set {SERVICE} {name}."
        )
    return str(text).strip()


def _kind_of(one: Recipient) -> str:
    kinds = {"webhook": one.webhook, "ping": one.ping}
    return next((kind for kind, given in kinds.items() if given is not None), "Apprise")
