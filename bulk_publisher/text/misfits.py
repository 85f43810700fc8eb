"""Why what somebody has sent is not what was asked for, in words that name what may be sent. Pure."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

_SAID = re.compile(r"(?P<why>.*?)(?: - at `\$(?P<place>.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}")
"""What is repeated of what was sent: a word, which holds no sentence."""
_FIELD = re.compile(r"\.(\w+)")


def misfit_in_words(error: Exception, kind: type) -> str:
    """Why *kind*, a struct, could not be made: ``show must be one of all, work``. Of what was sent a name at most is repeated."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if not isinstance(error, msgspec.ValidationError):
        return "it is no JSON"
    found = _SAID.fullmatch(str(error))
    why, place = ("", "") if found is None else (found["why"], found["place"] or "")
    types = _types_of(kind)
    if missing := _MISSING.fullmatch(why):
        return f"{missing[1]} is missing"
    if unknown := _UNKNOWN.fullmatch(why):
        named = unknown[1] if _NAME.fullmatch(unknown[1]) else "a name"
        advice = f"use {', '.join(types)}" if types else "leave it out"
        return f"{named} is not known: {advice}"
    field = _FIELD.match(place)
    if field is None or field[1] not in types:
        return "it must be a JSON object"
    return f"{field[1]} must be {_expected(types[field[1]])}"


def _types_of(kind: type) -> dict[str, Any]:
    told = inspect.type_info(kind)
    fields = told.fields if isinstance(told, inspect.StructType) else ()
    return {field.encode_name: field.type for field in fields}


def _expected(told: Any) -> str:
    match told:
        case inspect.Metadata(
            type=inspect.StrType(pattern=str()), extra_json_schema={"description": str(words)}
        ):
            return f"as follows: {words.rstrip('.')}"
        case inspect.Metadata(type=inner):
            return _expected(inner)
        case inspect.UnionType(types=types):
            return " or ".join(
                _expected(one) for one in types if not isinstance(one, inspect.NoneType)
            )
        case inspect.EnumType(cls=enum):
            return _one_of(one.value for one in enum)
        case inspect.LiteralType(values=values):
            return _one_of(values)
        case _:
            return _plainly(told)


def _plainly(told: Any) -> str:
    match told:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number{_bound(' from', least)}{_bound(' to', most)}"
        case inspect.FloatType(ge=least, le=most):
            return f"a number{_bound(' from', least)}{_bound(' to', most)}"
        case inspect.StrType(max_length=most):
            return f"text{_up_to(most, 'characters')}"
        case inspect.VarTupleType(item_type=item, max_length=most):
            return f"a list{_up_to(most, 'entries')}, each of them {_expected(item)}"
        case _:
            return "something else"


def _one_of(values: Iterable[object]) -> str:
    return f"one of {', '.join(map(str, values))}"


def _bound(words: str, number: float | None) -> str:
    return "" if number is None else f"{words} {number:,}"


def _up_to(most: int | None, what: str) -> str:
    return "" if most is None else f" of up to {most:,} {what}"
