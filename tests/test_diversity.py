"""Diversity on arrays: identities, exact forms, bias, codependence, collusion, errors."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from hemicycle.diversity import (
    Diversity,
    augmented_objective,
    bias_share,
    codependence,
    collusion_report,
    debias,
    decompose,
    decompose_loss,
    generalization_gap,
)
from hemicycle.errors import (
    DomainError,
    DtypeError,
    IndexOutOfRangeError,
    NoDataError,
    NonFiniteError,
    OptionError,
    ShapeError,
)
from reference import diversity as reference

CASES = [
    ("mse", None),
    ("cross_entropy", "score"),
    ("cross_entropy", "probability"),
    ("brier", None),
    ("zero_one", None),
]


def case(loss: str, seed: int = 0, n_learners: int = 5, n_examples: int = 12, scale: float = 1.0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    scores = scale * rng.normal(size=(n_learners, n_examples, 4))
    classes = rng.integers(0, 4, size=n_examples)
    if loss == "mse":
        return scores, rng.normal(size=(n_examples, 4))
    if loss == "brier":
        parts = np.exp(scores)
        return parts / parts.sum(axis=-1, keepdims=True), classes
    return (scores.argmax(axis=-1) if loss == "zero_one" else scores), classes


def weights_of(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 30.0])
@pytest.mark.parametrize(("loss", "averaging"), CASES)
def test_the_parts_are_those_of_the_definition(loss: str, averaging: Any, scale: float) -> None:
    predictions, targets = case(loss, scale=scale)
    for seed in (None, 1, 2):
        w = None if seed is None else weights_of(seed, 5)
        v = None if seed is None else np.random.default_rng(seed).exponential(size=12)
        parts = decompose(
            predictions,
            targets,
            loss=loss,
            averaging=averaging,
            weights=w,
            example_weights=v,  # type: ignore[arg-type]
        )
        err, err_bar, div = reference.decompose(predictions, targets, loss, averaging or "probability", w, v)
        np.testing.assert_allclose([parts.err, parts.err_bar], [err, err_bar], rtol=1e-12)
        np.testing.assert_allclose(parts.div, div, rtol=1e-9 if scale < 1e-3 else 1e-12, atol=1e-27)
        assert abs(parts.residual) <= 1e-12 * max(1.0, parts.err_bar)
        assert parts.ratio == parts.div / parts.err_bar


def test_ambiguity_of_scalar_outputs_is_that_of_one_output() -> None:
    predictions, targets = case("mse")
    one = decompose(predictions[..., 0], targets[:, 0])
    assert one == decompose(predictions[..., :1], targets[:, :1])
    np.testing.assert_allclose(one.div, np.var(predictions[..., 0], axis=0).mean(), rtol=1e-13)


def test_div_of_members_that_hardly_differ_keeps_its_digits() -> None:
    """A difference of the two errors would leave none."""
    base = np.array([[0.3, -1.2, 0.1, 2.0]])
    tiny = 1e-9 * np.array([[[1.0, 0.0, -2.0, 1.0]], [[-1.0, 0.5, 1.0, 0.0]]])
    q = np.exp(base[0]) / np.exp(base[0]).sum()
    apart = tiny[:, 0] - tiny[:, 0].mean(axis=0)
    expected = np.mean([0.5 * (q @ d**2 - (q @ d) ** 2) for d in apart])
    found = decompose(base + tiny, [2], loss="cross_entropy", averaging="score")
    np.testing.assert_allclose(found.div, expected, rtol=1e-6)  # of the scores 1e-9 of the differences are left
    log_p = np.array([apart_ @ (np.eye(4)[2] - q) for apart_ in tiny[:, 0]])
    found = decompose(base + tiny, [2], loss="cross_entropy", averaging="probability")
    np.testing.assert_allclose(found.div, np.var(log_p) / 2, rtol=1e-6)


def test_far_scores_neither_overflow_nor_lose_the_identity() -> None:
    scores = np.array([[[0.0, 800.0, -5e5]], [[3e5, 0.0, 1.0]]])
    for averaging in ("score", "probability"):
        parts = decompose(scores, [0], loss="cross_entropy", averaging=averaging)  # type: ignore[arg-type]
        expected = reference.decompose(scores, np.array([0]), "cross_entropy", averaging)
        np.testing.assert_allclose([parts.err, parts.err_bar, parts.div], expected, rtol=1e-12, atol=1e-300)


def test_a_light_member_does_not_overflow() -> None:
    scores = np.log([[[1e-300, 1.0]], [[0.5, 0.5]]])
    for light in (1e-300, 5e-324):
        parts = decompose(scores, [0], loss="cross_entropy", averaging="probability", weights=[1.0, light])
        assert parts.div == pytest.approx(parts.err_bar - parts.err, abs=1e-12)


def test_a_class_without_probability_may_stand_where_it_is_not_the_class() -> None:
    with np.errstate(divide="ignore"):
        logs = np.log([[[0.5, 0.5, 0.0]], [[0.25, 0.25, 0.5]]])
    parts = decompose(logs, [0], loss="cross_entropy", averaging="probability")
    assert parts.err == pytest.approx(-math.log(0.375), rel=1e-14)
    with pytest.raises(DomainError, match=r"predictions\[0, 0\] gives the class 2 of the example the probability 0"):
        decompose(logs, [2], loss="cross_entropy", averaging="probability")
    with pytest.raises(NonFiniteError, match="predictions"):
        decompose(logs, [0], loss="cross_entropy", averaging="score")
    absent = decompose(logs, [2], loss="cross_entropy", averaging="probability", weights=[0, 1])
    assert absent.err == pytest.approx(math.log(2), rel=1e-14)


@pytest.mark.parametrize(("loss", "averaging"), CASES)
def test_members_of_weight_0_change_not_a_bit(loss: str, averaging: Any) -> None:
    predictions, targets = case(loss, n_examples=37)
    w, options = weights_of(7, 5), {"loss": loss, "averaging": averaging}
    for at in (0, 3, 5):
        other = 1 - predictions[0] if loss == "zero_one" else predictions[0, ::-1]
        more, heavier = np.insert(predictions, at, np.abs(other), axis=0), np.insert(w, at, 0.0)
        assert decompose(more, targets, weights=heavier, **options) == decompose(
            predictions, targets, weights=w, **options
        )
        draws = [
            codependence(p, targets, weights=v, rng=1, n_draws=3, **options).draws
            for p, v in ((more, heavier), (predictions, w))
        ]
        np.testing.assert_array_equal(*draws)
        reports = [
            collusion_report(p, targets, weights=v, rng=1, n_draws=3, **options)
            for p, v in ((more, heavier), (predictions, w))
        ]
        assert reports[0].signs == reports[1].signs
        assert str(reports[0]) == str(reports[1])
        if loss != "zero_one":
            shifted = debias(more, weights=heavier)
            np.testing.assert_array_equal(np.delete(shifted, at, axis=0), debias(predictions, weights=w))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_refused_of_members_without_weight_too(bad: float) -> None:
    predictions, targets = case("mse")
    predictions[3, 2, 1] = bad
    said = (
        rf"predictions\[3, 2, 1\] is {bad}; what learner 3 predicts must be finite, whatever its weight: leave it out"
    )
    w = [0.25, 0.25, 0.25, 0.0, 0.25]
    calls: Any = (decompose, bias_share, codependence, collusion_report)
    for call in calls:
        with pytest.raises(NonFiniteError, match=said):
            call(predictions, targets, weights=w)
    with pytest.raises(NonFiniteError, match=said):
        debias(predictions, weights=w)
    with pytest.raises(NonFiniteError, match=said):
        decompose_loss(predictions, targets, lambda f, y: ((f - y) ** 2).sum(axis=-1), weights=w)


class TestVote:
    def test_ties_go_to_the_lowest_class(self):
        votes = [[2, 0], [1, 1], [1, 0], [2, 1]]
        assert decompose(votes, [1, 0], loss="zero_one").err == 0.0
        assert decompose(votes, [2, 1], loss="zero_one").err == 1.0

    def test_weights_that_round_tie_all_the_same(self):
        """0.1 + 0.2 is not 0.3, but members with these weights have as much."""
        w = np.array([0.1, 0.2, 0.3, 0.4])
        votes = [[1], [1], [0], [2]]
        assert decompose(votes, [2], loss="zero_one", weights=w).err == 0.0
        assert decompose([[1], [1], [0], [0]], [0], loss="zero_one", weights=[0.1, 0.2, 0.3, 0.4]).err == 0.0
        tied = decompose([[1], [1], [0]], [0], loss="zero_one", weights=np.array([0.1, 0.2, 0.3]) / 0.6)
        assert tied == Diversity(0.0, tied.err_bar, tied.err_bar)

    def test_it_may_be_negative(self):
        parts = decompose([[0], [1], [1]], [0], loss="zero_one")
        assert parts.err == 1.0
        assert parts.div == pytest.approx(-1 / 3)
        assert parts.ratio == pytest.approx(-0.5)

    def test_plurality_needs_no_majority(self):
        assert decompose([[3], [3], [0], [1], [2]], [3], loss="zero_one").err == 0.0


@pytest.mark.parametrize(("loss", "averaging"), CASES)
def test_one_member_has_no_diversity(loss: str, averaging: Any) -> None:
    predictions, targets = case(loss, n_learners=1)
    parts = decompose(predictions, targets, loss=loss, averaging=averaging)  # type: ignore[arg-type]
    assert abs(parts.div) <= 1e-30
    assert parts.err == pytest.approx(parts.err_bar, rel=1e-15)
    found = codependence(predictions, targets, loss=loss, averaging=averaging, n_draws=2, rng=0)  # type: ignore[arg-type]
    assert found.n_dropped == (0, 0, 0)
    np.testing.assert_allclose(found.increase, 0, atol=1e-15)


class TestObjective:
    def test_it_goes_from_members_to_ensemble(self):
        parts = decompose(*case("mse"))
        assert augmented_objective(parts, 0) == parts.err_bar
        assert augmented_objective(parts, 1) == parts.err
        assert augmented_objective(parts, 0.3) == pytest.approx(parts.err_bar - 0.3 * parts.div, rel=1e-14)

    def test_above_one_there_is_no_minimum(self):
        with pytest.raises(DomainError, match=r"beta is 1\.2.*falls without bound.*Theorem 5\.1"):
            augmented_objective(Diversity(1.0, 2.0, 1.0), 1.2)
        values = []
        for step in (1.0, 10.0, 100.0):  # what the error says, at beta = 1.2: members move apart, their mean stays
            parts = decompose([[step, 1.0], [-step, 1.0]], [0.0, 0.0])
            values.append(-0.2 * parts.err_bar + 1.2 * parts.err)
        assert values[0] > values[1] > values[2]

    def test_below_zero_it_is_no_interpolation(self):
        with pytest.raises(DomainError, match=r"beta is -0\.1; it must be at least 0.*not between"):
            augmented_objective(Diversity(1.0, 2.0, 1.0), -0.1)

    @pytest.mark.parametrize(("beta", "error"), [(math.nan, NonFiniteError), ("1", DtypeError), (True, DtypeError)])
    def test_it_is_a_number(self, beta: Any, error: type[Exception]):
        with pytest.raises(error, match="beta"):
            augmented_objective(Diversity(1.0, 2.0, 1.0), beta)

    def test_it_takes_parts(self):
        with pytest.raises(DtypeError, match=r"parts: expected a Diversity.*decompose"):
            augmented_objective((1.0, 2.0), 0.5)  # type: ignore[arg-type]


def test_generalization_gap_is_that_of_the_ensemble() -> None:
    train, test = (decompose(*case("mse", seed=seed)) for seed in (0, 1))
    assert generalization_gap(train, test) == test.err - train.err
    with pytest.raises(DtypeError, match="test: expected a Diversity"):
        generalization_gap(train, 1.0)  # type: ignore[arg-type]
    with pytest.raises(NoDataError, match="no example"):
        decompose(np.zeros((3, 0)), [])


class TestDebias:
    @pytest.mark.parametrize("weighted", [False, True])
    def test_the_shifts_are_the_best_ones(self, weighted: bool):
        """A quadratic programme over the shifts that leave the ensemble as it is, solved by clarabel."""
        clarabel = pytest.importorskip("clarabel")
        from scipy import sparse

        predictions, targets = case("mse", n_learners=4)
        w = weights_of(3, 4) if weighted else np.full(4, 0.25)
        v = np.random.default_rng(5).dirichlet(np.ones(12)) if weighted else np.full(12, 1 / 12)
        apart = predictions - np.tensordot(w, predictions, 1)
        linear = -2 * (w[:, None] * np.tensordot(apart, v, (1, 0))).ravel()  # sum_j w_j mean_i |apart - b_j|^2
        quadratic = sparse.diags(2 * np.repeat(w, 4), format="csc")
        equal = sparse.csc_matrix(np.kron(w, np.eye(4)))  # sum_j w_j b_j = 0, output by output
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        solved = clarabel.DefaultSolver(
            quadratic, linear, equal, np.zeros(4), [clarabel.ZeroConeT(4)], settings
        ).solve()
        shifts = np.array(solved.x).reshape(4, 1, 4)
        found = debias(predictions, weights=w, example_weights=v)
        np.testing.assert_allclose(predictions - found, np.broadcast_to(shifts, found.shape), atol=1e-7)
        np.testing.assert_allclose(np.tensordot(w, found, 1), np.tensordot(w, predictions, 1), atol=1e-14)
        parts, left = (decompose(each, targets, weights=w, example_weights=v) for each in (predictions, found))
        share = bias_share(predictions, targets, weights=w, example_weights=v)
        assert share == pytest.approx(1 - left.div / parts.div, abs=1e-13)
        assert left.err == pytest.approx(parts.err, rel=1e-13)
        best = parts.div + solved.obj_val  # the constant of the programme is DIV itself
        assert left.div == pytest.approx(best, abs=1e-7)

    def test_pure_shifts_are_all_bias(self):
        targets = np.arange(6.0)
        assert bias_share(targets + np.array([[-1.0], [0.0], [5.0]]), targets) == pytest.approx(1.0, abs=1e-14)
        assert bias_share([[1.0, -1.0], [-1.0, 1.0]], [0.0, 0.0]) == 0.0
        assert bias_share(np.ones((3, 2)), [0.0, 0.0]) == 0.0

    @pytest.mark.parametrize("offset", [0.0, 1e8, 1e12])
    def test_a_common_offset_costs_no_digits(self, offset: float):
        """Held to fractions, of the numbers as they were rounded."""
        rng, w = np.random.default_rng(8), weights_of(4, 5)
        predictions = offset + 0.01 * rng.normal(size=(5, 20))
        expected = reference.bias_share(predictions, w)
        assert bias_share(predictions, np.full(20, offset), weights=w) == pytest.approx(expected, rel=1e-13)
        scores, classes = np.round(rng.normal(size=(5, 20, 3)), 1), rng.integers(0, 3, 20)
        scores = np.round(8 * scores) / 8  # exact beside the offset
        options: Any = {"loss": "cross_entropy", "averaging": "score", "weights": w}
        plain = bias_share(scores, classes, **options)
        assert bias_share(scores + min(offset, 1e10), classes, **options) == pytest.approx(plain, rel=1e-12)

    def test_scores_and_probabilities(self):
        for loss, averaging in (("brier", None), ("cross_entropy", "score")):
            predictions, targets = case(loss)
            options = {"loss": loss, "averaging": averaging}
            parts, left = (decompose(each, targets, **options) for each in (predictions, predictions))
            share = bias_share(predictions, targets, **options)
            if loss == "cross_entropy":
                left = decompose(debias(predictions), targets, **options)
                assert share == pytest.approx(1 - left.div / parts.div, rel=1e-9)
            else:
                goal = np.eye(4)[targets]
                assert share == pytest.approx(bias_share(predictions, goal), rel=1e-12)

    @pytest.mark.parametrize(("loss", "averaging"), [("zero_one", None), ("cross_entropy", "probability")])
    def test_what_cannot_be_shifted_is_refused(self, loss: str, averaging: Any):
        predictions, targets = case(loss)
        with pytest.raises(OptionError, match=f"cannot be shifted under '{loss}'"):
            bias_share(predictions, targets, loss=loss, averaging=averaging)  # type: ignore[arg-type]


class TestCodependence:
    def test_the_mean_is_that_over_all_ways_to_drop(self):
        predictions, targets = case("mse", n_learners=5, n_examples=400)
        predictions, targets = predictions[..., 0], targets[:, 0]
        parts = decompose(predictions, targets)
        found = codependence(predictions, targets, n_draws=400, rng=0)
        assert found.n_dropped == (1, 2, 3)
        for k, increase, error in zip(found.n_dropped, found.increase, found.standard_error, strict=True):
            exact = reference.mean_error_without(predictions, targets, k) - parts.err
            assert exact == pytest.approx(parts.div * k / ((5 - k) * 4), rel=1e-12)  # what the notes say
            assert abs(increase - exact) <= 4 * error
        assert (np.diff(found.increase) > 0).all()

    def test_weights_of_the_rest_are_divided_by_their_sum(self):
        w = np.array([0.5, 0.25, 0.25])
        found = codependence([[0.0], [1.0], [2.0]], [0.0], weights=w, p=0.4, n_draws=300, rng=1)
        expected = {(0.5 * 0 + 0.25 * 1) / 0.75, (0.25 * 2) / 0.75, 1.5}
        assert {round(value, 12) for value in found.draws.ravel()} == {round(value**2, 12) for value in expected}

    def test_examples_lose_members_by_themselves(self):
        found = codependence(np.array([[0.0] * 50, [1.0] * 50]), np.zeros(50), p=0.5, n_draws=1, rng=0)
        assert 0 < found.draws[0, 0] < 1
        np.testing.assert_array_equal(found.standard_error, [0.0])

    def test_one_member_stays_and_those_without_weight_do_not_count(self):
        predictions, targets = case("mse")
        found = codependence(predictions, targets, p=(0, 0.99, 1), n_draws=3, rng=0, weights=[0.5, 0.5, 0, 0, 0])
        assert found.n_learners == 2
        assert found.n_dropped == (0, 1, 1)
        assert found.increase[0] == pytest.approx(0, abs=1e-14)

    @pytest.mark.parametrize(("p", "n", "k"), [(0.29, 100, 29), (0.2, 5, 1), (0.6, 5, 3), (0.7, 10, 7), (0.3, 3, 0)])
    def test_parts_are_the_decimals_that_were_written(self, p: float, n: int, k: int):
        found = codependence(np.zeros((n, 1)), [0.0], p=p, n_draws=1, rng=0)
        assert found.n_dropped == (k,)

    @pytest.mark.parametrize(("loss", "averaging"), CASES)
    def test_every_loss(self, loss: str, averaging: Any):
        predictions, targets = case(loss, n_examples=200)
        seen: list[tuple[int, int]] = []
        found = codependence(
            predictions, targets, loss=loss, averaging=averaging, n_draws=5, rng=3,  # type: ignore[arg-type]
            progress=lambda done, of: seen.append((done, of)),
        )  # fmt: skip
        again = codependence(predictions, targets, loss=loss, averaging=averaging, n_draws=5, rng=3)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found.draws, again.draws)
        assert seen[-1] == (15, 15)
        assert found.err == decompose(predictions, targets, loss=loss, averaging=averaging).err  # type: ignore[arg-type]
        copy = pickle.loads(pickle.dumps(found))
        assert not copy.draws.flags.writeable

    @pytest.mark.parametrize(
        ("options", "error", "said"),
        [
            ({"p": 1.5}, DomainError, r"p is \[1\.5\]; every part must be from 0 to 1"),
            ({"p": (0.2, math.nan)}, DomainError, "p is"),
            ({"p": ()}, NoDataError, "p: expected a number or several, got none"),
            ({"p": [[0.2, 0.4]]}, ShapeError, r"p: expected a number or a sequence of numbers, got shape \(1, 2\)"),
            ({"p": [[0.2], [0.4, 0.6]]}, ShapeError, "p"),
            ({"p": ["a"]}, DtypeError, "p: expected a number or several"),
            ({"n_draws": 0}, DomainError, "n_draws is 0"),
            ({"rng": "x"}, DtypeError, "rng"),
        ],
    )
    def test_bad_options(self, options: dict[str, Any], error: type[Exception], said: str):
        with pytest.raises(error, match=said):
            codependence(*case("mse"), **options)


BAD = [
    ({"predictions": [[0.0, 1.0], [0.0]]}, ShapeError, "learners disagree in shape: learner 0 has"),
    ({"predictions": np.zeros(3)}, ShapeError, "expected 2 or 3 dimensions"),
    ({"predictions": np.zeros((0, 2))}, NoDataError, "there is no learner"),
    ({"predictions": np.zeros((2, 0)), "targets": []}, NoDataError, "there is no example"),
    ({"predictions": np.zeros((2, 2, 0)), "targets": np.zeros((2, 0))}, ShapeError, "at least one output"),
    ({"predictions": [[0.0, math.nan]] * 2}, NonFiniteError, r"predictions\[0, 1\] is nan"),
    ({"predictions": [[0.0, -math.inf]] * 2}, NonFiniteError, r"predictions\[0, 1\] is -inf"),
    ({"predictions": [["a", "b"]] * 2}, DtypeError, "predictions"),
    ({"predictions": [[1e200, 0.0]] * 2}, NonFiniteError, "beyond the largest float64"),
    ({"targets": [0.0]}, ShapeError, r"targets: expected shape \(2,\)"),
    ({"targets": [0.0, math.inf]}, NonFiniteError, r"targets\[1\] is inf"),
    ({"weights": [0.5, 0.6]}, DomainError, "weights sum to"),
    ({"weights": [1.5, -0.5]}, DomainError, r"weights\[1\] is -0\.5"),
    ({"weights": [1.0]}, ShapeError, "weights: expected length 2"),
    ({"example_weights": [0.0, 0.0]}, NoDataError, "every example has the weight 0"),
    ({"example_weights": [1.0, -1.0]}, DomainError, r"example_weights\[1\]"),
    ({"example_weights": [1.0]}, ShapeError, "example_weights: expected length 2"),
    ({"loss": "hinge"}, OptionError, "loss: expected 'mse'"),
    ({"averaging": "probability"}, OptionError, "averaging of 'mse': expected 'score'"),
    ({"loss": "cross_entropy"}, OptionError, "'cross_entropy' can average 'score' or 'probability'; say which"),
    ({"loss": "brier", "averaging": "score"}, OptionError, "averaging of 'brier'"),
    ({"loss": "zero_one", "averaging": "score"}, OptionError, "members vote"),
    ({"loss": "brier"}, ShapeError, "expected 3 dimensions"),
    ({"loss": "zero_one", "predictions": [[0.5, 1], [0, 1]], "targets": [0, 1]}, DomainError, r"argmax\(-1\)"),
    ({"loss": "zero_one", "predictions": [[0, 1], [0, -1]], "targets": [0, 1]}, DomainError, r"\[1, 1\] is -1"),
    ({"loss": "zero_one", "predictions": [[0, 1], [0, 1]], "targets": [0]}, ShapeError, "targets"),
    ({"loss": "zero_one", "predictions": [[0, 1], [0, 1]]}, DtypeError, "targets"),
    ({"loss": "brier", "predictions": np.ones((2, 2, 1)), "targets": [0, 0]}, DomainError, "one class only"),
    ({"loss": "brier", "predictions": np.full((2, 2, 2), 0.6), "targets": [0, 0]}, DomainError, "sum to 1.2"),
    ({"loss": "brier", "predictions": [[[1.5, -0.5]] * 2] * 2, "targets": [0, 0]}, DomainError, "must not be negative"),
    ({"loss": "brier", "predictions": np.full((2, 2, 2), 0.5), "targets": [0, 2]}, IndexOutOfRangeError, "2 classes"),
    ({"loss": "brier", "predictions": np.full((2, 2, 2), 0.5), "targets": [0, 0.5]}, DtypeError, "targets"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "error", "said"), BAD)
def test_bad_input(given: dict[str, Any], error: type[Exception], said: str) -> None:
    options = {"predictions": [[0.0, 1.0], [2.0, 3.0]], "targets": [0.0, 1.0]} | given
    with pytest.raises(error, match=said):
        decompose(**options)


def test_the_large_is_weighed_without_overflow() -> None:
    parts = decompose([[0.0, 1.0], [2.0, 3.0]], [0.0, 1.0], example_weights=[1e308, 1e308])
    assert parts == decompose([[0.0, 1.0], [2.0, 3.0]], [0.0, 1.0])
