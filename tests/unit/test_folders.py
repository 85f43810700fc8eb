"""Folders in the order of their tree."""

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.client.folders import Folder, in_tree_order, path_of
from bulk_publisher.model import FolderId


def _folders(parents):
    return {
        FolderId(number): Folder(
            FolderId(number), None if parent is None else FolderId(parent), f"F{number}", True
        )
        for number, parent in parents.items()
    }


TREE = _folders({1: None, 2: 1, 3: 2, 4: None, 5: 1, 6: 99})


def test_parents_come_first_and_what_is_below_before_the_next():
    assert list(in_tree_order(TREE)) == [1, 2, 3, 5, 4, 6]


def test_only_what_is_below_the_named_ones_is_given():
    assert list(in_tree_order(TREE, [2, 1])) == [2, 3, 1, 5]


@given(parents=st.dictionaries(st.integers(1, 30), st.none() | st.integers(1, 30)))
def test_each_comes_once_and_circles_end(parents):
    folders = _folders(parents)

    order = list(in_tree_order(folders))

    assert len(order) == len(set(order))
    for place, folder in enumerate(order):
        parent = folders[folder].parent
        assert parent not in folders or parent in order[:place]
    assert all(path_of(folder, folders) for folder in folders)


def test_a_path_leads_down_from_the_root():
    assert path_of(FolderId(3), TREE) == "F1/F2/F3"
    assert path_of(FolderId(6), TREE) == "99/F6"
    assert path_of(FolderId(7), TREE) == "7"
    assert path_of(None, TREE) == ""
