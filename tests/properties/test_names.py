from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hemicycle._core import item_keys
from hemicycle.items import Items
from hemicycle.names import Renames

SEGMENT = st.text(alphabet="abcXYZ019-_", min_size=1, max_size=8)
NAME = st.builds("{}/{}".format, SEGMENT, SEGMENT)


@given(st.text())
def test_a_key_is_its_own_key(name):
    keys = item_keys([name])
    assert item_keys(keys) == keys


@given(
    NAME,
    st.sampled_from(["", "https://github.com/", "http://www.github.com/", "github.com/", "git@github.com:", " "]),
    st.sampled_from(["", "/", ".git", ".git/", " ", "//"]),
    st.sampled_from([str.lower, str.upper, str.title]),
)
def test_every_spelling_of_a_repository_is_one_item(name, prefix, suffix, case):
    assert item_keys([prefix + case(name) + suffix]) == [name.lower()]


@given(st.lists(NAME, min_size=1, unique_by=str.lower), st.data())
def test_positions_find_every_spelling(names, data):
    items = Items.of(names)
    name = data.draw(st.sampled_from(names))
    assert items.position(f"https://github.com/{name.upper()}.git") == names.index(name)


@given(st.dictionaries(NAME.map(str.lower), NAME, max_size=8), st.lists(NAME, max_size=8))
def test_renames_replace_by_key_and_leave_the_rest(mapping, names):
    renamed = Renames.of(mapping).apply(names)
    assert renamed == [mapping.get(name.lower(), name) for name in names]
