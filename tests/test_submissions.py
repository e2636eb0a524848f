"""Pools read from files of submissions: each is taken or turned away with a reason."""

from __future__ import annotations

import os

import numpy as np
import pytest

from hemicycle import Pool
from hemicycle.errors import DomainError, FormatError, NoDataError
from hemicycle.items import Items
from hemicycle.read_limits import ReadLimits

GOOD = "repo,parent,weight\nx,p,1\ny,p,2\n"


@pytest.fixture
def folder(tmp_path):
    """Write files into a folder: ``folder(name=text)``; ``a__b`` is the file b of the sub-folder a."""

    def write(**texts):
        for name, text in texts.items():
            path = tmp_path / "pool" / (name.replace("__", "/") + ".csv")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "pool"

    return write


def test_a_folder_is_read_in_the_order_of_names(folder):
    path = folder(b=GOOD, a="repo,parent,weight\nhttps://github.com/Y,P,8\nX,P,4\n", ada__a=GOOD)
    (path / "notes.txt").write_text("?")
    (path / ".hidden.csv").write_text("?")
    pool = Pool.read(path)
    assert (pool.models, pool.authors) == (("a", "ada/a", "b"), (None, "ada", None))
    assert pool.items == Items.of([("p", "x"), ("p", "y")])
    np.testing.assert_array_equal(pool.logits, np.log([[4, 8], [1, 2], [1, 2]]))
    assert pool.items_source == "named by more than half of the 3 readable submissions"
    assert pool.notices == ("pool: 2 hidden or other than csv files and folders ignored",)


@pytest.mark.parametrize(
    ("text", "line", "field", "value", "reason"),
    [
        ("", None, "file", "", "empty"),
        ("repo,parent,weight\n", None, "file", "", "no rows"),
        (
            "repo,parent,weight\nx,p,1\n",
            None,
            "item",
            "y",
            "lacks 1 of 2 items: 'y' of 'p'; add a row for each, or rename",
        ),
        (GOOD + "z,p,1\n", 4, "item", "z", "names 1 item not of the round: 'z' of 'p'"),
        (GOOD + "X,p,1\n", 4, "item", "X", "names 1 item twice: 'X' of 'p'"),
        (GOOD + "old,p,1\n", 4, "item", "old", "names 1 item twice: 'old' of 'p'"),
        ("repo,parent,weight\nx,q,1\ny,q,1\n", 2, "item", "x", "lacks 2 of 2 items: 'x' of 'p', 'y' of 'p'"),
        ("repo,parent,weight\nx,p,1\ny,p,-0.5\n", 3, "weight", "-0.5", "negative"),
        ("repo,parent,weight\nx,p,1\ny,p,nan\n", 3, "weight", "nan", "not finite"),
        ("repo,parent,weight\nx,p,inf\ny,p,1\n", 2, "weight", "inf", "not finite"),
        ("repo,parent,weight\nx,p,1\ny,p,\n", 3, "weight", "", "empty"),
        ("repo,parent,weight\nx,p,1\ny,p,0.02853076603930131C\n", 3, "weight", "0.02853076603930131C", "not a number"),
        ("repo,parent,weight\nx,p,0\ny,p,0\n", None, "weight", "0", "every weight of parent 'p' is 0"),
        ("repo,parent,weight\nx,p\n", 2, "row", "", "2 fields in this row, 3 in the header"),
        ("repo,weight,weight\nx,1,1\n", None, "header", "", "occurs twice"),
        ("name,value\nx,1\n", None, "header", "", "found the columns name,value; needed are repo[,parent],weight"),
        ("repo,parent,weight\nx\0,p,1\n", None, "file", "", "NUL byte"),
    ],
)
def test_a_bad_submission_is_turned_away_alone(folder, text, line, field, value, reason):
    pool = Pool.read(folder(bad=text, good=GOOD, old=GOOD), items=[("p", "x"), ("p", "y")], rename={"old": "x"})
    assert pool.models == ("good", "old")
    (reject,) = pool.rejects
    assert (reject.kind, reject.file, reject.field, reject.value) == ("submission", "bad.csv", field, value)
    assert reject.line == line or field == "file"
    assert reason in reject.reason


def test_several_faults_are_said_together(folder):
    pool = Pool.read(folder(bad="repo,weight\nx,1\nX,1\nz,1\n", good=GOOD, fine=GOOD))
    reason = pool.rejects[0].reason
    assert "lacks 1 of 2 items: 'y'" in reason
    assert "names 1 item twice: 'X'" in reason
    assert "names 1 item not of the round: 'z'" in reason


def test_a_long_list_of_missing_items_is_shortened(folder):
    text = "repo,weight\n" + "".join(f"i{number},1\n" for number in range(9))
    pool = Pool.read(folder(bad="repo,weight\ni0,1\n", good=text, fine=text))
    assert "lacks 8 of 9 items: 'i1', 'i2', 'i3' and 5 more;" in pool.rejects[0].reason


def test_what_hostile_files_hold_is_quoted_only_in_part(folder):
    name, many = "n" * 10_000, ",".join(f"column{number}" for number in range(1_000))
    path = folder(a=GOOD, b=GOOD, item=GOOD + f"{name},p,1\n", text=f"repo,weight\nx,{name}\n", head=f"{many}\n")
    rejects = Pool.read(path).rejects
    assert [reject.file for reject in rejects] == ["head.csv", "item.csv", "text.csv"]
    assert all(len(reject.value) + len(reject.reason) < 500 for reject in rejects)


def test_no_submission_left_carries_the_rejects(folder):
    with pytest.raises(
        NoDataError, match=r"no submission can be used, 2 turned away; the first, a\.csv, line 2: weight '-1'"
    ) as caught:
        Pool.read(folder(a="repo,weight\nx,-1\n", b=""))
    assert [reject.file for reject in caught.value.rejects] == ["a.csv", "b.csv"]
    with pytest.raises(NoDataError, match="no item is named by more than half of 2 readable"):
        Pool.read(folder(a="repo,weight\nx,1\n", b="repo,weight\ny,1\n"))


def test_paths_that_hold_no_pool(tmp_path):
    with pytest.raises(NoDataError, match="holds no csv file"):
        Pool.read(tmp_path)
    with pytest.raises(FormatError, match="no such file or folder"):
        Pool.read(tmp_path / "absent")
    with pytest.raises(NoDataError, match="no files were given"):
        Pool.read([])
    with pytest.raises(FormatError, match=r"Pool\.from_frame"):
        Pool.read(tmp_path / "pool.parquet")


def test_two_files_of_one_model(folder):
    path = folder(a=GOOD)
    (path / "a.CSV").write_text("repo,parent,weight\nx,p,5\ny,p,5\n")
    if len(list(path.iterdir())) == 1:
        pytest.skip("this file system does not tell a.csv from a.CSV")
    pool = Pool.read(path)
    np.testing.assert_array_equal(pool.logits, np.log([[5, 5]]))
    (reject,) = pool.rejects
    assert (reject.file, reject.field, reject.value) == ("a.csv", "model", "a")
    assert "a.CSV is the first in name order" in reject.reason


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_folder_named_like_a_file_a_pipe_and_an_unreadable_folder(folder):
    path = folder(good=GOOD, ada__a=GOOD)
    (path / "bad.csv").mkdir()
    (path / "loop").symlink_to(path / "loop")
    os.mkfifo(path / "pipe.csv")
    (path / "ada").chmod(0)
    try:
        pool = Pool.read(path)
    finally:
        (path / "ada").chmod(0o755)
    assert "good" in pool.models
    reasons = {reject.file: reject.reason for reject in pool.rejects}
    assert reasons["bad.csv"] == "is a directory; a file is needed"
    assert reasons["pipe.csv"] == "is not a regular file"
    if os.geteuid():
        assert "ada" in reasons


def test_a_parent_that_is_not_named_is_found_by_the_name(folder):
    path = folder(a=GOOD, b=GOOD, c="repo,weight\nx,1\ny,3\n")
    pool = Pool.read(path)
    assert (pool.models, pool.items.parents) == (("a", "b", "c"), ("p", "p"))
    assert Pool.read(path, items=["x", "y"]).models == ("a", "b", "c")
    mostly_bare = Pool.read(
        folder(d="repo,weight\nx,1\ny,3\n", e="repo,weight\nx,1\ny,3\n", f="repo,weight\nx,1\ny,3\n")
    )
    assert (len(mostly_bare), mostly_bare.items.parents) == (6, ("", ""))


def test_hostile_parents_do_not_split_the_round(folder):
    path = folder(a="repo,weight\nx,1\ny,3\n", b="repo,weight\nx,1\ny,3\n", evil="repo,parent,weight\nx,p,1\ny,q,1\n")
    assert Pool.read(path).items.parents == ("", "")


def test_originalities_are_two_items_of_a_repository(folder):
    pool = Pool.read(folder(a="repo,originality\nr,0.75\ns,1\n"))
    assert list(pool.items) == [("r", "dependencies"), ("r", "own"), ("s", "dependencies"), ("s", "own")]
    np.testing.assert_array_equal(pool.logits, [[np.log(0.25), np.log(0.75), -np.inf, 0]])


def test_min_weight_lifts_small_weights(folder):
    path = folder(a="repo,weight\nx,0\ny,3\n", b="repo,weight\nx,0\ny,0\n")
    pool = Pool.read(path, min_weight=0.5)
    np.testing.assert_array_equal(pool.logits, np.log([[0.5, 3], [0.5, 0.5]]))
    assert pool.notices == ("min_weight 0.5 raised 3 weights of 2 submissions",)
    for bad in (0, -1, np.nan, np.inf):
        with pytest.raises(DomainError, match="min_weight"):
            Pool.read(path, min_weight=bad)


def test_limits_hold_for_each_file(folder):
    path = folder(a=GOOD, b=GOOD, c="repo,parent,weight,note\nx,p,1,\ny,p,2," + "n" * 100 + "\n")
    (reject,) = Pool.read(path, limits=ReadLimits(line_bytes=50)).rejects
    assert (reject.file, reject.line) == ("c.csv", 3)
    assert reject.reason == "longer than the limit of 50 bytes (line_bytes; limits= and --limit raise it)"


def test_an_author_column_and_the_folder_before_it(folder):
    text = "repo,weight,author\nx,1,eve\n"
    pool = Pool.read(folder(a=text, ada__b=text))
    assert pool.authors == ("eve", "ada")


def test_a_long_csv_file(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_text("model,repo,parent,weight\nb,x,p,1\na,x,p,2\nb,y,p,3\na,y,p,4\n,x,p,1\nc,x,p\nd,x,p,-1\n")
    pool = Pool.read(path)
    assert pool.models == ("a", "b")
    np.testing.assert_array_equal(pool.logits, np.log([[2, 4], [1, 3]]))
    assert [(reject.file, reject.line) for reject in pool.rejects] == [
        ("pool.csv", 7),
        ("pool.csv []", None),
        ("pool.csv [d]", 8),
    ]
    path.write_text("model,repo,originality\na,r,0.5\na,s,0.25\n")
    np.testing.assert_array_equal(Pool.read(path).logits, np.log([[0.5, 0.5, 0.75, 0.25]]))


def test_one_file_and_several(folder):
    path = folder(a=GOOD, b=GOOD)
    assert Pool.read(path / "a.csv").models == ("a",)
    assert Pool.read([path / "b.csv", path / "a.csv"]).models == ("a", "b")


def test_threads_change_nothing(folder):
    texts = {f"m{number}": f"repo,weight\nx,{number + 1}\ny,1\n" for number in range(200)}
    path = folder(**texts)
    one, three = Pool.read(path, n_threads=1), Pool.read(path, n_threads=3)
    assert one.models == three.models
    np.testing.assert_array_equal(one.logits, three.logits)


def test_one_submission_does_not_choose_how_an_item_is_written(folder):
    others = {f"m{number}": GOOD for number in range(3)}
    shouting = "repo,parent,weight\nHTTPS://EVIL.EXAMPLE/X,P,1\n" + "HTTPS://EVIL.EXAMPLE/Y,P,1\n" * 9
    pool = Pool.read(folder(aaa=shouting, **others))
    assert [tuple(item) for item in pool.items] == [("p", "x"), ("p", "y")]
    pool = Pool.read(folder(bbb="repo,parent,weight\nX,P,1\nY,P,1\n"))
    assert [tuple(item) for item in pool.items] == [("p", "x"), ("p", "y")]


def test_lines_of_space_are_no_rows(folder):
    pool = Pool.read(folder(a=GOOD + "   \n , ,\n"))
    assert (len(pool), pool.rejects) == (1, ())


def test_a_folder_of_traps_costs_no_time_and_stops_no_round(folder):
    pool = folder(a=GOOD, b=GOOD)
    with (pool / "huge.csv").open("wb") as file:
        file.truncate(1 << 42)
    (pool / "loop.csv").symlink_to("loop.csv")
    (pool / "broken.csv").symlink_to("nowhere.csv")
    (pool / "dir.csv").mkdir()
    os.mkfifo(pool / "pipe.csv")
    read = Pool.read(pool)
    assert read.models == ("a", "b")
    reasons = {reject.file: reject.reason for reject in read.rejects}
    assert set(reasons) == {"huge.csv", "loop.csv", "broken.csv", "dir.csv", "pipe.csv"}
    assert "larger than the limit" in reasons["huge.csv"]
    assert "not a regular file" in reasons["pipe.csv"]


@pytest.mark.parametrize(
    "number", ["½", "0x10", "1_000", "1d", "\u0660.\u0665", "\uff10.\uff15", "1/2", "5%", "+-1", ".", "e5", "1e"]
)
def test_what_is_no_number_is_refused(folder, number):
    with pytest.raises(NoDataError, match="not a number"):
        Pool.read(folder(a=f"repo,weight\nx,{number}\ny,1\n"))


@pytest.mark.parametrize(("number", "value"), [("1e5", 1e5), (" 0.5 ", 0.5), ("+1", 1), (".5", 0.5), ("5.", 5)])
def test_what_is_a_number_is_read(folder, number, value):
    pool = Pool.read(folder(a=f"repo,weight\nx,{number}\ny,1\n"))
    assert np.exp(pool.logits[0, 0]) == pytest.approx(value, rel=1e-15)
