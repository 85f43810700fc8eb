"""An outcome as one line of JSON, and back. Pure: bytes in, bytes out.

Lines of later versions may have more fields: those that are not known are passed over in reading.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from bulk_publisher.model import Action, Outcome, PageId, Status

SCHEMA_VERSION = "1.0"
"""A field added raises the second number, a field changed the first."""

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Outcome)


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
    return _DECODER.decode(line)


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
    return _SPENT_DECODER.decode(line)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a line."""
    schema = msgspec.json.schema(Outcome)
    definition = schema["$defs"].pop("Outcome")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://bulk-publisher.invalid/outcome-{SCHEMA_VERSION}.json",
        **definition,
        "$defs": schema["$defs"],
    }
