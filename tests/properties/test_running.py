"""Running scores: after any history they are those of the judgments that are left."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from hemicycle import Judgments, _core, log_likelihood
from hemicycle.running import RunningScores, concatenate, start, update
from reference import running as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_ITEMS = 4
TOL = Fraction(1, 10**15)
juries = strategies.judgments(N_ITEMS)
options = st.fixed_dictionaries(
    {
        "likelihood": st.sampled_from(["sum_gaussian", "gaussian"]),
        "pair_weights": st.sampled_from(["equal", "total"]),
        "sigma": strategies.sigmas(),
        "rtol": st.sampled_from([0.0, 1e-10]),
    }
)
ordinary = st.fixed_dictionaries(
    {"likelihood": st.sampled_from(["sum_gaussian", "gaussian"]), "sigma": st.floats(0.1, 2)}
)
seeds = st.integers(0, 2**32)


def rows(judgments: Judgments) -> list[reference.Row]:
    return [
        (min(a, b), max(a, b), y if a < b else -y, u)
        for a, b, y, u in zip(judgments.a, judgments.b, judgments.log_ratio, judgments.weight, strict=True)
    ]


def terms(matrix: NDArray[Any], judgments: Judgments, chosen: dict[str, Any]) -> tuple[Any, Any]:
    """Log densities of every model and pair, and the weights of the pairs."""
    if not len(judgments.pairs):
        return np.zeros((len(matrix), 0)), np.zeros(0)
    plain = {name: chosen[name] for name in ("likelihood", "sigma", "rtol") if name in chosen}
    densities = log_likelihood(matrix, judgments, per="pair", **plain)
    return densities, judgments.pairs.pair_weight(chosen.get("pair_weights", "equal"))


def drawn_change(data: st.DataObject, held: Judgments) -> tuple[Judgments | None, Any, list[int]]:
    """Draw what arrives, what is withdrawn in one of the ways to say so, and the rows of it."""
    added = data.draw(st.none() | juries, "added")
    mask = data.draw(st.lists(st.booleans(), min_size=len(held), max_size=len(held)), "mask")
    leaving = np.flatnonzero(np.array(mask, dtype=bool))
    ways = st.sampled_from([np.array(mask, dtype=bool), leaving[::-1], held.select(leaving)])
    return added, data.draw(ways, "removed"), leaving.tolist()


def rebuilt(judgments: Judgments, order: NDArray[np.intp]) -> Judgments:
    """Return the judgments in another order, every second one seen from the other side."""
    a, b, y = judgments.a[order], judgments.b[order], judgments.log_ratio[order]
    swap = np.arange(len(order)) % 2 == 1
    return Judgments.from_arrays(
        np.where(swap, b, a),
        np.where(swap, a, b),
        np.where(swap, -y, y),
        weight=judgments.weight[order],
        items=judgments.items,
    )


@given(strategies.logit_matrices(N_ITEMS), juries, options, st.data())
def test_any_history_keeps_the_bound_and_counts(
    matrix: NDArray[Any], jury: Judgments, chosen: dict[str, Any], data: st.DataObject
) -> None:
    scores = start(matrix, jury, **chosen)
    assert scores.n_evaluated == len(jury.pairs)
    densities, weight = terms(matrix, jury, chosen)
    largest = [reference.magnitude(row, weight) for row in densities]
    for _ in range(data.draw(st.integers(1, 4), "steps")):
        held = scores.judgments
        added, removed, leaving = drawn_change(data, held)
        scores = update(scores, matrix, added, removed)
        left = [row for number, row in enumerate(rows(held)) if number not in set(leaving)]
        arrived = [] if added is None else rows(added)
        now, expected = rows(scores.judgments), left + arrived
        if isinstance(removed, Judgments):  # which one of equal rows is withdrawn is not said
            now, expected = sorted(now), sorted(expected)
        assert now == expected
        changed = [rows(held)[number] for number in leaving] + arrived
        assert scores.n_evaluated == reference.terms_evaluated(rows(held), left + arrived, changed)
        densities, weight = terms(matrix, scores.judgments, chosen)
        for model, row in enumerate(densities):
            exact, magnitude = reference.total(row, weight), reference.magnitude(row, weight)
            largest[model] = max(largest[model], magnitude)
            total, low = Fraction(scores.log_likelihood[model]), Fraction(scores.low[model])
            assert abs(total - exact) <= TOL * largest[model]
            assert abs(total + low - exact) <= TOL * largest[model]
            assert abs(Fraction(scores.magnitude[model]) - magnitude) <= TOL * largest[model]
            assert abs(Fraction(scores.largest_magnitude[model]) - largest[model]) <= TOL * largest[model]
    np.testing.assert_array_equal(scores.error_bound, 1e-15 * scores.largest_magnitude)


@given(seeds, juries, ordinary, st.data())
def test_no_history_leaves_a_trace(seed: int, jury: Judgments, chosen: dict[str, Any], data: st.DataObject) -> None:
    matrix = np.random.default_rng(seed).normal(size=(3, N_ITEMS))
    scores = start(matrix, jury, **chosen)
    smallest, largest = magnitudes(matrix, jury, chosen)
    for _ in range(3):
        added, removed, _ = drawn_change(data, scores.judgments)
        scores = update(scores, matrix, added, removed)
        least, most = magnitudes(matrix, scores.judgments, chosen)
        smallest, largest = min(smallest, least), max(largest, most)
    order = np.array(data.draw(st.permutations(range(len(scores.judgments))), "order"), dtype=np.intp)
    anew = start(matrix, rebuilt(scores.judgments, order) if len(order) else scores.judgments, **chosen)
    if smallest >= 3e-16 * largest:
        np.testing.assert_array_equal(scores.log_likelihood, anew.log_likelihood)
        np.testing.assert_array_equal(scores.low, anew.low)
    everything = update(scores, matrix, removed=scores.judgments)
    assert not len(everything.judgments)
    if smallest >= 3e-16 * largest:
        assert not everything.log_likelihood.any()
        assert not everything.low.any()


def magnitudes(matrix: NDArray[Any], judgments: Judgments, chosen: dict[str, Any]) -> tuple[float, float]:
    """Return the smallest term other than 0, and the largest sum of absolute terms."""
    sizes = np.abs(terms(matrix, judgments, chosen)[0])
    return float(np.min(sizes, where=sizes > 0, initial=np.inf)), float(sizes.sum(axis=1).max())


@given(strategies.logit_matrices(N_ITEMS), juries, juries, options, st.data())
def test_the_order_of_additions_changes_at_most_the_bound(
    matrix: NDArray[Any], jury: Judgments, more: Judgments, chosen: dict[str, Any], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(more))), "order")
    together = update(start(matrix, jury, **chosen), matrix, more)
    apart = start(matrix, jury, **chosen)
    for row in order:
        apart = update(apart, matrix, more.select([row]))
    bound = np.maximum(together.error_bound, apart.error_bound)
    assert (np.abs(apart.log_likelihood - together.log_likelihood) <= 2 * bound).all()


@given(seeds, juries, juries, options, st.randoms(use_true_random=False))
def test_neither_place_nor_company_of_a_model_matters(
    seed: int, jury: Judgments, more: Judgments, chosen: dict[str, Any], random: Any
) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rng.integers(1, 70), N_ITEMS))
    order = list(range(len(matrix)))
    random.shuffle(order)
    scores = update(start(matrix, jury, **chosen), matrix, more)
    for other in (
        update(start(matrix[order], jury, **chosen), matrix[order], more),
        update(start(matrix, jury, **chosen).select(order), matrix[order], more),
        update(concatenate(*(start(part, jury, **chosen) for part in halves(matrix[order]))), matrix[order], more),
    ):
        for name in ("log_likelihood", "low", "magnitude", "largest_magnitude"):
            np.testing.assert_array_equal(getattr(other, name), getattr(scores, name)[order])


def halves(matrix: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return matrix[: len(matrix) // 2], matrix[len(matrix) // 2 :]


@pytest.mark.parametrize("instructions", _core.instruction_sets())
@given(strategies.logit_matrices(N_ITEMS), juries, juries, options)
def test_every_instruction_set_takes_away_what_it_added(
    instructions: str, matrix: NDArray[Any], jury: Judgments, more: Judgments, chosen: dict[str, Any]
) -> None:
    none = np.zeros(len(matrix))
    scores = RunningScores(none, none, none, none, jury, **chosen)
    both = Judgments.from_arrays(
        np.append(jury.a, more.a),
        np.append(jury.b, more.b),
        np.append(jury.log_ratio, more.log_ratio),
        weight=np.append(jury.weight, more.weight),
        items=jury.items,
    )
    history = []
    pairs = (jury.select([]).pairs, jury.pairs, both.pairs, jury.pairs)
    for before, after in pairwise(pairs):
        *columns, n_evaluated = _core.update_running(
            matrix,
            scores,
            before,
            before.pair_weight(chosen["pair_weights"]),
            after,
            after.pair_weight(chosen["pair_weights"]),
            N_ITEMS,
            False,
            chosen["likelihood"] == "gaussian",
            chosen["sigma"],
            1e-10,
            1,
            instructions,
        )
        assert n_evaluated == len(before) + len(after)
        scores = RunningScores(*columns, jury, **chosen)
        history.append(scores)
    assert (np.abs(history[-1].log_likelihood - history[0].log_likelihood) <= history[-1].error_bound).all()
