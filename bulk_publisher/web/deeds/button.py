"""What may be pressed: how it is asked about first, and how it is done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bulk_publisher.web.deeds.helm import Helm
from bulk_publisher.web.deeds.question import Pressed, Question

Ask = Callable[[Helm, str], Awaitable[Question]]
"""What is asked about the thing of a name; raises where it can't be done as things stand."""
Do = Callable[[Helm, str, str], Awaitable[Pressed]]
"""Do it to the thing of a name; a moment may be named with it, as a person writes it."""


@dataclass(frozen=True, slots=True)
class Button:
    """What may be pressed, for whatever *kind* of thing.

    Attributes:
        kind: ``run``, ``job`` or ``plan``: the part of a path that names it.
        summary: What it does, for the description of the API.
    """

    kind: str
    name: str
    summary: str
    ask: Ask
    do: Do
