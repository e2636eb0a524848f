"""Simplex least squares in any unit: squares that would leave the range of doubles change no weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, simplex_least_squares
from hemicycle.errors import DomainError
from hemicycle.influence import leave_one_juror_out, leave_one_model_out
from hemicycle.least_squares import pair_least_squares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle import SimplexSolution

SCALES = [1e-300, 1e-160, 1e-154, 1.0]
POWERS = [-996, -700, -531, -512, -400, -300, -200, -100, 100, 200, 300, 400, 450]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"tie_break": "least_individual_loss"},
    {"solver": "projected_gradient"},
    {"reference": np.arange(1.0, 41.0)},
]


def problem(*, inside: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 6))
    x[-4:] = x[:4]
    return x, x.mean(axis=0) if inside else 2 * rng.normal(size=6)


def assert_same(scaled: SimplexSolution, plain: SimplexSolution, scale: float) -> None:
    """Fail unless two solutions are the same bits, the first one's data times a power of two."""
    assert scaled.weights.tobytes() == plain.weights.tobytes()
    assert scaled.face is not None
    assert plain.face is not None
    assert scaled.face.tolist() == plain.face.tolist()
    assert (scaled.relative_gap, scaled.passes, scaled.reason) == (plain.relative_gap, plain.passes, plain.reason)
    assert scaled.objective == plain.objective * scale * scale
    assert scaled.gap == plain.gap * scale * scale


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options))
def test_tiny_data_have_the_weights_of_others(scale: float, inside: bool, options: dict[str, Any]) -> None:
    x, y = problem(inside=inside)
    plain, scaled = simplex_least_squares(x, y, **options), simplex_least_squares(scale * x, scale * y, **options)
    # rounding of `scale * x` moves the optimum itself
    np.testing.assert_allclose(scaled.weights, plain.weights, atol=1e-12)
    assert scaled.face_dimension == plain.face_dimension
    assert scaled.relative_gap <= 1e-12


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options))
def test_powers_of_two_change_no_bit(power: int, inside: bool, options: dict[str, Any]) -> None:
    x, y = problem(inside=inside)
    scale = 2.0**power
    plain, scaled = simplex_least_squares(x, y, **options), simplex_least_squares(scale * x, scale * y, **options)
    assert_same(scaled, plain, scale)


@pytest.mark.parametrize("power", [-230, -200, 100])
@pytest.mark.parametrize("options", [{"l2": 0.7}, {"cost": np.cos(np.arange(40.0))}], ids=str)
def test_ridge_and_prices_count_in_the_square_of_the_unit(power: int, options: dict[str, Any]) -> None:
    x, y = problem(inside=False)
    scale = 2.0**power
    plain = simplex_least_squares(x, y, **options)
    scaled = simplex_least_squares(
        scale * x, scale * y, **{name: scale * scale * value for name, value in options.items()}
    )
    assert_same(scaled, plain, scale)
    assert scaled.reduced_cost == plain.reduced_cost * scale * scale


def test_beside_a_ridge_or_prices_tiny_data_move_nothing() -> None:
    x, y = problem(inside=False)
    ridge = simplex_least_squares(1e-300 * x, 1e-300 * y, l2=3.0)
    np.testing.assert_allclose(ridge.weights, 1 / 40, rtol=1e-12)
    assert ridge.objective == pytest.approx(3 / 40, rel=1e-12)
    priced = simplex_least_squares(1e-300 * x, 1e-300 * y, cost=np.arange(40.0) + 5)
    assert priced.weights.tolist() == [1.0] + [0.0] * 39
    assert priced.objective == 5.0


def test_what_no_unit_can_tell_apart_is_refused() -> None:
    with pytest.raises(DomainError, match="median model from the target is 2e-200"):
        simplex_least_squares([[1e-200], [-2e-200], [1e100]], [0.0])
    with pytest.raises(DomainError, match="or the prices, than doubles reach"):
        simplex_least_squares([[1e-300], [-2e-300], [1e-300]], [0.0], cost=[0.0, 0.0, 1.0])
    apart = simplex_least_squares([[1e-200], [-2e-200], [1e-197]], [0.0])
    np.testing.assert_allclose(apart.weights, simplex_least_squares([[1.0], [-2.0], [1e3]], [0.0]).weights, rtol=1e-9)
    assert simplex_least_squares([[0.0], [0.0], [1e-200]], [0.0]).weights[2] == 0


@pytest.mark.parametrize("scale", [1e150, 1e160, 1e300])
def test_objectives_beyond_all_doubles_are_refused_with_a_remedy(scale: float) -> None:
    x, y = problem(inside=False)
    with pytest.raises(DomainError, match=r"y\[.*squares must be finite: count in a larger unit"):
        simplex_least_squares(scale * x, scale * y)


@pytest.mark.parametrize("options", OPTIONS[:3], ids=lambda options: ",".join(options))
@pytest.mark.parametrize("power", [-996, -512, -300, -100])
def test_pairs_in_any_unit(power: int, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    logits, log_ratio = rng.normal(size=(30, 8)), rng.normal(size=12)
    a = rng.integers(0, 8, 12)
    b = (a + rng.integers(1, 8, 12)) % 8
    scale = 2.0**power
    plain, scaled = (
        pair_least_squares(k * logits, Judgments.from_arrays(a, b, k * log_ratio, items=8), **options)
        for k in (1.0, scale)
    )
    assert_same(scaled, plain, scale)


def test_pairs_whose_weights_are_all_next_to_nothing_are_refused() -> None:
    logits = [[0.0, 1.0], [0.0, 3.0], [0.0, -1.0]]
    for weight in (1e-139, 1e100):
        judgments = Judgments.from_arrays([0], [1], [2.0], weight=[weight], items=2)
        solution = pair_least_squares(logits, judgments)
        assert solution.weights @ np.array(logits)[:, 1] == pytest.approx(2.0, rel=1e-12)
    with pytest.raises(DomainError, match=r"weight\[0\] is 1e-150; it must be at least 1e-140"):
        pair_least_squares(logits, Judgments.from_arrays([0], [1], [2.0], weight=[1e-150], items=2))


@pytest.mark.parametrize("power", [-996, -512])
def test_without_a_juror_or_a_model_in_any_unit(power: int) -> None:
    rng = np.random.default_rng(6)
    logits, log_ratio, scale = rng.normal(size=(30, 5)), rng.normal(size=9), 2.0**power
    a, juror = np.arange(9) % 5, ["k", "l", "m"] * 3
    plain, scaled = (
        (k * logits, Judgments.from_arrays(a, (a + 2) % 5, k * log_ratio, juror=juror, items=5)) for k in (1.0, scale)
    )
    for leave_out in (leave_one_juror_out, leave_one_model_out):
        expected, found = leave_out(*plain, keep_weights=True), leave_out(*scaled, keep_weights=True)
        np.testing.assert_allclose(found.weights, expected.weights, atol=1e-10)
        assert (found.relative_gap <= 1e-12).all()
