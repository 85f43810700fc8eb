"""May I send now, how many pages, in which way - and else until when must I wait, and why?

Rules: this file decides and remembers; it never waits, reads or logs. It is told the time.
*Ask* methods change nothing: asked twice at the same moment they give the same decision. *Tell*
methods give nothing back. Every permit ends in exactly one of *settled*, *ignored*, *refused*.

How it works, from the outside in:

1. The first request goes alone and small: its answer shows which meters there are, how full they
   are, and what a page costs.
2. A request leaves if the window has room for it, the bucket of requests has, and its expected
   cost fits under every meter that it may be booked on, above what is booked and reserved there.
   Near a limit fewer pages go, down to one: so few that all in flight may turn out three times as
   dear and pass it by one of them. At the end of a run requests get shorter, so that all in flight
   end together; after a pause one page goes first, so that its basket begins early.
3. Which meters there are, and who pays for a batch, is learned from the answers (see ``meters``);
   so is whether batches are taken at all (see ``batches``).
4. While the meters of batches are full, single calls go on if theirs is another one, or if they are
   so short that the portal books nothing for them.
5. Pages that the portal does not list go beside the others, one request of them at a time, for which
   the worst that it may be billed with is held (see ``unlisted``).
6. After a refusal for operating time nothing is sent until something may have changed - a basket
   left, or a ban of 300 s ended - and then one page asks (see ``refusals``).

Source: docs/bitrix24.md §6.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Iterable

from bulk_publisher.limits import waits
from bulk_publisher.limits.batches import Batches
from bulk_publisher.limits.bounds import Bounds, Gauge, Levels, Waiting
from bulk_publisher.limits.calls import CallLimits
from bulk_publisher.limits.decision import (
    NEVER,
    Decision,
    Lane,
    Limit,
    Permit,
    Send,
    Stop,
    Usage,
    WaitUntil,
)
from bulk_publisher.limits.handover import Handover
from bulk_publisher.limits.intensity import LeakyBucket
from bulk_publisher.limits.losses import Losses
from bulk_publisher.limits.meters import Meters
from bulk_publisher.limits.operating import BASKET_LIFE, FLOOR
from bulk_publisher.limits.outage import Drought, Outage
from bulk_publisher.limits.refusals import ASK_AGAIN, Refusals
from bulk_publisher.limits.sizing import Sizing
from bulk_publisher.limits.unlisted import Unlisted
from bulk_publisher.limits.window import Window
from bulk_publisher.model import Mono

_WORTHWHILE = 5.0
"""Seconds of waiting for which another meter is tried."""
_TOO_LONG = 45.0
"""Seconds after which a request that was lost may have been too much for the portal: it ends one
after 60, and what is lost sooner was not lost for its length."""
_LONGEST_BUSY = 120.0
"""Seconds after which nothing is in flight any more, whatever was expected: a request ends within 60 s."""
_KILLED = 30.0
"""Seconds for which requests of a run that was killed may go on: what they are sized to take, and half."""
_STALE = 60.0
"""Seconds after which the last answer tells too little of the meters."""
_SHORT = 5.0
"""Seconds that a request may be expected to take without being thought too long."""


class Governor:
    """The limits of one portal and credential, as one."""

    def __init__(
        self,
        bounds: Bounds,
        *,
        together: tuple[str, ...],
        alone: tuple[str, ...],
        rng: random.Random,
    ) -> None:
        """Nothing has been sent, and nothing is known.

        Args:
            together: The meters of requests of several pages, as ``Meters`` takes them.
            alone: Those of a page's own request.
        """
        self.bounds = bounds
        self._bucket = LeakyBucket(
            capacity=max(1.0, bounds.capacity * bounds.intensity_share),
            drain=bounds.drain * bounds.intensity_share,
            jitter=bounds.jitter,
        )
        self._sizing = Sizing(largest=bounds.batch_size)
        self._window = Window(ceiling=bounds.concurrency)
        self._outage = Outage(rng=rng)
        self._drought = Drought(patience=bounds.patience)
        self._meters = Meters(together=together, alone=alone)
        self._in_flight: dict[int, Permit] = {}
        self._sent = 0
        self._losses = Losses()
        self._unlisted = Unlisted()
        self._answered_at = Mono(float("-inf"))
        self._batches = Batches()
        self._not_before = Mono(float("-inf"))
        self._refusals = Refusals(bounds.operating_limit, share=bounds.operating_share)
        self.calls = CallLimits(self._bucket, self._meters, self._outage, self._refusals)
        """The limits of calls that are not about pages."""

    @property
    def operating_limit(self) -> float:
        """Seconds of operating time in ten minutes, as far as is known."""
        return self._refusals.limit

    @property
    def is_refused(self) -> bool:
        """Whether the portal has refused pages for operating time, and none has passed since."""
        return self._refusals.is_on

    # ask

    def takes_batches(self, now: Mono) -> bool:
        """Whether requests of several pages are sent: some portals take or answer none."""
        return self._batches.are_taken(now)

    def next_decision(self, waiting: Waiting, *, now: Mono) -> Decision:
        """What to do now, with these pages to send."""
        # From the end of the run to the single request: whether to go on at all, whether any request may
        # leave, whether only a question may, and last what kind it is.
        if self._drought.is_over_patience:
            minutes = self._drought.lasted / 60
            return Stop(
                f"No page was answered for {minutes:.0f} min: the portal {self._drought.instead}."
            )
        obstacle = self._obstacle(waiting, now)
        if obstacle is not None:
            return obstacle
        if self._refusals.is_on:
            return self._ask(waiting, now)
        # Before those together: they always have more to send, and one page alone would never get a turn.
        if self._is_turn_of_alone(waiting) and self._fits(Lane.SINGLE, 1, now):
            return Send(1, Lane.SINGLE)
        is_asked = self._batches.are_doubted and self._are_several_in_flight
        if waiting.several and self._batches.are_taken(now) and not is_asked:
            if self._is_turn_of_unlisted(waiting, now):
                pages = self._unlisted_pages(waiting, now)
                if pages:
                    return Send(pages, Lane.UNLISTED)
            return self._send_together(waiting, now)
        return self._send_alone(now)

    def operating_free_at(self, seconds: float, *, now: Mono) -> Mono:
        """When *seconds* of operating time, or all that there are, are free; infinite if nobody knows."""
        cap = self._refusals.cap
        return self._meters.ready_at(Lane.BATCH, min(seconds, cap), limit=cap, now=now)

    def levels(self, *, now: Mono) -> Levels:
        """What a person wants to see."""
        highest = self._meters.highest(now)
        return Levels(
            intensity=Gauge(self._bucket.level(now), self._bucket.capacity),
            operating=None if highest is None else Gauge(highest, self.operating_limit),
            in_flight=len(self._in_flight),
            window=self._window.size,
            size=self._sizing.size,
            cost=self._sizing.cost,
        )

    def pending(self, *, now: Mono) -> tuple[int, float]:
        """Pages in flight, and the seconds until the last of them is done, as expected; 0 where nobody knows."""
        in_flight = self._in_flight.values()
        return sum(permit.pages for permit in in_flight), self._busy_for(now)

    # tell

    def reserve(self, send: Send, *, now: Mono) -> Permit:
        """A request leaves now: *send* as it was decided, or with fewer pages."""
        self._sent += 1
        permit = Permit(self._sent, send.lane, send.pages, now)
        self._in_flight[permit.number] = permit
        self._bucket.on_sent(now)
        self._meters.reserve(permit, self._expected(send.lane, send.pages))
        return permit

    def on_settled(self, permit: Permit, usage: Usage, *, now: Mono) -> None:
        """The portal answered, and did what it could."""
        # With this request: only a window that was used says anything about a larger one.
        in_flight = len(self._in_flight)
        self._end(permit)
        self._answered_at = now
        self._outage.on_answer()
        if usage.is_answer:
            self._drought.on_answered()
        else:
            self._drought.on_unanswered(now, "answers without mentioning them")
        self._batches.on_answered(permit.lane, now)
        self._bucket.on_accepted(now)
        # Before the meters take the readings over: that one was emptied shows only against what we knew.
        if self._refusals.is_answer(permit.sent_at) and not usage.refused:
            is_emptied = self._meters.is_emptied(usage.readings, limit=self._refusals.cap, now=now)
            self._refusals.on_passed(is_emptied=is_emptied, now=now)
        self._meters.settle(permit, usage, now=now)
        self._learn_losses(permit, usage, now)
        if usage.costs and not (usage.failures and self._sizing.is_known):
            self._sizing.learn(usage.costs)
            mean = sum(usage.costs) / len(usage.costs)
            self._window.on_settled(mean, pages=len(usage.costs), in_flight=in_flight)

    def on_failed(self, permit: Permit, *, may_be_done: bool, now: Mono) -> None:
        """The portal answered the request as a whole, with a failure that tells of no cost."""
        cost = self._expected(permit.lane, permit.pages)
        self.on_settled(permit, Usage(now, None, (), (), permit.pages), now=now)
        if may_be_done:
            self._meters.guess(permit, cost, now=now)

    def on_kept_back(self, permit: Permit) -> None:
        """The request did not leave after all."""
        self._end(permit)

    def on_ignored(self, permit: Permit, *, may_be_done: bool, now: Mono) -> None:
        """No answer came, or one that says nothing: no sample, but perhaps a cost."""
        self._end(permit)
        self._losses.on_lost(now - permit.sent_at)
        self._outage.on_lost(now)
        self._drought.on_unanswered(now, "does not answer")
        self._batches.on_lost(permit.lane, permit.sent_at)
        if may_be_done:
            cost = self._expected(permit.lane, permit.pages)
            if not self._sizing.is_known:
                cost = max(cost, now - permit.sent_at)
            self._meters.guess(permit, cost, now=now)
        is_too_long = now - permit.sent_at >= _TOO_LONG
        if is_too_long and self._answered_at < permit.sent_at:
            self._window.cut(permit.sent_at, now)
        is_long = permit.lane is not Lane.UNLISTED and self._sizing.expected(permit.pages) > _SHORT
        if is_too_long and is_long:
            self._sizing.halve()

    def on_rate_refused(
        self, permit: Permit, *, now: Mono, retry_after: float | None = None
    ) -> None:
        """The portal refused the request: too many of them; it may say when to ask again."""
        self._end(permit)
        self._outage.on_answer()
        self._drought.on_unanswered(now, "refuses requests as too many")
        self._bucket.on_refused(permit.sent_at, now, retry_after=retry_after)

    def on_operating_refused(
        self, permit: Permit, *, done: tuple[float, ...], in_command: bool, now: Mono
    ) -> None:
        """The portal refused pages of the request, or all of it: too much operating time.

        Comes after ``on_settled`` where some of its pages were done.

        Args:
            done: Seconds of each page of the request that was done before.
            in_command: The pages were refused, not their request.
        """
        self._end(permit)
        self._outage.on_answer()
        self._drought.on_unanswered(now, "refuses pages for operating time")
        meters = self._meters
        self._refusals.on_refused(
            meters.of_pages(permit.lane) if in_command else meters.of_request(permit.lane),
            done=done,
            sent_at=permit.sent_at,
            cost=self._expected(Lane.BATCH, 1),
            now=now,
        )

    def on_batch_refused(self, permit: Permit) -> None:
        """The portal takes no requests of several pages."""
        self._end(permit)
        self._outage.on_answer()
        self._batches.on_refused()

    def on_waited(self, limit: Limit, seconds: float) -> None:
        """For these seconds nothing was in flight, and nothing left because of *limit*.

        A turn of others and a full meter, whose end is known, are waited for by our own choice; what the
        portal refuses or does not answer is not.
        """
        is_meter = limit is Limit.OPERATING and not self._refusals.is_on
        if limit is Limit.TURN or is_meter:
            self._drought.on_chosen_wait(seconds)

    def set_bounds(self, bounds: Bounds, *, now: Mono) -> None:
        """The portal turned out to be of another plan."""
        self.bounds = bounds
        self._refusals.granted = bounds.operating_limit
        self._refusals.share = bounds.operating_share
        self._bucket.set_limit(
            capacity=max(1.0, bounds.capacity * bounds.intensity_share),
            drain=bounds.drain * bounds.intensity_share,
            now=now,
        )

    def on_resumed(
        self, spent: Iterable[tuple[Mono, float]], *, last_sent_at: Mono, now: Mono
    ) -> None:
        """An earlier process has used some of the limits, and may have until *last_sent_at*.

        Args:
            spent: When, and how many seconds of operating time.
        """
        self._bucket.on_full_at(last_sent_at, now)
        self._meters.on_resumed(spent, now=now)

    def hand_over(self, *, now: Mono) -> Handover:
        """How full everything is at *now*, for another run.

        What is in flight is in no sum yet: a run that is left at once says how long that goes on.
        """
        return Handover(
            requests=self._bucket.level(now),
            operating_limit=self._refusals.hand_over(now),
            meters=self._meters.hand_over(now),
            busy_for=self._busy_for(now),
        )

    def _busy_for(self, now: Mono) -> float:
        """Seconds until what is in flight is done, as expected."""
        ends = (
            permit.sent_at
            + min(self._expected(permit.lane, permit.pages), self._sizing.expected(permit.pages))
            for permit in self._in_flight.values()
        )
        return max(0.0, max(ends, default=now) - now)

    def take_over(self, left: Handover, *, since: Mono, now: Mono) -> None:
        """Another run had the limits to itself until *since*; this is how it left them."""
        self._bucket.raise_to(left.requests - (now - since) * self._bucket.drain, now)
        self._refusals.take_over(left.operating_limit, since, now)
        self._meters.take_over(left.meters, since)
        if left.busy_for:
            self._wait_and_ask(Mono(since + min(left.busy_for, _LONGEST_BUSY)))

    def on_left_without_word(self, *, now: Mono) -> None:
        """Another run had the limits, and was killed: what it has used, and has in flight, nobody says."""
        self._wait_and_ask(Mono(now + _KILLED))

    # how

    def _learn_losses(self, permit: Permit, usage: Usage, now: Mono) -> None:
        done, pages = len(usage.costs), usage.failures + len(usage.costs)
        if permit.lane is not Lane.UNLISTED:
            self._losses.on_answered(pages=pages, failures=usage.failures)
        elif pages > usage.refused:
            # Those that fail were expected to: they say nothing of others.
            seconds = now - permit.sent_at
            self._unlisted.on_answered(pages=pages - usage.refused, done=done, seconds=seconds)

    def _wait_and_ask(self, at: Mono) -> None:
        """What is in flight elsewhere ends by then; what it cost tells the answer to a small request."""
        self._not_before = at
        self._meters.has_answer = False

    def _obstacle(self, waiting: Waiting, now: Mono) -> WaitUntil | None:
        # Of several the first is told, and counts as what held the run. What only an answer can end comes
        # before the bucket: to be woken because that has room again would be for nothing.
        in_flight = len(self._in_flight)
        if not waiting.several and not waiting.alone:
            return WaitUntil(NEVER, Limit.SOURCE, "no page to send")
        if now < self._not_before:
            return WaitUntil(
                self._not_before, Limit.TURN, "requests of an interrupted run are still at work"
            )
        if now < self._outage.until:
            return WaitUntil(self._outage.until, Limit.OUTAGE, "the portal does not answer")
        if in_flight and (self._outage.is_on or self._is_to_be_told(now)):
            return WaitUntil(NEVER, Limit.QUESTION, "a probe asks whether the portal is back")
        if in_flight >= self._window.size:
            return WaitUntil(NEVER, Limit.WINDOW, f"{in_flight} requests are in flight")
        ready_at = self._bucket.ready_at(now)
        return waits.for_intensity(ready_at, self._bucket) if ready_at > now else None

    def _ask(self, waiting: Waiting, now: Mono) -> Decision:
        if now < self._refusals.ask_at:
            return waits.for_refusal(self._refusals.ask_at, self.operating_limit)
        if self._in_flight:
            return WaitUntil(NEVER, Limit.OPERATING, "a probe asks whether there is time again")
        if not waiting.several or not self._batches.are_taken(now):
            return Send(1, Lane.SINGLE)
        return Send(1, Lane.BATCH if waiting.together else Lane.UNLISTED)

    def _send_together(self, waiting: Waiting, now: Mono) -> Decision:
        lane = Lane.BATCH if waiting.together else Lane.UNLISTED
        if lane is Lane.UNLISTED:
            pages = self._unlisted_pages(waiting, now)
        else:
            fitting = self._fitting(lane, self._sizing.size, now)
            pages = min(self._balanced(waiting, now), fitting, self._thrifty())
            # Not of those that are not listed: one that is not there begins no basket.
            pages = min(pages, 1) if self._is_basket_to_begin(now) else pages
        if self._is_question or self._batches.are_doubted:
            pages = min(pages, 1)
        if pages:
            return Send(pages, lane)
        if self._is_worth_asking(lane, now):
            return Send(1, lane)
        wait = self._wait_for_operating(lane, now)
        is_full = wait.limit is Limit.OPERATING
        if is_full and wait.at - now > _WORTHWHILE and self._is_alone_free(now):
            return Send(1, Lane.SINGLE)
        return wait

    def _send_alone(self, now: Mono) -> Decision:
        if self._fits(Lane.SINGLE, 1, now) or self._is_worth_asking(Lane.SINGLE, now):
            return Send(1, Lane.SINGLE)
        return self._wait_for_operating(Lane.SINGLE, now)

    def _is_worth_asking(self, lane: Lane, now: Mono) -> bool:
        """Whether there may be room although it is not certain: one page tells."""
        return not self._in_flight and self._may_be_ready_at(lane, now) <= now

    @property
    def _is_question(self) -> bool:
        """Whether one page asks how the portal is.

        So in an outage, and where no answer tells how full the meters are although pages have told
        their cost, or requests were lost.
        """
        is_on_trial = self._sizing.is_known or self._losses.are_some
        return self._outage.is_on or (is_on_trial and not self._meters.has_answer)

    def _is_to_be_told(self, now: Mono) -> bool:
        """Whether the next answer is to tell how full the meters are, before more is sent.

        After a pause too: the portal's clock may have been set meanwhile, and baskets leave by that.
        """
        if not self._meters.has_answer:
            return True
        is_stale = now - self._answered_at > _STALE and not self._refusals.is_on
        return is_stale and bool(self._meters.shown(Lane.BATCH))

    def _is_basket_to_begin(self, now: Mono) -> bool:
        """A basket leaves 600 s after its first booking: one short request books early.

        Only where the bucket has room for one more beside those that follow.
        """
        shown = self._meters.shown(Lane.BATCH)
        room = self._bucket.capacity - self._bucket.level(now)
        if self._in_flight or not self._meters.has_answer or room < self._window.size + 1:
            return False
        if self._window.size > 1:
            return bool(shown)
        return any(meter.is_resting(now) for meter in shown)

    def _is_turn_of_alone(self, waiting: Waiting) -> bool:
        """One of them at a time beside the others, so that neither kind waits for the last.

        In an outage they ask in turns: either kind may be why nothing is answered. And one asks where it may
        be that only batches are lost.
        """
        if not waiting.several:
            return bool(waiting.alone)
        if self._outage.is_on:
            return self._outage.in_a_row % 2 == 0
        if self._batches.are_suspected:
            return not self._is_lane_used(Lane.SINGLE)
        if not waiting.alone:
            return False
        return self._meters.has_answer and not self._is_lane_used(Lane.SINGLE)

    def _is_turn_of_unlisted(self, waiting: Waiting, now: Mono) -> bool:
        """One request of them at a time beside the others, while these need no answer first."""
        if not waiting.unlisted or not waiting.together:
            return False
        is_asking = self._is_question or self._batches.are_doubted or not self._meters.has_answer
        is_used = self._is_lane_used(Lane.UNLISTED)
        return not (is_asking or is_used or self._is_basket_to_begin(now))

    def _unlisted_pages(self, waiting: Waiting, now: Mono) -> int:
        """Pages that are not listed for one request; 0 where not even one fits."""
        is_billed = bool(self._meters.shown(Lane.UNLISTED))
        size = self._unlisted.size(
            self._sizing.size,
            self._sizing.expected,
            limit=self._refusals.cap if is_billed else math.inf,
            a_request=1 / self._bucket.drain,
        )
        return min(waiting.unlisted, self._fitting(Lane.UNLISTED, size, now))

    def _balanced(self, waiting: Waiting, now: Mono) -> int:
        """Pages for one request; fewer at the end, so that all in flight end together."""
        size = min(self._sizing.size, waiting.together)
        if not waiting.is_all:
            return size
        left = waiting.together + sum(
            self._left(permit, now) for permit in self._in_flight.values()
        )
        share = left / self._window.size
        rounds = math.ceil(share / self._sizing.size)
        return max(1, min(size, math.ceil(share / rounds)))

    def _left(self, permit: Permit, now: Mono) -> float:
        """Pages of a request in flight that are not done yet, as expected."""
        if permit.lane is Lane.UNLISTED:
            return 0.0
        return max(0.0, permit.pages - (now - permit.sent_at) / max(self._sizing.cost, 1e-9))

    def _fitting(self, lane: Lane, largest: int, now: Mono) -> int:
        """As many pages, *largest* at most, as the meters have room for."""
        if self._fits(lane, largest, now):
            return largest
        # More pages cost more: those that fit are the first of these.
        return bisect_left(
            range(1, largest),
            x=True,
            key=lambda pages: not self._fits(lane, pages, now),
        )

    def _thrifty(self) -> int:
        """Pages for one request, where some fail and make the others dearer."""
        if not self._meters.shown(Lane.BATCH):
            return self.bounds.batch_size
        return self._losses.best_size(
            self.bounds.batch_size,
            a_page=self._sizing.cost * BASKET_LIFE / self._refusals.cap,
            a_request=1 / self._bucket.drain,
            window=self._window.size,
        )

    def _fits(self, lane: Lane, pages: int, now: Mono) -> bool:
        cost, page = self._expected(lane, pages), self._expected(lane, 1)
        return self._meters.fits(lane, cost, limit=self._refusals.cap, now=now) and (
            self._meters.bear(lane, cost, page=page, limit=self.operating_limit, now=now)
        )

    def _ready_at(self, lane: Lane, now: Mono) -> Mono:
        cost = self._expected(lane, 1)
        return self._meters.ready_at(lane, cost, limit=self._refusals.cap, now=now)

    def _may_be_ready_at(self, lane: Lane, now: Mono) -> Mono:
        cost = self._expected(lane, 1)
        return self._meters.may_be_ready_at(lane, cost, limit=self._refusals.cap, now=now)

    def _is_alone_free(self, now: Mono) -> bool:
        """Whether a page's own request is booked elsewhere, or not at all."""
        shown = self._meters.shown(Lane.SINGLE)
        if self._meters.is_shared is False and shown:
            return self._fits(Lane.SINGLE, 1, now)
        if self._expected(Lane.SINGLE, 1) == 0.0:
            return True
        # Not known yet: one page in the share that we leave free tells.
        meter = self._meters.of_pages(Lane.SINGLE)
        fits = meter.level(now) + self._sizing.expected(1) <= self.operating_limit
        return self._meters.is_shared is None and not self._is_lane_used(Lane.SINGLE) and fits

    @property
    def _are_several_in_flight(self) -> bool:
        return any(permit.lane is not Lane.SINGLE for permit in self._in_flight.values())

    def _is_lane_used(self, lane: Lane) -> bool:
        return any(permit.lane is lane for permit in self._in_flight.values())

    def _wait_for_operating(self, lane: Lane, now: Mono) -> WaitUntil:
        at = self._ready_at(lane, now)
        if at <= now:
            return WaitUntil(NEVER, Limit.QUESTION, "requests in flight tell whether there is room")
        if not self._in_flight:
            at = min(at, self._may_be_ready_at(lane, now))
            at = at if at < NEVER else Mono(now + ASK_AGAIN)
        fullest = self._meters.fullest(lane, now)
        used = 0.0 if fullest is None else fullest.level(now)
        return waits.for_operating(at, used, self.operating_limit)

    def _expected(self, lane: Lane, pages: int) -> float:
        """Seconds that a request may be booked with; 0 where the portal books none."""
        seconds = self._sizing.expected(pages)
        if lane is Lane.UNLISTED:
            return self._unlisted.worst(pages, seconds)
        cost = seconds * self._losses.inflation(pages)
        return 0.0 if lane is Lane.SINGLE and self._sizing.is_known and cost <= FLOOR else cost

    def _end(self, permit: Permit) -> None:
        self._in_flight.pop(permit.number, None)
        self._meters.release(permit)
