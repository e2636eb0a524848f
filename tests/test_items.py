from __future__ import annotations

import numpy as np
import pytest

from hemicycle.errors import DomainError, DtypeError, FormatError, NoDataError, UnknownItemError
from hemicycle.items import Item, Items
from hemicycle.names import Renames


def test_items_keep_the_spelling_and_compare_by_key():
    items = Items.of([("Ethereum", "https://github.com/ethereum/EIPs/"), ("ethereum", "argotorg/fe")])
    assert items[0] == Item("Ethereum", "https://github.com/ethereum/EIPs/")
    assert items.keys == (("ethereum", "ethereum/eips"), ("ethereum", "argotorg/fe"))
    assert items.parent_names == ("Ethereum",)
    assert items == Items.of([("ETHEREUM", "ethereum/eips.git"), ("ethereum", "Argotorg/fe")])
    assert hash(items) == hash(Items.of([("ETHEREUM", "ethereum/eips.git"), ("ethereum", "Argotorg/fe")]))


def test_items_are_a_sequence():
    items = Items.of(["x", "y", "z"])
    assert (len(items), items[1].name, [item.name for item in items], items[1:]) == (
        3,
        "y",
        ["x", "y", "z"],
        (Item("", "y"), Item("", "z")),
    )
    assert Items.of(items) is items
    assert Items.of(3).names == ("0", "1", "2")
    assert Items.of(np.array(["x", "y"])).names == ("x", "y")


def test_parents_are_numbered_by_first_appearance():
    items = Items.of([("q", "x"), ("p", "x"), ("Q", "y")])
    np.testing.assert_array_equal(items.parent_index, [0, 1, 0])
    assert items.parent_names == ("q", "p")
    assert items.n_parents == 2


def test_position_needs_a_parent_only_where_a_name_is_shared():
    items = Items.of([("p", "x"), ("q", "x"), ("q", "y")])
    assert items.position("Y") == 2
    assert items.position("https://github.com/x", parent="Q") == 1
    with pytest.raises(UnknownItemError, match="2 items are named 'x': give its parent, one of 'p', 'q'"):
        items.position("x")
    with pytest.raises(UnknownItemError, match="there is no item 'z'"):
        items.position("z")
    with pytest.raises(UnknownItemError, match="'y' of 'p'"):
        items.position("y", parent="p")


@pytest.mark.parametrize(
    ("items", "error", "message"),
    [
        (["a/b", "https://github.com/A/B"], FormatError, r"items\[1\] .* is the same item as items\[0\] 'a/b'"),
        (["a", " "], FormatError, r"items\[1\] has no name"),
        ([], NoDataError, "no items"),
        (0, NoDataError, "no items"),
        ("ab", DtypeError, "got str"),
        ([1, 2], DtypeError, r"items\[0\]"),
        ([("a", "b", "c")], DtypeError, r"items\[0\]"),
        (True, DtypeError, "got bool"),
        (10**12, DomainError, "at most"),
    ],
)
def test_bad_item_lists(items, error, message):
    with pytest.raises(error, match=message):
        Items.of(items)


def test_a_file_lists_items_in_any_of_the_published_forms(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("Repo,parent,stars\nx,p,1\ny,p,2\n")
    assert list(Items.read(path)) == [Item("p", "x"), Item("p", "y")]
    path.write_text("dependency,repo\nx,p\n")
    assert list(Items.read(path)) == [Item("p", "x")]
    path.write_text("item\nx\n")
    assert list(Items.read(path, rename={"X": "z"})) == [Item("", "z")]
    path.write_text("what\nx\n")
    with pytest.raises(FormatError, match="needs a column repo or item; found what"):
        Items.read(path)
    path.write_text("")
    with pytest.raises(NoDataError, match=r"items\.csv is empty"):
        Items.read(path)
    path.write_text("item\nx\ny\n")
    with pytest.raises(FormatError, match="the same item"):
        Items.read(path, rename={"y": "x"})


def test_renames_by_key_once_and_only_one_way(tmp_path):
    renames = Renames.of({"https://github.com/Old/x": "New/x", "new/x": "newest/x"})
    assert renames.apply(["old/X", "new/x", "y"]) == ["New/x", "newest/x", "y"]
    with pytest.raises(FormatError, match="renamed both to 'b' and to 'c'"):
        Renames.of({"a": "b", "A": "c"})
    with pytest.raises(DtypeError, match="text to text"):
        Renames.of({"a": 1})
    with pytest.raises(DtypeError, match="a mapping or a path"):
        Renames.of(3)
    path = tmp_path / "renames.csv"
    path.write_text("old,new\na,b\nc,\n")
    renames = Renames.of(path)
    assert renames.apply(["a", "c"]) == ["b", "c"]
    assert renames.notices == ("renames.csv: names that have no new one and stay (1): c",)
    path.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(FormatError, match="two columns"):
        Renames.of(path)


def test_published_rename_tables(round_data):
    renames = Renames.of(round_data / "level1-2025" / "renames_to_gg24.csv")
    assert renames.notices == (
        "renames_to_gg24.csv: names that have no new one and stay (1): https://github.com/ethereum/py-evm",
    )
    carried = Items.read(round_data / "level1-2025" / "repos.csv", rename=renames)
    gg24 = Items.read(round_data / "gg24-2025" / "repos.csv")
    assert (len(carried), len(gg24)) == (45, 98)
    lacking = [name for name in carried.names if not gg24.candidates("", Items.of([name]).keys[0][1])]
    assert lacking == ["https://github.com/ethereum/py-evm"]


@pytest.mark.parametrize(("name", "parent"), [(0, None), (None, None), ("x", 1), (b"x", None)])
def test_positions_are_asked_for_by_name(name, parent):
    with pytest.raises(DtypeError, match="expected text, as items are named"):
        Items.of(["x", "y"]).position(name, parent)


def test_short_names_leave_out_a_common_host_and_tell_parents_apart() -> None:
    host = "https://github.com/"
    assert Items.of([host + "a/b", host + "c/d"]).short_names == ["a/b", "c/d"]
    assert Items.of([host + "a/b", "c/d"]).short_names == [host + "a/b", "c/d"]
    assert Items.of([("p", "own"), ("q", "own")]).short_names == ["own (p)", "own (q)"]
    assert Items.of([(host + "p", host + "a/b"), (host + "q", host + "c")]).short_names == ["a/b (p)", "c (q)"]
