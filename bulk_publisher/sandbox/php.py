"""What PHP does to values on their way in and out of the portal.

Pure. Knows nothing of pages or methods: only how PHP reads numbers, query strings and truth, and
how ``json_encode`` writes its arrays.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

import msgspec

_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)")
_INTEGER = re.compile(r"\s*([+-]?\d+)")
_ARRAY_INDEX = re.compile(r"(?:0|-?[1-9]\d{0,17})\Z")
_BRACKETS = re.compile(r"\[([^\]]*)\]")
_REFERENCE = re.compile(r"\$(result|error|total|next|time)((?:\[[^\]]*\])+)")


def intval(value: object) -> int:
    """A number as PHP's ``intval`` reads it: ``"351abc"`` is 351, ``"abc"`` is 0."""
    if value is None:
        return 0
    if isinstance(value, list | dict):
        return int(bool(value))
    if isinstance(value, str):
        return _leading_integer(value)
    if isinstance(value, int | float):
        return int(value) if abs(value) < 2**63 else 0
    return 0


def _leading_integer(text: str) -> int:
    number = _NUMBER.match(text)
    if number is None:
        return 0
    integer = _INTEGER.match(text)
    if integer is not None and integer.end() == number.end():
        return int(integer.group(1)[:20])
    value = float(number.group(1))
    return int(value) if abs(value) < 2**63 else 0


def truthy(value: object) -> bool:
    """PHP's ``(bool)``: the strings ``""`` and ``"0"`` are false, ``"false"`` is true."""
    if isinstance(value, str):
        return value not in {"", "0"}
    return bool(value)


def array(mapping: Mapping[str, object]) -> dict[str, object] | list[object]:
    """A PHP array as ``json_encode`` writes it.

    An empty one is ``[]``, one whose keys are exactly 0…n-1 in that order is a list, any other is
    an object.

    Source: docs/bitrix24.md §5 [source], dossier §4.2 [measured].
    """
    if all(key == str(place) for place, key in enumerate(mapping)):
        return list(mapping.values())
    return dict(mapping)


def items(value: object) -> list[tuple[str, Any]]:
    """Keys and values of what PHP would call an array; nothing of anything else."""
    if isinstance(value, dict):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, list):
        return [(str(place), item) for place, item in enumerate(value)]
    return []


def is_array(value: object) -> bool:
    """Whether PHP would call *value* an array: a JSON object or a JSON list."""
    return isinstance(value, dict | list)


def parse_str(query: str) -> dict[str, Any]:
    """A query string as PHP's ``parse_str`` reads it, brackets and all."""
    found: dict[str, Any] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        name = unquote_plus(name).lstrip(" ")
        base, path = _split_name(name)
        if base:
            _put(found, [base, *path], unquote_plus(value))
    return {key: _listed(value) for key, value in found.items()}


def _split_name(name: str) -> tuple[str, list[str]]:
    start = name.find("[")
    if start <= 0 or "]" not in name[start:]:
        return name.replace(".", "_").replace(" ", "_"), []
    base = name[:start].replace(".", "_").replace(" ", "_")
    return base, _BRACKETS.findall(name[start:])


def _put(found: dict[str, Any], path: list[str], value: str) -> None:
    place = found
    for key in path[:-1]:
        inner = place.get(key or _next_index(place))
        if not isinstance(inner, dict):
            inner = {}
            place[key or _next_index(place)] = inner
        place = inner
    place[path[-1] or _next_index(place)] = value


def _next_index(place: Mapping[str, object]) -> str:
    taken = [int(key) for key in place if _ARRAY_INDEX.match(key)]
    return str(max(taken) + 1 if taken else 0)


def _listed(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return array({key: _listed(item) for key, item in value.items()})


def substitute(value: object, answers: Mapping[str, object]) -> object:
    """Puts earlier results of a batch into *value* where it says ``$result[key][field]``."""
    if isinstance(value, str):
        return _substituted(value, answers) if "$" in value else value
    if isinstance(value, dict):
        return {key: substitute(item, answers) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, answers) for item in value]
    return value


def _substituted(text: str, answers: Mapping[str, object]) -> object:
    whole = _REFERENCE.fullmatch(text)
    if whole is not None:
        return _reach(answers.get(whole.group(1)), _BRACKETS.findall(whole.group(2)))

    def written(match: re.Match[str]) -> str:
        found = _reach(answers.get(match.group(1)), _BRACKETS.findall(match.group(2)))
        return "" if found is None or is_array(found) else str(found)

    return _REFERENCE.sub(written, text)


def _reach(value: object, path: Iterable[str]) -> object:
    for key in path:
        value = dict(items(value)).get(key)
    return value


def encode(value: object) -> bytes:
    r"""JSON as the portal writes it: no byte above 127, other letters as ``\uXXXX``."""
    body = msgspec.json.encode(value)
    return body if body.isascii() else json.dumps(value).encode("ascii")


def decode(body: bytes) -> object:
    """The value in a JSON *body*, or None where PHP could not read it."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
