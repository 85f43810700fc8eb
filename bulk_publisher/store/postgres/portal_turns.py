"""Runs of all hosts that use one portal take turns, and hand the limits over: the portal's lease, and a word.

The bucket of requests is counted by portal and address, whichever credential asks, so the turn is the
portal's; meters are a credential's, so each of these has a word of its own. A thread looks at all of them
at once, and a run looks at what was seen.
"""

import threading

import msgspec

from bulk_publisher.clock import boottime
from bulk_publisher.limits.handover import Handover, aged
from bulk_publisher.log import log
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.store.folder.holders import NOBODY, LockHolder
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
)
from bulk_publisher.store.postgres.keeper import Keeper
from bulk_publisher.store.postgres.leases import Lease, Leases, SeenLease, holder_of

_LOOKS_A_RENEWAL = 10
"""How often the leases are looked at for each time that they are renewed."""
_WANTED_EVERY = 5
"""Of these looks, how many pass until somebody who waits says so again."""
_RENEWALS_A_TURN = 30
"""Five minutes, where a lease is renewed every ten seconds."""
_NO_WORD = Handover(requests=0.0, operating_limit=None, meters={})
_PATIENCE = 2.0
"""Seconds for which the end of a session waits until its last word is kept."""


class TurnBoard:
    """The turns of all sessions of this process, and how the leases of their portals stand."""

    def __init__(self, database: Database, leases: Leases, keeper: Keeper) -> None:
        """Nothing is asked yet."""
        self.database = database
        self.leases = leases
        self.keeper = keeper
        self._lock = threading.Lock()
        self._turns: list[PortalTurn] = []
        self._looks = 0

    def enter(self, turn: "PortalTurn") -> None:
        """Look after *turn* from now on."""
        with self._lock:
            self._turns = [*self._turns, turn]

    def leave(self, turn: "PortalTurn") -> None:
        """No more; where nobody is left, nothing is looked at."""
        with self._lock:
            self._turns = [one for one in self._turns if one is not turn]
            if not self._turns:
                self.keeper.no_more("turns")

    def look_on(self) -> None:
        """Somebody has the turn or waits for it: look now, and from now on."""
        self.keeper.every(self.leases.times.renew_every / _LOOKS_A_RENEWAL, "turns", self._look)

    def _look(self) -> None:
        self._looks += 1
        turns = [turn for turn in self._turns if turn.is_concerned]
        waiting = {turn.key for turn in turns if turn.is_waiting}
        if waiting and self._looks % _WANTED_EVERY == 1:
            self.database.rows(
                "UPDATE lease SET wanted_at = clock_timestamp() WHERE key = ANY(%s) AND is_held",
                [list(waiting)],
            )
        seen = self.leases.look_at({turn.key for turn in turns})
        for turn in turns:
            turn.see(seen[turn.key])


class PortalTurn:
    """The turn of one session. What it says was true when the board was looked at last."""

    def __init__(self, board: TurnBoard, identity: str, session: str, portal: str) -> None:
        """Nothing is taken; what was left before is read.

        Raises:
            NoAnswerFromDatabase: If it can't be.
            RefusedByDatabase: Likewise.
        """
        self.key = f"portal/{portal}"
        self._board = board
        self._identity = identity
        self._session = session
        self._portal = portal
        self._lock = threading.Lock()
        self._lease: Lease | None = None
        self._is_waiting = self._is_ended = False
        self._seen: SeenLease | None = None
        self._word: tuple[Handover, float] | None = None
        self._read_at = 0.0
        self._began_at = boottime()
        self._read_word()
        board.enter(self)

    @property
    def is_concerned(self) -> bool:
        """Whether it is worth a look."""
        return self._is_waiting or self._lease is not None

    @property
    def is_waiting(self) -> bool:
        """Whether it would take the turn."""
        return self._is_waiting

    @property
    def is_ours(self) -> bool:
        """Whether this run may send: only while nobody else can have the turn."""
        lease = self._lease
        return lease is not None and lease.is_fresh

    @property
    def is_wanted(self) -> bool:
        """Whether another run waits for the turn."""
        return self._lease is not None and self._seen is not None and self._seen.is_wanted

    @property
    def lasts(self) -> float:
        """Seconds: until others have seen that it was given takes as long as a renewal may."""
        return self._board.leases.times.renew_every * _RENEWALS_A_TURN

    def holder(self) -> LockHolder:
        """Who has the turn, or had it last."""
        return NOBODY if self._seen is None else holder_of(self._seen.holder)

    def try_take(self) -> bool:
        """Whether it was taken; else it is, as soon as no other run has it."""
        with self._lock:
            if self._lease is not None and self._lease.is_lost:
                self._lease = None
            begins = self._lease is None and not self._is_waiting and not self._is_ended
            self._is_waiting = self._is_waiting or begins
        if begins:
            self._board.look_on()
        return self.is_ours

    def left_by_other(self, now: Mono, _epoch: Epoch) -> tuple[Handover, Mono] | None:
        """How another run has left the limits, and when; None where there is no new word."""
        with self._lock:
            word, self._word = self._word, None
        if word is None:
            return None
        handover, at = word
        return handover, Mono(now - max(0.0, boottime() - at))

    def give(self, handover: Handover, _now: Mono, _epoch: Epoch) -> None:
        """Leave word of the limits, and let others have the turn, beside the loop."""
        with self._lock:
            lease, self._lease, self._is_waiting = self._lease, None, False
        if lease is None or lease.is_lost:
            return
        given_at = boottime()
        self._board.leases.let_go(lease)
        self._board.keeper.soon((self, lease.token), lambda: self._give(lease, handover, given_at))

    def leave_word(self, handover: Handover, _now: Mono, _epoch: Epoch) -> None:
        """At the end of a session that had no turn; beside the loop."""
        with self._lock:
            lease, self._lease, self._is_waiting, self._is_ended = self._lease, None, False, True
        if lease is not None:
            self._board.leases.give_back(lease)
        given_at = boottime()
        self._board.keeper.soon((self, "word"), lambda: self._leave_word(handover, given_at))

    def end(self) -> None:
        """Be seen no more; blocks for a moment, until the last word is kept."""
        with self._lock:
            lease, self._lease, self._is_waiting, self._is_ended = self._lease, None, False, True
        self._board.leave(self)
        if lease is not None:
            self._board.leases.give_back(lease)
        self._board.keeper.settle(_PATIENCE)

    def see(self, seen: SeenLease) -> None:
        """The lease stands so; called by the board's thread."""
        before, self._seen = self._seen, seen
        if self._is_waiting and self._board.leases.is_free(self.key, seen):
            self._take(seen)
        elif before is None or (before.token, before.is_held) != (seen.token, seen.is_held):
            self._read_word()

    def _take(self, seen: SeenLease) -> None:
        lease = self._board.leases.try_take(self.key, seen)
        if lease is None:
            return
        try:
            self._read_word()
        except (NoAnswerFromDatabase, RefusedByDatabase):
            self._board.leases.give_back(lease)
            raise
        with self._lock:
            is_wanted = self._is_waiting
            if is_wanted:
                self._lease, self._is_waiting = lease, False
                self._seen = None
        if not is_wanted:
            self._board.leases.give_back(lease)

    def _leave_word(self, handover: Handover, given_at: float) -> None:
        now = boottime()
        self._board.database.once(
            "INSERT INTO handover (identity, portal, session, at, data) "
            "SELECT %(identity)s, %(portal)s, %(session)s, clock_timestamp() - make_interval(secs => %(ago)s), %(data)s "
            "WHERE NOT EXISTS (SELECT FROM lease WHERE key = %(key)s AND is_held AND beat_at > clock_timestamp() - make_interval(secs => %(quiet)s)) "
            # A run that began and ended meanwhile has told more.
            "AND NOT EXISTS (SELECT FROM handover WHERE portal = %(portal)s AND at > clock_timestamp() - make_interval(secs => %(since)s)) "
            "ON CONFLICT (identity) DO UPDATE SET portal = excluded.portal, session = excluded.session, at = excluded.at, data = excluded.data",
            {
                "key": self.key,
                "quiet": self._board.leases.times.taken_over_after,
                "since": now - self._began_at,
                "identity": self._identity,
                "portal": self._portal,
                "session": self._session,
                "ago": now - given_at,
                "data": msgspec.json.encode(handover),
            },
        )

    def _give(self, lease: Lease, handover: Handover, given_at: float) -> None:
        self._board.database.once(
            "WITH ours AS (UPDATE lease SET is_held = false, beat = beat + 1 WHERE key = %(key)s AND token = %(token)s AND is_held RETURNING 1) "
            "INSERT INTO handover (identity, portal, session, at, data) "
            "SELECT %(identity)s, %(portal)s, %(session)s, clock_timestamp() - make_interval(secs => %(ago)s), %(data)s FROM ours "
            "ON CONFLICT (identity) DO UPDATE SET portal = excluded.portal, session = excluded.session, at = excluded.at, data = excluded.data",
            {
                "key": self.key,
                "token": lease.token,
                "identity": self._identity,
                "portal": self._portal,
                "session": self._session,
                "ago": boottime() - given_at,
                "data": msgspec.json.encode(handover),
            },
        )

    def _read_word(self) -> None:
        asked_at = boottime()
        found = self._board.database.rows(
            "SELECT identity = %(identity)s, session, extract(epoch FROM clock_timestamp() - at)::float8, data FROM handover "
            "WHERE portal = %(portal)s ORDER BY at DESC LIMIT 100",
            {"identity": self._identity, "portal": self._portal},
        )
        word = self._composed(found, asked_at)
        if word is not None and word[1] > self._read_at:
            with self._lock:
                self._word, self._read_at = word, word[1]

    def _composed(
        self, found: list[tuple[bool, str, float, bytes]], asked_at: float
    ) -> tuple[Handover, float] | None:
        """The newest word of the portal's bucket, with our credential's of its meters; and when it was given."""
        if not found or found[0][1] == self._session:
            return None
        try:
            newest = msgspec.json.decode(found[0][3], type=Handover)
            age = max(0.0, found[0][2])
            if found[0][0]:
                return newest, asked_at - age
            own = next((one for one in found if one[0]), None)
            meters = _NO_WORD
            if own is not None and own[1] != self._session:
                meters = aged(msgspec.json.decode(own[3], type=Handover), max(0.0, own[2] - age))
        except (ValueError, RecursionError) as error:
            log.warning("turn.word_damaged", reason=str(error))
            return None
        word = msgspec.structs.replace(meters, requests=newest.requests, busy_for=newest.busy_for)
        return word, asked_at - age
