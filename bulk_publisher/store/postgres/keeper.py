"""A thread for what may not wait in the loop: it asks the database, and others look at what it has heard."""

import threading
from collections.abc import Callable

from bulk_publisher.clock import boottime
from bulk_publisher.log import log
from bulk_publisher.store.postgres.database import NoAnswerFromDatabase, RefusedByDatabase

Work = Callable[[], None]


class Keeper:
    """Does pieces of work again and again, or once, one after the other; whoever asks does not wait.

    Its thread begins with the first piece. A piece that fails for the database's sake is done again when it
    is due again: nothing here is the truth.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._regular: dict[object, tuple[float, Work]] = {}
        self._due_at: dict[object, float] = {}
        self._pending: dict[object, Work] = {}
        self._thread: threading.Thread | None = None
        self._at_work = False

    def every(self, seconds: float, what: object, work: Work) -> None:
        """Do *work* now, and again so many *seconds* after; it takes the place of what was called *what*."""
        with self._changed:
            self._regular[what] = (seconds, work)
            self._due_at[what] = boottime()
            self._wake()

    def no_more(self, what: object) -> None:
        """*what* is over, be it regular or not; at once, unless it is being done just now."""
        with self._changed:
            self._regular.pop(what, None)
            self._due_at.pop(what, None)
            self._pending.pop(what, None)

    def soon(self, what: object, work: Work) -> None:
        """Do *work* once, in the place of what is called *what* and was not done yet."""
        with self._changed:
            self._pending[what] = work
            self._wake()

    def settle(self, timeout: float) -> bool:
        """Wait until what was asked for once is done; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending and not self._at_work, timeout)

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name=self._name, daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _keep(self) -> None:
        while True:
            with self._changed:
                self._at_work = False
                self._changed.notify_all()
                work = self._next()
                if work is None:
                    # Nothing is left: the next piece has a thread of its own.
                    self._thread = None
                    return
                self._at_work = True
            self._do(work)

    def _next(self) -> Work | None:
        """What is due, once it is; None where nothing ever is."""
        while self._pending or self._due_at:
            if self._pending:
                return self._pending.pop(next(iter(self._pending)))
            what, at = min(self._due_at.items(), key=lambda item: item[1])
            wait = at - boottime()
            if wait <= 0:
                seconds, work = self._regular[what]
                self._due_at[what] = boottime() + seconds
                return work
            self._changed.wait(wait)
        return None

    def _do(self, work: Work) -> None:
        try:
            work()
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            log.debug("database.not_asked", reason=str(error))
        except Exception as error:  # noqa: BLE001 - a thread that ended would renew no lease any more, and nobody would know why
            log.error("database.keeper_crashed", what=type(error).__name__)
