"""Names of columns: as a person reads them, as they are compared, and none twice. Pure."""

import unicodedata
from collections.abc import Collection, Sequence

from bulk_publisher.text.shown import as_text

MOST_COLUMNS = 16_384
"""As many as Excel has; each name is compared with others."""


def as_named(name: str) -> str:
    """*name* as it is shown: as given, but for blanks around it, and one form for each letter."""
    return unicodedata.normalize("NFC", name.strip())


def folded(name: str) -> str:
    """*name* as columns are compared: what looks alike is alike.

    One form for each letter, no invisible signs, single blanks of one kind, no capitals.
    """
    decomposed = unicodedata.normalize("NFC", as_text(name))
    visible = "".join(sign for sign in decomposed if unicodedata.category(sign) != "Cf")
    return unicodedata.normalize("NFC", " ".join(visible.split()).casefold())


def told_apart(names: Sequence[str], *, taken: Collection[str] = ()) -> list[str]:
    """*names*, with a number behind each that is there before: ``notes``, ``notes (2)``.

    Args:
        taken: Names that are there before all of them, and what looks like one of those, too.
    """
    given, used, reserved = {*names}, set[str](), {*map(folded, taken)}
    numbers = dict.fromkeys(names, 1)
    apart = []
    for name in names:
        new = name
        while new in used or (new != name and new in given) or folded(new) in reserved:
            numbers[name] += 1
            new = f"{name} ({numbers[name]})"
        used.add(new)
        apart.append(new)
    return apart
