"""The tie-break by the least individual loss: against enumeration in fractions, as a limit, and its certificate."""

from __future__ import annotations

import math
import sys
import warnings
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, mean_squared_error, simplex_least_squares
from hemicycle.errors import MissingExtraError, NotConvergedError, OptionError, TieBreakWarning
from hemicycle.least_squares import pair_least_squares
from hemicycle.linear_program import LinearProgram
from reference import least_squares as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytest.importorskip("highspy")

REASON = "the least individual loss among the optima"


def least_individual_loss(x: Any, y: Any, **options: Any) -> NDArray[np.float64]:
    return simplex_least_squares(x, y, tie_break="least_individual_loss", **options).weights


@pytest.mark.parametrize("seed", range(8))
def test_random_lattices_agree_with_enumeration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(12):
        n_models, n_observations = rng.integers(1, 7), rng.integers(1, 4)
        x = rng.integers(-2, 3, size=(n_models, n_observations)).astype(float)
        targets = rng.integers(-3, 4, size=n_observations).astype(float), x[-1], 0.5 * (x[0] + x[-1])
        cost = [None, rng.integers(0, 3, size=n_models).astype(float)][rng.integers(2)]
        for y in targets:
            expected = [float(weight) for weight in reference.least_individual_loss(x, y, cost)]
            ours = least_individual_loss(x, y, cost=cost)
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9, err_msg=f"{x!r}, {y!r}, {cost!r}")


def test_the_best_models_are_seated_and_certified() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, 12))
    y = rng.dirichlet(np.ones(3000)) @ x
    nearest = simplex_least_squares(x, y)
    ours = simplex_least_squares(x, y, tie_break="least_individual_loss")
    loss = np.square(x - y).sum(axis=1)
    assert ours.reason == REASON
    assert len(ours.support) <= 13 < len(nearest.support)
    assert ours.weights @ loss < 0.7 * (nearest.weights @ loss)
    assert ours.relative_gap <= 1e-12
    assert math.fsum(ours.weights) == pytest.approx(1, abs=2**-52)
    assert ours.passes >= 4  # with those of the program and of the certificate
    np.testing.assert_array_equal(ours.face, nearest.face)
    # Optimal among the optima: the duals of fit and sum price no model below the loss.
    rows = np.column_stack([x - y, np.ones(3000)])
    duals = np.linalg.lstsq(rows[ours.support], loss[ours.support], rcond=None)[0]
    assert (loss - rows @ duals).min() >= -1e-9


@pytest.mark.parametrize("place", ["inside", "outside"])
def test_it_is_the_limit_of_the_augmented_objective(place: str) -> None:
    rng = np.random.default_rng(2)
    x = np.round(rng.normal(size=(40, 3)), 1)
    x[:, 0] = np.minimum(x[:, 0], 0.5)  # a facet of many models
    y = x.mean(axis=0) if place == "inside" else np.array([3.0, 0.1, -0.1])
    limit = least_individual_loss(x, y)
    assert not simplex_least_squares(x, y).unique
    loss = np.square(x - y).sum(axis=1)
    apart = [
        np.abs(simplex_least_squares(x, y, cost=(1 - beta) / beta * loss).weights - limit).max()
        for beta in (0.9, 1 - 1e-3, 1 - 1e-5)
    ]
    assert apart[2] <= 1e-3
    assert apart[2] <= apart[1] <= apart[0]


def test_equal_losses_are_broken_by_order() -> None:
    square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])
    np.testing.assert_allclose(least_individual_loss(square, [0.0, 0.0]), [0.5, 0, 0.5, 0], atol=1e-12)
    rolled = np.roll(square, 1, axis=0)
    np.testing.assert_allclose(least_individual_loss(rolled, [0.0, 0.5]), [0.5, 0.25, 0.25, 0], atol=1e-12)


def test_of_copies_the_first_gets_the_weight() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 6))
    for y in (x.mean(axis=0), 3 * rng.normal(size=6)):
        alone = least_individual_loss(x, y)
        copied = least_individual_loss(np.vstack([x, x, x]), y)
        np.testing.assert_allclose(copied[:50], alone, rtol=0, atol=1e-10)
        assert not copied[50:].any()


def test_pairs_weigh_every_label() -> None:
    rng = np.random.default_rng(4)
    a, b = np.array([0, 1, 2, 0]), np.array([1, 2, 3, 2])
    judgments = Judgments.from_arrays(a, b, 0.1 * rng.normal(size=4), weight=[1.0, 2.0, 1.0, 3.0], items=6)
    logits = rng.normal(size=(80, 6))
    solution = pair_least_squares(logits, judgments, tie_break="least_individual_loss")
    nearest = pair_least_squares(logits, judgments)
    root = np.sqrt(judgments.weight)
    dense = simplex_least_squares(
        root * (logits[:, b] - logits[:, a]), root * judgments.log_ratio, tie_break="least_individual_loss"
    )
    assert solution.reason == REASON
    assert solution.objective == pytest.approx(nearest.objective, rel=1e-12)
    np.testing.assert_allclose(solution.weights, dense.weights, rtol=0, atol=1e-10)
    mse = mean_squared_error(logits, judgments)
    assert solution.weights @ mse < nearest.weights @ mse


def test_models_far_out_and_more_observations_than_models() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 200))
    x[3] *= 30
    solution = simplex_least_squares(x, x[5:20].mean(axis=0), tie_break="least_individual_loss")
    assert solution.relative_gap <= 1e-12
    assert solution.weights[3] <= 1e-12


def test_where_rounding_keeps_it_from_being_certified_the_answer_goes_part_of_the_way_and_says_so() -> None:
    # Thousands of times further away than the others, the second model leaves few digits for the weights.
    x = np.array([[-7e-5], [-900.0], [-1.18e-4], [-4.2e-5], [0.096]])
    y = np.array([-0.179980846])
    with pytest.warns(TieBreakWarning, match=f"{REASON}, as far as rounding lets weights fit"):
        solution = simplex_least_squares(x, y, tie_break="least_individual_loss")
    assert solution.tie_broken is False
    assert solution.relative_gap <= 1e-12
    nearest = simplex_least_squares(x, y).weights
    loss = np.square(x - y).sum(axis=1)
    assert solution.weights @ loss <= nearest @ loss


def test_models_that_fit_exactly_count_at_the_lowest_price_only() -> None:
    rng = np.random.default_rng(6)
    cost = np.r_[np.zeros(6), 0.1, 0.0, 0.0, 0.0]
    for _ in range(100):
        x = np.vstack([np.zeros((7, 2)), rng.normal(size=(3, 2))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TieBreakWarning)
            solution = simplex_least_squares(x, [0.0, 0.0], cost=cost)
        assert solution.gap == 0
        if "fit exactly" in solution.reason:
            np.testing.assert_allclose(solution.weights, [1 / 6] * 6 + [0] * 4, atol=1e-15)
            break
    else:
        pytest.fail("no instance needed the models that fit exactly")


def test_a_program_without_an_end_is_an_error_that_carries_optimal_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: LinearProgram) -> Any:
        raise NotConvergedError("a linear program ended as unknown", np.zeros(2), math.inf, 0)

    monkeypatch.setattr(LinearProgram, "solve", lost)
    x, y = np.array([[0.0], [1.0], [3.0]]), np.array([1.5])
    with pytest.raises(NotConvergedError, match="tie_break='least_individual_loss': a linear program") as caught:
        least_individual_loss(x, y)
    assert caught.value.weights @ x == pytest.approx(y, rel=1e-14)


def test_a_unique_optimum_needs_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    assert least_individual_loss([[0.0], [1.0]], [0.25]).tolist() == [0.75, 0.25]
    with pytest.raises(MissingExtraError, match=r"hemicycle\[solve\]"):
        least_individual_loss([[0.0], [1.0], [2.0]], [0.75])


def test_a_reference_belongs_to_nearest() -> None:
    with pytest.raises(OptionError, match="reference: only tie_break='nearest'"):
        least_individual_loss([[0.0], [1.0], [2.0]], [0.5], reference=[1.0, 1.0, 1.0])


def test_fractions_are_exact() -> None:
    x = np.array([[0.0], [1.0], [3.0]])
    assert reference.least_individual_loss(x, np.array([1.5]), None) == [0, Fraction(3, 4), Fraction(1, 4)]


def test_copies_share_where_there_are_few_models_and_many_observations() -> None:
    x, y = [0.0, -3.0, 3.0, 0.0, -2.0], [0.0, -1.0, 0.0, -1.0, -1.0]
    found = simplex_least_squares([x, x], y)
    assert found.weights.tolist() == [0.5, 0.5]
    assert (found.face_dimension, found.tie_broken) == (1, True)
    rng = np.random.default_rng(0)
    for _ in range(300):
        n_models = int(rng.integers(1, 5))
        models = rng.normal(size=(n_models, int(rng.integers(2 * n_models + 3, 20))))
        models = np.vstack([models, models[0]])
        found = simplex_least_squares(models, rng.normal(size=models.shape[1]))
        assert found.weights[0] == found.weights[-1]
        assert ({0, n_models} <= set(found.face.tolist())) == (0 in found.face)


def test_a_ridge_where_most_models_fit_exactly() -> None:
    models, y = [[0.0], [0.0], [0.0], [-0.5], [1.0]], [0.0]
    for l2 in (1e-12, 1e-8, 1e-3):
        found = simplex_least_squares(models, y, l2=l2)
        assert found.weights == pytest.approx([5 / 24, 5 / 24, 5 / 24, 1 / 4, 1 / 8], abs=1e-3)
        assert found.relative_gap <= 1e-12
    for l2 in (1e-300, 1e-16):
        with pytest.warns(TieBreakWarning, match="the ridge is below rounding"):
            assert simplex_least_squares(models, y, l2=l2).objective <= 0.4 * l2


def test_both_solvers_go_to_the_reference() -> None:
    for solver in ("working_set", "projected_gradient"):
        found = simplex_least_squares([[2.0], [2.0]], [2.0], reference=[1, 0], solver=solver)
        assert found.weights.tolist() == [1.0, 0.0]
        assert found.face_dimension == 1
