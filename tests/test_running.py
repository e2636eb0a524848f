"""Running scores: examples, what they hold, how they are stored, and every error."""

from __future__ import annotations

import copy
import math
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, log_likelihood
from hemicycle.errors import (
    DomainError,
    DtypeError,
    IndexOutOfRangeError,
    NonFiniteError,
    OptionError,
    ShapeError,
)
from hemicycle.items import Items
from hemicycle.running import RunningScores, concatenate, start, update

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_ITEMS = 5
NAMES = ("log_likelihood", "low", "magnitude", "largest_magnitude")


@pytest.fixture
def jury() -> Judgments:
    """Pairs (0, 1) with two labels, (0, 2) with one, (2, 3) with three; one ordinal, one of weight 0."""
    return Judgments.from_arrays(
        [0, 1, 0, 2, 2, 3, 1, 0],
        [1, 0, 2, 3, 3, 2, 3, 4],
        [0.5, 0.7, -1.0, 2.0, 1.5, 1.0, np.nan, 9.0],
        choice=[2, 2, 1, 2, 2, 2, 1, 2],
        juror=["ann", "bob", "ann", "ann", "bob", "cid", "ann", None],
        weight=[1, 2, 1, 1, 1, 0.5, 1, 0],
        items=N_ITEMS,
    )


@pytest.fixture
def logits() -> NDArray[np.float64]:
    return np.random.default_rng(7).normal(size=(70, N_ITEMS))


def judgment(a: int, b: int, log_ratio: float, **columns: Any) -> Judgments:
    return Judgments.from_arrays([a], [b], [log_ratio], items=N_ITEMS, **columns)


def assert_same(first: RunningScores, second: RunningScores) -> None:
    for name in NAMES[:2]:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("likelihood", ["sum_gaussian", "gaussian"])
@pytest.mark.parametrize("pair_weights", ["equal", "total"])
def test_a_round_is_followed(logits: Any, jury: Judgments, likelihood: Any, pair_weights: Any) -> None:
    options = {"likelihood": likelihood, "pair_weights": pair_weights, "sigma": 0.7}
    scores = start(logits, jury.select([0, 1, 2]), **options)
    scores = update(scores, logits, jury.select([3, 4, 5]), removed=[1])
    scores = update(scores, logits, jury.select([1, 6, 7]))
    expected = log_likelihood(logits, jury, **options)
    np.testing.assert_allclose(scores.log_likelihood, expected, rtol=1e-13)
    assert_same(scores, start(logits, jury, **options))
    assert len(scores) == 70
    assert scores.judgments.juror == ("ann", "ann", "ann", "bob", "cid", "bob", "ann", None)
    assert (np.abs(expected - scores.log_likelihood) <= scores.error_bound + 1e-13 * len(jury.pairs)).all()


def test_only_pairs_that_a_judgment_touches_are_evaluated(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    assert scores.n_evaluated == 3
    for added, removed, expected in (
        (None, None, 0),
        (judgment(1, 4, 0.3), None, 1),  # a new pair
        (judgment(2, 0, 0.3), None, 2),  # one more label: what the pair was, and what it is
        (judgment(2, 0, 0.3), [0], 4),
        (judgment(0, 4, 0.3, weight=[0]), None, 0),
        (Judgments.from_arrays([0], [4], choice=[2], items=N_ITEMS), None, 0),
        (None, [2], 1),  # the only label of its pair
        (None, [6, 7], 0),  # ordinal, and of weight 0
        (None, np.arange(8) < 6, 3),
        (None, jury.select([3, 4, 5]), 1),
        (None, jury.select([3, 4]), 2),
    ):
        assert update(scores, logits, added, removed).n_evaluated == expected


def test_what_was_added_can_be_removed_without_a_trace(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    more = Judgments.from_arrays([1, 2, 4], [0, 4, 3], [0.25, 1e3, -0.1], items=N_ITEMS)
    both = update(scores, logits, more)
    assert not np.array_equal(both.log_likelihood, scores.log_likelihood)
    back = update(both, logits, removed=more)
    assert_same(back, scores)
    assert (back.largest_magnitude == both.largest_magnitude).all()
    empty = update(back, logits, removed=jury)
    assert not len(empty.judgments)
    assert not empty.log_likelihood.any()
    assert_same(update(empty, logits, jury), scores)


def many_labels(n_labels: list[int]) -> Judgments:
    """Return pairs of distinct items with so many labels each."""
    rng = np.random.default_rng(sum(n_labels))
    n_items = 2 * len(n_labels)
    first = np.repeat(2 * np.arange(len(n_labels)), n_labels)
    return Judgments.from_arrays(first, first + 1, rng.normal(size=len(first)), items=n_items)


@pytest.mark.parametrize("rtol", [0, 1e-10, 1e-4])
def test_pairs_with_many_labels(rtol: float) -> None:
    jury = many_labels([40, 3, 500, 10, 9])
    logits = np.random.default_rng(3).normal(size=(50, 10))
    scores = start(logits, jury, rtol=rtol)
    terms = log_likelihood(logits, jury, per="pair", rtol=rtol)
    np.testing.assert_array_equal(scores.log_likelihood, [math.fsum(row) for row in terms])
    more = jury.select([0, 555])
    changed = update(scores, logits, more, removed=np.arange(43, 543))  # without the pair of 500 labels
    assert changed.n_evaluated == 5
    np.testing.assert_allclose(
        changed.log_likelihood, log_likelihood(logits, changed.judgments, rtol=0), rtol=2 * rtol + 1e-13
    )
    assert_same(changed, start(logits, changed.judgments, rtol=rtol))
    back = update(changed, logits, jury.select(np.arange(43, 543)), removed=more)
    assert_same(back, scores)


def test_tables_of_many_pairs_do_not_depend_on_each_other() -> None:
    # more pairs than tables may be at once: all of them, and one by one
    jury = many_labels([24] * 600)
    logits = np.random.default_rng(4).normal(size=(3, 1200))
    scores = start(logits, jury)
    assert scores.n_evaluated == 600
    for rows in np.split(np.arange(len(jury)), 3):
        scores = update(scores, logits, removed=jury.select(rows))
    assert not scores.log_likelihood.any()
    assert not scores.low.any()


def test_a_thousand_updates_do_not_drift(logits: Any, jury: Judgments) -> None:
    rng = np.random.default_rng(5)
    scores = start(logits, jury, sigma=0.3)
    for _ in range(1000):
        a, b = rng.permutation(N_ITEMS)[:2]
        scores = update(
            scores, logits, judgment(a, b, rng.normal(scale=3)), removed=rng.random(len(scores.judgments)) < 0.1
        )
    assert_same(scores, start(logits, scores.judgments, sigma=0.3))


def test_a_round_may_start_with_no_answer(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury.select([]))
    assert scores.n_evaluated == 0
    assert not scores.log_likelihood.any()
    assert_same(update(scores, logits, jury), start(logits, jury))


def test_judgments_to_remove_are_found_from_either_side(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    swapped = judgment(1, 0, -0.5, choice=[1], juror=["ann"])
    left = update(scores, logits, removed=swapped).judgments
    np.testing.assert_array_equal(left.log_ratio, jury.log_ratio[1:])
    ordinal = Judgments.from_arrays([3], [1], choice=[2], juror=["ann"], items=N_ITEMS)
    assert update(scores, logits, removed=ordinal).judgments.n_ordinal == 0
    thrice = update(scores, logits, jury.select([2, 2]))
    assert len(update(thrice, logits, removed=jury.select([2, 2])).judgments) == len(jury)
    assert len(update(thrice, logits, removed=jury.select([2, 2, 2])).judgments) == len(jury) - 1


def test_pools_grow_and_shrink(logits: Any, jury: Judgments) -> None:
    scores = start(logits[:40], jury)
    grown = concatenate(scores, start(logits[40:], jury.select(np.arange(len(jury))[::-1])))
    assert_same(grown, start(logits, jury))
    assert grown.n_evaluated == 0
    fewer = grown.select(np.arange(70) % 2 == 0)
    assert_same(
        update(fewer, logits[::2], jury.select([0])), update(grown, logits, jury.select([0])).select(slice_of(70))
    )


def slice_of(n_models: int) -> NDArray[np.int64]:
    return np.arange(0, n_models, 2)


def rearranged(jury: Judgments) -> Judgments:
    return jury.select(np.arange(len(jury))[::-1])


def test_pools_and_precisions(logits: Any, jury: Judgments) -> None:
    pool = Pool.from_array(logits)
    aligned = jury.align(pool.items)
    assert_same(update(start(pool, aligned), pool, aligned), update(start(logits, jury), logits, jury))
    single = logits.astype(np.float32)
    assert_same(start(single, jury), start(single.astype(np.float64), jury))
    assert_same(
        update(start(single, jury), single, jury), update(start(np.asfortranarray(single), jury), single[:, :], jury)
    )
    assert start(np.zeros((0, N_ITEMS)), jury).log_likelihood.shape == (0,)


@pytest.mark.parametrize("n_models", [1, 31, 32, 33, 200])
def test_threads_change_no_bit(n_models: int, jury: Judgments) -> None:
    logits = np.random.default_rng(1).normal(size=(n_models, N_ITEMS))
    one = update(start(logits, jury, n_threads=1), logits, jury, n_threads=1)
    for n_threads in (2, 3, None):
        many = update(start(logits, jury, n_threads=n_threads), logits, jury, n_threads=n_threads)
        for name in NAMES:
            np.testing.assert_array_equal(getattr(many, name), getattr(one, name))


def test_scores_are_stored_as_plain_arrays(logits: Any, jury: Judgments, tmp_path: Any) -> None:
    scores = update(start(logits, jury, sigma=0.3), logits, jury.select([0]))
    again = pickle.loads(pickle.dumps(scores))
    np.savez(tmp_path / "scores.npz", **{name: getattr(scores, name) for name in NAMES})
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as stored:
        built = RunningScores(**stored, judgments=scores.judgments, sigma=0.3)
    for other in (again, built):
        assert_same(update(other, logits, removed=[3]), update(scores, logits, removed=[3]))
    with pytest.raises(ValueError, match="read-only"):
        scores.log_likelihood[0] = 0


def test_previous_scores_stay_as_they_are(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    before = {name: getattr(scores, name).copy() for name in NAMES}
    update(scores, logits, jury, removed=[0, 3])
    for name, values in before.items():
        np.testing.assert_array_equal(getattr(scores, name), values)
    assert scores.judgments is jury


@pytest.mark.parametrize(
    ("removed", "error", "message"),
    [
        ([8], IndexOutOfRangeError, r"^removed\[0\] is 8"),
        ([-1], IndexOutOfRangeError, r"^removed\[0\] is -1"),
        ([2, 1, 2], DomainError, r"^removed: row 2 is named twice"),
        ([True, False], ShapeError, r"^removed: expected length 8"),
        ([0.5], DtypeError, r"^removed: expected integers"),
        ([[0]], ShapeError, r"^removed: expected 1 dimension"),
        ("row", DtypeError, r"^removed: "),
        (
            judgment(0, 1, 0.5),
            DomainError,
            r"^removed: row 0, '0' against '1' with log ratio 0.5 and weight 1.0",
        ),
        (
            judgment(0, 1, 0.6, juror=["ann"]),
            DomainError,
            r"^removed: row 0 by 'ann', '0' against '1' with log ratio 0.6",
        ),
        (judgment(0, 1, 0.5, juror=["ann"], weight=[2]), DomainError, r"^removed: row 0"),
        (judgment(3, 4, 0.5), DomainError, r"^removed: row 0, '3' against '4'"),
        (Judgments.from_arrays([0], [1], [0.5], items=list("abcde")), OptionError, r"^removed: .*removed\.align"),
    ],
)
def test_removals_that_cannot_be(
    removed: Any, error: type[Exception], message: str, logits: Any, jury: Judgments
) -> None:
    with pytest.raises(error, match=message):
        update(start(logits, jury), logits, removed=removed)


def test_a_judgment_can_be_removed_as_often_as_it_is_there(logits: Any, jury: Judgments) -> None:
    with pytest.raises(DomainError, match=r"^removed: row 2 by 'ann', '0' against '2'"):
        update(start(logits, jury), logits, removed=jury.select([0, 2, 2]))


@pytest.mark.parametrize(
    ("added", "error", "message"),
    [
        ([0, 1, 0.5], DtypeError, r"^added: expected Judgments, got list"),
        (Judgments.from_arrays([0], [1], [0.5], items=list("abcde")), OptionError, r"^added: .*added\.align"),
    ],
)
def test_additions_that_cannot_be(added: Any, error: type[Exception], message: str, logits: Any, jury: Any) -> None:
    with pytest.raises(error, match=message):
        update(start(logits, jury), logits, added)


def test_another_pool_is_refused(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    with pytest.raises(ShapeError, match=r"^logits: expected 70 models, as scored, got 69"):
        update(scores, logits[1:], jury)
    with pytest.raises(ShapeError, match=r"^logits: expected 5 columns"):
        update(scores, logits[:, :4], jury)
    with pytest.raises(OptionError, match="items are not those of the pool"):
        update(scores, Pool.from_array(logits, items=Items.of(list("abcde"))), jury)


def test_logits_outside_the_domain(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    logits[33, 4] = np.nan
    with pytest.raises(NonFiniteError, match=r"^logits\[33, 4\] is nan"):
        start(logits, jury)  # item 4 is in no pair: a pool is checked whole when it is first scored
    with pytest.raises(NonFiniteError, match=r"^logits\[33, 4\] is nan"):
        update(scores, logits, judgment(0, 4, 1.0))
    assert update(scores, logits, judgment(0, 3, 1.0)).n_evaluated == 1  # column 4 is not read
    logits[33, 4] = 2e6
    names = [f"team/{row}" for row in range(len(logits))]
    with pytest.raises(DomainError, match=r"model 'team/33', item '4'\)$"):
        start(Pool.from_array(logits, models=names), jury)


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("likelihood", "normal", OptionError),
        ("pair_weights", "half", OptionError),
        ("pair_weights", [1.0, 2.0, 1.0], OptionError),
        ("sigma", 0, DomainError),
        ("sigma", 2e6, DomainError),
        ("sigma", np.nan, NonFiniteError),
        ("sigma", "0.5", DtypeError),
        ("rtol", -1e-10, DomainError),
        ("rtol", np.nan, NonFiniteError),
        ("n_threads", 0, DomainError),
        ("n_threads", 1.5, DtypeError),
    ],
)
def test_options(option: str, value: Any, error: type[Exception], logits: Any, jury: Judgments) -> None:
    with pytest.raises(error, match=option):
        start(logits, jury, **{option: value})


def test_arguments_of_another_type(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    with pytest.raises(DtypeError, match=r"^previous_scores: expected RunningScores, got ndarray"):
        update(scores.log_likelihood, logits, jury)  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match=r"^judgments: expected Judgments, got Pairs"):
        start(logits, jury.pairs)  # type: ignore[arg-type]
    with pytest.raises(DomainError, match=r"^n_threads is 0"):
        update(scores, logits, jury, n_threads=0)
    with pytest.raises(DtypeError, match=r"^more: expected RunningScores, got NoneType"):
        concatenate(scores, None)  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match=r"^scores: expected RunningScores, got list"):
        concatenate([], scores)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("removed", "error", "message"),
    [
        (True, ShapeError, r"^removed: expected 1 dimension, got shape \(\)"),
        (np.zeros((0, 7)), ShapeError, r"^removed: expected 1 dimension, got shape \(0, 7\)"),
        ([-1], IndexOutOfRangeError, r"^removed\[0\] is -1; there are 3 judgments, counted from 0"),
        (np.ma.masked_array([0, 1], mask=[True, False]), DtypeError, "^removed: 1 value masked"),
        (np.ma.masked_array([True, True, False], mask=[True, True, False]), DtypeError, "^removed: 2 values masked"),
    ],
)
def test_rows_that_cannot_be_withdrawn(removed: Any, error: Any, message: str, logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury.select([0, 1, 2]))
    with pytest.raises(error, match=message):
        update(scores, logits, removed=removed)


def test_models_that_cannot_be_selected(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    with pytest.raises(ShapeError, match=r"^models: expected 1 dimension"):
        scores.select(True)
    with pytest.raises(DtypeError, match=r"^models: 1 value masked"):
        scores.select(np.ma.masked_array([1, 2], mask=[False, True]))
    with pytest.raises(IndexOutOfRangeError, match=r"^models\[0\] is 70; there are 70 models"):
        scores.select([70])


def test_scores_keep_no_view_of_the_callers_arrays(jury: Judgments) -> None:
    column = np.zeros(5)
    scores = RunningScores(column, column, column, column, jury)
    column[0] = 9.0
    assert scores.log_likelihood[0] == 0.0


@pytest.mark.parametrize("again", [lambda x: pickle.loads(pickle.dumps(x)), copy.copy, copy.deepcopy])
def test_copies_are_read_only_and_go_on(again: Any, logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    other = again(scores)
    assert_same(other, scores)
    arrays = [getattr(other, name) for name in NAMES]
    arrays += [getattr(other.judgments, name) for name in ("a", "b", "log_ratio", "choice", "weight", "line")]
    arrays += [getattr(other.judgments.pairs, name) for name in ("a", "b", "offsets", "log_ratio", "weight", "row")]
    assert not any(array.flags.writeable for array in arrays)
    assert_same(update(other, logits, removed=[0]), update(scores, logits, removed=[0]))


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"low": np.zeros(3)}, ShapeError, "^low: expected length 70, that of log_likelihood, got 3"),
        ({"magnitude": np.zeros((70, 1))}, ShapeError, "^magnitude: expected 1 dimension"),
        ({"log_likelihood": np.full(70, np.nan)}, NonFiniteError, r"^log_likelihood\[0\] is nan"),
        ({"low": np.full(70, "0")}, DtypeError, "^low: expected integers or floats"),
        ({"judgments": None}, DtypeError, "^judgments: expected Judgments"),
        ({"sigma": -1.0}, DomainError, "^sigma is -1"),
        ({"sigma": 1e9}, DomainError, "^sigma is 1000000000.0; it must be from 1e-06 to 1e\\+06"),
        ({"magnitude": np.full(70, -1.0)}, DomainError, r"^magnitude\[0\] is -1"),
        ({"largest_magnitude": np.full(70, -1.0)}, DomainError, r"^largest_magnitude\[0\] is -1"),
        ({"n_evaluated": "x"}, DtypeError, "^n_evaluated: expected an integer, got str"),
        ({"n_evaluated": -1}, DomainError, "^n_evaluated is -1"),
        ({"likelihood": "logistic"}, OptionError, "^likelihood: expected"),
    ],
)
def test_scores_that_cannot_be(changed: Any, error: type[Exception], message: str, logits: Any, jury: Any) -> None:
    scores = start(logits, jury)
    stored = {name: getattr(scores, name) for name in NAMES} | {"judgments": jury}
    with pytest.raises(error, match=message):
        RunningScores(**stored | changed)


def test_scores_that_do_not_belong_together(logits: Any, jury: Judgments) -> None:
    scores = start(logits, jury)
    for more, error, message in (
        (start(logits, jury, sigma=0.4), OptionError, "^more: sigma is 0.4, but 0.5 in scores"),
        (start(logits, jury, likelihood="gaussian"), OptionError, "^more: likelihood is 'gaussian'"),
        (start(logits, jury, pair_weights="total"), OptionError, "^more: pair_weights is 'total'"),
        (start(logits, jury, rtol=0), OptionError, "^more: rtol is 0"),
        (start(logits, jury.select([0])), DomainError, "^more: its judgments are not those of scores"),
        (start(logits[:, :4], Judgments.from_arrays([0], [1], [1.0], items=4)), OptionError, "^more: the items"),
    ):
        with pytest.raises(error, match=message):
            concatenate(scores, more)
