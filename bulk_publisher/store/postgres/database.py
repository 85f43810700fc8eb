"""Connections to the database, and statements that end: each is answered, refused or given up in time."""

import re
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict

from bulk_publisher.clock import boottime
from bulk_publisher.errors import BadSetting
from bulk_publisher.store.database_address import DatabaseAddress

T = TypeVar("T")
Row = tuple[Any, ...]
Parameters = Mapping[str, object] | Sequence[object]

STATEMENT_TIMEOUT = 10.0
"""Seconds that the server gives a statement, a lock and an idle transaction."""
ANSWER_TIMEOUT = STATEMENT_TIMEOUT + 2
"""Seconds after which an answer is not waited for any more: a server that is stopped says nothing."""
_CONNECTIONS = 16
"""At most, of one process: two hundred runs write some fifty statements a second."""
SCHEMA = "bulk_publisher"

_UNDECIDED = ("08", "57P", "40003")
"""Beginnings of codes after which nobody knows whether a statement was done."""
_PASSING = ("40", "55P03", "57014", "53300", "53400", "25P", "25006")
"""Of what was refused for certain, what may be done a little later."""
_QUESTION = re.compile(r"\s*\bIs the server running [^?]*\?")
"""What libpq asks where it reaches no server: hints of ours do that."""
_MISSING = ("42P01", "3F000")


class NoAnswerFromDatabase(Exception):
    """Nobody knows whether it was done: the connection was lost, or no answer came. The text says why."""


class RefusedByDatabase(Exception):
    """It was not done, for certain.

    Args:
        is_passing: Whether the same may be done a little later.
        code: PostgreSQL's; empty where the database was not reached.
    """

    def __init__(self, words: str, *, is_passing: bool, code: str = "") -> None:
        super().__init__(words)
        self.is_passing = is_passing
        self.code = code

    @property
    def is_about_missing(self) -> bool:
        """Whether there is no such table, or nothing of ours at all."""
        return self.code in _MISSING


def may_pass(error: NoAnswerFromDatabase | RefusedByDatabase) -> bool:
    """Whether the same may be done a little later."""
    return isinstance(error, NoAnswerFromDatabase) or error.is_passing


class _Connection(psycopg.Connection[Row]):
    """A connection on which no answer is waited for longer than it may take."""

    answer_timeout = ANSWER_TIMEOUT

    def wait(self, gen: PQGen[T], *args: Any, **named: Any) -> T:
        """As the library does; an answer that does not come is an error, and the end of the connection."""
        try:
            return super().wait(_until(gen, boottime() + self.answer_timeout), *args, **named)
        except TimeoutError as error:
            self.pgconn.finish()
            raise psycopg.OperationalError("the database does not answer") from error

    def __del__(self, *_: Any) -> None:
        """It ends with the last who knows it: those that nobody uses wait for the next statement."""


def _until(gen: PQGen[T], end: float) -> Generator[Any, Any, T]:
    """*gen*, which is asked ten times a second whatever happens, until *end*."""
    wanted = next(gen)
    while True:
        ready = yield wanted
        if not ready and boottime() > end:
            gen.close()
            raise TimeoutError
        try:
            wanted = gen.send(ready)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]  # what the library's generator gives


class Database:
    """A database, with few connections that all threads of this process share. To have it opens nothing."""

    def __init__(self, address: DatabaseAddress, *, answer_timeout: float = ANSWER_TIMEOUT) -> None:
        """Nothing is asked yet.

        Args:
            answer_timeout: Seconds after which an answer is not waited for any more.
        """
        self.address = address
        self._answer_timeout = answer_timeout
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._places = threading.BoundedSemaphore(_CONNECTIONS)

    def rows(self, statement: LiteralString, parameters: Parameters = ()) -> list[Row]:
        """What a statement gives that may be done twice: after a lost connection it is.

        Raises:
            NoAnswerFromDatabase: If it was not answered then either.
            RefusedByDatabase: If it was not done.
        """
        try:
            return self.once(statement, parameters)
        except NoAnswerFromDatabase:
            return self.once(statement, parameters)

    def once(self, statement: LiteralString, parameters: Parameters = ()) -> list[Row]:
        """What a statement gives that is committed by itself, and sent once.

        Raises:
            NoAnswerFromDatabase: If nobody knows whether it was done.
            RefusedByDatabase: If it was not done.
        """
        with self._connection() as connection:
            cursor = connection.execute(statement, parameters, binary=True)
            return cursor.fetchall() if cursor.description is not None else []

    @contextmanager
    def together(self) -> Iterator["psycopg.Connection[Row]"]:
        """A transaction, for what is done once in a while.

        Raises:
            NoAnswerFromDatabase: If nobody knows whether it was done.
            RefusedByDatabase: If it was not done.
        """
        with self._connection() as connection, connection.transaction():
            yield connection

    def close(self) -> None:
        """Leave the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            with suppress(psycopg.Error):
                connection.close()

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        if not self._places.acquire(timeout=self._answer_timeout):
            raise RefusedByDatabase("all connections are in use", is_passing=True)
        connection = None
        try:
            connection = self._taken()
            yield connection
        except psycopg.Error as error:
            raise self._told(error, connection) from None
        finally:
            if connection is not None:
                self._give_back(connection)
            self._places.release()

    def _taken(self) -> _Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            return _connect(self.address, self._answer_timeout)
        except psycopg.Error as error:
            # Nothing was sent: whatever it is, nothing was done.
            raise RefusedByDatabase(_words(error), is_passing=True) from None

    def _give_back(self, connection: _Connection) -> None:
        if not connection.closed and not connection.broken:
            with self._lock:
                self._idle.append(connection)

    def _told(self, error: psycopg.Error, connection: _Connection | None) -> Exception:
        code = error.sqlstate or ""
        is_lost = connection is None or connection.closed or connection.broken
        if is_lost or not code or code.startswith(_UNDECIDED):
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()
            # The others were most likely lost with it.
            self.close()
            return NoAnswerFromDatabase(_words(error))
        return RefusedByDatabase(_words(error), is_passing=code.startswith(_PASSING), code=code)


def _connect(address: DatabaseAddress, answer_timeout: float) -> _Connection:
    milliseconds = int(STATEMENT_TIMEOUT * 1000)
    given = conninfo_to_dict(address.url)
    ours = " ".join(
        f"-c {name}={value}"
        for name, value in {
            "search_path": SCHEMA,
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
            "tcp_keepalives_idle": 30,
            "timezone": "UTC",
        }.items()
    )
    options = {
        "connect_timeout": max(2, int(min(STATEMENT_TIMEOUT, answer_timeout))),
        "application_name": "bulk-publisher",
        "keepalives_idle": 30,
        "tcp_user_timeout": milliseconds,
        **given,
        "options": f"{given.get('options') or ''} {ours}".strip(),
    }
    connection = _Connection.connect(autocommit=True, **options)  # type: ignore[arg-type]  # words and numbers, as libpq takes them
    connection.answer_timeout = answer_timeout
    # Whoever made it weaker for all would lose lines; who made it stronger has his reasons.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')"
    )
    return connection


def _words(error: psycopg.Error) -> str:
    """Why, in one line, without what the server quotes of the data, and without the library's questions."""
    primary = error.diag.message_primary
    said = _QUESTION.sub("", primary or str(error)) or type(error).__name__
    return " ".join(said.split()).removesuffix(".")


def checked_address(address: DatabaseAddress) -> DatabaseAddress:
    """*address*, of which the library takes all parameters.

    Raises:
        BadSetting: If it does not.
    """
    try:
        conninfo_to_dict(address.url)
    except psycopg.Error as error:
        raise BadSetting(f"The database's URL can't be read: {_words(error)}.") from None
    return address
