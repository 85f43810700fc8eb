"""What somebody is asked before it is done, and what is told then. Data alone."""

import msgspec


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done.

    Attributes:
        action: ``retry``, ``stop``, ...
        target: The run, the job or the plan that it is about.
        text: What will be done, in a sentence.
        notes: What to know before, a sentence each.
        pages: That it is about; None where nobody knows.
        button: What is pressed for it.
        moment: The moment that may be named with it, ``until`` or ``at``; empty for none.
        moment_hint: What that is for.
        mark: The state of things that it rests on: where that has changed, it is asked anew.
        is_grave: Whether pages may be changed by it that nothing else would change.
    """

    action: str
    target: str
    text: str
    notes: tuple[str, ...] = ()
    pages: int | None = None
    button: str
    moment: str = ""
    moment_hint: str = ""
    mark: str = ""
    is_grave: bool = False


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or will be.

    Attributes:
        said: In a sentence.
        order: The order that the daemon was given; empty where it was done at once.
        seen_at: The page that shows what comes of it.
    """

    action: str
    target: str
    said: str
    order: str = ""
    seen_at: str
