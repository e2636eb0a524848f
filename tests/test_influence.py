"""Influence of jurors and pairs, credit of models: the same as solving without them, and typed errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, Round, allocate
from hemicycle.errors import (
    DomainError,
    DtypeError,
    FormatError,
    IndexOutOfRangeError,
    NoDataError,
    NonFiniteError,
    NotConvergedError,
    OptionError,
    ShapeError,
)
from hemicycle.influence import Influence, leave_one_juror_out, leave_one_model_out, leave_one_pair_out
from hemicycle.least_squares import pair_least_squares
from hemicycle.synthetic import two_camp_round
from reference import influence as reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

JURORS = ("ann", "ben", "cem", "dee", "eve")


def judged(n_items: int = 8, n_judgments: int = 40, seed: int = 0, **options: Any) -> Judgments:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, n_items, n_judgments)
    b = (a + rng.integers(1, n_items, n_judgments)) % n_items
    jurors = [JURORS[k] for k in rng.integers(0, len(JURORS), n_judgments)]
    weight = rng.uniform(0.5, 2, n_judgments)
    return Judgments.from_arrays(
        a, b, 1.5 * rng.normal(size=n_judgments), juror=jurors, weight=weight, items=n_items, **options
    )


def pools(n_items: int = 8) -> dict[str, NDArray[np.float64]]:
    """Models whose mixtures do not reach the best fit, and models whose mixtures reach it in many ways."""
    rng = np.random.default_rng(1)
    outside = 0.8 * rng.normal(size=(50, n_items)) + np.linspace(0, 1, n_items)
    return {
        "outside": outside,
        "inside": 4 * rng.normal(size=(60, n_items)),
        "copies": np.repeat(outside[:20], 2, axis=0),
        "few": outside[:3],
        "float32": outside.astype(np.float32),
    }


def without_rows(judgments: Judgments, absent: NDArray[np.bool_]) -> Judgments:
    return judgments.select(~absent)


def of_juror(judgments: Judgments, name: str) -> NDArray[np.bool_]:
    return np.array([juror == name for juror in judgments.juror])


def of_pair(judgments: Judgments, pair: int) -> NDArray[np.bool_]:
    a, b = judgments.pairs.a[pair], judgments.pairs.b[pair]
    return np.isin(judgments.a, [a, b]) & np.isin(judgments.b, [a, b])


@pytest.mark.parametrize("kind", sorted(pools()))
def test_jurors_and_pairs_equal_cold_solutions(kind: str) -> None:
    logits, judgments = pools()[kind], judged()
    jurors = leave_one_juror_out(logits, judgments, keep_weights=True)
    assert jurors.names == JURORS
    pairs = leave_one_pair_out(logits, judgments, keep_weights=True)
    assert len(pairs) == len(judgments.pairs)
    absent = [of_juror(judgments, name) for name in JURORS]
    absent += [of_pair(judgments, pair) for pair in range(len(pairs))]
    for rows, (found, k) in zip(absent, [(f, k) for f in (jurors, pairs) for k in range(len(f))], strict=True):
        assert found.n_labels[k] == np.count_nonzero(rows)
        cold = pair_least_squares(logits, without_rows(judgments, rows))
        np.testing.assert_allclose(found.weights[k], cold.weights, atol=1e-9)
        assert found.relative_gap[k] <= 1e-12
        assert found.face_dimension[k] == cold.face_dimension
        np.testing.assert_allclose(found.allocation[k], allocate(logits, cold.weights), rtol=1e-9)


@pytest.mark.parametrize("kind", sorted(pools()))
def test_models_equal_cold_solutions(kind: str) -> None:
    logits, judgments = pools()[kind], judged()
    found = leave_one_model_out(logits, judgments, keep_weights=True)
    assert found.names == tuple(map(str, found.solution.support))
    assert not found.n_labels.any()
    for k, model in enumerate(found.solution.support):
        cold = pair_least_squares(np.delete(logits, model, axis=0), judgments)
        np.testing.assert_allclose(np.delete(found.weights[k], model), cold.weights, atol=1e-9)
        assert found.weights[k, model] == 0
        assert found.mse_without[k] == pytest.approx(cold.objective / judgments.weight.sum(), rel=1e-9)
        assert found.mse_without[k] >= found.mse_with[k] * (1 - 1e-12)


def test_the_definition_by_enumeration() -> None:
    drawn = judged(n_items=4, n_judgments=7, seed=3)  # without weights, whose roots would not be exact
    judgments = Judgments.from_arrays(drawn.a, drawn.b, drawn.log_ratio, juror=drawn.juror, items=4)
    for seed in range(4):
        logits = np.random.default_rng(seed).integers(-3, 4, size=(5, 4)).astype(float)
        columns = logits, judgments.a, judgments.b, judgments.log_ratio, judgments.weight
        x, y = reference.rows_of_labels(*columns)
        jurors = leave_one_juror_out(logits, judgments, keep_weights=True)
        for name, weights in zip(jurors.names, jurors.weights, strict=True):
            expected = reference.without_columns(x, y, of_juror(judgments, name))
            np.testing.assert_allclose(weights, expected, atol=1e-7)
        models = leave_one_model_out(logits, judgments, models=range(5), keep_weights=True)
        for model, weights in enumerate(models.weights):
            np.testing.assert_allclose(weights, reference.without_model(x, y, model), atol=1e-7)


def test_what_changes_is_told() -> None:
    logits, judgments = pools()["outside"], judged()
    found = leave_one_juror_out(logits, judgments, keep_weights=True, mean="arithmetic")
    whole = pair_least_squares(logits, judgments)
    np.testing.assert_array_equal(found.solution.weights, whole.weights)
    np.testing.assert_allclose(found.whole_allocation, allocate(logits, whole.weights, mean="arithmetic"), rtol=1e-12)
    for k, name in enumerate(found.names):
        moved = 0.5 * np.abs(found.weights[k] - whole.weights).sum()
        assert found.weight_change[k] == pytest.approx(moved, rel=1e-12)
        shares = allocate(logits, found.weights[k], mean="arithmetic")
        moved = 0.5 * np.abs(shares - found.whole_allocation).sum()
        assert found.allocation_change[k] == pytest.approx(moved, rel=1e-9)
        rows = of_juror(judgments, name)
        of_them = judgments.select(rows)
        for weights, mse in ((whole.weights, found.mse_with[k]), (found.weights[k], found.mse_without[k])):
            pooled = weights @ logits
            error = pooled[of_them.b] - pooled[of_them.a] - of_them.log_ratio
            assert mse == pytest.approx(np.average(error**2, weights=of_them.weight), rel=1e-9)


def test_jurors_who_name_nobody_stay() -> None:
    judgments = judged()
    jurors = [None if juror == "eve" else juror for juror in judgments.juror]
    anonymous = Judgments.from_arrays(
        judgments.a, judgments.b, judgments.log_ratio, juror=jurors, weight=judgments.weight, items=8
    )
    logits = pools()["outside"]
    some, every = leave_one_juror_out(logits, anonymous), leave_one_juror_out(logits, judgments)
    assert some.names == JURORS[:-1]
    np.testing.assert_array_equal(some.allocation, every.allocation[:-1])


def test_a_pair_that_holds_the_comparisons_together() -> None:
    rng = np.random.default_rng(4)
    a, b = np.array([0, 1, 2, 3, 4, 0]), np.array([1, 2, 0, 4, 5, 3])  # without the last, two components
    judgments = Judgments.from_arrays(a, b, rng.normal(size=6), items=6)
    logits = rng.normal(size=(30, 6))
    found = leave_one_pair_out(logits, judgments, keep_weights=True)
    for pair in range(6):
        cold = pair_least_squares(logits, judgments.select(~of_pair(judgments, pair)))
        np.testing.assert_allclose(found.weights[pair], cold.weights, atol=1e-9)


def test_a_juror_who_outweighs_all_others() -> None:
    judgments = judged()
    loud = judgments.with_juror_weights({"ann": 1e12})
    logits = pools()["outside"]
    found = leave_one_juror_out(logits, loud, keep_weights=True)
    cold = pair_least_squares(logits, judgments.select(~of_juror(judgments, "ann")))
    np.testing.assert_allclose(found.weights[0], cold.weights, atol=1e-9)


@pytest.mark.parametrize("kind", ["outside", "inside"])
def test_same_bits_for_any_number_of_threads_and_chunks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, judgments = pools()[kind], judged()
    one = leave_one_pair_out(logits, judgments, n_threads=1, keep_weights=True)
    monkeypatch.setattr("hemicycle.left_out.CHUNK_CELLS", 3 * len(logits))
    many = leave_one_pair_out(logits, judgments, n_threads=2, keep_weights=True)
    np.testing.assert_array_equal(one.weights, many.weights)
    np.testing.assert_array_equal(one.allocation, many.allocation)


def test_pools_whose_coordinates_are_not_gathered() -> None:
    """More than 2^22 coordinates: they are read from the logits in each pass."""
    judgments = judged(n_items=45, n_judgments=300)
    logits = 4 * np.random.default_rng(1).normal(size=(96_000, 45))
    absent = np.array([name == "ann" for name in judgments.juror])
    judgments = judgments.select(absent | np.array([name == "ben" for name in judgments.juror]))
    found = leave_one_juror_out(logits, judgments, keep_weights=True)
    assert found.weights is not None
    for name, weights in zip(found.names, found.weights, strict=True):
        cold = pair_least_squares(logits, judgments.select(np.array([juror != name for juror in judgments.juror])))
        np.testing.assert_allclose(weights, cold.weights, rtol=0, atol=1e-12)


def test_a_solution_that_is_known_saves_its_time() -> None:
    logits, judgments = pools()["outside"], judged()
    whole = pair_least_squares(logits, judgments)
    known = leave_one_juror_out(logits, judgments, solution=whole)
    assert known.solution is whole
    np.testing.assert_array_equal(known.allocation, leave_one_juror_out(logits, judgments).allocation)
    with pytest.raises(ShapeError, match="solution: expected the weights of 49 models, got 50"):
        leave_one_juror_out(logits[:-1], judgments, solution=whole)


def test_the_most_influential_first() -> None:
    made = two_camp_round(0, n_items=12, n_pairs=30, n_models=40)
    ensemble = Round(made.judgments(), made.pool()).ensemble("least_squares")
    table = ensemble.influence("juror")
    assert table.columns == ("juror", "judgments", "weight_change", "allocation_change", "mse_with", "mse_without")
    assert (np.diff(table["allocation_change"]) <= 0).all()
    assert sum(table["judgments"]) == len(made.judgments())
    assert (table["mse_without"] >= table["mse_with"] * (1 - 1e-9)).all()  # others predict worse than with their help
    assert ensemble.influence("pair").columns[0] == "pair"
    models = ensemble.influence("model", mean="arithmetic")
    assert models.columns == ("model", "weight_change", "allocation_change", "mse_with", "mse_without")
    assert set(models["model"]) == {ensemble.models[d] for d in np.flatnonzero(ensemble.weights)}


def test_only_least_squares_nearest_to_uniform_has_it() -> None:
    made = two_camp_round(0, n_items=12, n_pairs=30, n_models=40)
    round_ = Round(made.judgments(), made.pool())
    with pytest.raises(OptionError, match="by: expected 'juror', 'pair' or 'model', got 'jury'"):
        round_.ensemble("least_squares").influence("jury")
    with pytest.raises(OptionError, match="method is 'stacking'"):
        round_.ensemble("stacking").influence()
    with pytest.raises(OptionError, match="tie-break"):
        round_.ensemble("least_squares", tie_break="least_individual_loss").influence()


def test_a_file_without_jurors_names_the_column(tmp_path: Any) -> None:
    (tmp_path / "jury.csv").write_text("repo_a,repo_b,choice,multiplier\nx,y,1,2\ny,z,2,3\nx,z,1,4\n", encoding="utf-8")
    judgments = Judgments.read(tmp_path / "jury.csv")
    with pytest.raises(FormatError, match=r"jury\.csv: the column juror is missing or empty"):
        leave_one_juror_out(np.eye(3), judgments)
    assert len(leave_one_pair_out(np.eye(3), judgments)) == 3


@pytest.mark.parametrize(
    ("leave_out", "logits", "labels", "message"),
    [
        (leave_one_juror_out, np.eye(3), ([0, 1], [1, 2]), "all that count are of juror 'ann'; without, none is left"),
        (leave_one_pair_out, np.eye(3), ([0, 1], [1, 0]), "all that count are of pair 0 - 1; without, none is left"),
        (leave_one_model_out, np.eye(3)[:1], ([0, 1], [1, 2]), "logits: without the only model, none is left"),
    ],
)
def test_nothing_may_be_all_there_is(
    leave_out: Callable[..., Influence], logits: NDArray[np.float64], labels: tuple[list[int], list[int]], message: str
) -> None:
    judgments = Judgments.from_arrays(*labels, [0.5, -0.5], juror=["ann", "ann"], items=3)
    with pytest.raises(NoDataError, match=message):
        leave_out(logits, judgments)


@pytest.mark.parametrize("leave_out", [leave_one_juror_out, leave_one_pair_out, leave_one_model_out])
def test_what_is_wrong_with_the_data_is_told_as_ever(leave_out: Callable[..., Influence]) -> None:
    judgments, logits = judged(), pools()["outside"].copy()
    ordinal = Judgments.from_arrays([0], [1], choice=[1], juror=["ann"], items=8)
    with pytest.raises(NoDataError, match="none says how much more"):
        leave_out(logits, ordinal)
    with pytest.raises(OptionError, match="mean: expected 'geometric' or 'arithmetic', got 'harmonic'"):
        leave_out(logits, judgments, mean="harmonic")
    logits[3, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"logits\[3, 2\]"):
        leave_out(logits, judgments)


def test_models_that_do_not_exist() -> None:
    with pytest.raises(IndexOutOfRangeError, match="models"):
        leave_one_model_out(pools()["outside"], judged(), models=[50])
    found = leave_one_model_out(Pool.from_array(pools()["few"], models=["x", "y", "z"]), judged(), models=[2, 0])
    assert found.names == ("z", "x")
    assert len(leave_one_model_out(pools()["few"], judged(), models=np.zeros(0, dtype=int))) == 0


def test_who_was_left_out_where_no_certificate_was_found() -> None:
    judgments, logits = judged(), pools()["inside"]
    whole = pair_least_squares(logits, judgments)
    with pytest.raises(NotConvergedError, match="without juror 'ann'"):
        leave_one_juror_out(logits, judgments, solution=whole, tol=1e-300)


def test_a_model_without_whom_the_labels_lie_on_the_boundary() -> None:
    others = [[0, -3], [0, -1], [0, 1], [0, 4], [0, 3], [0, -2], [0, 2], [0, 3], [1, 2], [0, -3], [0, -4], [4, 0]]
    logits = np.insert(np.array([[-3, 0], *others], dtype=float), 0, 0.0, axis=1)
    judgments = Judgments.from_arrays([0, 0], [1, 2], [0.0, 3.0], items=3)
    found = leave_one_model_out(logits, judgments, models=[0], keep_weights=True)
    assert found.weights is not None
    assert found.face_dimension.tolist() == [pair_least_squares(logits[1:], judgments).face_dimension]
    assert found.weights[0][9] == 0


LEAVE_OUT = [leave_one_juror_out, leave_one_pair_out, leave_one_model_out]


@pytest.mark.parametrize("leave_out", LEAVE_OUT)
@pytest.mark.parametrize("solution", [5, "x", np.full(3, 1 / 3), False])
def test_what_is_no_solution(leave_out: Callable[..., Influence], solution: object) -> None:
    with pytest.raises(DtypeError, match="solution: expected a SimplexSolution"):
        leave_out(pools()["few"], judged(), solution=solution)
    with pytest.raises(DtypeError, match="keep_weights: expected True or False, got ndarray"):
        leave_out(pools()["few"], judged(), keep_weights=np.array([1, 2]))
    assert leave_out(pools()["few"], judged(), keep_weights=np.True_).weights is not None


@pytest.mark.parametrize("leave_out", LEAVE_OUT)
def test_a_solution_of_another_problem(leave_out: Callable[..., Influence]) -> None:
    logits, judgments = pools()["outside"], judged()
    priced = pair_least_squares(logits, judgments, cost=np.arange(50.0))
    with pytest.raises(OptionError, match=r"solution: it was found under prices.*without cost="):
        leave_out(logits, judgments, solution=priced)
    for other in (pair_least_squares(logits, judged(seed=1)), pair_least_squares(logits, judgments, l2=10.0)):
        with pytest.raises(DomainError, match="solution: its objective is"):
            leave_out(logits, judgments, solution=other)
