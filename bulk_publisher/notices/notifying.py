"""Tells whom a job names: when it begins, how it has ended, that it is late. Whatever happens, it raises nothing.

How it works:
    Whether anybody is told is decided by what was told before (``deciding``), which the store keeps by the
    job's name. That is written after the message has gone out to somebody: who dies in between tells it
    twice, and not never. A dead man's switch hears of each beginning and each end.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from bulk_publisher.clock import Clock
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.jobs import Job, Occasion
from bulk_publisher.log import RunLog, log
from bulk_publisher.model import Epoch, PageId
from bulk_publisher.notices.addressees import Addressees, addressees_of
from bulk_publisher.notices.deciding import Ended, decide, late, occasion_of, sign_of
from bulk_publisher.notices.delivering import PAUSES, Delivery, deliver
from bulk_publisher.notices.message import Message, RunTold
from bulk_publisher.notices.portal_user import Entrance
from bulk_publisher.operations import crash
from bulk_publisher.store.agenda import Agenda
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.utc import as_utc

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class JobEnded:
    """How a job has ended.

    Attributes:
        status: The worst of its runs'.
        left: What tells this failure from others: by portal, page and code.
        kept: The run whose log hears what became of the message; None for none.
    """

    status: int
    runs: Sequence[RunTold]
    left: Sequence[tuple[str, PageId, str]] = ()
    kept: KeptRun | None = None


class Notices:
    """What tells whom the jobs of one store name."""

    def __init__(
        self,
        agenda: Agenda,
        entrance: Entrance,
        environment: Mapping[str, str],
        clock: Clock,
        warn: Warn,
        *,
        rng: random.Random | None = None,
    ) -> None:
        """Nobody is told anything yet.

        Args:
            entrance: How to get into a job's portal, where a user of it is told.
            environment: Where secrets are found that a job names.
            warn: Told, in a line, of messages that did not arrive.
        """
        self._agenda = agenda
        self._entrance = entrance
        self._environment = environment
        self._clock = clock
        self._warn = warn
        self._rng = rng or random.SystemRandom()

    async def begins(self, job: Job) -> None:
        """*job* begins. One try: the end tells as well."""
        if job.notify is None or not any(one.ping for one in job.notify.to):
            return
        with self._surely(job):
            found = await self._addressees(job)
            sends = [(one, one.begin) for one in found.switches]
            with _told_to(found, self._clock, None):
                self._say(job, found, await deliver(sends, self._clock, pauses=()))

    async def ended(self, job: Job, ended: JobEnded) -> None:
        """*job* has ended."""
        if job.notify is None:
            return
        with self._surely(job):
            await self._ended(job, ended)

    async def is_late(self, job: Job, due: Epoch, *, is_missed: bool = False) -> None:
        """*job*, which was *due*, has not ended; where it is late by now, that is told.

        Args:
            is_missed: It was not even begun, and will not be.
        """
        if job.notify is None or job.notify.late_after is None:
            return
        after = 0.0 if is_missed else job.notify.late_after
        what = late(due=due, after=after, now=self._clock.epoch())
        if what is not None:
            with self._surely(job):
                so_far = "was not begun: no daemon was at work" if is_missed else "has not ended"
                words = (f"It was due at {as_utc(due)} and {so_far}.",)
                await self._tell(job, await self._addressees(job), what, (), None, words)

    async def test(self, job: Job) -> list[Delivery]:
        """Send one message to each recipient; what was told before is not looked at."""
        found = await self._addressees(job)
        words = ("This is a test: nothing was published.",)
        message = self._message(job, Occasion.FINISHED, (), words)
        sends = [(one, partial(one.send, message)) for one in found.senders]
        pings = [(one, partial(one.end, is_well=True, words=words[0])) for one in found.switches]
        with _told_to(found, self._clock, None):
            return _hidden(found, await deliver([*sends, *pings], self._clock, pauses=()))

    async def _ended(self, job: Job, ended: JobEnded) -> None:
        found = await self._addressees(job)
        why = " ".join(run.why for run in ended.runs)
        healed = [("", page, "healed") for run in ended.runs for page in run.healed]
        what = Ended(
            occasion_of(ended.status),
            sign_of(ended.status, why, ended.left) if ended.status else "",
            sign_of(0, "healed", healed) if healed else "",
        )
        message = self._message(job, what.occasion, ended.runs, ())
        words, is_well = f"{message.title}\n{message.text}", not ended.status
        pings = [(one, partial(one.end, is_well=is_well, words=words)) for one in found.switches]
        # First of all: a switch counts the seconds.
        with _told_to(found, self._clock, ended.kept):
            self._say(job, found, await deliver(pings, self._clock))
        await self._tell(job, found, what, ended.runs, ended.kept, ())

    async def _tell(
        self,
        job: Job,
        found: Addressees,
        what: Ended,
        runs: Sequence[RunTold],
        kept: KeptRun | None,
        words: Sequence[str],
    ) -> None:
        told = self._agenda.read_told(job.name)
        wanted = job.notify.occasions if job.notify is not None else ()
        after, occasion = decide(told, what, wanted=wanted, now=self._clock.epoch())
        has_arrived = True
        if occasion is not None and found.senders:
            message = self._message(job, occasion, runs, words)
            sends = [(one, partial(one.send, message)) for one in found.senders]
            with _told_to(found, self._clock, kept):
                deliveries = await deliver(sends, self._clock, pauses=PAUSES)
            self._say(job, found, deliveries)
            has_arrived = any(one.has_arrived for one in deliveries)
        if has_arrived and after != told:
            self._agenda.write_told(job.name, after)

    def _message(
        self, job: Job, occasion: Occasion, runs: Sequence[RunTold], words: Sequence[str]
    ) -> Message:
        return Message(
            id=str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            at=as_utc(self._clock.epoch()),
            occasion=occasion,
            job=job.name,
            runs=runs,
            words=words,
        )

    async def _addressees(self, job: Job) -> Addressees:
        return await addressees_of(
            job, self._environment, self._entrance, clock=self._clock, rng=self._rng
        )

    def _say(self, job: Job, found: Addressees, deliveries: Sequence[Delivery]) -> None:
        hidden = _hidden(found, deliveries)
        lost = [f"{one.name}: {one.words}" for one in hidden if not one.has_arrived]
        if lost:
            self._warn(f"{job.name}: a message did not arrive: {'; '.join(lost)}")

    @contextmanager
    def _surely(self, job: Job) -> Iterator[None]:
        """Whatever goes wrong in this block is said, and that is all."""
        try:
            yield
        except BulkPublisherError as error:
            log.warning("notice.lost", job=job.name, reason=error.message)
            self._warn(f"{job.name}: no message was sent: {error.message}")
        except Exception as error:  # noqa: BLE001 - a message is no reason for a run to fail
            what = crash.words_of(error)
            log.error("notice.crashed", job=job.name, what=what)
            self._warn(f"{job.name}: no message was sent: internal error: {what}")


@contextmanager
def _told_to(found: Addressees, clock: Clock, kept: KeptRun | None) -> Iterator[None]:
    """Have what happens in this block told to the log of *kept*, without a recipient's secrets."""
    sink = None if kept is None else kept.open_log()
    fields = {} if kept is None else {"run": kept.run_id}
    run_log = RunLog(found.redactor, clock=clock, sink=sink, fields=fields)
    try:
        with crash.hidden(run_log):
            yield
    finally:
        run_log.close()


def _hidden(found: Addressees, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """*deliveries* without a recipient's secrets: a program may repeat one."""
    redactor = found.redactor
    return [replace(one, words=redactor.text(one.words)) for one in deliveries]
