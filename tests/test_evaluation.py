"""Evaluation on judgments that were left out: definitions, no leak, calibration, uncertainty, errors."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import norm

from hemicycle import Judgments, Pool, Round
from hemicycle.errors import (
    DomainError,
    DtypeError,
    FormatError,
    IndexOutOfRangeError,
    NoDataError,
    OptionError,
    ShapeError,
)
from hemicycle.evaluation import SCORES, SIGMAS, choose_sigma, evaluate
from hemicycle.folds import folds_of
from hemicycle.mechanism import METHODS, OPTIONS
from hemicycle.synthetic import two_camp_round

if TYPE_CHECKING:
    from hemicycle.ensemble import Ensemble


@pytest.fixture(scope="module")
def round_() -> Round:
    made = two_camp_round(1, n_items=12, n_pairs=40, n_models=30)
    return Round(made.judgments(), made.pool())


def without(round_: Round, rows) -> Round:
    kept = np.setdiff1d(np.arange(len(round_.judgments)), rows)
    return Round(round_.judgments.select(kept), round_.pool)


def test_scores_are_their_definitions(round_):
    found = evaluate(round_, ["stacking", "bma"], folds=4, sigma=0.8, power=[1.0, 0.2])
    assert [(c.name, c.sigma, c.power) for c in found.configurations] == [
        ("stacking", 0.8, 1.0),
        ("bma", 0.8, 1.0),
        ("bma", 0.8, 0.2),
    ]
    judgments, pool = round_.judgments, round_.pool
    np.testing.assert_array_equal(np.sort(found.row), np.flatnonzero(judgments.weight > 0))
    elpd = np.zeros(3)
    for k, part in enumerate(folds_of(judgments, "juror", 4)):
        alone = without(round_, part.rows)
        ensembles = [
            alone.ensemble("stacking", sigma=0.8),
            alone.ensemble("bma", sigma=0.8),
            alone.ensemble("bma", sigma=0.8, power=0.2),
        ]
        for c, ensemble in enumerate(ensembles):
            for row in part.rows:
                place = np.flatnonzero(found.row == row)[0]
                a, b, y = judgments.a[row], judgments.b[row], judgments.log_ratio[row]
                mu = pool.logits[:, b] - pool.logits[:, a]
                density = math.log(ensemble.weights @ norm.pdf(y, mu, 0.8))
                mean = ensemble.weights @ mu
                assert found.fold[place] == k
                assert found.log_density[c, place] == pytest.approx(density, rel=1e-9)
                assert found.pit[c, place] == pytest.approx(ensemble.weights @ norm.cdf(y, mu, 0.8), rel=1e-9)
                assert found.squared_error[c, place] == pytest.approx((mean - y) ** 2, rel=1e-9, abs=1e-12)
                brier = (1 / (1 + math.exp(-mean)) - 1 / (1 + math.exp(-y))) ** 2
                assert found.brier[c, place] == pytest.approx(brier, rel=1e-9, abs=1e-12)
                assert found.agreement[c, place] == float((mean > 0) == (judgments.choice[row] == 2))
                elpd[c] += density
    np.testing.assert_allclose(found.table()["elpd"], elpd, rtol=1e-9)
    np.testing.assert_allclose(found.table()["mse"], found.squared_error.mean(axis=1), rtol=1e-12)
    assert (found.crps > 0).all()


@pytest.mark.parametrize("by", ["juror", "pair", "split"])
def test_no_ensemble_sees_a_judgment_that_is_left_out(round_, by, monkeypatch):
    """A tell-tale: judgments that are left out are replaced by absurd ones, and no ensemble changes by a bit."""
    split = tuple("private" if row % 3 == 0 else "public" for row in range(len(round_.judgments)))
    whole = Round(replace(round_.judgments, split=split), round_.pool)
    folds = {"juror": 3, "pair": 3, "split": None}[by]
    options = {method: {} for method in METHODS} | {"bootstrap": {"method": "bma", "bootstrap": 20, "rng": 0}}
    parts = folds_of(whole.judgments, by, folds)
    seen: list[Ensemble] = []
    original = Round.ensemble

    def watched(self, *args, **named):
        seen.append(original(self, *args, **named))
        return seen[-1]

    monkeypatch.setattr(Round, "ensemble", watched)
    evaluate(whole, options, by=by, folds=folds, sigma=[0.5, 1.0])

    def key(e):
        return e.method, e.sigma, e.options.get("bootstrap"), e.round.judgments.line.tobytes()

    before = {key(e): e.weights for e in seen}
    assert len(before) == len(parts) * len(options) * 2
    for part in parts:
        log_ratio = whole.judgments.log_ratio.copy()
        log_ratio[part.rows] = np.where(np.arange(len(part.rows)) % 2, 1e5, -1e5)
        planted = Round(replace(whole.judgments, log_ratio=log_ratio), whole.pool)
        seen.clear()
        evaluate(planted, options, by=by, folds=folds, sigma=[0.5, 1.0])
        clean = [e for e in seen if not set(part.rows) & set(e.round.judgments.line.tolist())]
        assert len(clean) == len(options) * 2
        for e in clean:
            np.testing.assert_array_equal(e.weights, before[key(e)])


def test_a_model_that_knows_one_jurors_answers_gains_nothing_there(round_):
    """It repeats a juror's answers exactly and is absurd elsewhere: only those that saw them would seat it."""
    judgments = Judgments.from_arrays(
        [0, 2, 0, 2, 0, 2], [1, 3, 1, 3, 1, 3], [5.0, -5.0, 1.0, 1.0, 1.2, 0.8], juror=list("zzaabb"), items=4
    )
    pool = Pool.from_array([[0.0, 5.0, 0.0, -5.0], [0.0, 1.0, 0.0, 1.0]], models=["tell-tale", "honest"], items=4)
    found = evaluate(Round(judgments, pool), ["bma"])
    told = found.row < 2
    np.testing.assert_allclose(found.squared_error[0, told], [16.0, 36.0], rtol=1e-6)


def simulated(n: int, mixture: bool) -> Round:
    """Labels drawn from the models: of one model, or of two in turn by chance."""
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 1.5, size=(6, 30))
    a = rng.integers(0, 30, n)
    b = (a + rng.integers(1, 30, n)) % 30
    model = np.where(rng.random(n) < 0.7, 0, 1) if mixture else np.zeros(n, dtype=int)
    y = logits[model, b] - logits[model, a] + 0.8 * rng.normal(size=n)
    juror = [f"juror-{k % 40}" for k in range(n)]
    return Round(Judgments.from_arrays(a, b, y, juror=juror, items=30), Pool.from_array(logits, items=30))


@pytest.mark.parametrize(("method", "mixture"), [("best", False), ("stacking", True)])
def test_pit_is_uniform_on_data_of_the_model(method, mixture):
    """Kolmogorov's distance of n uniform values is above x with probability 2 exp(-2 n x^2): here one in a million."""
    n = 4000
    found = evaluate(simulated(n, mixture), [method], folds=4, sigma=[0.4, 0.8, 1.6]).table()
    bound = math.sqrt(math.log(2e6) / (2 * n))
    assert found["pit_distance"][1] < bound
    assert found["pit_distance"][0] > bound  # too narrow, though stacking seats more models to make up for it
    assert found["pit_distance"][2] > 2 * bound
    assert found["coverage_50"][1] == pytest.approx(0.5, abs=5 * math.sqrt(0.25 / n))
    assert found["coverage_90"][1] == pytest.approx(0.9, abs=5 * math.sqrt(0.09 / n))
    assert np.argmax(found["elpd"]) == np.argmin(found["crps"]) == 1


def test_differences_are_paired_by_juror(round_):
    found = evaluate(round_, folds=5, sigma=[0.5, 1.0])
    assert found.resampled == "juror"
    for score in SCORES:
        table = found.compare(score, replicates=500)
        values = table[score]
        better = np.diff(values) <= 0 if score in ("elpd", "accuracy") else np.diff(values) >= 0
        assert better.all()
        assert table["rank"].tolist() == list(range(1, len(values) + 1))
        assert table["diff"][0] == table["dse"][0] == 0
        assert (table["low"] <= table["high"]).all()
        assert table["first"].sum() == pytest.approx(1)
    again = found.compare("elpd", replicates=500)
    assert list(again) == list(found.compare("elpd", replicates=500))
    assert list(again) != list(found.compare("elpd", replicates=500, rng=1))


def test_the_standard_error_is_that_of_the_jurors(round_):
    found = evaluate(round_, ["stacking", "uniform"], folds=5)
    table = found.compare(replicates=100_000)
    gain = found.log_density[0] - found.log_density[1]
    by_juror = np.bincount(found.group, gain)
    n = len(by_juror)
    # the variance of sum_j n alpha_j x_j over Dirichlet(1, ..., 1) is n sum (x - mean)^2 / (n + 1)
    expected = math.sqrt(n * np.sum((by_juror - by_juror.mean()) ** 2) / (n + 1))
    assert table["dse"][1] == pytest.approx(expected, rel=0.02)


def test_without_jurors_pairs_are_resampled(round_):
    judgments = replace(round_.judgments, juror=(None,) * len(round_.judgments))
    found = evaluate(Round(judgments, round_.pool), ["uniform", "best"], by="pair", folds=3)
    assert found.resampled == "pair"
    assert len(np.unique(found.group)) == len(judgments.pairs)
    assert len(found.compare()) == 2


def test_ordinal_judgments_count_for_accuracy_only():
    judgments = Judgments.from_arrays(
        [0, 1, 0, 1], [1, 2, 2, 2], [1.0, np.nan, 2.0, 0.5], choice=[2, 2, 2, 0], juror=list("abab"), items=3
    )
    pool = Pool.from_array([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0]], items=3)
    found = evaluate(Round(judgments, pool), ["best", "uniform"])
    ordinal = found.row == 1
    assert np.isnan(found.log_density[:, ordinal]).all()
    assert (found.agreement[:, ordinal] == 1).all()
    assert np.isnan(found.agreement[:, found.row == 3]).all()
    assert np.isfinite(found.table()["elpd"]).all()
    assert found.table()["accuracy"].tolist() == [1, 1]
    assert len(found.compare("mse")) == 2


def test_given_weights_of_pairs_stay_with_their_pairs(round_):
    weights = np.random.default_rng(0).uniform(0.5, 2, len(round_.judgments.pairs))
    weighed = replace(round_, pair_weights=weights)
    found = evaluate(weighed, ["bma"], by="pair", folds=3, power=0.05)
    part = folds_of(round_.judgments, "pair", 3)[0]
    kept = without(round_, part.rows)
    pairs = list(zip(round_.judgments.pairs.a, round_.judgments.pairs.b, strict=True))
    own = [weights[pairs.index(pair)] for pair in zip(kept.judgments.pairs.a, kept.judgments.pairs.b, strict=True)]
    expected = replace(kept, pair_weights=own).ensemble("bma", power=0.05)
    assert found.effective_models[0, 0] == pytest.approx(expected.effective_models[0], rel=1e-12)


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"methods": ["median"]}, OptionError, "method: expected 'least_squares'"),
        ({"methods": []}, NoDataError, "nothing to evaluate"),
        ({"sigma": []}, NoDataError, "sigma: there is nothing"),
        ({"sigma": [0.5, -1.0]}, DomainError, "sigma"),
        ({"power": 0.0}, DomainError, "power"),
        ({"by": "model"}, OptionError, "by: expected"),
        ({"folds": 1}, OptionError, "folds"),
        ({"by": "split"}, FormatError, "split"),
        ({"methods": {"bma": {"bootstrap": 0}}}, DomainError, "bootstrap"),
        ({"sigma": "wide"}, OptionError, "sigma: expected a number or several, or 'auto' by itself, got 'wide'"),
        ({"sigma": [0.5, "auto"]}, OptionError, r"'auto' by itself, got \[0.5, 'auto'\]"),
        ({"methods": {"bma": {"sigma": ["auto"]}}}, OptionError, "'auto' by itself"),
        ({"sigma": np.array(0.5)}, DtypeError, "sigma: expected a number, got ndarray"),
        ({"power": "auto"}, OptionError, "power: expected a number or several, got 'auto'"),
        ({"methods": {"bma": {"foo": 1}}}, OptionError, r"methods\['bma'\]: expected 'method', 'sigma'.*got 'foo'"),
        ({"methods": {"stacking": {"n_threads": 1}}}, OptionError, "got 'n_threads'"),
        ({"methods": {"bma": {1: 2}}}, OptionError, "got 1"),
        ({"methods": {"bma": {"self": 1}}}, OptionError, "got 'self'"),
        ({"methods": {"stacking": {"power": 0.5}}}, OptionError, "power: only method='bma' has one"),
        ({"methods": {"bma": None}}, DtypeError, r"methods\['bma'\]: expected a mapping of options, got NoneType"),
        ({"methods": {"bma": [("power", 2)]}}, DtypeError, "expected a mapping of options, got list"),
        ({"methods": {1: {"method": "bma"}}}, DtypeError, "expected names as keys, got 1"),
        ({"methods": 5}, DtypeError, "methods: expected names of methods, or a mapping .*, got int"),
        ({"methods": "bma"}, DtypeError, "methods: expected names of methods, or a mapping .*, got 'bma'"),
        ({"methods": [["bma"]]}, OptionError, "method: expected"),
    ],
)
def test_refuses(round_, given, error, match):
    with pytest.raises(error, match=match):
        evaluate(round_, **given)


def test_results_refuse_words_that_do_not_exist(round_):
    found = evaluate(round_, ["uniform"], folds=2)
    with pytest.raises(OptionError, match="score: expected"):
        found.compare("log")
    with pytest.raises(OptionError, match="'bma' was not evaluated"):
        found.best("bma")
    with pytest.raises(DtypeError, match="rng"):
        found.compare(rng="x")
    assert found.best("uniform").sigma == 0.5
    assert repr(found).startswith("Evaluation(1 configuration, ")
    assert not found.crps.flags.writeable


def test_one_fold_with_every_cardinal_judgment():
    judgments = Judgments.from_arrays([0, 0], [1, 1], [1.0, np.nan], choice=[2, 2], juror=["a", "b"], items=2)
    with pytest.raises(NoDataError, match="without juror a none is left that says how much"):
        evaluate(Round(judgments, Pool.from_array([[0.0, 1.0]], items=2)), ["uniform"])


def test_the_width_is_chosen_by_what_is_left_out():
    made = simulated(1500, mixture=True)
    for method in METHODS:
        ensemble = made.ensemble(method, sigma="auto")
        tried = ensemble.sigmas_tried
        by_hand = evaluate(made, [method], folds=10, sigma=list(SIGMAS)).table()
        np.testing.assert_allclose(tried["elpd"], by_hand["elpd"], rtol=1e-12)
        assert ensemble.sigma == tried["sigma"][np.argmax(tried["elpd"])]
        np.testing.assert_array_equal(ensemble.weights, made.ensemble(method, sigma=ensemble.sigma).weights)
    assert made.ensemble("stacking", sigma="auto").sigma in (2**-0.5, 1.0)  # labels were drawn with 0.8
    assert made.ensemble("stacking").sigmas_tried is None


def test_options_of_a_method_have_a_part_in_the_choice(round_):
    options = {"prior": np.arange(1.0, 31.0), "power": 0.2, "bootstrap": 30, "rng": 4}
    ensemble = round_.ensemble("bma", sigma="auto", **options)
    by_hand = evaluate(round_, {"bma": options}, folds=10, sigma=list(SIGMAS))
    np.testing.assert_array_equal(ensemble.sigmas_tried["elpd"], by_hand.table()["elpd"])
    assert ensemble.sigma == by_hand.best("bma").sigma


def test_a_width_is_chosen_by_pairs_where_jurors_are_not_named(round_):
    unnamed = Round(replace(round_.judgments, juror=(None,) * len(round_.judgments)), round_.pool)
    ensemble = unnamed.ensemble("uniform", sigma="auto")
    by_hand = evaluate(unnamed, ["uniform"], by="pair", folds=10, sigma=list(SIGMAS))
    np.testing.assert_array_equal(ensemble.sigmas_tried["elpd"], by_hand.table()["elpd"])


def test_widths_that_cannot_be_chosen(round_):
    with pytest.raises(DtypeError, match="sigma: expected a number or 'auto', got 'wide'"):
        round_.ensemble("bma", sigma="wide")
    one = Round(round_.judgments.select([0]), round_.pool)
    with pytest.raises(NoDataError, match="all are of one pair"):
        one.ensemble("uniform", sigma="auto")


@pytest.mark.parametrize("no_round", [None, 5, Judgments.from_arrays([0], [1], [1.0], items=2)])
def test_only_rounds_are_evaluated(no_round):
    with pytest.raises(DtypeError, match=r"round_: expected a Round, got .*makes one"):
        evaluate(no_round)
    with pytest.raises(DtypeError, match="round_: expected a Round"):
        choose_sigma(no_round, "bma", {})


def test_a_width_is_chosen_for_options_that_exist(round_):
    with pytest.raises(OptionError, match=r"methods\['bma'\]: expected .* got 'foo'"):
        choose_sigma(round_, "bma", {"foo": 1})
    with pytest.raises(OptionError, match="method: expected"):
        choose_sigma(round_, ["bma"], {})
    with pytest.raises(OptionError, match="'sigma' is what is chosen"):
        choose_sigma(round_, "bma", {"sigma": 1.0})
    assert tuple(inspect.signature(Round.ensemble).parameters) == ("self", "method", "sigma", *OPTIONS)


def test_a_mass_of_the_pool_that_was_sent_goes_into_every_fold(round_):
    """Two of the submissions are barred; masses may count them or not."""
    logits = np.insert(round_.pool.logits, [0, 17], -np.inf, axis=0)
    sent = Round(round_.judgments, Pool.from_array(logits, items=round_.pool.items))
    assert len(sent.pool) == 30
    mass = np.arange(1.0, 33.0)
    seated = mass[sent._seated]
    for method, name in (("bma", "prior"), ("least_squares", "reference"), ("stacking", "reference")):
        whole, part = (evaluate(sent, {method: {name: given}}, folds=3) for given in (mass, seated))
        np.testing.assert_array_equal(whole.log_density, part.log_density)
    np.testing.assert_array_equal(
        sent.ensemble("bma", sigma="auto", prior=mass).weights, sent.ensemble("bma", sigma="auto", prior=seated).weights
    )


def test_auto_is_chosen_inside_each_fold(round_):
    methods = {"bma": {}, "fixed": {"method": "bma", "sigma": 2.0}, "stacking": {}}
    found = evaluate(round_, methods, folds=3, sigma="auto")
    for k, part in enumerate(folds_of(round_.judgments, "juror", 3)):
        alone = without(round_, part.rows)
        of_part = found.fold == k
        for c, configuration in enumerate(found.configurations):
            ensemble = configuration.of(alone)
            assert found.sigma[c, k] == ensemble.sigma
            assert found.effective_models[c, k] == ensemble.effective_models[0]
            pooled = ensemble.weights @ round_.pool.logits
            rows = found.row[of_part]
            mu = pooled[round_.judgments.b[rows]] - pooled[round_.judgments.a[rows]]
            error = (mu - round_.judgments.log_ratio[rows]) ** 2
            np.testing.assert_allclose(found.squared_error[c, of_part], error, rtol=1e-9)
    assert (found.sigma[1] == 2).all()
    widths = found.table()["sigma"]
    assert widths.dtype == np.float64
    np.testing.assert_allclose(widths, found.sigma.mean(axis=1))
    assert found.best("bma").sigma == "auto"
    assert sorted(found.compare()["sigma"]) == sorted(widths)


def test_configurations_are_selected_by_their_places(round_):
    found = evaluate(round_, ["uniform", "best"], folds=2, sigma=[0.5, 1.0])
    some = found.select([3, 0])
    assert [c.name for c in some.configurations] == ["best", "uniform"]
    np.testing.assert_array_equal(some.sigma, [[1.0, 1.0], [0.5, 0.5]])
    assert len(found.select([True, False, False, True]).configurations) == 2
    for places, error in (
        ([10], IndexOutOfRangeError),
        ([-1], IndexOutOfRangeError),
        (["a"], DtypeError),
        (5, ShapeError),
    ):
        with pytest.raises(error, match="places"):
            found.select(places)
    nothing = found.select([])
    assert len(nothing.table()) == 0
    with pytest.raises(NoDataError, match="nothing to compare"):
        nothing.compare()


def test_the_only_juror_who_is_named_is_left_out_of_the_others():
    judgments = Judgments.from_arrays([0, 1, 0], [1, 2, 2], [1.0, 0.5, 2.0], juror=["ann", None, None], items=3)
    found = evaluate(Round(judgments, Pool.from_array([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]], items=3)), ["bma"])
    assert found.folds == ("juror ann",)
    assert found.row.tolist() == [0]


def only_ordinal_answers_have_names() -> Round:
    """Return a round whose log ratios name no juror, while two jurors only said which item is worth more."""
    nan = math.nan
    jurors = [None, None, "ada", "bob"]
    judgments = Judgments.from_arrays(
        [0, 1, 0, 2], [1, 2, 2, 3], [1.0, -0.5, nan, nan], choice=[2, 1, 1, 2], juror=jurors, items=4
    )
    return Round(judgments, Pool.from_array(np.random.default_rng(3).normal(size=(4, 4)), items=4))


def test_where_no_log_ratio_is_left_out_no_density_is_known():
    found = evaluate(only_ordinal_answers_have_names(), ["uniform", "bma"], by="juror")
    assert np.isnan(found.table()["elpd"]).all()
    assert np.isfinite(found.table()["accuracy"]).all()
    for score in ("elpd", "crps", "mse"):
        compared = found.compare(score)
        for column in (score, "diff", "dse", "low", "high", "first"):
            assert np.isnan(compared[column]).all()
    assert compared["method"] == ("uniform", "bma")


def test_a_width_is_chosen_by_pairs_where_only_ordinal_answers_name_jurors():
    round_ = only_ordinal_answers_have_names()
    _, tried = choose_sigma(round_, "uniform", {})
    found = evaluate(round_, ["uniform"], by="pair", sigma=SIGMAS)
    np.testing.assert_array_equal(tried["elpd"], found.table()["elpd"])
    assert len(set(tried["elpd"])) == len(SIGMAS)
