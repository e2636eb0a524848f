"""The clone-proof prior: invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import Judgments
from hemicycle.clones import clone_proof_prior
from reference.clone_prior import clone_prior, distinct_pairs, exact_prior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.clones import CloneProofPrior

N_ITEMS = 6
ROUNDING = 1e-14

# Logits are binary fractions, so that constants are added without rounding. Gaps of whole grid steps and bandwidths
# that are no such fraction keep distances away from the quarter of the bandwidth, where a last bit would decide.
GRID = 2.0**-8
bandwidths = st.sampled_from([0.0937, 0.1, 0.513, 3.07])
indices = st.tuples(st.integers(0, N_ITEMS - 1), st.integers(1, N_ITEMS - 1)).map(
    lambda pair: (pair[0], (pair[0] + pair[1]) % N_ITEMS)
)
juries = st.lists(indices, min_size=1, max_size=9)
pools = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(N_ITEMS)), elements=st.integers(-900, 900)).map(
    lambda steps: steps * GRID
)
crowded = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(N_ITEMS)), elements=st.integers(-20, 20)).map(
    lambda steps: steps * GRID
)


def found_of(logits: NDArray[np.float64], jury: list[tuple[int, int]], bandwidth: float) -> CloneProofPrior:
    a, b = zip(*jury, strict=True)
    return clone_proof_prior(logits, Judgments.from_arrays(a, b, np.ones(len(a)), items=N_ITEMS), bandwidth=bandwidth)


def prior_of(logits: NDArray[np.float64], jury: list[tuple[int, int]], bandwidth: float) -> NDArray[np.float64]:
    return found_of(logits, jury, bandwidth).prior


@given(pools | crowded, juries, bandwidths, st.data())
def test_copies_share_and_change_nothing_for_others(
    logits: NDArray[np.float64], jury: list[tuple[int, int]], bandwidth: float, data: Any
) -> None:
    n, copied = len(logits), data.draw(st.integers(0, len(logits) - 1))
    copies = np.repeat(logits[[copied]], data.draw(st.integers(1, 20)), axis=0)
    copies += data.draw(st.integers(-50, 50))  # items of one parent
    unjudged = np.setdiff1d(np.arange(N_ITEMS), np.array(jury))
    copies[:, unjudged] += data.draw(st.floats(-5, 5))
    before, after = prior_of(logits, jury, bandwidth), prior_of(np.vstack([logits, copies]), jury, bandwidth)
    found = found_of(np.vstack([logits, copies]), jury, bandwidth)
    others = found.class_of[:n] != found.class_of[copied]
    np.testing.assert_allclose(after[:n][others], before[others], rtol=ROUNDING, atol=0)
    own = found.class_of == found.class_of[copied]
    np.testing.assert_allclose(after[own].sum(), before[own[:n]].sum(), rtol=ROUNDING, atol=0)
    np.testing.assert_allclose(after[own], after[copied], rtol=ROUNDING, atol=0)


@given(pools | crowded, juries, bandwidths)
def test_within_rounding_of_the_definition(
    logits: NDArray[np.float64], jury: list[tuple[int, int]], bandwidth: float
) -> None:
    exact = [float(p) for p in exact_prior(logits.tolist(), *zip(*jury, strict=True), bandwidth)]
    np.testing.assert_allclose(prior_of(logits, jury, bandwidth), exact, rtol=1e-12, atol=0)
    reference, found = clone_prior(logits, *zip(*jury, strict=True), bandwidth), found_of(logits, jury, bandwidth)
    np.testing.assert_allclose(reference.prior, exact, rtol=1e-13, atol=0)
    np.testing.assert_allclose(found.density, reference.density, rtol=1e-12)
    for name in ("class_of", "group_of", "n_near"):
        np.testing.assert_array_equal(getattr(found, name), getattr(reference, name))


@given(pools | crowded, juries, bandwidths, st.randoms())
def test_neither_order_nor_number_of_judgments_matters(
    logits: NDArray[np.float64], jury: list[tuple[int, int]], bandwidth: float, random: Any
) -> None:
    other = [pair if random.random() < 0.5 else pair[::-1] for pair in jury * 2]
    random.shuffle(other)
    assert distinct_pairs(*zip(*other, strict=True)) == distinct_pairs(*zip(*jury, strict=True))
    found = prior_of(logits, other, bandwidth)
    np.testing.assert_allclose(found, prior_of(logits, jury, bandwidth), rtol=1e-13, atol=0)


@given(pools | crowded, juries, bandwidths, st.randoms())
def test_permuting_models_permutes_the_prior(
    logits: NDArray[np.float64], jury: list[tuple[int, int]], bandwidth: float, random: Any
) -> None:
    order = np.array(random.sample(range(len(logits)), len(logits)))
    found = prior_of(logits[order], jury, bandwidth)
    np.testing.assert_allclose(found, prior_of(logits, jury, bandwidth)[order], rtol=1e-13, atol=0)


@given(pools, juries, bandwidths, st.integers(-3, 3))
def test_only_distances_in_bandwidths_count(
    logits: NDArray[np.float64], jury: list[tuple[int, int]], bandwidth: float, octaves: int
) -> None:
    scale = 2.0**octaves
    np.testing.assert_array_equal(prior_of(logits * scale, jury, bandwidth * scale), prior_of(logits, jury, bandwidth))


@given(pools | crowded, juries, bandwidths)
def test_models_that_are_far_apart_have_equal_mass(
    logits: NDArray[np.float64], jury: list[tuple[int, int]], bandwidth: float
) -> None:
    spread = logits / GRID * 64 * bandwidth  # log ratios that differ do so by 64 bandwidths
    found = found_of(spread, jury, bandwidth)
    n_classes = found.class_of.max() + 1
    members = np.bincount(found.class_of)[found.class_of]
    np.testing.assert_allclose(found.prior, 1 / n_classes / members, rtol=ROUNDING, atol=0)
    np.testing.assert_allclose(found.prior.sum(), 1, rtol=ROUNDING, atol=0)
