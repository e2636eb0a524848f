"""The modellers behind `hemicycle reproduce incentives`, one by one against scipy, and what is measured of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import norm

from hemicycle.diversity import decompose

torch = pytest.importorskip("torch")

from hemicycle.reproduce import incentive_fits as fits  # noqa: E402
from hemicycle.reproduce import incentive_pools as pools  # noqa: E402

KINDS = ((0.5, 3.0, 1), (0.7, 2.0, 12), (0.5, 1.0, 60))


def drawn(share: float, distance: float, n_pairs: int, seed: int = 0) -> tuple[fits.TwoCamps, fits.Modellers]:
    rng = np.random.default_rng(seed)
    jury = fits.draw_jury(share, distance, n_pairs, rng)
    return jury, fits.draw_modellers(jury, share, rng)


def objective(logits: np.ndarray, jury: fits.TwoCamps, modellers: fits.Modellers, d: int, loss: str) -> float:
    """Return what modeller d minimises, pair by pair."""
    total = modellers.ridge[d] * np.sum((logits - modellers.opinion[d]) ** 2) / 2
    pairs = jury.judgments.pairs
    for n in np.flatnonzero(modellers.seen[d]):
        labels = pairs.log_ratio[pairs.offsets[n] : pairs.offsets[n + 1]]
        squares = (logits[pairs.b[n]] - logits[pairs.a[n]] - labels) ** 2 / (2 * fits.SIGMA**2)
        total += np.mean(squares) if loss == "mse" else -logsumexp(-squares)
    return float(total)


@pytest.mark.parametrize("kind", KINDS)
def test_squared_error_is_fitted_as_by_a_solver(kind: tuple[float, float, int]) -> None:
    jury, modellers = drawn(*kind)
    found = fits.fitted(jury, modellers, "mse")
    pairs = jury.judgments.pairs
    rows = np.zeros((len(pairs), fits.N_ITEMS))
    rows[np.arange(len(pairs)), pairs.b], rows[np.arange(len(pairs)), pairs.a] = 1, -1
    mean = np.add.reduceat(pairs.log_ratio, pairs.offsets[:-1]) / np.diff(pairs.offsets)
    for d in range(0, 2 * fits.N_MODELLERS, 7):
        seen, root = modellers.seen[d], np.sqrt(modellers.ridge[d])
        stacked = np.vstack([rows[seen] / fits.SIGMA, root * np.eye(fits.N_ITEMS)])
        target = np.concatenate([mean[seen] / fits.SIGMA, root * modellers.opinion[d]])
        expected = np.linalg.lstsq(stacked, target, rcond=None)[0]
        np.testing.assert_allclose(found[d], expected, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_sum_gaussian_is_fitted_to_a_minimum_below_the_opinion(kind: tuple[float, float, int]) -> None:
    jury, modellers = drawn(*kind)
    found = fits.fitted(jury, modellers, "sum_gaussian")
    squared = fits.fitted(jury, modellers, "mse")
    for d in range(0, 2 * fits.N_MODELLERS, 13):
        of = (jury, modellers, d, "sum_gaussian")
        here = objective(found[d], *of)
        assert here < objective(modellers.opinion[d], *of)
        polished = minimize(objective, found[d], args=of, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-7})
        assert here - polished.fun < 1e-6
        np.testing.assert_allclose(found[d], polished.x, atol=5e-3)
        assert objective(squared[d], jury, modellers, d, "mse") <= objective(found[d], jury, modellers, d, "mse")


def test_modellers_do_not_meet() -> None:
    jury, modellers = drawn(0.7, 2.0, 12)
    rows = [3, 50, 77]
    few = fits.Modellers(modellers.opinion[rows], modellers.seen[rows], modellers.ridge[rows])
    for loss in fits.LOSSES:
        np.testing.assert_allclose(fits.fitted(jury, few, loss), fits.fitted(jury, modellers, loss)[rows], atol=1e-4)


def test_the_same_seed_fits_the_same_and_torch_is_left_alone() -> None:
    n_threads, state = torch.get_num_threads(), torch.get_rng_state()
    first = fits.fitted(*drawn(0.5, 3.0, 30), "sum_gaussian")
    try:
        torch.set_num_threads(2 if n_threads == 1 else 1)
        with torch.no_grad():
            second = fits.fitted(*drawn(0.5, 3.0, 30), "sum_gaussian")
        assert torch.get_num_threads() == (2 if n_threads == 1 else 1)
    finally:
        torch.set_num_threads(n_threads)
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_labels_are_of_the_camps_in_proportion_and_as_far_apart_as_told(share: float) -> None:
    apart, part = [], []
    a, b = np.triu_indices(fits.N_ITEMS, 1)
    for seed in range(30):
        jury, modellers = drawn(share, 8.0, 100, seed)
        judged = {(p, q) for p, q in zip(jury.judgments.pairs.a, jury.judgments.pairs.b, strict=True)}
        assert judged.isdisjoint(zip(jury.new_pairs.pairs.a, jury.new_pairs.pairs.b, strict=True))
        np.testing.assert_array_equal(jury.judgments.pairs.a, jury.same_pairs.pairs.a)
        np.testing.assert_array_equal(jury.judgments.pairs.b, jury.same_pairs.pairs.b)
        camps = jury.camps[:, b] - jury.camps[:, a]
        apart.append(np.mean((camps[0] - camps[1]) ** 2))
        said = jury.judgments
        off = np.abs(jury.camps[:, said.b] - jury.camps[:, said.a] - said.log_ratio)
        part.append(np.mean(off[0] < off[1]))
        side = np.abs(modellers.opinion[fits.N_MODELLERS :, None] - jury.camps).sum(axis=2).argmin(axis=1)
        assert np.mean(side == 0) == pytest.approx(share, abs=0.03)
        seen = modellers.seen.mean(axis=1)
        assert seen.min() >= 0.49
        np.testing.assert_array_equal(modellers.seen[: fits.N_MODELLERS], modellers.seen[fits.N_MODELLERS :])
    assert np.sqrt(np.mean(apart)) == pytest.approx(8.0, rel=0.1)
    assert np.mean(part) == pytest.approx(share, abs=0.03)


def test_measures_of_a_pool_by_hand() -> None:
    jury, _ = drawn(0.7, 3.0, 25)
    rng = np.random.default_rng(1)
    side = np.repeat([0, 1], [5, 3])
    logits = jury.camps[side] + 0.05 * rng.standard_normal((8, fits.N_ITEMS))
    found = dict(zip(pools.NAMES, pools._measure(logits, jury), strict=True))
    assert found["majority"] == pytest.approx(5 / 8)
    assert found["minority"] == pytest.approx(3 / 8)
    said = jury.judgments
    parts = decompose(logits[:, said.b] - logits[:, said.a], said.log_ratio)
    np.testing.assert_allclose([found["err"], found["err_bar"], found["div"]], [parts.err, parts.err_bar, parts.div])
    for mechanism, weights in pools._weights(logits, said).items():
        assert found[f"{mechanism}_majority"] == pytest.approx(weights[side == 0].sum())
        for where, held_out in (("same_pairs", jury.same_pairs), ("new_pairs", jury.new_pairs)):
            predicted = logits[:, held_out.b] - logits[:, held_out.a]
            density = weights @ norm.pdf(held_out.log_ratio, predicted, fits.SIGMA)
            assert found[f"{mechanism}_{where}"] == pytest.approx(np.log(density).mean(), rel=1e-9)
