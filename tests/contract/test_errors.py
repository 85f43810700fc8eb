"""The tree of errors is as it is drawn, and every exit status is the contract's."""

import re

from bulk_publisher import errors


def _drawn() -> dict[str, tuple[str, int]]:
    """Each class of the drawing with its parent and exit status."""
    found: dict[str, tuple[str, int]] = {}
    line_of: list[tuple[int, str]] = []
    for match in re.finditer(r"^ {4}([│├└─ ]*)(\w+) (\d+)$", errors.__doc__ or "", re.MULTILINE):
        depth = len(match[1])
        line_of = [entry for entry in line_of if entry[0] < depth]
        parent = line_of[-1][1] if line_of else "Exception"
        found[match[2]] = (parent, int(match[3]))
        line_of.append((depth, match[2]))
    return found


def _classes() -> dict[str, tuple[str, int]]:
    return {
        name: (kind.__base__.__name__, kind.exit_status)
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.BulkPublisherError)
    }


def test_the_tree_is_drawn_as_it_is() -> None:
    assert _drawn() == _classes()
