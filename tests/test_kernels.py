"""Every kind of pair on every instruction set: which has a table, and that all agree with the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, _core, log_likelihood
from hemicycle.likelihood import table_bytes
from instructions import log_likelihood_with
from reference import likelihood as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOL = 1e-13
RTOL = 1e-10
SIGMA = 0.5
INSTRUCTIONS = _core.instruction_sets()
FUSED = [name for name in INSTRUCTIONS if name != "portable"]

RNG = np.random.default_rng(0)
MANY = RNG.normal(size=60)

# what the plan of the core tells apart, as (log ratios, weights); sigma is 0.5
PAIRS: dict[str, tuple[Any, Any]] = {
    "one label": ([0.7], [2.0]),
    "one label, far": ([-5000.0], [1.0]),
    "two labels": ([1.0, -0.5], [1.0, 1.0]),
    "two labels, weighted": ([1.0, -0.5], [1.0, 3.0]),
    "a few labels, close": ([0.1, 0.4, -0.3, 0.1, 0.9], [1.0] * 5),
    "a few labels, close and weighted": ([0.1, 0.4, -0.3], [0.5, 1.0, 2.0]),
    "a few labels, wide": ([-5.0, 0.0, 6.0], [1.0] * 3),
    "a few labels, wide and weighted": ([-5.0, 0.0, 6.0], [1.0, 0.01, 7.0]),
    "a few labels, far": ([1000.0, 1000.2, -999.0], [1.0] * 3),
    "weights of any size": ([0.1, 0.4, -0.3], [1.0, 1e-60, 1e60]),
    "just too few for a table": (MANY[:9], np.ones(9)),
    "just enough for a table": (MANY[:24], np.ones(24)),
    "many labels": (MANY, RNG.uniform(0.5, 2, size=60)),
    "many labels, too far apart for a table": (np.linspace(-1e6, 1e6, 60), np.ones(60)),
}
TABULATED = [kind in ("just enough for a table", "many labels") for kind in PAIRS]


def jury_of(kinds: list[str]) -> Judgments:
    """Return a jury with a pair of items of its own for each kind, in their order."""
    a = np.concatenate([np.full(len(PAIRS[kind][0]), 2 * n) for n, kind in enumerate(kinds)])
    y, weight = (np.concatenate([PAIRS[kind][part] for kind in kinds]) for part in (0, 1))
    return Judgments.from_arrays(a, a + 1, y, weight=weight, items=2 * len(kinds))


def models_near(jury: Judgments) -> NDArray[np.float64]:
    """Return models whose predictions lie at labels, between them, beside them and far away."""
    rng = np.random.default_rng(1)
    logits = np.zeros((37, len(jury.items)))
    for pair in range(len(jury.pairs)):
        labels = jury.log_ratio[jury.a == 2 * pair]
        distance = rng.normal(size=len(logits)) * 10.0 ** rng.integers(-3, 3, size=len(logits))
        logits[:, 2 * pair] = rng.normal(size=len(logits)) * 1e-3
        logits[:, 2 * pair + 1] = np.clip(rng.choice(labels, size=len(logits)) + SIGMA * distance, -1e6, 1e6)
    return logits


def scores(logits: Any, jury: Judgments, likelihood: str, per: str, instructions: str, weights: Any = "equal") -> Any:
    """Return scores by an instruction set, at the default tolerance."""
    options = {"pair_weights": weights, "gaussian": likelihood == "gaussian", "sigma": SIGMA, "per": per}
    return log_likelihood_with(instructions, logits, jury, **options)


def test_tables_are_for_many_labels_that_lie_together() -> None:
    jury = jury_of(list(PAIRS))
    assert [size > 0 for size in table_bytes(jury)] == TABULATED
    assert not table_bytes(jury, likelihood="gaussian").any()
    assert not table_bytes(jury, rtol=0).any()


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("likelihood", ["sum_gaussian", "gaussian"])
def test_every_kind_is_within_its_bound(likelihood: str, instructions: str) -> None:
    jury = jury_of(list(PAIRS))
    logits = models_near(jury)
    pairs = reference.labels_of_pairs(jury.a, jury.b, jury.log_ratio, jury.weight)
    expected, sizes = reference.by_pair(logits, pairs, SIGMA, likelihood)
    values = scores(logits, jury, likelihood, "pair", instructions)
    for n, kind in enumerate(PAIRS):
        exact, size = [row[n] for row in expected], [row[n] for row in sizes]
        allowed = RTOL if TABULATED[n] and likelihood == "sum_gaussian" else TOL
        assert reference.worst_error(values[:, n], exact, size) <= allowed, kind
        alone = jury_of([kind])
        totals = scores(logits[:, 2 * n : 2 * n + 2], alone, likelihood, "model", instructions)[:, 0]
        assert reference.worst_error(totals, exact, size) <= allowed, kind


@pytest.mark.parametrize("per", ["model", "pair", "label"])
@pytest.mark.parametrize("likelihood", ["sum_gaussian", "gaussian"])
def test_fused_instructions_give_the_same_bits(likelihood: str, per: str) -> None:
    jury = jury_of(list(PAIRS))
    logits = models_near(jury)
    weights = np.random.default_rng(2).choice([0.0, 1.0, 2.5, 1e-30, 1e30], size=len(jury.pairs))
    for dtype in (np.float64, np.float32):
        results = [scores(logits.astype(dtype), jury, likelihood, per, name, weights) for name in FUSED]
        for values in results[1:]:
            np.testing.assert_array_equal(values, results[0])


@pytest.mark.parametrize("kind", PAIRS)
def test_totals_are_the_sum_of_their_pairs(kind: str) -> None:
    # the same kind many times, so that products are flushed and sums are compensated
    y, weight = PAIRS[kind]
    n_items = 20
    first, second = np.triu_indices(n_items, 1)
    a, b = np.repeat(first, len(y)), np.repeat(second, len(y))
    jury = Judgments.from_arrays(a, b, np.tile(y, len(first)), weight=np.tile(weight, len(first)), items=n_items)
    logits = np.random.default_rng(3).normal(size=(9, n_items)) * 3
    rows = log_likelihood(logits, jury, per="pair")
    exact = np.array([float(sum(map(np.longdouble, row))) for row in rows])
    allowed = 2 * (RTOL if table_bytes(jury).any() else TOL) * np.maximum(1, np.abs(rows)).sum(axis=1)
    assert (np.abs(log_likelihood(logits, jury) - exact) <= allowed).all()
