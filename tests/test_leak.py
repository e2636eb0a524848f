"""Models that were fitted to the judgments: who is suspected, how often wrongly, and who is not seen."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2, gamma

from hemicycle import Judgments, Pool
from hemicycle.closeness import log_ratio_excess, lower_gamma
from hemicycle.errors import DomainError, IndexOutOfRangeError, LeakWarning, NoDataError, ShapeError
from hemicycle.leak import leak_check

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_ITEMS = 20


class Made(NamedTuple):
    judgments: Judgments
    logits: NDArray[np.float64]
    used: NDArray[np.bool_]


def honest(seed: int, n_rows: int = 300, n_models: int = 15) -> Made:
    """Make a jury with opinions of its own, and models around the truth, itself and flat copies of it among them."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 1.2, N_ITEMS)
    logits = truth + rng.normal(size=(n_models, N_ITEMS)) * rng.uniform(0.1, 1.5, (n_models, 1))
    logits[:3] = truth * np.array([[1.0], [0.7], [0.3]])
    a = rng.integers(0, N_ITEMS, n_rows)
    b = (a + rng.integers(1, N_ITEMS, n_rows)) % N_ITEMS
    juror = rng.integers(0, 25, n_rows)
    opinion = truth + 0.5 * rng.normal(size=(25, N_ITEMS))
    y = opinion[juror, b] - opinion[juror, a] + 1.5 * rng.standard_t(5, n_rows)
    judgments = Judgments.from_arrays(a, b, y, juror=[f"j{k}" for k in juror], items=N_ITEMS)
    return Made(judgments, logits, rng.random(n_rows) < 0.6)


def incidence(judgments: Judgments) -> NDArray[np.float64]:
    rows, matrix = np.arange(len(judgments)), np.zeros((len(judgments), N_ITEMS))
    matrix[rows, judgments.b], matrix[rows, judgments.a] = 1, -1
    return matrix


def least_squares(judgments: Judgments) -> NDArray[np.float64]:
    return np.linalg.lstsq(incidence(judgments), judgments.log_ratio)[0]


def bradley_terry(judgments: Judgments) -> NDArray[np.float64]:
    signed = incidence(judgments) * np.sign(judgments.log_ratio)[:, None]

    def loss(logits: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        lead = signed @ logits
        value = np.logaddexp(0, -lead).sum() + 0.005 * logits @ logits
        return float(value), 0.01 * logits - signed.T @ (1 / (1 + np.exp(lead)))

    return minimize(loss, np.zeros(N_ITEMS), jac=True).x


def suspects(made: Made, leak: NDArray[np.float64] | None = None, **options: Any) -> dict[str, str]:
    logits = made.logits if leak is None else np.vstack([made.logits, leak])
    names = [f"m{d}" for d in range(len(made.logits))] + ([] if leak is None else ["leak"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)
        return leak_check(Pool.from_array(logits, models=names, items=N_ITEMS), made.judgments, **options).suspects


def test_honest_pools_are_seldom_suspected():
    """Two alarms in 60 rounds at level 0.01 would be no surprise (0.12), but the check errs on the safe side."""
    assert sum(bool(suspects(made, used=made.used)) for made in map(honest, range(60))) <= 1


def test_fits_to_all_rows_are_found():
    for seed in range(8):
        made = honest(100 + seed)
        assert suspects(made, least_squares(made.judgments)) == {"leak": "the log ratios"}
        assert "the choices" in suspects(made, bradley_terry(made.judgments))["leak"]
        assert suspects(made, 0.3 * bradley_terry(made.judgments))["leak"] == "the choices"


def test_fits_to_the_rows_used_are_found():
    found = [
        suspects(made, least_squares(made.judgments.select(made.used)), used=made.used)
        for made in map(honest, range(200, 208))
    ]
    assert all(set(suspected) == {"leak"} for suspected in found)


def test_a_gap_shows_what_follows_noise_of_the_rows_used_only():
    """A model that repeats single answers is far from any fit of all rows: the gap alone tells."""
    made = honest(5, n_rows=600)
    rows = np.flatnonzero(made.used)[:40]
    told = made.judgments.select(rows)
    leak = made.logits[0] + np.linalg.lstsq(incidence(told), told.log_ratio - incidence(told) @ made.logits[0])[0]
    used = np.isin(np.arange(len(made.judgments)), rows)
    found = suspects(made, leak, used=used)
    assert "the rows used" in found["leak"] or "the log ratios" in found["leak"]
    assert set(found) == {"leak"}


def test_what_it_cannot_see_is_as_the_documentation_says():
    made = honest(300)
    blend = 0.5 * least_squares(made.judgments) + 0.5 * made.logits[9]
    assert suspects(made, blend) == {}


def test_the_truth_loses_what_is_said():
    """The excess of the truth follows the approximation: its probabilities are nearly uniform."""
    found = []
    for seed in range(300):
        made = honest(1000 + seed)
        found.append(log_ratio_excess(made.logits[:1], made.judgments))
    excess, probability = np.array(found)[:, :, 0].T
    assert np.mean(excess) == pytest.approx(1, abs=0.15)
    for level in (0.01, 0.05, 0.2):
        assert np.mean(probability <= level) <= level + 3 * math.sqrt(level * (1 - level) / 300)


def test_it_warns_and_tells():
    made = honest(1)
    leak = np.vstack([made.logits, least_squares(made.judgments)])
    with pytest.warns(LeakWarning, match=r"1 model fit these judgments closer .*: 15 \(to the log ratios\)"):
        found = leak_check(leak, made.judgments, used=np.flatnonzero(made.used))
    table = found.table()
    assert (table["model"][0], table["fitted_to"][0]) == ("15", "the log ratios")
    assert set(table["fitted_to"][1:]) == {""}
    assert found.log_ratio_excess[15] == pytest.approx(0, abs=1e-9)
    assert leak_check(made.logits, made.judgments).notice is None


def test_what_cannot_be_told_is_nan():
    few = Judgments.from_arrays([0, 1], [1, 2], [1.0, 0.5], items=3)
    found = leak_check([[0.0, 1.0, 1.5]], few, used=[0])
    for name in ("log_ratio_p", "choice_p", "gap_p"):
        assert np.isnan(getattr(found, name)).all()
    assert found.suspects == {}
    assert len(found.table()) == 1
    unchosen = Judgments.from_arrays([0, 1], [1, 2], [1.0, 0.5], choice=[0, 0], items=3)
    assert leak_check([[0.0, 1.0, 1.5]], unchosen).notice is None


def test_refuses():
    made = honest(0)
    with pytest.raises(DomainError, match="level"):
        leak_check(made.logits, made.judgments, level=0.0)
    with pytest.raises(DomainError, match="level"):
        leak_check(made.logits, made.judgments, level=1.5)
    with pytest.raises(ShapeError, match="used"):
        leak_check(made.logits, made.judgments, used=[True, False])
    with pytest.raises(IndexOutOfRangeError, match="used"):
        leak_check(made.logits, made.judgments, used=[300])
    with pytest.raises(NoDataError, match="how much"):
        leak_check([[0.0, 1.0]], Judgments.from_arrays([0], [1], choice=[1], items=2))


def test_the_gamma_function_is_that_of_scipy():
    for a in (0.5, 1.0, 7.3, 200.0):
        for x in (0.0, 1e-3 * a, 0.5 * a, a, 2 * a, 20 * a + 200):
            assert lower_gamma(a, x) == pytest.approx(gamma.cdf(x, a), rel=1e-10, abs=1e-300)
    assert lower_gamma(5.0, 2.0) == pytest.approx(chi2.cdf(4.0, 10), rel=1e-12)


def test_submissions_that_saw_the_private_rows(round_data):
    """Three of the five are seen; the other two, an Elo and a scaled Bradley-Terry fit, are far from any optimum."""
    folder = round_data / "level1-2025"
    pool = Pool.read(folder / "submissions")
    judgments = Judgments.read(folder / "jury_split.csv", items=pool.items)
    for split in ("public_train", "private_holdout"):
        used = [name == split for name in judgments.split]
        with pytest.warns(LeakWarning):
            found = leak_check(pool, judgments, used=used)
        assert found.suspects == {
            "gasquez-bradley-terry": "the choices",
            "gasquez-huber-log": "the log ratios",
            "gasquez-least-squares": "the log ratios",
        }


def test_fits_to_the_rows_left_out_are_found():
    found = [
        suspects(made, least_squares(made.judgments.select(~made.used)), used=made.used)
        for made in map(honest, range(400, 404))
    ]
    assert all(set(suspected) == {"leak"} for suspected in found)


def test_large_rounds_are_not_looked_at(monkeypatch):
    made = honest(1)
    monkeypatch.setattr("hemicycle.leak.MAX_CELLS", 300 * N_ITEMS - 1)
    found = leak_check(np.vstack([made.logits, least_squares(made.judgments)]), made.judgments, used=made.used)
    assert np.isnan(found.gap_p).all()
    monkeypatch.setattr("hemicycle.leak.MAX_CELLS", 1)
    found = leak_check(np.vstack([made.logits, least_squares(made.judgments)]), made.judgments, used=made.used)
    assert np.isnan(found.log_ratio_p).all()
    assert np.isnan(found.choice_p).all()
    assert found.notice is None
