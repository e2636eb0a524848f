from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemicycle.errors import DomainError, NonFiniteError, ShapeError
from hemicycle.seats import MAX_PARTIES, N_SEATS, apportion, character_seats, half_circle, seat_families


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda w: max(w) > 1e-6),
    st.integers(0, 1000),
)
def test_apportion_gives_all_seats_and_stays_within_one_of_the_quota(weights: list[float], n_seats: int) -> None:
    seats = apportion(weights, n_seats)
    assert seats.sum() == n_seats
    quota = np.array(weights) / math.fsum(weights) * n_seats
    assert (np.abs(seats - quota) < 1 + 1e-9).all()


def test_apportion_is_hamiltons_method() -> None:
    assert apportion([47_000, 16_000, 15_900, 12_000, 6_000, 3_100], 10).tolist() == [5, 2, 1, 1, 1, 0]


def test_apportion_breaks_ties_by_weight_then_position() -> None:
    assert apportion([1, 1], 3).tolist() == [2, 1]
    assert apportion([0.5, 2.5], 3).tolist() == [0, 3]


def test_apportion_gives_zero_weight_no_seat_and_survives_extreme_scales() -> None:
    assert apportion([0.0, 1e-300, 1e-300], 5).tolist() == [0, 3, 2]
    assert apportion([1e308, 1e308], 4).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("weights", "n_seats", "error"),
    [
        ([], 3, ShapeError),
        ([[1.0]], 3, ShapeError),
        ([math.nan], 3, NonFiniteError),
        ([1.0, math.inf], 3, NonFiniteError),
        ([1.0, -0.1], 3, DomainError),
        ([0.0, 0.0], 3, DomainError),
        ([1.0], -1, DomainError),
    ],
)
def test_apportion_refuses(weights: list[float], n_seats: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        apportion(weights, n_seats)


@pytest.mark.parametrize("n_seats", [1, 2, 7, 8, 33, N_SEATS, 736, 2980])
def test_half_circle_seats_everyone_apart_and_inside(n_seats: int) -> None:
    places = half_circle(n_seats)
    assert places.x.shape == places.y.shape == (n_seats,)
    assert (np.hypot(places.x, places.y) <= 1 + 1e-12).all()
    assert (places.y >= -1e-12).all()
    assert (np.diff(np.arctan2(places.y, places.x)) <= 1e-9).all()
    if n_seats > 1:
        apart = np.hypot(places.x[:, None] - places.x, places.y[:, None] - places.y)
        assert apart[~np.eye(n_seats, dtype=bool)].min() >= 2 * 0.84 * places.seat_radius


def test_half_circle_refuses_no_seats() -> None:
    with pytest.raises(DomainError):
        half_circle(0)


def test_character_seats_hold_the_whole_parliament_symmetrically() -> None:
    line, column = character_seats()
    assert len(line) == N_SEATS
    cells = set(zip(line.tolist(), column.tolist(), strict=True))
    assert len(cells) == N_SEATS
    assert cells == {(row, int(column.max()) - place) for row, place in cells}
    assert column.max() < 50
    assert (line[0], column[0]) == (line.max(), 0)


def test_families_are_seated_beside_those_that_predict_alike() -> None:
    families = ["left", "right", "left", "middle", "right", "idle"]
    logits = np.array([[3.0, 0, -3], [-3, 0, 3], [2.9, 0, -2.9], [0, 0.1, 0], [-2.8, 0, 2.8], [9, 9, 9]])
    parliament = seat_families([0.3, 0.2, 0.2, 0.1, 0.2, 0.0], families, logits, n_seats=10)
    assert [(p.name, p.seats, p.n_models, p.rank) for p in parliament.parties] == [
        ("left", 5, 2, 0),
        ("middle", 1, 1, 2),
        ("right", 4, 2, 1),
    ]
    assert parliament.owner_of_seats().tolist() == [0] * 5 + [1] + [2] * 4
    assert [p.name for p in parliament.by_seats()] == ["left", "right", "middle"]


def test_models_of_zero_weight_may_have_infinite_logits() -> None:
    parliament = seat_families([0.5, 0.5, 0.0], ["a", "b", "c"], [[0.0, 1.0], [1.0, 0.0], [-np.inf, 0.0]])
    assert sum(p.seats for p in parliament.parties) == N_SEATS


def test_small_families_share_a_block_and_the_unseated_are_counted() -> None:
    families = [f"f{i:02}" for i in range(30)]
    weights = np.arange(30, 0, -1.0)
    parliament = seat_families(weights, families)
    assert len(parliament.parties) == MAX_PARTIES
    small = parliament.by_seats()[-1]
    assert (small.name, small.rank, small.n_models) == ("22 smaller families", None, 22)
    assert math.fsum(p.weight for p in parliament.parties) == pytest.approx(weights.sum(), rel=1e-15)
    lone = seat_families([1.0, 1e-9], ["big", "tiny"])
    assert [p.name for p in lone.parties] == ["big"]
    assert lone.n_unseated == 1


def test_seat_families_refuses_other_lengths() -> None:
    with pytest.raises(ShapeError, match="one for each family"):
        seat_families([1.0], ["a", "b"])
