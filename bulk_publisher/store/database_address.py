"""Where a database is: its URL, which may hold a password, and how it is told without. Pure.

What stands after ``#`` names a run in it; PostgreSQL itself knows no such part.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

SCHEMES = ("postgresql://", "postgres://")
_SECRETS = {"password", "sslpassword"}
"""Parameters of a URL that are secret, beside what stands before its ``@``."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A database, and perhaps a run in it.

    Attributes:
        url: As it was given, without the run. It may hold secrets.
        run: Empty for none.
    """

    url: str = field(repr=False)
    run: str = ""

    @property
    def shown(self) -> str:
        """The URL without its secrets: still one that a command takes."""
        parts = urlsplit(self.url)
        login, at, host = parts.netloc.rpartition("@")
        query = parse_qsl(parts.query, keep_blank_values=True)
        told = urlencode([pair for pair in query if pair[0] not in _SECRETS], safe="/:,")
        # What puts URLs together leaves out the slashes before a host that is not named.
        where = f"{parts.scheme}://{login.partition(':')[0]}{at}{host}{parts.path}"
        return f"{where}?{told}" if told else where

    @property
    def secrets(self) -> frozenset[str]:
        """What of the URL nobody is to see, as it stands there and as it is meant."""
        parts = urlsplit(self.url)
        _, _, password = parts.netloc.rpartition("@")[0].partition(":")
        query = parse_qsl(parts.query)
        found = {password, unquote(password), *(value for name, value in query if name in _SECRETS)}
        return frozenset(found - {""})

    def of_run(self, run: str) -> str:
        """How the run *run* of this database is told, without secrets."""
        return f"{self.shown}#{quote(run)}"


def is_database(place: str) -> bool:
    """Whether *place* is a database, and no folder."""
    return place.startswith(SCHEMES)


def parse_address(text: str) -> DatabaseAddress:
    """The address in *text*.

    Raises:
        ValueError: If it is none; the words do not repeat it.
    """
    if not is_database(text):
        raise ValueError("it does not begin with postgresql://")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("there are blanks in it: write %20 for one")
    parts = urlsplit(text)
    _ = parts.port  # it raises for what is none
    return DatabaseAddress(text.partition("#")[0], unquote(parts.fragment))
