"""What went wrong, for a program: RFC 9457. Data alone."""

from http import HTTPStatus

import msgspec

PROBLEM_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong.

    Attributes:
        type: ``about:blank``: the status says which kind of problem it is.
        title: The status in words.
        detail: What and where, in a sentence.
        hint: What to do; empty for nothing.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str = ""


def problem_of(status: int, detail: str, hint: str = "") -> Problem:
    """The problem of an answer."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = str(status)
    return Problem(title=title, status=status, detail=detail, hint=hint)
