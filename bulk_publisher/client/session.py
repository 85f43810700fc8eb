"""A portal that is open: its connections, limits and clocks, with the plan asked for.

One session is one credential on one portal; everything that is asked in it keeps the same limits.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from bulk_publisher.client.notice import Warn
from bulk_publisher.client.pace import Pace, PortalPlan
from bulk_publisher.client.paced_calls import PacedCalls
from bulk_publisher.client.turns import DoorTurn, give, learn_from_other, leave_word
from bulk_publisher.client.usage import meters_alone, meters_together
from bulk_publisher.clock import Clock, LoopClock
from bulk_publisher.errors import PortalUnusable
from bulk_publisher.limits.bounds import Bounds
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Fault, FaultClass
from bulk_publisher.portal import faults
from bulk_publisher.portal.actions import ActionSpec
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.portal.plans import PLANS, UNKNOWN, PlanLimits, plan_of_licence
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.proxy import Proxy
from bulk_publisher.portal.throttle import Door
from bulk_publisher.portal.transport import PortalClient
from bulk_publisher.portal.transport_faults import ANSWER_TIMEOUT
from bulk_publisher.store.sharing import SharedState, Sharing, Turn

_JITTER = 1.0
"""Seconds by which a request may be longer on its way to the portal than the next one."""
_FIRST_ATTEMPTS = 2
"""Of the first question: an address at which nobody is, is said at once."""
_FIRST_PATIENCE = 120.0
"""Seconds for which it is asked again where somebody is: a portal's restart takes as long."""
_SILENCE = 5.0
"""Seconds without an answer after which that is said."""
_LOOK_UPS = 2
"""Connections beside those that publish: for lists and look-ups."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a run works with.

    Attributes:
        doubt: That there is no turn, and why; empty where there is one.
        advice: What to do about that.
    """

    client: PortalClient
    governor: Governor
    calls: PacedCalls
    clock: Clock
    portal_clock: PortalClock
    plan: PlanLimits
    rng: random.Random
    turn: Turn | None
    doubt: str
    advice: str

    @property
    def warning(self) -> str:
        """What a person should know of the doubt; empty where there is none."""
        return f"{self.doubt} {self.advice}" if self.doubt else ""


@dataclass(frozen=True, slots=True)
class Access:
    """Which portal, and how to get in.

    Attributes:
        plan: Whose limits apply; None if the portal is to be asked.
        ca_file: Certificates to trust instead of the system's; None for the system's.
        state: Where the limits are shared with other runs; None for nowhere.
        proxy: On the way to it; None for the one that the environment names.
    """

    credential: Credential
    plan: PortalPlan | None = None
    ca_file: Path | None = None
    state: SharedState | None = None
    proxy: Proxy | None = None


@dataclass(slots=True)
class OpenPortal:
    """What all sessions of one credential share: connections, the door, and the portal's plan.

    Attributes:
        plan: None until the portal was asked.
        is_asking: Held while it is.
    """

    client: PortalClient
    plan: PlanLimits | None
    is_asking: asyncio.Lock = field(default_factory=asyncio.Lock)


@asynccontextmanager
async def open_session(
    access: Access, pace: Pace, spec: ActionSpec, rng: random.Random, *, warn: Warn
) -> AsyncIterator[Session]:
    """Open the portal and ask for its plan, unless *access* names it.

    Args:
        spec: What is done in the session: its method has meters of its own.
        warn: Told when that takes long.

    Raises:
        PortalUnusable: If the portal or the credential cannot be used, or does not answer.
    """
    async with open_portal(access, pace) as portal:
        with _sharing(access) as sharing:
            async with session_on(portal, pace, spec, rng, sharing, warn=warn) as session:
                yield session


@asynccontextmanager
async def open_portal(access: Access, pace: Pace) -> AsyncIterator[OpenPortal]:
    """Get ready to ask; nothing is asked yet."""
    plan = None if access.plan is None else PLANS[access.plan.value]
    door = Door(capacity=(plan or UNKNOWN).capacity, drain=(plan or UNKNOWN).drain)
    connections = pace.concurrency + _LOOK_UPS
    async with PortalClient(
        access.credential,
        door,
        ca_file=access.ca_file,
        connections=connections,
        proxy=access.proxy,
    ) as client:
        yield OpenPortal(client, plan)


@asynccontextmanager
async def session_on(
    portal: OpenPortal,
    pace: Pace,
    spec: ActionSpec,
    rng: random.Random,
    sharing: Sharing,
    *,
    warn: Warn,
) -> AsyncIterator[Session]:
    """A session of its own, with limits that it shares by *turn*.

    Raises:
        PortalUnusable: If the portal or the credential cannot be used, or does not answer.
    """
    clock, portal_clock = LoopClock(), PortalClock()
    governor = _governor(pace, portal.plan or UNKNOWN, spec, rng)
    calls = PacedCalls(portal.client, governor, clock=clock, portal_clock=portal_clock, rng=rng)
    turn = None if sharing.turn is None else DoorTurn(sharing.turn, portal.client.door)
    if turn is not None:
        learn_from_other(turn, governor, clock)
    plan = portal.plan or await _ask_once(portal, calls, warn)
    governor.set_bounds(bounds_of(pace, plan), now=clock.now())
    session = Session(
        portal.client,
        governor,
        calls,
        clock,
        portal_clock,
        plan,
        rng,
        turn,
        sharing.doubt,
        sharing.advice,
    )
    try:
        yield session
    finally:
        _tell_next(session)


async def _ask_once(portal: OpenPortal, calls: PacedCalls, warn: Warn) -> PlanLimits:
    async with portal.is_asking:
        if portal.plan is None:
            portal.plan = await ask_plan(calls, warn)
            door = portal.client.door
            door.set_pace(capacity=portal.plan.capacity, drain=portal.plan.drain)
        return portal.plan


def _sharing(access: Access) -> AbstractContextManager[Sharing]:
    """The turn of a new session."""
    if access.state is None:
        return nullcontext(Sharing(None))
    credential = access.credential
    return access.state.turn(credential.identity, secrets.token_hex(8), portal=credential.host)


def _tell_next(session: Session) -> None:
    """Leave word of the limits, unless another run is at it and will."""
    turn = session.turn
    if turn is not None and turn.try_take():
        learn_from_other(turn, session.governor, session.clock)
        give(turn, session.governor, session.clock)
    elif turn is not None:
        leave_word(turn, session.governor, session.clock)


@contextmanager
def told_if_silent(warn: Warn) -> Iterator[None]:
    """Say it if what is asked in this block is not answered soon."""
    words = (
        f"The portal has not answered for {_SILENCE:.0f} s; waiting up to {ANSWER_TIMEOUT:.0f} s."
    )
    timer = asyncio.get_running_loop().call_later(_SILENCE, warn, words)
    try:
        yield
    finally:
        timer.cancel()


async def ask_plan(calls: PacedCalls, warn: Warn) -> PlanLimits:
    """The portal's plan, as its licence tells; the strictest where it does not tell.

    Args:
        warn: Told when the portal is silent, or down and asked again for a while.

    Raises:
        PortalUnusable: If the portal or the credential cannot be used, or does not answer.
    """
    with told_if_silent(warn):
        reply = await calls.call("app.info", {}, attempts=_FIRST_ATTEMPTS)
    if isinstance(reply, Fault) and _is_worth_waiting(reply):
        reply = await calls.patient(warn, _FIRST_PATIENCE).call("app.info", {}, attempts=1)
    if not isinstance(reply, Fault):
        return plan_of_licence(reply.result)
    if reply.kind in _DOUBTFUL and reply.code not in faults.NOT_CONNECTED:
        # It may be this question alone that is refused: another that any credential may ask tells.
        other = await calls.call("scope", {}, attempts=1)
        if not (isinstance(other, Fault) and other.kind in _USELESS):
            return UNKNOWN
        reply = other
    if reply.kind in _USELESS:
        is_passing = reply.kind not in {FaultClass.CREDENTIAL, FaultClass.TOKEN}
        hint = "Nothing was sent. " * is_passing + reply.hint
        raise PortalUnusable(reply.words, hint, is_passing=is_passing)
    return UNKNOWN


def _is_worth_waiting(fault: Fault) -> bool:
    """Whether a portal may be there, and answer in a while: a machine's network comes up late, too."""
    return fault.kind is FaultClass.TRANSIENT and fault.code not in _NOBODY


_DOUBTFUL = {FaultClass.CREDENTIAL, FaultClass.TOKEN, FaultClass.TRANSIENT}
"""What a portal answers that can't be used, unless it refuses one question alone."""
_USELESS = _DOUBTFUL | {FaultClass.RATE, FaultClass.OPERATING}
"""And what has been refused for so long that nothing else will be answered either."""
_NOBODY = {faults.UNREACHABLE, faults.PROXY_FAILED, faults.TOO_MANY_FILES, faults.NO_PORTAL}
"""What a while changes nothing about, most likely: the address is wrong, or this machine's set-up."""


def _governor(pace: Pace, plan: PlanLimits, spec: ActionSpec, rng: random.Random) -> Governor:
    return Governor(
        bounds_of(pace, plan),
        together=meters_together(spec.method),
        alone=meters_alone(spec.method),
        rng=rng,
    )


def bounds_of(pace: Pace, plan: PlanLimits) -> Bounds:
    """What there is to keep within on a portal of *plan*."""
    limit = plan.operating_limit if pace.operating_limit is None else pace.operating_limit
    return Bounds(
        capacity=plan.capacity,
        drain=plan.drain,
        operating_limit=limit,
        operating_share=pace.operating_share,
        intensity_share=pace.intensity_share,
        concurrency=pace.concurrency,
        batch_size=pace.batch_size,
        jitter=_JITTER,
    )
