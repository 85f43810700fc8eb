"""The text of a file of named portals with one entry more, another, or less. Pure.

Rules: all other lines stay as they are, comments among them, and so does their order. An entry that is
written in a way that can't be changed line by line is left alone: whoever calls this compares what the
new text says with what it should say.

How it works: an entry stands from the line of its name to that of its last key. A key whose value stays
keeps its line; one that changes keeps its place and the comment behind it. What is new goes to the end.
"""

import json
from collections.abc import Mapping
from typing import Any

from bulk_publisher.jobs.toml_lines import Key, find_lines, trailing_comment

Fields = Mapping[str, Any]
"""Of an entry, as TOML gives them: texts, and tables of texts."""


def with_entry(text: str, name: str, fields: Fields, before: Fields | None) -> str:
    """*text* in which the entry *name* says *fields*.

    Args:
        before: What it says now; None where there is none.
    """
    lines = _lines(text)
    if before is not None:
        own = _own_lines(find_lines(text), name)
        if _is_plain(lines, own, name, before):
            return "".join(_rewritten(lines, own, fields, before, _newline(text)))
        return "".join(
            [
                *lines[: min(own.values()) - 1],
                *_written(name, fields, _newline(text)),
                *lines[max(own.values()) :],
            ]
        )
    newline = _newline(text)
    while lines and not lines[-1].strip():
        lines.pop()
    if lines:
        lines[-1] = lines[-1].rstrip("\r\n") + newline
        lines.append(newline)
    return "".join([*lines, *_written(name, fields, newline)])


def without_entry(text: str, name: str) -> str:
    """*text* without the lines of the entry *name*; comments around it stay."""
    lines, own = _lines(text), _own_lines(find_lines(text), name)
    first, last = min(own.values()), max(own.values())
    above, below = lines[: first - 1], lines[last:]
    while below and not below[0].strip() and (not above or not above[-1].strip()):
        below.pop(0)
    if not below:
        while above and not above[-1].strip():
            above.pop()
    return "".join([*above, *below])


def _written(name: str, fields: Fields, newline: str) -> list[str]:
    """A whole entry."""
    assigned = (f"{_key(key)} = {_value(value)}{newline}" for key, value in fields.items())
    return [f"[{_key(name)}]{newline}", *assigned]


def _lines(text: str) -> list[str]:
    """Its lines with their ends; TOML knows no other ends of lines than this one."""
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [
        line for line in text.split("\n")[-1:] if line
    ]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _own_lines(found: Mapping[Key, int], name: str) -> dict[Key, int]:
    """The lines of the keys of an entry, counted from 1."""
    return {key: line for key, line in found.items() if key[0] == name}


def _is_plain(lines: list[str], own: Mapping[Key, int], name: str, before: Fields) -> bool:
    """Whether it is a table with a line for its head and one for each key."""
    top = [own.get((name, key), 0) for key in before]
    head = own[(name,)]
    return (
        lines[head - 1].lstrip().startswith("[")
        and len({head, *top}) == len(before) + 1
        and all(line > head for line in top)
        and not any(lines[line - 1].lstrip().startswith("[") for line in top)
    )


def _rewritten(
    lines: list[str], own: Mapping[Key, int], fields: Fields, before: Fields, newline: str
) -> list[str]:
    (name,) = (key[0] for key in own if len(key) == 1)
    last = max(own.values())
    fresh = list(lines)
    for key, value in before.items():
        number = own[name, key] - 1
        if key not in fields:
            fresh[number] = ""
        elif fields[key] != value:
            comment = trailing_comment(lines[number])
            behind = f"  {comment}" if comment else ""
            fresh[number] = f"{_key(key)} = {_value(fields[key])}{behind}{newline}"
    more = {key: value for key, value in fields.items() if key not in before}
    added = _written(name, more, newline)[1:]
    if added and fresh[last - 1] and not fresh[last - 1].endswith("\n"):
        fresh[last - 1] += newline
    return [*fresh[:last], *added, *fresh[last:]]


def _key(text: str) -> str:
    is_bare = text.isascii() and text.replace("-", "").replace("_", "").isalnum()
    return text if is_bare else _value(text)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items())
        return f"{{ {inside} }}"
    # What JSON escapes TOML escapes alike, but for this one.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
