"""Portals that are given a name, and lose it: the entry, and the secret that is kept for it.

The secret is there before the entry that names it, and goes before it: what is cut short can be done again.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.client.sites import EVERY_SCOPE
from bulk_publisher.errors import BadSetting, BulkPublisherError
from bulk_publisher.jobs import (
    Job,
    NamedPortals,
    Portal,
    PortalPlan,
    Secret,
    is_portal_name,
    put_portal,
    read_portals,
    remove_portal,
)
from bulk_publisher.log import RunLog
from bulk_publisher.model import Scope
from bulk_publisher.operations import crash
from bulk_publisher.operations.access import Reached
from bulk_publisher.operations.checking import Examination, examine
from bulk_publisher.operations.secrets import Credential, doubt_of, read_credential
from bulk_publisher.sources.opening import reason
from bulk_publisher.store import SharedState
from bulk_publisher.store.credential_files import (
    read_credential_file,
    remove_credential_file,
    write_credential_file,
)
from bulk_publisher.store.system_keyring import (
    is_in_keyring,
    read_from_keyring,
    remove_from_keyring,
    write_to_keyring,
)
from bulk_publisher.store.user_folder import config_folder
from bulk_publisher.text.shown import as_text, shown

_AT_ONCE = 8
"""Portals that are looked at together: each of them waits for its own answers."""


@dataclass(frozen=True, slots=True)
class Named:
    """A portal that is to have a name.

    Attributes:
        path: The file that names it.
        plan: None if the portal is to be asked.
        ca_file: As the current folder sees it; None for the system's certificates.
    """

    path: Path
    name: str
    plan: PortalPlan | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What was found of a named portal.

    Attributes:
        examination: None where its credential could not be read, or it could not be asked.
        error: Why; None where it could.
    """

    name: str
    examination: Examination | None
    error: BulkPublisherError | None = None

    @property
    def is_usable(self) -> bool:
        """Whether a run could work there."""
        return self.examination is not None and self.examination.is_usable


def check_keepable(
    named: Named, environment: Mapping[str, str], *, in_keyring: bool, replaces: bool
) -> None:
    """Refuse a name that can't be, or that is taken, by a portal or by a secret that is kept.

    Args:
        in_keyring: The secret is to be kept there; refuse, too, where there is none.
        replaces: The name may be taken.

    Raises:
        BadSetting: If it is one.
    """
    if not is_portal_name(named.name):
        raise BadSetting(
            f"{shown(named.name)} can't be a portal's name.",
            "Use up to 60 letters, digits, '.', '_' and '-', beginning with a letter or a digit.",
        )
    is_named = named.name in read_portals(named.path).by_name
    place = _place_of(named.name, environment, in_keyring=in_keyring)
    is_kept = _is_there(place)
    if replaces:
        return
    if is_named:
        raise BadSetting(
            f"{as_text(str(named.path))} names a portal {shown(named.name)} already.",
            "Choose another name, or replace it with --replace.",
        )
    if is_kept:
        raise BadSetting(
            f"A secret is kept under that name already, {in_words(place)}: another file of portals may use it.",
            "Choose another name, or replace the secret with --replace.",
        )


def keep_portal(
    named: Named,
    secret: str,
    environment: Mapping[str, str],
    *,
    key: Literal["webhook", "oauth"] = "webhook",
    in_keyring: bool,
    replaces: bool,
) -> Secret:
    """Keep *secret*, and name the portal; what had that name before is replaced where it may be.

    Args:
        key: What the secret is.
        in_keyring: It is kept in the system's keyring; otherwise in a file of its own.

    Returns:
        Where it is kept.

    Raises:
        BadSetting: If the name is taken, or something can't be written; then nothing has changed.
    """
    check_keepable(named, environment, in_keyring=in_keyring, replaces=replaces)
    before = read_portals(named.path).by_name.get(named.name)
    place = _place_of(named.name, environment, in_keyring=in_keyring)
    old = _read_at(place)
    _write_at(place, secret)
    told = place if place.file is None else Secret(file=beside(Path(place.file), named.path))
    ca_file = None if named.ca_file is None else beside(Path(named.ca_file), named.path)
    webhook, oauth = (told if key == one else None for one in ("webhook", "oauth"))
    portal = Portal(webhook=webhook, oauth=oauth, plan=named.plan, ca_file=ca_file)
    try:
        put_portal(named.path, named.name, portal, replaces=replaces)
    except BadSetting:
        if old is None:
            _remove_at(place)
        else:
            _write_at(place, old)
        raise
    if before is not None and (left := before.webhook or before.oauth) is not None:
        _forget(left, read_portals(named.path), environment)
    return place


def forget_portal(path: Path, name: str, environment: Mapping[str, str]) -> tuple[Secret, bool]:
    """Remove the portal *name* from the file at *path*, and its secret, if that was kept for it.

    Returns:
        Where its secret is or was, and whether it was removed: not what others use too, or what
        somebody else keeps in a file or in the environment.

    Raises:
        BadSetting: If there is no such portal, or something can't be removed.
    """
    portals = read_portals(path)
    entry = portals.find(name)
    others = NamedPortals(path, {key: one for key, one in portals.by_name.items() if key != name})
    secret = entry.webhook or entry.oauth or Secret()
    was_removed = _forget(secret, others, environment)
    remove_portal(path, name)
    return secret, was_removed


async def look_at_portals(
    portals: NamedPortals,
    names: Iterable[str],
    environment: Mapping[str, str],
    *,
    scopes: tuple[Scope | None, ...] = EVERY_SCOPE,
    state: SharedState | None = None,
    warn: Warn = say_nothing,
) -> list[Look]:
    """Whether a run could work on each of *names*, in their order; changes nothing.

    Args:
        scopes: The kinds of site to look at.
        state: Where their limits are shared; None for with the runs of this machine.
        warn: Told when a portal does not answer for a while, or others may read its webhook.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def look(name: str) -> Look:
        async with room:
            try:
                portal = portals.find(name)
                credential = read_credential(portal, environment, state)
                if doubt := doubt_of(portal.webhook):
                    warn(doubt)
                said = partial(_of, name, warn)
                found = await look_at(credential, portal, scopes=scopes, state=state, warn=said)
            except BulkPublisherError as error:
                return Look(name, None, error)
            return Look(name, found)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(look(name)) for name in names]
    return [task.result() for task in tasks]


async def look_at(
    credential: Credential,
    portal: Portal,
    *,
    scopes: tuple[Scope | None, ...] = EVERY_SCOPE,
    state: SharedState | None = None,
    warn: Warn = say_nothing,
) -> Examination:
    """Whether a run could work on *portal* with *credential*: the checks of ``doctor``, no page counted.

    Raises:
        BulkPublisherError: If that can't be told.
    """
    with crash.hidden(RunLog(credential.redactor)):
        return await examine(
            Job(name="portals"),
            Reached(credential, portal, state),
            scopes=scopes,
            most_pages=0,
            warn=warn,
        )


def in_words(secret: Secret) -> str:
    """Where *secret* is."""
    if secret.file is not None:
        return f"in {as_text(secret.file)}"
    if secret.keyring is not None:
        return f"in the system keyring as {shown(secret.keyring)}"
    if secret.store is not None:
        return f"in the database of the runs as {shown(secret.store)}"
    return f"in the environment as {secret.env}"


def _of(name: str, warn: Warn, text: str) -> None:
    warn(f"{name}: {text}")


def _credentials(environment: Mapping[str, str]) -> Path:
    return config_folder(environment) / "credentials"


def _place_of(name: str, environment: Mapping[str, str], *, in_keyring: bool) -> Secret:
    if in_keyring:
        return Secret(keyring=name)
    return Secret(file=str(_credentials(environment) / name))


def beside(file: Path, portals: Path) -> str:
    """How *file* is called in the file of portals: from its folder where it is inside of that."""
    whole, folder = (Path(os.path.abspath(path)) for path in (file, portals.parent))  # noqa: PTH100 - links stay as they are
    return str(whole.relative_to(folder) if whole.is_relative_to(folder) else whole)


def _forget(secret: Secret, others: NamedPortals, environment: Mapping[str, str]) -> bool:
    """Remove *secret* if it is one that we keep, and no portal of *others* uses it."""
    if any(_is_same(secret, one) for portal in others.by_name.values() for one in (portal.webhook, portal.oauth)):  # fmt: skip
        return False
    is_ours = secret.keyring is not None or (
        secret.file is not None and _is_within(Path(secret.file), _credentials(environment))
    )
    return is_ours and _remove_at(secret)


def _is_same(one: Secret, other: Secret | None) -> bool:
    if other is None or one.file is None or other.file is None:
        return one == other
    return os.path.abspath(one.file) == os.path.abspath(other.file)  # noqa: PTH100 - links stay as they are


def _is_within(file: Path, folder: Path) -> bool:
    return os.path.abspath(file.parent) == os.path.abspath(folder)  # noqa: PTH100 - links stay as they are


def _is_there(place: Secret) -> bool:
    if place.keyring is not None:
        return is_in_keyring(place.keyring)
    return os.path.lexists(place.file or "")


def _read_at(place: Secret) -> str | None:
    """What is kept at *place* now; None for nothing, and for what can't be read and is replaced."""
    if not _is_there(place):
        return None
    if place.keyring is not None:
        return read_from_keyring(place.keyring)
    try:
        return read_credential_file(Path(place.file or "")).rstrip("\n")
    except (OSError, UnicodeDecodeError):
        return None


def _write_at(place: Secret, secret: str) -> None:
    if place.keyring is not None:
        write_to_keyring(place.keyring, secret)
        return
    try:
        write_credential_file(Path(place.file or ""), secret)
    except OSError as error:
        raise BadSetting(
            f"{as_text(place.file or '')}: the secret can't be kept there: {reason(error)}.",
            "Make the folder writable, or keep it in the system keyring with --keyring.",
        ) from error


def _remove_at(place: Secret) -> bool:
    if place.keyring is not None:
        return remove_from_keyring(place.keyring)
    try:
        return remove_credential_file(Path(place.file or ""))
    except OSError as error:
        raise BadSetting(
            f"{as_text(place.file or '')}: the secret can't be removed: {reason(error)}."
        ) from error
