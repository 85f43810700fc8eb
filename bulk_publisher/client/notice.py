"""Whom a client tells what a person should know. Pure."""

from collections.abc import Callable

Warn = Callable[[str], None]
"""Is told something that a person should know now."""


def say_nothing(_text: str) -> None:
    """Where nobody is there to be told."""
