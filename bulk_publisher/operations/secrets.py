"""Where a secret is named, and the secret itself: read late, and handed to the portal alone."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from bulk_publisher.client.oauth import OAuth
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import DEFAULT_WEBHOOK, Portal, Secret
from bulk_publisher.portal.credentials import (
    Credential as Credential,  # noqa: PLC0414 - whoever is handed one finds it here too
)
from bulk_publisher.portal.credentials import (
    Webhook as Webhook,  # noqa: PLC0414 - whoever is handed one finds it here too
)
from bulk_publisher.sources.opening import found, read_settings, reason
from bulk_publisher.store import SharedState, shared_state
from bulk_publisher.store.files import is_readable_by_others
from bulk_publisher.store.keyring_tokens import KeyringTokens
from bulk_publisher.store.secret_file import SecretFile
from bulk_publisher.store.system_keyring import read_from_keyring
from bulk_publisher.store.token_keeping import TokenKeeping
from bulk_publisher.text.redaction import EXAMPLE_URL, learn_environment
from bulk_publisher.text.shown import as_text, shown

STORE_VARIABLE = "BULK_PUBLISHER_STORE"
"""Names the database where no option does."""
_MOST_GIVEN = 1 << 20
"""Bytes of what an application has."""


def read_credential(
    portal: Portal, environment: Mapping[str, str], state: SharedState | None = None
) -> Credential:
    """The credential of *portal*, whose entry was looked up where it has a name.

    Args:
        state: What runs share, tokens in a database included; None for what the environment names.

    Raises:
        BadSetting: If it is not there, or is none.
    """
    if portal.oauth is not None:
        ca_file = None if portal.ca_file is None else found(portal.ca_file)
        keeping = keeping_of(portal, environment, state)
        return OAuth(keeping, ca_file=ca_file, login=login_command(portal))
    return read_webhook(portal.webhook, environment)


def keeping_of(
    portal: Portal, environment: Mapping[str, str], state: SharedState | None = None
) -> TokenKeeping:
    """Where the tokens of *portal*, which has some, are kept.

    Raises:
        BadSetting: If nobody knows where the home is, or no database is named that keeps them.
    """
    secret = portal.oauth or Secret()
    if secret.store is not None:
        shared = state or shared_state(environment.get(STORE_VARIABLE, ""), environment)
        return shared.tokens(secret.store, environment)
    if secret.keyring is not None:
        return KeyringTokens(secret.keyring, environment)
    return SecretFile(Path(found(secret.file or "")))


def login_command(portal: Portal) -> str:
    """What renews the tokens of *portal* where nothing else does."""
    if portal.name is not None:
        where = "" if portal.named_in is None else f" --portals {shlex.quote(portal.named_in)}"
        return f"bulk-publisher login --portal {shlex.quote(portal.name)}{where}"
    secret = portal.oauth or Secret()
    if secret.keyring is not None:
        return f"bulk-publisher login --oauth-keyring {shlex.quote(secret.keyring)}"
    if secret.store is not None:
        return f"bulk-publisher login --oauth-store {shlex.quote(secret.store)}"
    return f"bulk-publisher login --oauth-file {shlex.quote(as_text(secret.file or 'FILE'))}"


def read_given(name: str) -> bytes:
    """What the file *name* holds, or standard input where it is ``-``.

    Raises:
        BadSetting: If it can't be read.
    """
    try:
        if name == "-":
            return sys.stdin.buffer.read(_MOST_GIVEN)
        return read_settings(name, most=_MOST_GIVEN)
    except OSError as error:
        raise BadSetting(
            f"{'<stdin>' if name == '-' else as_text(name)} can't be read: {reason(error)}."
        ) from error


def kind_of(credential: Credential) -> str:
    """What *credential* is, in a word."""
    return "application" if isinstance(credential, OAuth) else "webhook"


def read_webhook(secret: Secret | None, environment: Mapping[str, str]) -> Webhook:
    """The webhook that *secret* names; None stands for ``BITRIX24_WEBHOOK``.

    It hides what else *environment* keeps secret, too.

    Raises:
        BadSetting: If it is not there, or is no webhook.
    """
    webhook = _named_webhook(secret or DEFAULT_WEBHOOK, environment)
    learn_environment(webhook.redactor, environment)
    return webhook


def _named_webhook(named: Secret, environment: Mapping[str, str]) -> Webhook:
    if named.file is not None:
        return webhook_in(_read_file(named.file), where=as_text(named.file))
    if named.keyring is not None:
        where = f"The secret {shown(named.keyring)} of the system keyring"
        return webhook_in(read_from_keyring(named.keyring), where=where)
    name = named.env or ""
    text = environment.get(name, "").strip()
    if not text:
        raise BadSetting(
            f"The environment variable {name} is not set: it holds the portal's webhook URL.",
            f"Create an inbound webhook with the permission Sites (landing), then: export {name}={EXAMPLE_URL}"
            " - or name a file that holds it: --webhook-file FILE, in a job file webhook = { file = … }.",
        )
    return webhook_in(text, where=name)


def doubt_of(secret: Secret | None) -> str:
    """Why *secret* may be known to others on this machine; empty where nothing speaks for it."""
    if secret is None or secret.file is None or not is_readable_by_others(Path(found(secret.file))):
        return ""
    return (
        f"{secret.file}: others on this machine may read or change the webhook in it. "
        f"Protect it with: chmod 600 {shlex.quote(secret.file)}"
    )


def webhook_in(text: str, *, where: str) -> Webhook:
    """The webhook in *text*, whatever an editor or a shell has put around it.

    Args:
        where: It was found, as the beginning of a sentence.

    Raises:
        BadSetting: If it is none.
    """
    try:
        return Webhook(text.lstrip("\ufeff").strip().strip("\"'"))
    except BadSetting as error:
        raise BadSetting(f"{where}: {error.message}", error.hint) from error


def _read_file(name: str) -> str:
    try:
        return read_settings(name).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadSetting(f"{as_text(name)}: the webhook can't be read from it: {why}.") from error
