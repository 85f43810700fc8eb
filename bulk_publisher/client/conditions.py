"""What a page must be like to be wanted: ``title~handbook``, ``active=no``. Pure.

Rules:
    A condition is held against what the portal says of a page in any case. The portal evaluates it as
    well where it lists pages and can't leave one out by mistake: what is unequal it decides in ways of
    its own (rows without a value, capitals), so that is decided here.

    A moment (``modified``) is the one thing that can't be read here: the portal writes it in a regional
    format. So it is passed on as it was given, and held against the portal's own answer to the opposite.

Source: docs/bitrix24-dossier.md §2.1 (its filter keys) [source].
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bulk_publisher.client.listed_rows import number_in
from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Page
from bulk_publisher.text.shown import listed, nearest, shown

_LONGEST = 1_000
"""Characters of a condition: a title has 255 at most."""
_SHAPE = re.compile(r"\s*(\w+)\s*(!=|[=~<>])(.*)", re.DOTALL)
_YES = {"y": True, "yes": True, "true": True, "1": True, "n": False, "no": False, "false": False, "0": False}  # fmt: skip


class Field(StrEnum):
    """What a condition may be about."""

    ID = "id"
    TITLE = "title"
    SITE = "site"
    FOLDER = "folder"
    ACTIVE = "active"
    """Whether the page is online."""
    CHANGED = "changed"
    """Whether it was edited since it was last published."""
    ADDRESS = "address"
    """Its public one; ``url`` is the same."""
    MODIFIED = "modified"


_NUMBERS = {Field.ID, Field.SITE, Field.FOLDER}
_FLAGS = {Field.ACTIVE, Field.CHANGED}
_KEYS: Mapping[Field, str] = {
    Field.ID: "ID",
    Field.TITLE: "TITLE",
    Field.SITE: "SITE_ID",
    Field.FOLDER: "FOLDER_ID",
    Field.MODIFIED: "DATE_MODIFY",
}
_OPERATORS: Mapping[Field, str] = {
    Field.ID: "= != < >",
    Field.TITLE: "= != ~",
    Field.SITE: "= !=",
    Field.FOLDER: "= !=",
    Field.ACTIVE: "= !=",
    Field.CHANGED: "= !=",
    Field.ADDRESS: "= != ~",
    Field.MODIFIED: "< >",
}
_OPPOSITE = {"<": ">=", ">": "<="}
_NAMES = {**{field.value: field for field in Field}, "url": Field.ADDRESS}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition.

    Attributes:
        operator: ``=``, ``!=``, ``~`` (contains, capitals or not), ``<`` or ``>``.
        value: A number, a truth or a text, by the field.
        text: As it was written.
    """

    field: Field
    operator: str
    value: int | bool | str
    text: str

    @property
    def filter(self) -> Mapping[str, Any]:
        """What the portal is to evaluate of it; empty for nothing."""
        if self.field in _FLAGS:
            is_wanted = bool(self.value) is (self.operator == "=")
            if self.field is Field.ACTIVE:
                return {"=ACTIVE": "Y" if is_wanted else "N"}
            return {"=PUBLIC": "N" if is_wanted else "Y"}
        key = _KEYS.get(self.field)
        if key is None or self.operator == "!=":
            return {}
        return {f"{'%' if self.operator == '~' else self.operator}{key}": self.value}

    @property
    def opposite(self) -> Mapping[str, Any]:
        """What the portal must list none of the wanted pages for; of a moment only."""
        return {f"{_OPPOSITE[self.operator]}{_KEYS[self.field]}": self.value}

    def is_met(self, page: Page) -> bool | None:
        """Whether *page* is as it says; None where what is known of the page does not tell."""
        if self.field is Field.MODIFIED:
            return None
        found = _READ[self.field](page)
        if self.field in _FLAGS and found is None:
            return None
        return _holds(found, self.operator, self.value)


def parse_condition(text: str) -> Condition:
    """The condition that *text* says.

    Raises:
        BadSetting: If it says none.
    """
    match = _SHAPE.fullmatch(text) if len(text) <= _LONGEST and "\0" not in text else None
    if match is None:
        raise BadSetting(
            f'{shown(text)} is not a condition: write a field, an operator (= != ~ < >) and a value, such as "title~handbook"'
        )
    name, operator, written = match[1].lower(), match[2], match[3].strip()
    field = _NAMES.get(name)
    if field is None:
        raise BadSetting(f"{shown(text)}: {shown(match[1])} is not a field{nearest(name, _NAMES)}")
    if operator not in _OPERATORS[field].split():
        raise BadSetting(f"{shown(text)}: {field} takes {listed(_OPERATORS[field].split())}")
    return Condition(field, operator, _value(field, written, text), text)


def wanted_by(where: Iterable[Condition]) -> Mapping[str, Any]:
    """What the portal is to evaluate of *where*, as one group of its filter; empty for nothing."""
    groups = [filter_ for condition in where if (filter_ := condition.filter)]
    # In a group of their own: at the top a key may stand once, and SITE_ID has a meaning of its own.
    numbered = {str(number): group for number, group in enumerate(groups)}
    return {"1": {"LOGIC": "AND", **numbered}} if groups else {}


def first_unmet(page: Page, where: Sequence[Condition]) -> Condition | None:
    """The first of *where*, moments aside, that *page* does not meet; None for none.

    Raises:
        BadSetting: If the portal does not tell what one of them asks.
    """
    for condition in where:
        is_met = condition.is_met(page)
        if is_met is None and condition.field is Field.CHANGED:
            raise BadSetting(
                f"The portal does not say which pages were edited since they were published: {condition.text} can't be decided.",
                "Leave that condition out.",
            )
        if not is_met and condition.field is not Field.MODIFIED:
            return condition
    return None


def _value(field: Field, written: str, text: str) -> int | bool | str:
    if field in _NUMBERS:
        number = number_in(written)
        if number is None:
            raise BadSetting(f"{shown(text)}: {field} takes a whole number from 1")
        return number
    if field in _FLAGS:
        if written.lower() not in _YES:
            raise BadSetting(f"{shown(text)}: {field} takes yes or no")
        return _YES[written.lower()]
    if not written:
        raise BadSetting(f"{shown(text)}: the value is missing")
    return written


_READ: Mapping[Field, Callable[[Page], int | bool | str | None]] = {
    Field.ID: lambda page: page.id,
    Field.TITLE: lambda page: page.title or "",
    Field.SITE: lambda page: page.site,
    Field.FOLDER: lambda page: page.folder,
    Field.ACTIVE: lambda page: page.was_active,
    Field.CHANGED: lambda page: page.is_changed,
    Field.ADDRESS: lambda page: page.url or "",
}


def _holds(found: Any, operator: str, value: Any) -> bool:
    match operator:
        case "=":
            return bool(found == value)
        case "!=":
            return bool(found != value)
        case "~":
            return str(value).casefold() in str(found).casefold()
        case "<":
            return bool(found < value)
        case _:
            return bool(found > value)
