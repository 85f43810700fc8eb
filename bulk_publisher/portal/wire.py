"""Requests to bytes, and bytes to answers: the portal's form of JSON.

Rules: no socket, no clock, no retry. Bytes in, values out; what cannot be read is a fault, never an
exception.

How it works: PHP writes an empty map as ``[]`` and one with keys 0…n-1 as a list, so every map is
read by ``_as_map``. In a batch each command has its own fate, and a command may be missing from the
answer altogether: ``decode_batch`` gives exactly one answer or fault for every key that was sent.
Hardly any batch is anything but a success in the plainest form: that one is read at once, straight
into its values; whatever deviates from it is read piece by piece, and means the same.

Source: docs/bitrix24.md §1, §5.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from bulk_publisher.model import Fault, FaultClass, PortalEpoch, Scope
from bulk_publisher.portal import faults, json_text

BATCH_LENGTH = 50
"""The most commands that a batch may have [doc]."""


class RawAnswer(msgspec.Struct, frozen=True, gc=False):
    """What came back, as it came.

    Attributes:
        retry_after: Seconds of the header of that name; None where there is none.
    """

    status: int
    body: bytes
    retry_after: float | None = None


LATEST = 1e11
_LONGEST = 100.0
_MOST = 1e5
"""Seconds beyond which a figure is none: a moment (in the year 5138), the length of a request, which
ends within a minute and is not waited for longer than 75 s, and a sum of ten minutes' requests."""

_Moment = Annotated[PortalEpoch, msgspec.Meta(ge=0, le=LATEST)]


class Timing(msgspec.Struct, frozen=True, gc=False):
    """The portal's account of its own time: the ``time`` block of an answer.

    Attributes:
        start: When it began on the request, by its own clock.
        finish: When it had ended.
        duration: Seconds between the two.
        operating: Sum of operating seconds of this meter so far; None where there is no meter.
        operating_reset_at: When the meter's oldest minute leaves the sum.
    """

    start: _Moment
    finish: _Moment
    duration: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST)]
    operating: Annotated[float, msgspec.Meta(ge=0, le=_MOST)] | None = None
    operating_reset_at: _Moment | None = None

    @property
    def is_cut(self) -> bool:
        """Whether its start was cut to a whole second, as newer portals do: it began up to a second later."""
        start, finish = self.start, self.finish
        return start % 1 == 0 and finish % 1 != 0 and 0 <= finish - start <= _LONGEST

    @property
    def began_at(self) -> PortalEpoch:
        """Its start, or what can be told instead where that is absurd."""
        is_told = 0 <= self.finish - self.start <= _LONGEST
        return self.start if is_told else PortalEpoch(self.finish - self.duration)

    @property
    def least_duration(self) -> float:
        """Seconds that it took at the least."""
        return max(0.0, self.duration - 1.0) if self.is_cut else self.duration

    def narrowed(self, not_before: float) -> "Timing":
        """The same, where the portal cannot have begun before *not_before* and has cut its start.

        What it would have worked longer than it can have is left out of its duration.
        """
        if not_before <= self.start or not self.is_cut:
            return self
        finish = self.finish
        start = PortalEpoch(min(not_before, self.start + 1.0, finish))
        # By position: there are fifty of them in an answer.
        return Timing(start, finish, finish - start, self.operating, self.operating_reset_at)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A success: the portal's ``result``, whatever it is, and what it says of its time.

    Attributes:
        total: How many there are of what was listed; None where the portal does not count.
    """

    result: Any
    timing: Timing | None
    total: int | None = None


class BatchAnswer(msgspec.Struct, frozen=True, gc=False):
    """What became of each command, by its key; and the time of the whole batch."""

    commands: Mapping[str, Answer | Fault]
    timing: Timing | None


class _GoodParts(msgspec.Struct, frozen=True):
    result: dict[str, Any]
    result_time: dict[str, Timing]
    result_error: Annotated[list[Any], msgspec.Meta(max_length=0)] = []


class _GoodBatch(msgspec.Struct, frozen=True):
    result: _GoodParts
    time: Timing
    error: msgspec.Raw = msgspec.Raw()


_GOOD_BATCH = msgspec.json.Decoder(_GoodBatch)


def scope_param(scope: Scope | None) -> dict[str, str]:
    """The parameter that names *scope*; none where none is named."""
    return {} if scope is None else {"scope": scope.value}


def encode_call(params: Mapping[str, Any]) -> bytes:
    """The body of a request."""
    return msgspec.json.encode(params)


def encode_command(method: str, params: Mapping[str, Any]) -> str:
    """A call as a command of a batch: ``method?name=value&…``."""
    return f"{method}?{urlencode(params)}"


def batch_params(commands: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of a batch that goes on after a command that fails.

    Args:
        commands: At most 50, by keys that are not numbers: PHP turns those into a list.
    """
    return {"halt": 0, "cmd": commands}


def decode_answer(raw: RawAnswer) -> Answer | Fault:
    """The answer to a single call."""
    envelope = _decode_envelope(raw)
    if isinstance(envelope, Fault):
        return envelope
    total = bounded_number(envelope.get("total"), most=LATEST)
    counted = None if total is None else int(total)
    return Answer(envelope.get("result"), _timing(envelope.get("time")), counted)


def decode_batch(raw: RawAnswer, keys: Collection[str]) -> BatchAnswer | Fault:
    """The answers to a batch: one for each of *keys*, or a fault of the whole."""
    return _decode_good_batch(raw, keys) or _decode_any_batch(raw, keys)


def _decode_good_batch(raw: RawAnswer, keys: Collection[str]) -> BatchAnswer | None:
    """The answers to a batch all of whose commands were answered; None where it is none."""
    if raw.status != 200:
        return None
    try:
        whole = _GOOD_BATCH.decode(raw.body)
        results, times = whole.result.result, whole.result.result_time
        commands = {key: Answer(results[key], times[key]) for key in keys}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        return None
    return None if bytes(whole.error) else BatchAnswer(commands, whole.time)


def _decode_any_batch(raw: RawAnswer, keys: Collection[str]) -> BatchAnswer | Fault:
    envelope = _decode_envelope(raw)
    if isinstance(envelope, Fault):
        return _fault_of_all(envelope)
    parts = _as_map(envelope.get("result"))
    results = _as_map(parts.get("result"))
    errors = _as_map(parts.get("result_error"))
    times = _as_map(parts.get("result_time"))
    commands: dict[str, Answer | Fault] = {}
    for key in keys:
        if key in errors:
            commands[key] = _command_fault(errors[key], raw.status)
        elif key in results:
            commands[key] = Answer(results[key], _timing(times.get(key)))
        elif key in times:
            commands[key] = Answer(None, _timing(times[key]))
        else:
            commands[key] = faults.own_fault(
                faults.MISSING_FROM_ANSWER, "The answer says nothing about this command.", sent=None
            )
    return BatchAnswer(commands, _timing(envelope.get("time")))


def narrowed_answer(answer: Answer, *, seconds: float) -> Answer:
    """*answer*, which came *seconds* after it was asked for, with a duration no longer than that."""
    timing = answer.timing
    if timing is None or not timing.is_cut:
        return answer
    return msgspec.structs.replace(answer, timing=timing.narrowed(timing.finish - seconds))


def narrowed_batch(whole: BatchAnswer, *, seconds: float) -> BatchAnswer:
    """*whole*, which came *seconds* after it was asked for, with durations that fit into each other.

    Commands run one after the other: none begins before the one before it has ended.

    Source: docs/bitrix24.md §6 "Time" [doc]: the start is a whole second, so that each duration as
    told is up to a second too long.
    """
    if whole.timing is None or not whole.timing.is_cut:
        return whole
    timing = whole.timing.narrowed(whole.timing.finish - seconds)
    commands: dict[str, Answer | Fault] = {}
    ended_at: float = timing.start
    for key, answer in whole.commands.items():
        if isinstance(answer, Answer) and answer.timing is not None:
            commands[key] = Answer(answer.result, answer.timing.narrowed(ended_at), answer.total)
            ended_at = answer.timing.finish
        else:
            commands[key] = answer
    return BatchAnswer(commands, timing)


def _decode_envelope(raw: RawAnswer) -> dict[str, Any] | Fault:
    try:
        envelope = json_text.decode(raw.body)
    except json_text.NotJson:
        around = json_text.around(raw.body)
        return faults.surrounded(around) if around else _unreadable(raw)
    if not isinstance(envelope, dict):
        return _unreadable(raw)
    if "error" in envelope:
        error = envelope["error"]
        if isinstance(error, dict):  # the newer endpoints nest the code
            envelope = {**error, **envelope}
            error = error.get("code")
        fault = faults.classify(
            error,
            str(envelope.get("error_description") or envelope.get("message") or ""),
            status=raw.status,
            in_command=False,
        )
        return fault if raw.retry_after is None else replace(fault, retry_after=raw.retry_after)
    if raw.status != 200 or "result" not in envelope:
        return _unreadable(raw)
    return envelope


def _fault_of_all(fault: Fault) -> Fault:
    """*fault* of a whole batch: one of a page or a site says nothing of the others in it.

    So each is worth a request of its own, which tells.
    """
    if fault.kind not in {FaultClass.PAGE, FaultClass.SITE}:
        return fault
    return replace(fault, kind=FaultClass.TRANSIENT, is_alone=True)


def _unreadable(raw: RawAnswer) -> Fault:
    if raw.status != 200:
        return faults.classify_page_of_html(raw.status)
    if _is_cut(raw.body):
        return faults.own_fault(faults.NO_ANSWER, "The answer was cut off.", sent=True)
    # In the middle of a run it may be a page of the front server, and the work may be done.
    return faults.own_fault(faults.NO_PORTAL, _not_of_a_portal(raw.body), sent=True)


def _is_cut(body: bytes) -> bool:
    """Whether *body*, which is no answer, may be the beginning of one."""
    if json_text.bare(body)[:1] not in {b"", b"{"}:
        return False
    try:
        json_text.decode(body)
    except json_text.NotJson:
        return True
    return False


def _not_of_a_portal(body: bytes) -> str:
    what = "an HTML page" if body.lstrip()[:1] == b"<" else "something else"
    return f"HTTP 200 with {what} instead of a portal's JSON."


def _command_fault(error: Any, status: int) -> Fault:
    fields = error if isinstance(error, dict) else {"error": error}
    return faults.classify(
        fields.get("error"),
        str(fields.get("error_description") or ""),
        status=status,
        in_command=True,
    )


def _as_map(value: Any) -> dict[str, Any]:
    """PHP's map: an object, or a list where its keys happened to be 0…n-1 or there were none."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return {}


def _timing(value: Any) -> Timing | None:
    fields = _as_map(value)
    start = bounded_number(fields.get("start"), most=LATEST)
    finish = bounded_number(fields.get("finish"), most=LATEST)
    if start is None or finish is None:
        return None
    duration = bounded_number(fields.get("duration"), most=_LONGEST)
    if duration is None:
        # A clock that is set back while it works would give us time.
        duration = min(max(0.0, finish - start), _LONGEST)
    reset_at = bounded_number(fields.get("operating_reset_at"), most=LATEST)
    return Timing(
        start=PortalEpoch(start),
        finish=PortalEpoch(finish),
        duration=duration,
        operating=bounded_number(fields.get("operating"), most=_MOST),
        operating_reset_at=None if reset_at is None else PortalEpoch(reset_at),
    )


def bounded_number(value: Any, *, most: float) -> float | None:
    """*value* as a number of 0 to *most*; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= most else None
