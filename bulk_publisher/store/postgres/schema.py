"""The tables, in versions: what ``store migrate`` makes, and whether this program fits what is there.

Rules:
    A version is never changed once it was published; the next one follows it. A program works on a newer
    schema as long as that says so (``oldest``), so that hosts can be upgraded one after the other: a
    version first adds what the next one needs, and a later one removes what nobody uses any more.
"""

import re
import shlex
from dataclasses import dataclass
from typing import LiteralString

from bulk_publisher.errors import BadSetting
from bulk_publisher.store.postgres.database import (
    SCHEMA,
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
    may_pass,
)

_LOCK = 0x62756C6B
"""Of the database, held by one ``store migrate`` at a time: "bulk"."""

_FIRST: LiteralString = """
CREATE TABLE store (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    version integer NOT NULL,
    oldest integer NOT NULL,
    renew_every double precision NOT NULL DEFAULT 10 CHECK (renew_every > 0),
    silent_after double precision NOT NULL DEFAULT 40 CHECK (silent_after > renew_every),
    taken_over_after double precision NOT NULL DEFAULT 120 CHECK (taken_over_after > silent_after)
);
COMMENT ON TABLE store IS 'Version, and the seconds of leases: the same for all hosts.';

CREATE TABLE run (
    id text PRIMARY KEY,
    begun bigint,
    description bytea,
    steering bytea,
    verdicts integer NOT NULL DEFAULT 0
);
CREATE INDEX run_begun ON run (begun) WHERE begun IS NOT NULL;

CREATE TABLE lease (
    key text PRIMARY KEY,
    is_held boolean NOT NULL DEFAULT false,
    holder text NOT NULL DEFAULT '',
    token bigint NOT NULL DEFAULT 0,
    beat bigint NOT NULL DEFAULT 0,
    beat_at timestamptz NOT NULL DEFAULT now(),
    wanted_at timestamptz,
    seq bigint NOT NULL DEFAULT 0,
    digest bytea,
    lines bigint NOT NULL DEFAULT 0,
    place bytea,
    noted_at timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE lease IS 'Who works on a run, a portal or a job. What is written of a run moves its seq.';

CREATE TABLE chunk (
    run text NOT NULL,
    seq bigint NOT NULL,
    token bigint NOT NULL,
    digest bytea NOT NULL,
    lines integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (run, seq)
);
ALTER TABLE chunk ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE chunk IS 'The journal: lines of outcomes.jsonl, zlib.';

CREATE TABLE note (
    run text NOT NULL,
    seq bigint NOT NULL,
    token bigint NOT NULL,
    digest bytea NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (run, seq)
);
COMMENT ON TABLE note IS 'Pages that were sent and may have no line yet: lines of sent.jsonl, zlib.';

CREATE TABLE verdict (
    run text NOT NULL,
    edition integer NOT NULL,
    number integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (run, edition, number)
);
CREATE TABLE progress (
    run text PRIMARY KEY,
    token bigint NOT NULL,
    at timestamptz NOT NULL,
    data bytea NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE log (
    run text NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    data bytea NOT NULL,
    PRIMARY KEY (run, number)
);
CREATE TABLE document (
    run text NOT NULL,
    name text NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (run, name)
);
CREATE TABLE handover (
    identity text PRIMARY KEY,
    portal text NOT NULL,
    session text NOT NULL,
    at timestamptz NOT NULL,
    data bytea NOT NULL
);
CREATE INDEX handover_portal ON handover (portal, at);
CREATE TABLE told (
    job text PRIMARY KEY,
    data bytea NOT NULL
);
CREATE TABLE slot (
    name text PRIMARY KEY,
    next_due double precision,
    edition bigint NOT NULL,
    data bytea NOT NULL
);
CREATE INDEX slot_edition ON slot (edition);
CREATE TABLE plan (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    edition bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO plan DEFAULT VALUES;
COMMENT ON TABLE plan IS 'How often slots were changed.';
CREATE TABLE audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data bytea NOT NULL
);
CREATE TABLE approval (
    name text PRIMARY KEY,
    record bytea NOT NULL,
    plan bytea
);
CREATE TABLE job_order (
    name text PRIMARY KEY,
    submitted double precision,
    data bytea
);
CREATE TABLE order_list (
    of_order text NOT NULL,
    name text NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (of_order, name)
);
"""

_SECOND: LiteralString = """
CREATE TABLE credential (
    name text PRIMARY KEY,
    edition bigint NOT NULL DEFAULT 1,
    key_id text NOT NULL,
    data bytea NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE credential IS 'Tokens of applications, encrypted with a key that only the hosts have.';

CREATE SEQUENCE lease_token;
SELECT setval('lease_token', (SELECT coalesce(max(token), 0) + 1000000 FROM lease));
CREATE FUNCTION new_lease_token() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = bulk_publisher, pg_temp
    AS $$ BEGIN NEW.token := nextval('lease_token'); RETURN NEW; END $$;
CREATE TRIGGER lease_taken BEFORE UPDATE OF token ON lease FOR EACH ROW
    WHEN (NEW.token IS DISTINCT FROM OLD.token) EXECUTE FUNCTION new_lease_token();
COMMENT ON SEQUENCE lease_token IS 'No lease has a token twice, also where its row was deleted and made again.';
"""
"""Tokens of leases are drawn by the database, so that programs of the first version draw them there, too."""


@dataclass(frozen=True, slots=True)
class Version:
    """A step of the schema.

    Attributes:
        oldest: The oldest program that works on it, by the version that it was made for.
    """

    statements: LiteralString
    oldest: int


VERSIONS = (Version(_FIRST, 1), Version(_SECOND, 1))
"""The first is version 1."""
CURRENT = len(VERSIONS)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds, the same for all hosts: the database has them.

    Attributes:
        renew_every: Between two renewals of a lease.
        silent_after: The last renewal: nothing leaves any more.
        taken_over_after: For which somebody else has seen a lease unchanged: it is free.
    """

    renew_every: float = 10.0
    silent_after: float = 40.0
    taken_over_after: float = 120.0


def version_of(database: Database) -> int:
    """The version of the schema that is there; 0 for none.

    Raises:
        NoAnswerFromDatabase: If that can't be told.
        RefusedByDatabase: Likewise.
    """
    try:
        found = database.rows("SELECT version FROM store")
    except RefusedByDatabase as error:
        if error.is_about_missing:
            return 0
        raise
    return int(found[0][0]) if found else 0


def check_schema(database: Database) -> LeaseTimes:
    """See that this program works with what is there; gives the times of its leases.

    Raises:
        BadSetting: If the database can't be reached, or its schema is too old or too new.
    """
    try:
        found = database.rows(
            "SELECT version, oldest, renew_every, silent_after, taken_over_after FROM store"
        )
    except NoAnswerFromDatabase as error:
        raise unreachable(database, error) from None
    except RefusedByDatabase as error:
        if not error.is_about_missing:
            raise unreachable(database, error) from None
        found = []
    if not found:
        raise BadSetting(
            f"{database.address.shown}: no runs are kept there yet.",
            f"Prepare it with: {_migrate(database)}",
        )
    version, oldest, *times = found[0]
    if version < CURRENT:
        raise BadSetting(
            f"{database.address.shown}: its schema is version {version}, and this program needs {CURRENT}.",
            f"Upgrade it with: {_migrate(database)}",
        )
    if oldest > CURRENT:
        raise _too_new(database, version)
    return LeaseTimes(*times)


def migrate(database: Database) -> tuple[int, int]:
    """Bring the schema to this program's version; where it is there already, nothing is done.

    Returns:
        The versions before and after.

    Raises:
        BadSetting: If the database can't be reached, or does not allow it, or its schema is newer.
    """
    try:
        with database.together() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            there = "SELECT to_regnamespace(%s) IS NOT NULL"
            if not (row := connection.execute(there, [SCHEMA]).fetchone()) or not row[0]:
                connection.execute(f"CREATE SCHEMA {SCHEMA}")
            row = connection.execute("SELECT to_regclass('store') IS NOT NULL").fetchone()
            before = 0
            if row and row[0]:
                row = connection.execute("SELECT version FROM store").fetchone()
                before = int(row[0]) if row else 0
            if before > CURRENT:
                raise _too_new(database, before)
            for version in VERSIONS[before:]:
                connection.execute(version.statements)
            if before < CURRENT:
                connection.execute(
                    "INSERT INTO store (version, oldest) VALUES (%s, %s) "
                    "ON CONFLICT (only_one) DO UPDATE SET version = excluded.version, oldest = excluded.oldest",
                    [CURRENT, VERSIONS[-1].oldest],
                )
    except (NoAnswerFromDatabase, RefusedByDatabase) as error:
        raise unreachable(database, error) from None
    return before, CURRENT


_HINTS = tuple(
    (re.compile(words), hint)
    for words, hint in (
        ("certificate", "sslrootcert=FILE in the URL names the authority of the server's certificate, which must be for that host name."),
        ('database ".*" does not exist', "Check its name in the URL; its owner makes it with createdb."),
        ("resolve host|translate host name", "Check the host's name in the URL."),
        ("does not support SSL", "Set up TLS at the server, or change sslmode in the URL: docs/cluster.md tells what is safe."),
        ("authentication failed|no password supplied|pg_hba|role .* does not exist", "Check the user and the password; pg_hba.conf at the server says who may connect from where."),
        ("Connection refused|No such file|timeout|timed out|No route|unreachable|does not answer", "Check that it is running, and the host and the port in the URL."),
    )
)  # fmt: skip
"""What to do, by what libpq says: it has no codes for what goes wrong before a connection is there. The first that fits."""


def unreachable(database: Database, error: NoAnswerFromDatabase | RefusedByDatabase) -> BadSetting:
    """The error of a database that can't be used, or is not reached."""
    if isinstance(error, RefusedByDatabase) and error.code == "42501":
        hint = "Its owner grants the role what it needs: docs/cluster.md has the statements."
    else:
        said = str(error)
        hint = next((hint for words, hint in _HINTS if words.search(said)), "psql with the same URL tells more.")  # fmt: skip
    return BadSetting(f"{database.address.shown}: {error}.", hint).passing(may_pass(error))


def _too_new(database: Database, version: int) -> BadSetting:
    return BadSetting(
        f"{database.address.shown}: its schema is version {version}, newer than this program knows ({CURRENT}).",
        "Upgrade bulk-publisher on this machine.",
    )


def _migrate(database: Database) -> str:
    return f"bulk-publisher store migrate --store {shlex.quote(database.address.shown)}"
