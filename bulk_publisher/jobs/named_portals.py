"""The portals that a person has given names: a TOML file without secrets, a table for each.

It may be kept in git and shared. Paths in it are relative to the folder that it is in.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import msgspec

from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs.job import Portal
from bulk_publisher.jobs.job_file import portal_beside
from bulk_publisher.jobs.rules import NAMED_PORTAL, TABLES, portal_conflicts
from bulk_publisher.jobs.toml_file import TomlFile, judge_table
from bulk_publisher.jobs.toml_lines import Key
from bulk_publisher.jobs.values import PORTAL_NAMES, is_portal_name
from bulk_publisher.sources.opening import found
from bulk_publisher.store.files import is_there
from bulk_publisher.store.user_folder import config_folder
from bulk_publisher.text.shown import as_text, did_you_mean, listed, nearest, shown

VARIABLE = "BULK_PUBLISHER_PORTALS"
"""Names the file where nothing else does."""

_HOW_TO_ADD = "bulk-publisher portals add NAME"


def portals_path(named: str | None, environment: Mapping[str, str]) -> Path:
    """Where the file is: as *named*, as the environment says, or in the user's folder for settings.

    Raises:
        BadSetting: If that folder can't be told.
    """
    name = named or environment.get(VARIABLE)
    return Path(found(name)) if name else config_folder(environment) / "portals.toml"


@dataclass(frozen=True, slots=True)
class NamedPortals:
    """The portals of one file, in its order; their paths are as the current folder sees them."""

    path: Path
    by_name: Mapping[str, Portal]

    def find(self, name: str) -> Portal:
        """The portal called *name*; ``name`` and ``named_in`` are left to whoever asked for it.

        Raises:
            BadSetting: If there is none.
        """
        if name in self.by_name:
            return self.by_name[name]
        raise self._unknown(f"There is no portal {shown(name)} in {self._place}", name)

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """The names that *patterns* mean, each once, in the file's order; ``*`` means any letters.

        Raises:
            BadSetting: If a pattern means none.
        """
        wanted: set[str] = set()
        for pattern in patterns:
            names = {name for name in self.by_name if fnmatchcase(name, pattern)}
            if not names and not self.by_name:
                raise BadSetting(
                    f"No portals in {self._place} yet.", f"Add one with: {_HOW_TO_ADD}"
                )
            if not names:
                raise self._unknown(
                    f"No portal in {self._place} is called {shown(pattern)}", pattern
                )
            wanted |= names
        return [name for name in self.by_name if name in wanted]

    def _unknown(self, what: str, name: str) -> BadSetting:
        if not self.by_name:
            why = "it names none yet" if is_there(self.path) else "there is no such file yet"
            return BadSetting(f"{what}: {why}.", f"Add one with: {_HOW_TO_ADD}")
        meant = did_you_mean(name, self.by_name)
        return BadSetting(
            f"{what}{meant or f': there is {listed(self.by_name)}.'}",
            f"Add one with: {_HOW_TO_ADD}",
        )

    @property
    def _place(self) -> str:
        return as_text(str(self.path))


def read_portals(path: Path) -> NamedPortals:
    """The portals that the file at *path* names; none where there is no such file.

    Raises:
        BadSetting: With a line for each mistake: ``file:line: why``.
    """
    if not is_there(path):
        return NamedPortals(path, {})
    try:
        status = path.stat()
    except OSError:
        return _read(path, ())
    return _read(path, (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size))


@lru_cache(maxsize=2)
def _read(path: Path, _version: tuple[int, ...]) -> NamedPortals:
    """The file as it is: a job of hundreds of portals asks for it hundreds of times."""
    file = TomlFile(path, BadSetting)
    return NamedPortals(path, dict(_judged(file, path.parent)))


def find_portal(portal: Portal, environment: Mapping[str, str]) -> Portal:
    """*portal* with what its entry says, if it has a name and no credential of its own; what it says itself comes first.

    Raises:
        BadSetting: If there is no such entry, or the file has mistakes.
    """
    if portal.name is None or any((portal.webhook, portal.oauth, portal.sandbox)):
        return portal
    entry = read_portals(portals_path(portal.named_in, environment)).find(portal.name)
    return msgspec.structs.replace(
        portal,
        webhook=entry.webhook,
        oauth=entry.oauth,
        plan=portal.plan or entry.plan,
        ca_file=portal.ca_file or entry.ca_file,
    )


def _judged(file: TomlFile, folder: Path) -> Iterator[tuple[str, Portal]]:
    complaints, portals = file.complaints, {}
    for name, inside in file.data.items():
        if not is_portal_name(name):
            complaints.add((name,), f"{shown(name)}: {PORTAL_NAMES}")
        elif not isinstance(inside, dict):
            complaints.add((name,), _NO_TABLE.format(name=name))
        else:
            values = judge_table((name,), inside, NAMED_PORTAL, complaints, _unknown_key)
            if not complaints.concern(name):
                portals[name] = portal = msgspec.convert(values, Portal)
                for key, why in portal_conflicts(portal):
                    complaints.add((name, key), why)
                if portal.webhook is None and portal.oauth is None:
                    complaints.add((name,), f"{name}: it needs webhook or oauth: {_HOW}")
    file.check()
    return ((name, portal_beside(portal, folder)) for name, portal in portals.items())


_HOW = (
    'write webhook = { file = "webhook.secret" }, { keyring = "NAME" } or { env = "SHOP_WEBHOOK" }'
)
_NO_TABLE = "{name} must be a portal's table: write [{name}], and webhook = {{ … }} below it"


def _unknown_key(key: str, table: Key) -> str:
    what = f"{shown(key)} is not a key of a named portal"
    if key in TABLES["portal"]:
        return f"{what}: it belongs in [portal] of a job file"
    if key in TABLES["pace"] or key in TABLES["select"]:
        return f"{what}: it belongs in a job file"
    if meant := did_you_mean(key, NAMED_PORTAL):
        return what + meant
    return f"{what}{nearest(key, NAMED_PORTAL)}; a name with a dot is quoted, as in ['a.b']"
