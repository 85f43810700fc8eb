"""Names of columns, as a person reads them: in one form, and none twice. Pure."""

import unicodedata
from collections.abc import Collection, Sequence


def as_named(name: str) -> str:
    """*name* as it is shown: as given, but for blanks around it, and one form for each letter."""
    return unicodedata.normalize("NFC", name.strip())


def told_apart(names: Sequence[str], *, taken: Collection[str] = ()) -> list[str]:
    """*names*, with a number behind each that is there before: ``notes``, ``notes (2)``.

    Args:
        taken: Names that are there before all of them.
    """
    given, used = {*names}, {*taken}
    numbers = dict.fromkeys(names, 1)
    apart = []
    for name in names:
        new = name
        while new in used or (new != name and new in given):
            numbers[name] += 1
            new = f"{name} ({numbers[name]})"
        used.add(new)
        apart.append(new)
    return apart
