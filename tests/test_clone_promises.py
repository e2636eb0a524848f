"""What the clone-proof prior promises against copies, and where its promises end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hemicycle import Judgments, Pool, Round, bma_weights, log_likelihood
from hemicycle.clones import clone_proof_prior
from reference.clone_prior import clone_prior, exact_prior

if TYPE_CHECKING:
    from numpy.typing import NDArray

BANDWIDTH = 0.1  # a fifth of the default sigma
ROUNDING = 1e-14
NEAR_COPIES = 0.08  # what a thousand copies that moved by a tenth of the bandwidth may change
N_PAIRS = 60
N_COPIES = 1000


@dataclass
class Before:
    """A pool and a jury, on a grid of binary fractions so that constants are added without rounding."""

    logits: NDArray[np.float64]
    jury: Judgments
    judged: NDArray[np.bool_]


@pytest.fixture
def before() -> Before:
    """Twelve models of two parents of eight items, of which comparisons name six each, in three connected sets."""
    rng = np.random.default_rng(4)
    names = [(parent, f"item {k}") for parent in ("first", "second") for k in range(8)]
    logits = np.round(rng.normal(size=(12, 16)) * 2**20) / 2**20
    a = np.array([0, 1, 2, 3, 0, 8, 9, 11, 12])
    b = np.array([1, 2, 3, 4, 5, 9, 10, 12, 13])
    rows = np.repeat(np.arange(len(a)), [1, 3, 2, 1, 1, 4, 1, 2, 1])
    jury = Judgments.from_arrays(a[rows], b[rows], rng.normal(size=len(rows)), items=names)
    judged = np.isin(np.arange(16), [a, b])
    return Before(logits, jury, judged)


def prior_of(logits: NDArray[np.float64], jury: Judgments) -> NDArray[np.float64]:
    return clone_proof_prior(logits, jury, bandwidth=BANDWIDTH).prior


def averaged(logits: NDArray[np.float64], jury: Judgments) -> NDArray[np.float64]:
    return Round(jury, Pool.from_array(logits, items=jury.items)).ensemble("bma", prior="clone_proof").weights


def assert_only_shared(after: NDArray[np.float64], before: NDArray[np.float64], copied: int) -> None:
    """Require that others have what they had, and a model with its copies what it had alone, in equal parts."""
    n = len(before)
    others = np.arange(n) != copied
    np.testing.assert_allclose(after[:n][others], before[others], rtol=ROUNDING, atol=0)
    shares = np.append(after[n:], after[copied])
    np.testing.assert_allclose(shares.sum(), before[copied], rtol=ROUNDING, atol=0)
    np.testing.assert_allclose(shares, shares[0], rtol=ROUNDING, atol=0)


@pytest.mark.parametrize("k", [1, 2, 10, N_COPIES])
@pytest.mark.parametrize("kind", ["identical", "a constant added to a parent", "other unjudged items"])
def test_exact_copies_change_nothing_for_others(before: Before, k: int, kind: str) -> None:
    copied = 3
    copies = np.repeat(before.logits[[copied]], k, axis=0)
    if kind == "a constant added to a parent":
        copies[:, 8:] += np.arange(k)[:, None] % 7 - 3.0
        copies[:, :8] += 32.0
    elif kind == "other unjudged items":
        copies[:, ~before.judged] = np.random.default_rng(1).normal(size=(k, int((~before.judged).sum())))
    after = np.vstack([before.logits, copies])
    assert_only_shared(prior_of(after, before.jury), prior_of(before.logits, before.jury), copied)
    assert_only_shared(averaged(after, before.jury), averaged(before.logits, before.jury), copied)


@pytest.mark.parametrize("copied", range(12))
def test_whoever_is_copied(before: Before, copied: int) -> None:
    after = np.vstack([before.logits, np.repeat(before.logits[[copied]], 7, axis=0)])
    assert_only_shared(averaged(after, before.jury), averaged(before.logits, before.jury), copied)


@pytest.mark.parametrize("k", [1, 10, N_COPIES])
@pytest.mark.parametrize(
    "asked", [{"method": "least_squares"}, {"method": "stacking"}, {"method": "stacking", "by": "pair"}]
)
def test_under_the_reference_exact_copies_change_nothing_for_others(k: int, asked: dict[str, str]) -> None:
    """Least squares with sixteen models of four pairs has many optima: the prior says which."""
    rng = np.random.default_rng(8)
    logits = rng.normal(size=(16, 5))
    jury = Judgments.from_arrays(np.zeros(4, int), np.arange(1, 5), 0.1 * rng.normal(size=4))
    copies = np.repeat(logits[[6]], k, axis=0) + rng.integers(-4, 5, size=(k, 1))
    alone, among = (
        Round(jury, Pool.from_array(of, items=jury.items)).ensemble(**asked, reference="clone_proof")
        for of in (logits, np.vstack([copies, logits]))
    )
    assert (alone.solution.face_dimension > 0) == (asked["method"] == "least_squares")
    np.testing.assert_allclose(among.weights[k:][np.arange(16) != 6], alone.weights[np.arange(16) != 6], atol=1e-12)
    shares = np.append(among.weights[:k], among.weights[k + 6])
    np.testing.assert_allclose(shares.sum(), alone.weights[6], atol=1e-12)
    np.testing.assert_allclose(shares, shares[0], atol=1e-12)
    assert among.solution.face_dimension == alone.solution.face_dimension + k * (6 in alone.solution.face)
    assert set(np.flatnonzero(among.weights)) <= set(among.solution.face)


def test_under_equal_mass_copies_take_all(before: Before) -> None:
    worst = int(np.argsort(log_likelihood(before.logits, before.jury))[-2])
    after = np.vstack([before.logits, np.repeat(before.logits[[worst]], N_COPIES, axis=0)])
    alone = bma_weights(log_likelihood(before.logits, before.jury))[worst]
    weights = bma_weights(log_likelihood(after, before.jury))
    odds = alone / (1 - alone)
    together = weights[worst] + weights[12:].sum()
    assert together / (1 - together) == pytest.approx((N_COPIES + 1) * odds, rel=1e-9)


# From here on the jury compares one item with every other, so that any log ratios are some model's.


def star_jury() -> Judgments:
    return Judgments.from_arrays(np.zeros(N_PAIRS, int), np.arange(1, N_PAIRS + 1), np.zeros(N_PAIRS))


def directions(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random log ratios whose root mean square is 1."""
    found = rng.normal(size=(n, N_PAIRS))
    return found / np.sqrt((found**2).mean(axis=1, keepdims=True))


def models(log_ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits of models that predict these log ratios, given in bandwidths."""
    return np.column_stack([np.zeros(len(log_ratios)), BANDWIDTH * log_ratios])


def moved(kind: str, n: int, towards: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return moves by a tenth of the bandwidth, no two equal."""
    length = 0.1 * (1 - 1e-3 * rng.uniform(size=(n, 1)))
    if kind == "random":
        return length * directions(n, rng)
    return length * (towards if kind == "towards" else -towards)


@pytest.mark.parametrize("distance", [0.401, 0.5, 0.8, 1.0, 1.3, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("kind", ["random", "towards", "away"])
def test_near_copies_hardly_matter(kind: str, distance: float) -> None:
    rng = np.random.default_rng(7)
    towards = directions(1, rng)
    alone = np.vstack([np.zeros((1, N_PAIRS)), distance * towards, 10 * directions(6, rng)])
    copies = moved(kind, N_COPIES, towards, rng)
    jury = star_jury()
    before, after = (prior_of(models(part), jury) for part in (alone, np.vstack([alone, copies])))
    change = np.append(after[1:8], after[0] + after[8:].sum()) / np.append(before[1:], before[0]) - 1
    assert np.abs(change).max() <= NEAR_COPIES
    assert np.abs(change).max() <= (0.011 if kind == "random" else 0.04)  # what is found


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("kind", ["random", "towards", "away"])
def test_before_a_crowd_copies_have_what_one_model_has_that_moved_as_far(kind: str, distance: float) -> None:
    rng = np.random.default_rng(8)
    towards = directions(1, rng)
    crowd = distance * towards + 0.25 * directions(40, rng)
    jury = star_jury()
    copies = moved(kind, N_COPIES, towards, rng)
    alone = prior_of(models(np.vstack([crowd, copies[:1]])), jury)
    together = prior_of(models(np.vstack([crowd, copies])), jury)
    change = np.append(together[:40], together[40:].sum()) / alone - 1
    assert np.abs(change).max() <= 0.03


def test_one_model_that_moves_from_a_crowd_gains_without_copies() -> None:
    rng = np.random.default_rng(8)
    towards = directions(1, rng)
    crowd = 2 * towards + 0.25 * directions(40, rng)
    jury = star_jury()
    here, there = (prior_of(models(np.vstack([crowd, own])), jury)[40] for own in (0 * towards, -0.1 * towards))
    assert 0.1 < there / here - 1 < np.exp(0.1 * 2 + 0.01) - 1


@pytest.mark.parametrize("radius", [0.1, 0.24, 0.5, 1.0])
def test_copies_around_a_model_take_its_prior(radius: float) -> None:
    """A limit: the opinion keeps its mass and others theirs, but who had it first is one of many, or less."""
    rng = np.random.default_rng(8)
    alone = np.vstack([np.zeros((1, N_PAIRS)), 10 * directions(9, rng)])
    prior = prior_of(models(np.vstack([alone, radius * directions(N_COPIES, rng)])), star_jury())
    together = prior[0] + prior[10:].sum()
    assert together / (1 - together) == pytest.approx(np.exp(radius**2) / 9, rel=0.15)
    assert prior[0] <= 1.05 * prior[10:].mean()
    if radius == 0.24:  # they are near to it, and not to each other
        assert prior[0] < 0.01 * prior[10:].mean()


def test_guesses_gain_without_bound() -> None:
    """A prior that hardly changes is no bound for the posterior: that of guesses is the mean of their likelihoods."""
    rng = np.random.default_rng(9)
    jury = star_jury()
    alone = 8 * directions(10, rng)
    was, weight = (found(models(alone), jury)[0] for found in (prior_of, averaged))
    gain = []
    for kind in ("random", "away"):  # the jury says 0: away from the model itself is towards the jury
        guesses = alone[:1] + moved(kind, N_COPIES, alone[:1] / 8, rng)
        logits = models(np.vstack([alone, guesses]))
        prior, weights = prior_of(logits, jury), averaged(logits, jury)
        assert abs((prior[0] + prior[10:].sum()) / was - 1) <= NEAR_COPIES
        likelihood = np.exp(log_likelihood(logits, jury) - log_likelihood(logits, jury)[0])
        together = weights[0] + weights[10:].sum()
        odds = together / (1 - together) / (weight / (1 - weight))
        assert odds == pytest.approx(np.append(likelihood[10:], 1.0).mean(), rel=NEAR_COPIES)
        gain.append(odds)
    assert gain[0] < 1.1
    assert gain[1] > 6


def test_the_copied_author_shares_with_the_copier(before: Before) -> None:
    alone = averaged(before.logits, before.jury)[5]
    copies = np.repeat(before.logits[[5]], 3, axis=0)
    after = averaged(np.vstack([before.logits, copies]), before.jury)
    assert after[5] == pytest.approx(alone / 4, rel=ROUNDING)


def test_the_reference_is_right_to_rounding(before: Before) -> None:
    jury = before.jury
    logits = np.vstack([before.logits, before.logits[:2], before.logits[3] + 1e-3, before.logits[4] + 5e-10])
    exact = [float(value) for value in exact_prior(logits.tolist(), jury.a.tolist(), jury.b.tolist(), BANDWIDTH)]
    reference = clone_prior(logits, jury.a.tolist(), jury.b.tolist(), BANDWIDTH)
    np.testing.assert_allclose(reference.prior, exact, rtol=1e-14)
    np.testing.assert_allclose(prior_of(logits, jury), exact, rtol=1e-12)
