"""An outcome as one line of JSON, and back. Pure: bytes in, bytes out.

Lines of later versions may have more fields: those that are not known are passed over in reading.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from bulk_publisher.model import Action, Outcome, PageId, Status

SCHEMA_VERSION = "1.1"
"""A field added raises the second number, a field changed the first."""

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Outcome)


_LONGEST = 1e6
"""Seconds: no page takes twelve days, and what says so is no figure."""
_MOST_ATTEMPTS = 10**6


class Mark(msgspec.Struct, frozen=True, gc=False):
    """What a resume needs of a line, and no more: it reads millions of them."""

    run: str
    page: PageId
    action: Action
    status: Status
    attempts: int = 1
    duration: float | None = None
    error: str | None = None
    was_active: bool | None = None


class Spent(msgspec.Struct, frozen=True, gc=False):
    """What a line says of the portal's operating time."""

    time: str
    operating: float | None = None


_MARK_DECODER = msgspec.json.Decoder(Mark)
_SPENT_DECODER = msgspec.json.Decoder(Spent)


def encode_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """One line for each outcome, each with its newline."""
    return _ENCODER.encode_lines(outcomes)


def decode_outcome(line: bytes) -> Outcome:
    """The outcome in *line*.

    Raises:
        ValueError: If there is none.
    """
    outcome = _DECODER.decode(line)
    if not 0 <= outcome.attempts <= _MOST_ATTEMPTS:
        raise ValueError(f"attempts: {outcome.attempts:.3g} can't be")
    if not is_figure(outcome.duration) or not is_figure(outcome.operating):
        return msgspec.structs.replace(
            outcome,
            duration=figure(outcome.duration),
            operating=figure(outcome.operating),
        )
    return outcome


def is_figure(seconds: float | None) -> bool:
    """Whether *seconds* can be what a page took, or are not told."""
    return seconds is None or 0 <= seconds <= _LONGEST


def figure(seconds: float | None) -> float | None:
    """*seconds*, or None where they can't be: an absurd figure is no figure."""
    return seconds if is_figure(seconds) else None


def decode_mark(line: bytes) -> Mark:
    """What a resume needs of *line*.

    Raises:
        ValueError: If there is no outcome in it.
    """
    return _MARK_DECODER.decode(line)


def decode_spent(line: bytes) -> Spent:
    """What *line* says of the portal's operating time.

    Raises:
        ValueError: If there is no outcome in it.
    """
    spent = _SPENT_DECODER.decode(line)
    return spent if is_figure(spent.operating) else Spent(spent.time)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a line."""
    schema = msgspec.json.schema(Outcome)
    definition = schema["$defs"].pop("Outcome")
    # It is missing in older lines alone.
    del definition["properties"]["row"]["default"]
    definition["required"] = list(Outcome.__struct_fields__)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://bulk-publisher.invalid/outcome-{SCHEMA_VERSION}.json",
        **definition,
        "$defs": schema["$defs"],
    }
