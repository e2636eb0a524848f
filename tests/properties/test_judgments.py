from __future__ import annotations

import csv
import io
import math
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from hemicycle import Judgments, Pool
from hemicycle.errors import HemicycleError

NAMES = ["a/a", "b/b", "c/c", "d/d"]
ROW = st.tuples(
    st.permutations(NAMES).map(lambda names: tuple(names[:2])),
    st.sampled_from([1, 2]),
    st.none() | st.floats(1e-300, 1e300),
    st.sampled_from([0.0, 0.25, 1.0, 3.0]),
    st.sampled_from(["", "j", "k"]),
)
ROWS = st.lists(ROW, min_size=1, max_size=12)


def jury_text(rows, end="\n"):
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=end)
    writer.writerow(["repo_a", "repo_b", "choice", "multiplier", "weight", "juror"])
    for (a, b), choice, multiplier, weight, juror in rows:
        writer.writerow([a, b, choice, "" if multiplier is None else repr(multiplier), weight, juror])
    return file.getvalue()


def read_bytes(read, content, name="file.csv"):
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return read(path)


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_what_is_written_is_read(rows, end, mark):
    judgments = read_bytes(Judgments.read, (mark + jury_text(rows, end)).encode())
    assert judgments.rejects == ()
    for row, ((a, b), choice, multiplier, weight, juror) in enumerate(rows):
        assert (judgments.items.names[judgments.a[row]], judgments.items.names[judgments.b[row]]) == (a, b)
        assert (judgments.choice[row], judgments.weight[row], judgments.juror[row]) == (choice, weight, juror or None)
        expected = math.nan if multiplier is None else (1 if choice == 2 else -1) * math.log(multiplier)
        np.testing.assert_allclose(judgments.log_ratio[row], expected, rtol=1e-15)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_no_bit_of_the_pairs(rows, random):
    shuffled = rows.copy()
    random.shuffle(shuffled)
    first, second = (read_bytes(Judgments.read, jury_text(each).encode()) for each in (rows, shuffled))
    assert first.items == second.items
    for name in ("a", "b", "offsets", "log_ratio", "weight", "total_weight", "mean_log_ratio"):
        np.testing.assert_array_equal(getattr(first.pairs, name), getattr(second.pairs, name))
    assert first.pairs.n_zero_weight == second.pairs.n_zero_weight


@given(ROWS)
def test_swapping_the_sides_and_the_choice_changes_no_pair(rows):
    swapped = [((b, a), 3 - choice, *rest) for (a, b), choice, *rest in rows]
    first, second = (read_bytes(Judgments.read, jury_text(each).encode()) for each in (rows, swapped))
    for name in ("a", "b", "offsets", "log_ratio", "weight"):
        np.testing.assert_array_equal(getattr(first.pairs, name), getattr(second.pairs, name))


@given(ROWS)
def test_pairs_hold_every_cardinal_judgment_of_positive_weight_once(rows):
    judgments = read_bytes(Judgments.read, jury_text(rows).encode())
    pairs = judgments.pairs
    expected = np.flatnonzero(judgments.is_cardinal & (judgments.weight > 0))
    np.testing.assert_array_equal(np.sort(pairs.row), expected)
    assert (pairs.a < pairs.b).all()
    assert (np.diff(pairs.offsets) >= 1).all()
    side = np.where(judgments.a[pairs.row] < judgments.b[pairs.row], 1, -1)
    np.testing.assert_array_equal(pairs.log_ratio, side * judgments.log_ratio[pairs.row])
    np.testing.assert_array_equal(pairs.a[pairs.pair_of_label], np.minimum(judgments.a, judgments.b)[pairs.row])


@given(ROWS)
def test_a_frame_says_what_the_file_says(rows):
    first = read_bytes(Judgments.read, jury_text(rows).encode())
    pairs, choice, multiplier, weight, juror = zip(*rows, strict=True)
    frame = pd.DataFrame(pairs, columns=["repo_a", "repo_b"])
    frame = frame.assign(choice=choice, multiplier=multiplier, weight=weight, juror=juror)
    second = Judgments.from_frame(frame)
    for name in ("a", "b", "log_ratio", "choice", "weight"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.juror == second.juror


HEADERS = [
    b"",
    b"repo_a,repo_b,choice,multiplier\n",
    b"repo,parent,weight\n",
    b"repo,originality\n",
    b"model,repo,weight\n",
]


@given(
    st.sampled_from(HEADERS), st.binary(max_size=200) | st.text(alphabet='x,y"1.\n\r- e', max_size=80).map(str.encode)
)
@example(b"", b"\xef\xbb\xbf")
@example(b"repo,parent,weight\n", b'"x')
def test_no_bytes_crash_the_readers(header, content):
    for read in (Judgments.read, Pool.read):
        with suppress(HemicycleError):  # and nothing else
            assert len(read_bytes(read, header + content)) > 0


WEIGHTS = st.lists(st.floats(0, 1e300, width=64), min_size=3, max_size=3).filter(any)


@given(st.lists(WEIGHTS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_submissions_come_back_bit_for_bit_in_any_order_of_rows_and_files(pool, random):
    names = [f"m{number}" for number in range(len(pool))]
    random.shuffle(names)
    with TemporaryDirectory() as folder:
        for name, weights in zip(names, pool, strict=True):
            rows = [f"{item},{weight!r}" for item, weight in zip("xyz", weights, strict=True)]
            random.shuffle(rows)
            (Path(folder) / f"{name}.csv").write_text("\n".join(["repo,weight", *rows]))
        read = Pool.read(folder)
    with np.errstate(divide="ignore"):
        expected = {name: np.log(weights) for name, weights in zip(names, pool, strict=True)}
    assert read.models == tuple(sorted(names))
    for model, logits in zip(read.models, read.logits, strict=True):
        np.testing.assert_array_equal(logits, expected[model])
