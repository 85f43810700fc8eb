"""What can be wrong with what is kept, as data. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class FlawKind(StrEnum):
    """In which way something is not as a store has left it."""

    DAMAGED = "damaged"
    """It can't be read, or says what can't be."""
    TORN = "torn"
    """Its end is missing: a crash has cut it."""
    FOREIGN = "foreign"
    """It belongs to another run, or to nobody that is known here."""
    LEFT = "left"
    """Whoever was at work on it is gone, and has not said that it is over."""
    LINK = "link"
    """It is a link, or has a second name: what is written to it would be written elsewhere."""
    MODE = "mode"
    """Others than its owner may read or write it."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong.

    Attributes:
        where: A file with its line, or what else a person finds it by.
        what: What is wrong, as the rest of a sentence that begins with *where*.
        hint: What to do about it; empty where that is plain.
    """

    kind: FlawKind
    where: str
    what: str
    hint: str = ""
