"""The front door: alignment, barred models, priors, methods, errors."""

from __future__ import annotations

import math
import pickle
import warnings

import numpy as np
import pytest

from hemicycle.averaging import bma_weights
from hemicycle.errors import (
    DomainError,
    DtypeError,
    HemicycleError,
    NoDataError,
    NonFiniteError,
    NotCertifiedWarning,
    OptionError,
    ShapeError,
    TieBreakWarning,
)
from hemicycle.greedy_pool import LOSSES
from hemicycle.judgments import Judgments
from hemicycle.likelihood import log_likelihood
from hemicycle.mechanism import METHODS
from hemicycle.pool import Pool
from hemicycle.round import Round
from hemicycle.synthetic import two_camp_round

ITEMS = ("alpha", "beta", "gamma")


def pool(logits=((0.0, 1.0, 2.0), (0.0, 0.5, -1.0)), **named) -> Pool:
    return Pool.from_array(np.array(logits), **({"models": ("one", "two"), "items": ITEMS} | named))


def jury(**named) -> Judgments:
    valid = {"a": [0, 1, 0], "b": [1, 2, 1], "log_ratio": [0.7, -0.2, 1.1], "items": ITEMS}
    return Judgments.from_arrays(**(valid | named))


@pytest.fixture(scope="module")
def made():
    return two_camp_round()


@pytest.fixture(scope="module")
def two_camps(made) -> Round:
    return Round(made.judgments(), made.pool())


def test_every_method_gives_weights_on_the_simplex(two_camps):
    ensembles = two_camps.mechanisms()
    assert tuple(ensemble.method for ensemble in ensembles) == METHODS
    for ensemble in ensembles:
        assert (ensemble.weights >= 0).all()
        assert abs(math.fsum(ensemble.weights) - 1) <= 2**-52
        assert not ensemble.weights.flags.writeable
        assert (ensemble.solution is None) == (ensemble.method not in ("stacking", "least_squares", "greedy"))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("shares", [(0.7, 0.3), (0.55, 0.45)])
def test_stacking_on_labels_is_proportional_and_averaging_is_not(seed, shares):
    drawn = two_camp_round(seed, n_models=300, shares=shares)
    round_ = Round(drawn.judgments(), drawn.pool())
    stacked, averaged = round_.ensemble("stacking"), round_.ensemble("bma")
    for camp in range(2):
        assert abs(drawn.camp_mass(stacked.weights)[camp] - drawn.label_shares[camp]) <= 0.08
        assert abs(drawn.camp_mass(averaged.weights)[camp] - drawn.label_shares[camp]) > 0.08
    assert stacked.notice is None


def test_each_method_is_best_at_what_it_maximises(two_camps):
    by_method = {ensemble.method: ensemble for ensemble in two_camps.mechanisms()}
    assert max(by_method, key=lambda m: by_method[m].log_score) == "stacking"
    assert min(by_method, key=lambda m: by_method[m].mse) == "least_squares"
    scores = two_camps.scores()
    assert by_method["best"].weights[np.argmax(scores.log_likelihood)] == 1
    assert by_method["uniform"].effective_models[0] == pytest.approx(1000)


def test_certificates(two_camps):
    stacked, fitted = two_camps.ensemble("stacking"), two_camps.ensemble("least_squares")
    n_pairs = len(two_camps.judgments.pairs)
    assert stacked.solution.gap <= 1e-10
    assert stacked.log_score == pytest.approx(stacked.solution.objective * n_pairs, rel=1e-12)
    assert fitted.solution.relative_gap <= 1e-10
    assert fitted.mse == pytest.approx(fitted.solution.objective / len(two_camps.judgments), rel=1e-9)


def test_judgments_are_aligned_to_the_pool():
    elsewhere = Judgments.from_arrays([0, 1], [1, 2], [0.5, 1.0], items=("gamma", "beta", "delta"))
    made = Round(elsewhere, pool())
    assert (made.judgments.a.tolist(), made.judgments.b.tolist()) == ([2], [1])
    (reject,) = made.rejects
    assert reject.kind == "judgment"
    assert "delta" in reject.reason


def test_a_model_with_a_zero_weight_is_barred_with_a_reason():
    made = Round(jury(), pool([[0, 1, 2], [0, -np.inf, -np.inf]]))
    assert made.pool.models == ("one",)
    (reject,) = made.rejects
    assert (reject.kind, reject.file, reject.field, reject.value) == ("submission", "two", "item", "beta")
    assert "zero weights have no logarithm, 2 of 3 here" in reject.reason
    assert "min_weight" in reject.reason


def test_the_best_model_wins_ties_by_name():
    clones = pool([[0, 1, 2], [0, 1, 2]], models=("zeta", "eta"))
    assert Round(jury(), clones).ensemble("best").weights.tolist() == [0, 1]


def test_priors():
    three = pool(np.zeros((3, 3)), models=("x", "y", "z"), authors=("ann", "ann", None))
    made = Round(jury(), three)
    np.testing.assert_allclose(made.ensemble("bma").weights, 1 / 3)
    np.testing.assert_allclose(made.ensemble("bma", prior="uniform").weights, 1 / 3)
    np.testing.assert_allclose(made.ensemble("bma", prior="per_author").weights, [0.25, 0.25, 0.5])
    np.testing.assert_allclose(made.ensemble("bma", prior=[1, 2, 1]).weights, [0.25, 0.5, 0.25])


def test_a_prior_may_cover_the_models_that_were_barred():
    made = Round(jury(), pool([[0, 0, 0], [0, -np.inf, 0], [0, 0, 0]], models=("x", "y", "z")))
    np.testing.assert_allclose(made.ensemble("bma", prior=[1, 7, 3]).weights, [0.25, 0.75])
    np.testing.assert_allclose(made.ensemble("bma", prior=[1, 3]).weights, [0.25, 0.75])


def test_power_tempers_the_likelihood():
    made = Round(jury(), pool())
    difference = np.subtract(*made.scores().log_likelihood)
    for power in (0.1, 1.0, 2.0):
        weights = made.ensemble("bma", power=power).weights
        np.testing.assert_allclose(np.log(weights[0] / weights[1]), power * difference, rtol=1e-12)


def test_pair_weights():
    judgments = jury()  # two labels on the first pair, one on the second
    np.testing.assert_array_equal(Round(judgments, pool()).pair_weight, [1, 1])
    total = Round(judgments, pool(), pair_weights="total")
    np.testing.assert_array_equal(total.pair_weight, [2, 1])
    np.testing.assert_array_equal(total.label_weight, [1, 1, 1])
    given = Round(judgments, pool(), pair_weights=[0.0, 3.0])
    np.testing.assert_array_equal(given.label_weight, [0, 0, 3])
    alone = Round(judgments.select([1]), pool())
    np.testing.assert_allclose(given.scores().log_likelihood, 3 * alone.scores().log_likelihood)


def test_ordinal_judgments_count_for_accuracy_only():
    judgments = jury(log_ratio=[0.7, np.nan, 1.1], choice=[2, 1, 2])
    made = Round(judgments, pool())
    assert made.notices == ("1 of 3 judgments name a winner and no multiplier (ordinal): they count for accuracy only",)
    assert len(made.judgments.pairs) == 1
    np.testing.assert_allclose(made.scores().accuracy, [2 / 3, 1])


def test_a_float32_pool():
    narrow = pool(np.array([[0, 1, 2], [0, 0.5, -1]], dtype=np.float32))
    for one, other in zip(Round(jury(), narrow).mechanisms(), Round(jury(), pool()).mechanisms(), strict=True):
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-9)


def test_the_order_of_the_jurys_rows_changes_no_bit(made):
    judgments, models = made.judgments(), made.pool()
    order = np.random.default_rng(1).permutation(len(judgments))
    turned = order[: len(order) // 2]
    a, b, log_ratio = judgments.a.copy(), judgments.b.copy(), judgments.log_ratio.copy()
    a[turned], b[turned], log_ratio[turned] = b[turned], a[turned], -log_ratio[turned]
    shuffled = Judgments.from_arrays(a[order], b[order], log_ratio[order], items=judgments.items)
    one, other = Round(judgments, models), Round(shuffled, models)
    for name in ("log_likelihood", "mse"):
        np.testing.assert_array_equal(getattr(one.scores(), name), getattr(other.scores(), name))
    for method in METHODS:
        np.testing.assert_array_equal(one.ensemble(method).weights, other.ensemble(method).weights)


def test_results_do_not_depend_on_the_number_of_threads(made):
    one, two = (Round(made.judgments(), made.pool(), n_threads=n) for n in (1, 2))
    for first, second in zip(one.mechanisms(), two.mechanisms(), strict=True):
        np.testing.assert_array_equal(first.weights, second.weights)
        assert (first.mse, first.log_likelihood, first.log_score) == (
            second.mse,
            second.log_likelihood,
            second.log_score,
        )


def test_solutions_are_computed_once(two_camps):
    assert two_camps.ensemble("stacking").solution is two_camps.ensemble("stacking").solution
    assert two_camps.scores() is two_camps.scores(0.5)
    assert two_camps.ensemble("least_squares", sigma=2.0).solution is two_camps.ensemble("least_squares").solution


def test_repr_counts():
    assert repr(Round(jury(), pool())) == "Round(3 judgments of 2 pairs, 2 models, 3 items)"


def test_a_round_and_its_ensembles_pickle():
    ensemble = Round(jury(), pool()).ensemble("bma")
    again = pickle.loads(pickle.dumps(ensemble))
    np.testing.assert_array_equal(again.weights, ensemble.weights)
    assert list(again.leaderboard()) == list(ensemble.leaderboard())


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        (
            {"method": "median"},
            OptionError,
            "method: expected 'least_squares', 'bma', 'stacking', 'greedy', 'uniform' or 'best'",
        ),
        ({"sigma": 0.0}, DomainError, "sigma"),
        ({"sigma": -1.0}, DomainError, "sigma"),
        ({"sigma": np.nan}, NonFiniteError, "sigma"),
        ({"sigma": "wide"}, DtypeError, "sigma"),
        ({"sigma": [0.5]}, DtypeError, "sigma"),
        (
            {"prior": "flat"},
            OptionError,
            "prior: expected 'uniform', 'per_author', 'clone_proof' or the mass of each model",
        ),
        ({"prior": [1.0, 2.0, 3.0]}, ShapeError, "prior"),
        ({"prior": [-1.0, 2.0]}, DomainError, "prior"),
        ({"prior": [np.nan, 2.0]}, NonFiniteError, "prior"),
        ({"prior": [0.0, 0.0]}, HemicycleError, "prior"),
        ({"power": 0.0}, DomainError, "power"),
        ({"power": np.nan}, NonFiniteError, "power"),
        ({"method": "stacking", "prior": "per_author"}, OptionError, "prior: only method='bma' has one"),
        ({"method": "best", "power": 0.5}, OptionError, "power: only method='bma' has one, got method='best'"),
        ({"method": "stacking", "bootstrap": 10}, OptionError, "bootstrap: only method='bma' has one"),
        ({"bootstrap": 0}, DomainError, "bootstrap is 0"),
        ({"bootstrap": 10, "rng": "x"}, DtypeError, "rng"),
        ({"rng": 1}, OptionError, "rng: only the replicates"),
        ({"loss": "log_score"}, OptionError, "loss: only method='greedy' has one, got method='bma'"),
        ({"rounds": 50}, OptionError, "rounds: only method='greedy' has one"),
        ({"method": "greedy", "rounds": 0}, DomainError, "rounds is 0"),
        ({"method": "greedy", "loss": "mse"}, OptionError, "loss: expected 'squared_error', 'log_score' or"),
        ({"reference": [1.0, 2.0]}, OptionError, "reference: only method='least_squares'"),
        (
            {"tie_break": "least_individual_loss"},
            OptionError,
            "tie_break: only method='least_squares' or method='stacking' has one",
        ),
    ],
)
def test_bad_options(broken, error, message):
    made = Round(jury(), pool())
    with pytest.raises(error, match=message) as raised:
        made.ensemble(**({"method": "bma"} | broken))
    assert isinstance(raised.value, HemicycleError)


def test_bootstrap_resamples_pairs_and_can_be_repeated(two_camps):
    ensemble = two_camps.ensemble("bma", bootstrap=200, rng=np.random.default_rng(4))
    seed = ensemble.options["rng"]
    again = two_camps.ensemble("bma", bootstrap=200, rng=seed)
    np.testing.assert_array_equal(again.weights, ensemble.weights)
    assert ensemble.options == again.options == {"prior": None, "power": 1.0, "bootstrap": 200, "rng": seed}
    assert two_camps.ensemble("bma", bootstrap=200, rng=5).options["rng"] == 5
    by_pair = log_likelihood(two_camps.pool, two_camps.judgments, per="pair")
    expected = bma_weights(by_pair, bootstrap=200, rng=seed)
    np.testing.assert_array_equal(ensemble.weights, expected)
    assert ensemble.effective_models[0] > two_camps.ensemble("bma").effective_models[0]


def test_bootstrap_leaves_pairs_without_weight_out():
    weighed = Round(jury(), pool(), pair_weights=[2, 0])
    by_pair = 2 * log_likelihood(pool(), weighed.judgments, per="pair")[:, :1]
    expected = bma_weights(by_pair, bootstrap=20, rng=1)
    np.testing.assert_array_equal(weighed.ensemble("bma", bootstrap=20, rng=1).weights, expected)


def test_greedy_is_judged_as_asked(two_camps):
    by_loss = {loss: two_camps.ensemble("greedy", loss=loss, rounds=30) for loss in LOSSES}
    assert min(by_loss, key=lambda loss: by_loss[loss].mse) == "squared_error"
    assert max(by_loss, key=lambda loss: by_loss[loss].log_score) == "log_score"
    for loss, ensemble in by_loss.items():
        assert ensemble.options == {"loss": loss, "rounds": 30}
        assert ensemble.solution.passes == 30
    exact = two_camps.ensemble("least_squares")
    greedy = by_loss["squared_error"]
    assert 0 <= greedy.mse - exact.mse <= greedy.solution.gap
    assert greedy.mse == pytest.approx(greedy.solution.objective, rel=1e-12)


@pytest.mark.parametrize("seed", [30, 39, 42])
def test_submissions_of_extreme_weights_stop_no_round(seed):
    """Weights of 5e-324 and 1e308 are legal; with them doubles cannot certify what least squares asks."""
    rng = np.random.default_rng(seed)
    n, n_honest = int(rng.integers(2, 7)), int(rng.integers(2, 7))
    honest = rng.normal(0, 1, (n_honest, 4)).round(2)
    hostile = rng.choice([-744.4, 709.78], (int(rng.integers(2, 6)), 4))
    a = rng.integers(0, 4, n)
    b = (a + rng.integers(1, 4, n)) % 4
    judged = Judgments.from_arrays(a, b, rng.normal(0, 2, n).round(2), items=4)
    made = Round(judged, Pool.from_array(np.vstack([honest, hostile])))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        least_squares = made.mechanisms()[0]
    assert [warning.category for warning in warned] in ([], [NotCertifiedWarning], [TieBreakWarning])
    assert len(made.doubts) == len(warned)
    assert all(str(warning.message) in doubt for warning, doubt in zip(warned, made.doubts, strict=True))
    assert abs(math.fsum(least_squares.weights) - 1) <= 2**-52
    assert least_squares.solution.relative_gap <= 1e-10
    assert least_squares.mse <= made.scores().mse.min() * (1 + 1e-9)
    for doubt in made.doubts:
        assert least_squares.solution.reason in doubt
        assert "did not converge" in doubt or "as far as rounding lets weights fit" in doubt


def test_what_is_no_jury_or_no_pool_is_named():
    for arguments, message in (
        ((jury(), pool().logits), "pool: expected a Pool, got ndarray; Pool.read"),
        (("jury.csv", "pool.csv"), "judgments: expected Judgments, got str; Judgments.read"),
        ((pool(), jury()), "judgments: expected Judgments, got Pool"),
    ):
        with pytest.raises(DtypeError, match=message):
            Round(*arguments)


def test_every_mechanism_gets_its_own_options_only():
    made = Round(jury(), pool())
    ensembles = made.mechanisms(prior=[1, 3], power=0.5, reference=[0, 1])
    assert {ensemble.method: ensemble.options for ensemble in ensembles} == {
        "least_squares": {"tie_break": "nearest", "reference": [0, 1]},
        "bma": {"prior": [1, 3], "power": 0.5},
        "stacking": {"tie_break": "nearest", "reference": [0, 1], "by": "label"},
        "greedy": {"loss": "squared_error", "rounds": 100},
        "uniform": {},
        "best": {},
    }
    for ensemble in ensembles:
        again = made.ensemble(ensemble.method, sigma=ensemble.sigma, **ensemble.options)
        np.testing.assert_array_equal(again.weights, ensemble.weights)


def test_no_model_left():
    with pytest.raises(
        NoDataError, match=r"no model is left to score, 2 turned away.*one: zero weights have no logarithm, 1 of 3"
    ) as raised:
        Round(jury(), pool([[0, -np.inf, 0], [-np.inf, 0, 0]]))
    assert [reject.file for reject in raised.value.rejects] == ["one", "two"]
    with pytest.raises(NoDataError, match="no model is left"):
        Round(jury(), pool().select([]))


def test_no_pair_covered():
    elsewhere = Judgments.from_arrays([0], [1], [0.5], items=("x", "y"))
    with pytest.raises(NoDataError, match=r"no pair is covered by the items of the pool, 1 turned away.*'x'"):
        Round(elsewhere, pool())
    with pytest.raises(NoDataError, match="no pair is covered"):
        Round(jury().select([]), pool())
    with pytest.raises(NoDataError, match="every cardinal judgment has the weight 0"):
        Round(jury(weight=[0, 0, 0]), pool())
    with pytest.raises(NoDataError, match="every pair has the weight 0"):
        Round(jury(), pool(), pair_weights=[0, 0])


def test_an_ordinal_jury_has_no_cardinal_scores():
    with pytest.raises(NoDataError, match="all 3 judgments are ordinal"):
        Round(jury(log_ratio=None, choice=[1, 2, 2]), pool())


@pytest.mark.parametrize(
    ("pair_weights", "error"),
    [("mean", OptionError), ([1.0], ShapeError), ([1.0, -1.0], DomainError), ([1.0, np.nan], NonFiniteError)],
)
def test_bad_pair_weights(pair_weights, error):
    with pytest.raises(error, match="pair_weights"):
        Round(jury(), pool(), pair_weights=pair_weights)


def test_some_of_the_judgments_make_the_same_round():
    judgments = Judgments.from_arrays([0, 1, 0, 5], [1, 2, 2, 6], [1.0, 0.5, 2.0, 1.0], items=7)
    pool = Pool.from_array([[0.0, 1.0, 2.0], [0.0, -np.inf, 1.0], [0.0, 2.0, 1.0]], items=3)
    round_ = Round(judgments, pool, pair_weights=[1.0, 2.0, 3.0])
    some = round_.select([2, 1])
    assert (some.rejects, some.pool.models) == (round_.rejects, round_.pool.models)
    np.testing.assert_array_equal(some.judgments.log_ratio, [2.0, 0.5])
    np.testing.assert_array_equal(some.pair_weight, [2.0, 3.0])
    for given in ([1.0, 5.0, 3.0], [1.0, 3.0]):  # of the models sent, and of those seated
        weights = some.ensemble("bma", prior=given).weights
        np.testing.assert_array_equal(weights, round_.select([1, 2]).ensemble("bma", prior=[1.0, 3.0]).weights)
    with pytest.raises(NoDataError, match="no pair"):
        round_.select([])
