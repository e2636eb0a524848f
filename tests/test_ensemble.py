"""What an ensemble reports: leaderboard, allocation, predictive, its own scores, and the notice."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from hemicycle.allocation import MEANS
from hemicycle.dominance import label_spread
from hemicycle.errors import DomainError, OptionError, UnknownItemError
from hemicycle.judgments import Judgments
from hemicycle.mechanism import METHODS, SPOKEN
from hemicycle.pool import Pool
from hemicycle.round import Round
from hemicycle.synthetic import two_camp_round
from reference import allocation as allocation_reference
from reference import ensemble as reference

ITEMS = [("fund", "Alpha"), ("fund", "beta"), ("fund", "gamma"), ("arts", "Alpha"), ("arts", "delta")]
ROWS = [
    reference.Row(0, 1, 0.7, 1.0),
    reference.Row(1, 0, -1.9, 2.0),
    reference.Row(1, 2, 0.3, 1.0),
    reference.Row(3, 4, -1.0, 0.5),
    reference.Row(4, 3, 1.2, 1.0),
    reference.Row(0, 2, 2.0, 1.0),
]


@pytest.fixture(scope="module")
def small() -> Round:
    a, b, log_ratio, weight = zip(*ROWS, strict=True)
    logits = np.random.default_rng(4).normal(0, 1, (6, 5))
    logits[5] = logits[1] + 3.0  # a clone on another scale
    models = ("f", "e", "d", "c", "b", "a")
    judgments = Judgments.from_arrays(a, b, log_ratio, weight=weight, items=ITEMS)
    return Round(judgments, Pool.from_array(logits, models=models, items=ITEMS))


@pytest.mark.parametrize("method", METHODS)
def test_scores_of_the_mixture_equal_their_definitions(small, method, monkeypatch):
    ensemble = small.ensemble(method, sigma=0.8)
    logits, weights = small.pool.logits, ensemble.weights
    assert ensemble.log_likelihood == pytest.approx(reference.log_likelihood(ROWS, logits, weights, 0.8), rel=1e-12)
    assert ensemble.log_score == pytest.approx(reference.log_score(ROWS, logits, weights, 0.8), rel=1e-12)
    assert ensemble.mse == pytest.approx(reference.mse(ROWS, logits, weights), rel=1e-12)
    whole = ensemble.log_likelihood, ensemble.log_score
    monkeypatch.setattr("hemicycle.mixture.BLOCK_CELLS", 7)
    assert (ensemble.log_likelihood, ensemble.log_score) == pytest.approx(whole, rel=1e-13)


def test_the_best_model_scores_what_the_leaderboard_says(small):
    ensemble = small.ensemble("best", sigma=0.8)
    first = next(iter(ensemble.leaderboard()))
    assert ensemble.weights[small.pool.models.index(first["model"])] == 1
    assert ensemble.log_likelihood == pytest.approx(first["log_likelihood"], rel=1e-13)
    assert ensemble.mse == pytest.approx(first["mse"], rel=1e-13)


def test_leaderboard_is_ordered_by_log_likelihood_whatever_the_weights(small):
    boards = [small.ensemble(method).leaderboard() for method in METHODS]
    for board in boards:
        assert board.columns == ("rank", "model", "weight", "log_likelihood", "mse", "accuracy")
        assert board["model"] == boards[0]["model"]
        assert (np.diff(board["log_likelihood"]) <= 0).all()
    by_model = {row["model"]: row for row in boards[METHODS.index("uniform")]}
    assert all(row["weight"] == 1 / 6 for row in by_model.values())
    rows = list(boards[0])
    for position, row in enumerate(rows):
        assert row["rank"] == 1 + sum(other["log_likelihood"] > row["log_likelihood"] for other in rows)
        assert row["mse"] == pytest.approx(
            reference.mse(ROWS, [small.pool.logits[small.pool.models.index(row["model"])]], [1.0]), rel=1e-12
        )
        assert position == rows.index(row)


def test_equal_models_share_a_rank_and_are_ordered_by_name():
    logits = np.array([[0.0, 1.0], [0.0, 2.0], [5.0, 6.0], [0.0, 0.0]])
    pool = Pool.from_array(logits, models=("z", "m", "b", "a"))
    board = Round(Judgments.from_arrays([0], [1], [1.0]), pool).ensemble("bma").leaderboard()
    assert [(row["rank"], row["model"]) for row in board] == [(1, "b"), (1, "z"), (3, "a"), (3, "m")]


@pytest.mark.parametrize("mean", MEANS)
def test_allocation(small, mean):
    ensemble = small.ensemble("stacking")
    table = ensemble.allocation(mean)
    assert table.columns == ("parent", "item", "share")
    assert list(zip(table["parent"], table["item"], strict=True)) == ITEMS
    parents = np.array([0, 0, 0, 1, 1])
    expected = allocation_reference.allocate(small.pool.logits, ensemble.weights, mean, parents)
    np.testing.assert_allclose(table["share"], expected, rtol=1e-12)
    for parent in ("fund", "arts"):
        shares = [row["share"] for row in table if row["parent"] == parent]
        assert abs(math.fsum(shares) - 1) <= 2**-52
    with pytest.raises(OptionError, match="mean: expected 'geometric' or 'arithmetic', got 'median'"):
        ensemble.allocation("median")


def test_predictive_is_the_mixture_of_the_models(small):
    ensemble = small.ensemble("uniform", sigma=0.8)
    predictive = ensemble.predictive("beta", "GAMMA/")
    difference = small.pool.logits[:, 2] - small.pool.logits[:, 1]
    np.testing.assert_array_equal(predictive.log_ratio, difference)
    assert predictive.mean == pytest.approx(difference.mean())
    assert predictive.sigma == 0.8
    mirrored = ensemble.predictive("gamma", "beta")
    np.testing.assert_allclose(mirrored.interval(), [-x for x in predictive.interval()[::-1]], rtol=1e-12)
    np.testing.assert_array_equal(
        ensemble.predictive("alpha", "delta", parent="arts").log_ratio,
        small.pool.logits[:, 4] - small.pool.logits[:, 3],
    )


def test_predictive_errors(small):
    ensemble = small.ensemble("uniform")
    with pytest.raises(DomainError, match=r"a belongs to 'fund' and b to 'arts'; no comparison crosses parents"):
        ensemble.predictive("beta", "delta")
    with pytest.raises(DomainError, match="'beta'; a comparison needs two items"):
        ensemble.predictive("beta", "BETA")
    with pytest.raises(UnknownItemError, match="'omega'"):
        ensemble.predictive("beta", "omega")
    with pytest.raises(UnknownItemError, match="parent"):
        ensemble.predictive("alpha", "delta")
    with pytest.raises(UnknownItemError, match="beta"):
        ensemble.predictive("beta", "delta", parent="arts")


def test_repr_says_the_method_and_how_many_models_sit(small):
    assert repr(small.ensemble("uniform")) == "Ensemble(uniform, 6.0 effective of 6 models, sigma=0.5)"


def test_accuracy_is_nan_where_no_one_chose():
    judgments = Judgments.from_arrays([0], [1], [0.0])
    board = Round(judgments, Pool.from_array(np.zeros((2, 2)))).ensemble("uniform").leaderboard()
    assert np.isnan(board["accuracy"]).all()


def test_logits_at_the_ends_of_their_domain_are_scored():
    judgments = Judgments.from_arrays([0], [1], [1.0])
    made = Round(judgments, Pool.from_array([[1e6, -1e6], [-1e6, 1e6]]))
    assert [ensemble.mse for ensemble in made.mechanisms()][4] == 1.0  # uniform: the pooled log ratio is 0
    assert made.ensemble("best").mse == (2e6 - 1) ** 2


def test_label_spread():
    judgments = Judgments.from_arrays([0, 0, 1, 2, 2, 2], [1, 1, 2, 3, 3, 3], [-1, 1, 5, 0.0, 0.0, 0.9])
    n_several, median_deviation, share_apart = label_spread(judgments.pairs, 0.5)
    assert n_several == 2
    assert median_deviation == pytest.approx((1 + np.std([0, 0, 0.9])) / 2)
    assert share_apart == 0.5
    assert label_spread(judgments.pairs, 1.0)[2] == 0  # two apart is not more than two sigma
    assert label_spread(judgments.select([2]).pairs, 0.5)[0] == 0


def test_notice_of_a_majority_that_takes_all():
    made = two_camp_round()
    round_ = Round(made.judgments(), made.pool())
    ensemble = round_.ensemble("bma")
    top = round_.pool.models[int(np.argmax(ensemble.weights))]
    notice = ensemble.notice
    assert f"bma gives {top} 0.99" in notice
    _, median_deviation, share_apart = label_spread(round_.judgments.pairs, 0.5)
    assert f"median standard deviation is {median_deviation:.2f}" in notice
    assert f"on {share_apart:.0%} they lie more than two sigma apart (sigma 0.5)" in notice
    assert "multiplies the likelihoods of 300 pairs" in notice
    _, _, counts = notice.partition("effective number of models: ")
    named = dict(re.findall(r"(\w[\w ]*) ([\d,]*\d\.\d)(?=[,.](?: |$))", counts))
    expected = {
        SPOKEN[m]: f"{round_.ensemble(m).effective_models[0]:,.1f}"
        for m in ("least_squares", "stacking", "greedy", "uniform")
    }
    assert named == expected


def test_notice_only_where_a_model_dominates():
    logits = np.array([[0.0, 1.0], [0.0, -3.0]])
    judgments = Judgments.from_arrays([0], [1], [1.0])
    round_ = Round(judgments, Pool.from_array(logits, models=("near", "far")))
    assert round_.ensemble("uniform").notice is None
    assert "best single gives near all of the weight. No pair has two labels" in round_.ensemble("best").notice
    assert "serve its objective little or not at all" in round_.ensemble("stacking").notice
    assert Round(judgments, Pool.from_array(logits[:1])).ensemble("best").notice is None


def test_a_printed_allocation_leaves_out_the_host() -> None:
    items = [("x", "https://github.com/a/b"), ("x", "https://github.com/c/d"), ("y", "https://github.com/a/b")]
    judgments = Judgments.from_arrays([0], [1], [0.0], items=items)
    table = Round(judgments, Pool.from_array([[0.0, 0.0, 0.0]], items=items)).ensemble("uniform").allocation()
    assert [line.split() for line in str(table).splitlines()[1:]] == [
        ["x", "a/b", "0.5"],
        ["x", "c/d", "0.5"],
        ["y", "a/b", "1"],
    ]
    assert table["item"][0] == "https://github.com/a/b"
