"""What is written down of who presses what. Each request that changes something is, and each that is refused to."""

from collections import deque

from aiohttp import web
from aiohttp.typedefs import Handler

from bulk_publisher.clock import Clock
from bulk_publisher.errors import JournalLost
from bulk_publisher.log import log
from bulk_publisher.model import Mono
from bulk_publisher.operations.beside import beside
from bulk_publisher.store.audit import Deed
from bulk_publisher.text.escaping import printable
from bulk_publisher.utc import as_utc
from bulk_publisher.web.guard.doorkeeper import DOORKEEPER, VISITOR
from bulk_publisher.web.guard.forms import SAFE
from bulk_publisher.web.route import REPEATED, TARGET
from bulk_publisher.web.surroundings import around

_LONGEST = 1000
_MOST_OF_UNKNOWN = 60
"""Lines in a minute about people who are not known: whoever knocks all night fills no disk."""
_MINUTE = 60.0


class Knocks:
    """How often somebody unknown was written down of late."""

    def __init__(self, clock: Clock) -> None:
        """Never yet."""
        self._clock = clock
        self._times: deque[Mono] = deque(maxlen=_MOST_OF_UNKNOWN)

    def may_be_kept(self) -> bool:
        """Whether one more is written down; it counts as if it was."""
        now = self._clock.now()
        if len(self._times) == _MOST_OF_UNKNOWN and now < self._times[0] + _MINUTE:
            return False
        self._times.append(now)
        return True


KNOCKS: web.AppKey[Knocks] = web.AppKey("knocks", Knocks)


@web.middleware
async def writing_down(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Do nothing that could not be written down, and write down what was done."""
    if request.method in SAFE:
        return await handler(request)
    audit = around(request).audit
    await beside(audit.check)
    status = 0
    try:
        response = await handler(request)
    except web.HTTPException as redirect:
        status = redirect.status
        raise
    else:
        status = response.status
        return response
    finally:
        # Also of what was broken off: it may have been done.
        deed = _deed(request, status)
        if deed.who or request.app[KNOCKS].may_be_kept():
            try:
                await beside(lambda: audit.append(deed))
            except JournalLost as error:
                log.error("audit.lost", what=deed.what, who=deed.who, reason=error.reason)
                around(request).complain(f"{deed.what} by {deed.who or 'somebody'} is not written down: {error.message}")  # fmt: skip
                raise


def _deed(request: web.Request, status: int) -> Deed:
    visitor = request.get(VISITOR)
    target = request.get(TARGET) or " ".join(request.match_info.values())
    return Deed(
        at=as_utc(around(request).clock.epoch()),
        who=_short(visitor.name) if visitor else "",
        proof=visitor.proof.value if visitor else "",
        role=visitor.role.value if visitor else "",
        address=_short(request.app[DOORKEEPER].address(request)),
        what=_short(f"{request.method} {request.path}"),
        target=_short(target),
        outcome=_outcome(status, is_repeated=request.get(REPEATED, False)),
        status=status,
    )


def _outcome(status: int, *, is_repeated: bool) -> str:
    if not status:
        return "broken off"
    if status < 400:
        return "repeated" if is_repeated else "done"
    return "refused" if status < 500 else "failed"


def _short(text: str) -> str:
    return printable(text)[:_LONGEST]
