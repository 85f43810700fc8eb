"""One HTTP request inside PHP: from its method to its answer, without a clock.

Rules. Pure. Work is a generator that yields seconds and is sent the time when they are over; who
drives it decides whether these seconds are real, virtual or none.

How it works. A `Handling` checks the operating limit, runs the method, or the commands of a batch
one after the other, and books its `Bill` when it ends, however it ends.
"""

from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any

from bulk_publisher.sandbox import php
from bulk_publisher.sandbox.calls import Call, Credential, Memory, PhpFatal, RestError
from bulk_publisher.sandbox.meters import Bill, MeterKey
from bulk_publisher.sandbox.methods import METHODS, Method, method_state
from bulk_publisher.sandbox.portal import Answer, Portal, error_answer, html_answer

BATCH_LENGTH = 50

# Yields seconds of work, is sent the time when they are over.
Work = Generator[float, float, object]

# What `batch` itself pays of its duration, and what its commands pay of theirs.
_WEIGHTS = {"method": (0.0, 1.0), "batch": (1.0, 0.0), "both": (0.5, 1.0)}


class Handling:
    """One request inside PHP.

    Attributes:
        now: The time; whoever cuts the work off sets it first, then closes the steps.
    """

    def __init__(
        self,
        portal: Portal,
        method: str,
        params: dict[str, Any],
        credential: Credential,
        *,
        now: float,
        methods: Mapping[str, Method] = METHODS,
    ) -> None:
        self.now = now
        self._methods = methods
        self._portal = portal
        self._method = method.lower()
        self._params = params
        self._credential = credential
        self._memory = Memory()
        self._bill = Bill(self._weight)
        self._started = self._clock()
        self._nested = False

    def steps(self) -> Generator[float, float, Answer]:
        """The work of the request, and its answer."""
        self._started = self._clock()
        self._portal.spend_as_tenant(self.now)
        try:
            return (yield from self._json())._replace(headers=self._headers())
        except RestError as error:
            return error_answer(error)._replace(headers=self._headers())
        except PhpFatal as fatal:
            self.lose_answer()
            return html_answer(fatal.status)
        finally:
            self._settle()

    def _json(self) -> Generator[float, float, Answer]:
        if self._method == "batch":
            return (yield from self._envelope())
        result = yield from self._command(self._method, self._params)
        time = self._time(self._started, self._key(self._method))
        return Answer(200, php.encode({"result": result, "time": time}))

    def _headers(self) -> dict[str, str]:
        """What the cloud adds to whatever PHP answered in JSON.

        Source: docs/bitrix24.md §1 [source].
        """
        if self._portal.scenario.plan == "self-hosted":
            return {}
        seconds = self._clock() - self._started
        is_oauth = self._credential.kind == "oauth"
        application = {"X-Bitrix-Rest-Application": self._credential.id} if is_oauth else {}
        return {
            **application,
            "X-Bitrix-Rest-Time": f"{seconds:.10f}",
            "X-Bitrix-Rest-User-Time": f"{seconds / 2:.10f}",
            "X-Bitrix-Rest-System-Time": f"{seconds / 8:.10f}",
        }

    def lose_answer(self, since: int = 0) -> None:
        """No answer tells of the pages that were published, from the one at *since* on."""
        for place in self._memory.published[since:]:
            self._portal.truth.unheard.add(place)
        del self._memory.published[since:]

    # -- batch -----------------------------------------------------------------------------

    def _envelope(self) -> Generator[float, float, Answer]:
        portal = self._portal
        if not portal.scenario.batch_allowed and portal.scenario.batch_refusal == "envelope":
            raise _not_for_batch(status=405)
        key = self._key("batch")
        self._check_operating(key)
        self._bill.start(key, self._clock())
        self._nested = True
        answer = yield from self._batch()
        self._nested = False
        self._bill.end(key, self._clock())
        time = self._time(self._started, key)
        return Answer(200, php.encode({"result": answer, "time": time}))

    def _batch(self) -> Generator[float, float, dict[str, object]]:
        params = {key.lower(): value for key, value in self._params.items()}
        halts = php.truthy(params.get("halt"))
        results: dict[str, object] = {}
        errors: dict[str, object] = {}
        times: dict[str, object] = {}
        for place, (key, command) in enumerate(php.items(params.get("cmd"))):
            if not isinstance(command, str):
                continue
            started = self._clock()
            fault = self._portal.dice.command_fault(self.now)
            answers = {"result": results, "error": errors, "time": times}
            before = len(self._memory.published)
            try:
                _check_length(place)
                result = yield from self._batched(command, answers, fault)
            except RestError as error:
                errors[key] = error.body()
                if halts:
                    break
                continue
            if fault != "lost_key":
                method = command.partition("?")[0].lower()
                if result is not None or not self._portal.scenario.nulls_dropped:
                    results[key] = result
                times[key] = self._time(started, self._shown_key(method))
            else:
                self.lose_answer(before)
        return {
            "result": php.array(results),
            "result_error": php.array(errors),
            "result_total": [],
            "result_next": [],
            "result_time": php.array(times if self._portal.scenario.batch_times else {}),
        }

    def _batched(self, command: str, answers: Mapping[str, object], fault: str) -> Work:
        method, _, query = command.partition("?")
        if method.lower() == "batch" or not self._portal.scenario.batch_allowed:
            raise _not_for_batch(status=400)
        if fault:
            self._portal.truth.faults[fault] += 1
        params = php.substitute(php.parse_str(query), answers)
        return self._command(method.lower(), params if isinstance(params, dict) else {}, fault)  # fmt: skip

    # -- one command -----------------------------------------------------------------------

    def _command(self, method: str, params: dict[str, Any], fault: str | None = None) -> Work:
        portal = self._portal
        try:
            self._entry(method)
            key = self._key(method)
            self._check_operating(key)
            if fault is None:
                fault = portal.dice.command_fault(self.now)
                fault = "" if fault == "lost_key" else fault
                if fault:
                    portal.truth.faults[fault] += 1
            self._bill.start(key, self._clock())
            portal.truth.commands += 1
            result = yield from self._run(method, params, fault)
            self._bill.end(key, self._clock())
        except RestError as error:
            if error.code != "OPERATION_TIME_LIMIT":
                portal.truth.errors[str(error.code)] += 1
            raise
        return result

    def _entry(self, method: str) -> Method:
        entry = self._methods.get(method)
        if entry is None:
            raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", status=404)
        if entry.rest_scope and entry.rest_scope not in self._portal.scenario.rest_scopes:
            raise RestError(
                "insufficient_scope",
                # Inside a batch the description is empty.
                "" if self._nested else "The request requires higher privileges",
                status=401,
            )
        return entry

    def _run(self, method: str, params: dict[str, Any], fault: str) -> Work:
        scenario = self._portal.scenario
        call = Call(
            world=self._portal.world,
            scenario=scenario,
            rng=self._portal.rng,
            credential=self._credential,
            memory=self._memory,
            params=params,
            now=self.now,
            rest_host=self._portal.rest_host,
            method_state=lambda name: method_state(name, scenario.rest_scopes),
        )
        entry = self._methods[method]
        if entry.rest_scope == "landing":
            self._memory.set_scope(params.get("scope"))
            if call.user.rights == "none":
                raise RestError("ACCESS_DENIED", "Access denied.")
        if fault in {"system_error", "fatal"}:
            self.now = yield scenario.failure_cost
            raise PhpFatal if fault == "fatal" else RestError("SYSTEM_ERROR", "Query error")
        steps = entry.run(call)
        try:
            seconds = next(steps)
            while True:
                self.now = call.now = yield seconds
                seconds = steps.send(None)
        except StopIteration as done:
            return done.value

    # -- limits ----------------------------------------------------------------------------

    def _clock(self) -> float:
        return self._portal.portal_time(self.now)

    def _key(self, method: str) -> MeterKey:
        webhook = self._credential.kind == "apauth"
        # The newest source does not hand the webhook's id to the commands of a batch.
        if self._nested and webhook and self._portal.scenario.billing == "both":
            return MeterKey("", method)
        return MeterKey(self._credential.id, method)

    def _shown_key(self, method: str) -> MeterKey:
        if self._portal.scenario.billing == "batch":
            return MeterKey(self._credential.id, "batch")
        return self._key(method)

    def _check_operating(self, key: MeterKey) -> None:
        limiter = self._portal.limiter
        if limiter is None:
            return
        if limiter.is_blocked(self._bill, key, self._clock()):
            self._portal.truth.refused["OPERATION_TIME_LIMIT"] += 1
            page = self._portal.scenario.operating_refusal_page
            if page is not None:
                raise PhpFatal(page)
            raise RestError(
                "OPERATION_TIME_LIMIT",
                "Method is blocked due to operation time limit.",
                status=429,
            )

    def _weight(self, key: MeterKey) -> float:
        batch_weight, nested_weight = _WEIGHTS[self._portal.scenario.billing]
        if key.method == "batch":
            return batch_weight
        return nested_weight if self._method == "batch" else 1.0

    def _settle(self) -> None:
        if self._nested:
            # Cut off in the middle: what it took up to now is paid all the same.
            self._bill.end(MeterKey(self._credential.id, "batch"), self._clock())
        if self._portal.limiter is not None:
            self._portal.limiter.settle(self._bill, self._clock())

    def _time(self, started: float, key: MeterKey) -> dict[str, object]:
        finished, is_whole = self._clock(), self._portal.scenario.whole_seconds
        start = int(started) if is_whole else started
        time: dict[str, object] = {
            "start": start,
            "finish": finished,
            "duration": finished - start,
            "processing": 0 if is_whole else finished - started,
            "date_start": _iso(started),
            "date_finish": _iso(finished),
        }
        limiter, counters = self._portal.limiter, self._portal.scenario.shown_counters
        if limiter is None or counters == "absent":
            return time
        if counters == "request":
            time["operating"] = self._bill.running(key)
            return time
        time["operating"], time["operating_reset_at"] = limiter.told(self._bill, key, finished)
        return time


def _not_for_batch(*, status: int) -> RestError:
    return RestError(
        "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage", status=status
    )


def _check_length(place: int) -> None:
    if place >= BATCH_LENGTH:
        raise RestError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).isoformat()


def perform(handling: Handling) -> tuple[Answer, float]:
    """Does the work under no clock at all: every second of it is over at once.

    Returns:
        The answer, and the time when it was ready.
    """
    steps = handling.steps()
    now = handling.now
    try:
        now += next(steps)
        while True:
            now += steps.send(now)
    except StopIteration as done:
        return done.value, now
