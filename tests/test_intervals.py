"""Intervals of an allocation: the definition, what they cover, what is told, typed errors."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from hemicycle import Judgments, Pool, Round, allocate
from hemicycle.errors import DomainError, DtypeError, NoDataError, OptionError, ShapeError
from hemicycle.intervals import AllocationIntervals, allocation_intervals
from hemicycle.mechanism import METHODS
from hemicycle.resampling import expanded_tail
from reference import intervals as reference

if TYPE_CHECKING:
    from pathlib import Path

JURORS = ("ann", "ben", "cem", "dee", "eve", "fay")
N_ITEMS = 6


def judged(seed: int = 0, n: int = 60, **options: Any) -> Judgments:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, N_ITEMS, n)
    b = (a + rng.integers(1, N_ITEMS, n)) % N_ITEMS
    y = np.where(rng.random(n) < 0.1, np.nan, b - a + rng.normal(size=n))
    given: dict[str, Any] = {
        "choice": rng.integers(1, 3, n),
        "juror": [JURORS[k] for k in rng.integers(0, len(JURORS), n)],
        "weight": rng.choice([0.0, 1.0, 2.0], n),
        "items": N_ITEMS,
    }
    return Judgments.from_arrays(a, b, y, **(given | options))


def pool(n_models: int = 12) -> Pool:
    rng = np.random.default_rng(1)
    return Pool.from_array(np.arange(N_ITEMS) + rng.normal(size=(n_models, N_ITEMS)) * 1.5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pair_weights", ["equal", "total"])
def test_replicates_are_solutions_with_other_weights(method: Any, pair_weights: str) -> None:
    round_ = Round(judged(), pool(), pair_weights=pair_weights)
    ensemble = round_.ensemble(method, sigma=1.0)
    found = ensemble.intervals(replicates=5, rng=3, level=0.8)
    jurors = sorted({round_.judgments.juror[row] for row in round_.judgments.pairs.row})
    assert (found.resampled, found.n_groups, found.replicates, found.seed) == ("juror", len(jurors), 5, 3)
    rng = np.random.default_rng(3)
    for replicate in found.replicated:
        alpha = rng.standard_exponential(len(jurors))
        factor = dict(zip(jurors, alpha * len(jurors) / alpha.sum(), strict=True))
        again = round_.reweigh([factor[juror] for juror in round_.judgments.juror]).ensemble(method, sigma=1.0)
        np.testing.assert_allclose(replicate, allocate(round_.pool, again.weights), rtol=1e-7)
    tail = expanded_tail(0.1, len(jurors))
    for probability, ends in ((tail, found.low), (1 - tail, found.high)):
        place = np.clip(6 * probability, 1, 5)  # the k-th of 5 is the quantile of k / 6
        ordered, k = np.sort(found.replicated, axis=0), min(4, int(place))
        np.testing.assert_allclose(ends, ordered[k - 1] + (place - k) * (ordered[k] - ordered[k - 1]))
    np.testing.assert_array_equal(found.share, allocate(round_.pool, ensemble.weights))


@pytest.mark.parametrize("pair_weights", ["equal", "total"])
def test_the_labels_of_a_pair_go_on_sharing_its_weight(pair_weights: str) -> None:
    round_ = Round(judged(n=25), pool(), pair_weights=pair_weights)
    judgments = round_.judgments
    factor = dict(zip(JURORS, [0.5, 2.0, 1.0, 0.0, 3.0, 0.25], strict=True))
    again = round_.reweigh([factor[juror] for juror in judgments.juror])
    labels = [
        (frozenset((int(judgments.a[row]), int(judgments.b[row]))), judgments.juror[row], judgments.weight[row])
        for row in judgments.pairs.row
    ]
    expected = dict(
        zip(judgments.pairs.row.tolist(), reference.label_weights(labels, factor, pair_weights), strict=True)
    )
    pairs = again.judgments.pairs
    assert [expected[row] for row in pairs.row.tolist()] == pytest.approx(again.label_weight.tolist(), rel=1e-12)
    assert set(expected) - set(pairs.row.tolist()) == {row for row in expected if judgments.juror[row] == "dee"}
    np.testing.assert_allclose(np.bincount(pairs.pair_of_label, again.label_weight), again.pair_weight, rtol=1e-12)


def test_a_factor_of_one_changes_nothing() -> None:
    given = np.random.default_rng(0).uniform(0, 2, size=len(judged().pairs))
    given[3] = 0.0
    for pair_weights in ("equal", "total", given):
        round_ = Round(judged(), pool(), pair_weights=pair_weights)
        again = round_.reweigh(np.ones(len(round_.judgments)))
        np.testing.assert_allclose(again.pair_weight, round_.pair_weight, rtol=1e-14)
        np.testing.assert_allclose(again.scores().log_likelihood, round_.scores().log_likelihood, rtol=1e-12)


def test_judgments_without_weight_in_the_likelihood_are_resampled_too() -> None:
    """Least squares counts them: a juror is one juror in all its judgments."""
    given = np.zeros(len(judged().pairs))
    given[:4] = 1.0
    plain = Round(judged(), pool()).ensemble("least_squares").intervals(replicates=4)
    weighted = Round(judged(), pool(), pair_weights=given).ensemble("least_squares").intervals(replicates=4)
    np.testing.assert_allclose(weighted.replicated, plain.replicated, rtol=1e-9)


def test_equal_weights_do_not_depend_on_the_jury() -> None:
    found = Round(judged(), pool()).ensemble("uniform").intervals(replicates=3)
    np.testing.assert_allclose(found.low, found.share, rtol=1e-12)
    np.testing.assert_allclose(found.high, found.share, rtol=1e-12)


def test_the_mean_is_that_of_the_allocation() -> None:
    ensemble = Round(judged(), pool()).ensemble("stacking")
    found = ensemble.intervals(mean="arithmetic", replicates=20)
    np.testing.assert_array_equal(found.share, ensemble.allocation("arithmetic")["share"])
    assert found.mean == "arithmetic"
    np.testing.assert_allclose(found.replicated.sum(axis=1), 1.0)
    table = found.table()
    assert table.columns == ("parent", "item", "share", "low", "high")
    np.testing.assert_array_equal(table["low"], found.low)


def test_pairs_are_resampled_where_jurors_have_no_names() -> None:
    juror = list(judged().juror)
    juror[7] = None
    for names in (None, juror, ["ann"] * 60):
        found = Round(judged(juror=names), pool()).ensemble("best").intervals(replicates=4)
        assert (found.resampled, found.n_groups) == ("pair", len(judged().pairs))
        assert found.label == f"90% Bayesian bootstrap, 4 replicates over {len(judged().pairs)} pairs, best single"


def test_a_seed_repeats_and_threads_change_no_bit() -> None:
    one, two = (Round(judged(), pool(), n_threads=n).ensemble("stacking").intervals(replicates=8) for n in (1, 2))
    np.testing.assert_array_equal(one.replicated, two.replicated)
    drawn = allocation_intervals(Round(judged(), pool()).ensemble("bma"), replicates=8, rng=np.random.default_rng(5))
    again = allocation_intervals(Round(judged(), pool()).ensemble("bma"), replicates=8, rng=drawn.seed)
    np.testing.assert_array_equal(drawn.replicated, again.replicated)
    with pytest.raises(ValueError, match="read-only"):
        one.low[0] = 0.0


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    Round(judged(), pool()).ensemble("bma").intervals(replicates=3, progress=lambda done, n: told.append((done, n)))
    assert told == [(1, 3), (2, 3), (3, 3)]


PRESSED = """
import os, signal, threading, time
import numpy as np
from hemicycle import Round
from hemicycle.synthetic import two_camp_round

made = two_camp_round(0, n_items=12, n_pairs=30, n_models=200)
ensemble = Round(made.judgments(), made.pool()).ensemble("stacking")
rng, pressed_at = np.random.default_rng(0), 0.0

def press():
    global pressed_at
    pressed_at = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

def give_up(done, n):
    if pressed_at and time.perf_counter() - pressed_at > 5:
        raise SystemExit("Ctrl-C was lost")

for _ in range(40):
    pressed_at = 0.0
    try:
        threading.Timer(rng.uniform(0.001, 0.04), press).start()
        ensemble.intervals(replicates=1_000_000, progress=give_up)
    except KeyboardInterrupt:
        print("heard")
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_is_heard_wherever_it_comes() -> None:
    """In a process of its own: Python drops what is raised while it collects garbage of others, as hypothesis has."""
    done = subprocess.run([sys.executable, "-c", PRESSED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["heard"] * 40), done.stderr


def test_posterior_quantiles_of_single_models() -> None:
    round_ = Round(judged(), pool())
    ensemble = round_.ensemble("bma", sigma=1.0, power=0.05)
    found = ensemble.intervals("posterior", level=0.5)
    shares = np.array([allocate(round_.pool, one) for one in np.eye(12)])  # (n_models, n_items)
    for item in range(N_ITEMS):
        for probability, end in ((0.25, found.low[item]), (0.75, found.high[item])):
            expected = reference.weighted_quantile(shares[:, item], ensemble.weights, probability)
            assert end == pytest.approx(expected, rel=1e-12)
    assert (found.kind, found.resampled, found.replicated, found.replicates) == ("posterior", None, None, 0)
    assert repr(found) == "AllocationIntervals(50% of the posterior mass of single models, bma)"


def test_one_model_with_all_the_mass_has_no_width() -> None:
    found = Round(judged(), pool()).ensemble("bma", sigma=0.05).intervals("posterior", level=0.99)
    np.testing.assert_array_equal(found.low, found.high)


def test_options_and_prior_of_barred_models_are_kept() -> None:
    logits = np.vstack([pool().logits, np.full(N_ITEMS, -np.inf)])
    logits[-1, 0] = 0.0
    sent = Pool.from_array(logits)
    prior = np.arange(1.0, 14.0)
    ensemble = Round(judged(), sent).ensemble("bma", prior=prior, power=0.1)
    found = ensemble.intervals(replicates=3)
    again = ensemble.round.reweigh(np.ones(len(ensemble.round.judgments)))
    np.testing.assert_allclose(again.ensemble("bma", **ensemble.options).weights, ensemble.weights, rtol=1e-9)
    assert found.replicated.shape == (3, N_ITEMS)
    assert again.rejects == ensemble.round.rejects


@pytest.mark.parametrize("n_groups", [3, 5, 10, 40, 1000])
@pytest.mark.parametrize("tail", [0.25, 0.1, 0.05, 0.025])
def test_tails_further_out_where_jurors_are_few(tail: float, n_groups: int) -> None:
    t = stats.t.ppf(1 - tail, n_groups - 1)
    exact = stats.norm.sf(np.sqrt((n_groups + 1) / (n_groups - 1)) * t)
    assert expanded_tail(tail, n_groups) == pytest.approx(exact, rel=0.1, abs=2e-5)
    assert expanded_tail(tail, n_groups) < tail
    assert expanded_tail(0.5, n_groups) == 0.5


def test_the_mean_of_a_normal_sample_is_covered() -> None:
    """The formula of `expanded_tail` where the functional is a mean: the coverage of Student's interval."""
    rng = np.random.default_rng(0)
    n, inside = 8, np.zeros(2)
    for _ in range(1500):
        sample = rng.normal(size=n)
        alpha = rng.standard_exponential((400, n))
        means = alpha @ sample / alpha.sum(axis=1)
        for k, tail in enumerate((expanded_tail(0.05, n), 0.05)):
            low, high = np.quantile(means, [tail, 1 - tail], method="weibull")
            inside[k] += low <= 0 <= high
    assert 0.87 < inside[0] / 1500 < 0.93
    assert inside[1] / 1500 < 0.84  # plain quantiles


@pytest.mark.parametrize(("method", "least"), [("stacking", 0.78), ("least_squares", 0.75)])
def test_what_infinitely_many_jurors_would_decide_is_covered(method: Any, least: float) -> None:
    """A modest simulation: two camps, 20 jurors. The level is 0.9, and is not quite met: docs/intervals.md."""
    rng = np.random.default_rng(0)
    camps = rng.normal(size=(2, N_ITEMS))
    models = Pool.from_array(np.repeat(camps, 5, axis=0) + 0.5 * rng.normal(size=(10, N_ITEMS)))

    def decided(n_jurors: int) -> Any:
        own = camps[(rng.random(n_jurors) < 0.3).astype(int)] + 0.5 * rng.normal(size=(n_jurors, N_ITEMS))
        juror = np.repeat(np.arange(n_jurors), 10)
        a = rng.integers(0, N_ITEMS, len(juror))
        b = (a + rng.integers(1, N_ITEMS, len(juror))) % N_ITEMS
        y = own[juror, b] - own[juror, a] + 0.5 * rng.normal(size=len(juror))
        judgments = Judgments.from_arrays(a, b, y, juror=[f"{k}" for k in juror], items=models.items)
        return Round(judgments, models, n_threads=1).ensemble(method, sigma=1.0)

    truth = decided(20_000).allocation()["share"]
    inside = []
    for _ in range(30):
        found = decided(20).intervals(replicates=100)
        inside.append((found.low <= truth) & (truth <= found.high))
    assert least < np.mean(inside) < 0.99


def test_what_is_wrong_is_told() -> None:
    ensemble = Round(judged(), pool()).ensemble("stacking")
    for wrong, error, message in (
        ({"kind": "jackknife"}, OptionError, "kind: expected 'bootstrap' or 'posterior'"),
        ({"kind": "posterior"}, OptionError, "only the weights of method='bma' are probabilities"),
        ({"mean": "median"}, OptionError, "mean: expected"),
        ({"level": 1.0}, DomainError, "level is 1"),
        ({"level": "0.9"}, DtypeError, "level: expected a number"),
        ({"replicates": 0}, DomainError, "replicates is 0"),
        ({"rng": "0"}, DtypeError, "rng"),
    ):
        with pytest.raises(error, match=message):
            ensemble.intervals(**wrong)
    one_pair = Judgments.from_arrays([0, 0], [1, 1], [1.0, 2.0], items=N_ITEMS)
    with pytest.raises(NoDataError, match="there is nothing to resample"):
        Round(one_pair, pool()).ensemble("bma").intervals()
    with pytest.raises(ShapeError, match="factor: expected length 60"):
        ensemble.round.reweigh(np.ones(3))
    with pytest.raises(DomainError, match=r"factor\[1\] is -1"):
        ensemble.round.reweigh(np.where(np.arange(60) == 1, -1.0, 1.0))
    with pytest.raises(NoDataError, match="weight 0"):
        ensemble.round.reweigh(np.zeros(60))


def test_a_real_round(round_data: Path) -> None:
    folder = round_data / "level1-2025"
    models = Pool.read(folder / "submissions")
    round_ = Round(Judgments.read(folder / "jury.csv", items=models.items), models)
    found = round_.ensemble("stacking", sigma=2.0).intervals()
    assert isinstance(found, AllocationIntervals)
    assert (found.n_groups, found.n_doubts) == (37, 0)
    assert ((found.low <= found.share) & (found.share <= found.high)).mean() > 0.9
    eips = found.items.names.index("https://github.com/ethereum/eips")
    assert 0.12 < found.low[eips] < found.share[eips] < found.high[eips] < 0.28
