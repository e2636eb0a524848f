"""Ensembles of networks: the objective and its parts against the arrays' definitions, and members trained as one."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemicycle.diversity import beta_of_alpha, decompose, gamma_of_alpha
from hemicycle.errors import DomainError, DtypeError, IndexOutOfRangeError, OptionError, ShapeError

torch = pytest.importorskip("torch", reason="torch is not installed")

import hemicycle.torch as ht  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

DOUBLE = torch.float64
KINDS = [("mse", None), ("cross_entropy", "score"), ("cross_entropy", "probability"), ("brier", None)]
ALL_KINDS = pytest.mark.parametrize(("loss", "averaging"), KINDS)


def drawn(loss: str, n_learners: int = 4, n_examples: int = 6, n_outputs: int = 3, seed: int = 0) -> tuple[Any, Any]:
    """Return predictions and targets for a loss, as arrays."""
    rng = np.random.default_rng(seed)
    pred = rng.normal(size=(n_learners, n_examples, n_outputs))
    if loss == "mse":
        return pred, rng.normal(size=pred.shape[1:])
    return pred, rng.integers(0, n_outputs, size=n_examples)


class TestLoss:
    @ALL_KINDS
    @given(
        n_learners=st.integers(1, 6), n_examples=st.integers(1, 7), n_outputs=st.integers(2, 5),
        seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 1.0, 20.0]), weighted=st.booleans(),
    )  # fmt: skip
    def test_parts_are_those_of_arrays(
        self, loss: str, averaging: str | None,
        n_learners: int, n_examples: int, n_outputs: int, seed: int, scale: float, weighted: bool,
    ) -> None:  # fmt: skip
        pred, target = drawn(loss, n_learners, n_examples, n_outputs, seed)
        pred = scale * pred
        weights = None
        if weighted:
            weights = np.random.default_rng(seed).dirichlet(np.ones(n_learners))
            weights[1:2] = 0
            weights /= weights.sum()
        of_arrays: Any = pred
        if loss == "brier":
            of_arrays = torch.softmax(torch.from_numpy(pred), -1).numpy()
        right = decompose(of_arrays, target, loss=loss, averaging=averaging, weights=weights)  # type: ignore[arg-type]
        tensors = torch.from_numpy(pred), torch.from_numpy(target)
        found = ht.EnsembleLoss(loss, averaging=averaging, beta=0.3, learner_weights=weights)(*tensors)
        size = 1e-13 * (1 + right.err_bar)
        assert found.err.item() == pytest.approx(right.err, rel=1e-12, abs=size)
        assert found.err_bar.item() == pytest.approx(right.err_bar, rel=1e-12, abs=size)
        assert found.div.item() == pytest.approx(right.div, rel=1e-9, abs=size)
        assert found.loss.item() == pytest.approx(0.7 * right.err_bar + 0.3 * right.err, rel=1e-12, abs=size)

    @ALL_KINDS
    @pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
    def test_gradients(self, loss: str, averaging: str | None, beta: float) -> None:
        pred, target = drawn(loss)
        objective = ht.EnsembleLoss(loss, averaging=averaging, beta=beta, learner_weights=[0.1, 0.0, 0.5, 0.4])
        wide = torch.from_numpy(pred).requires_grad_()
        assert torch.autograd.gradcheck(lambda rows: objective(rows, torch.from_numpy(target)).loss, (wide,))
        parts = objective(wide, torch.from_numpy(target))
        assert not parts.div.requires_grad
        (gradient,) = torch.autograd.grad(parts.loss, wide)
        assert (gradient[1] == 0).all()

    def test_independent_members_have_gradients_of_their_own(self) -> None:
        pred, target = map(torch.from_numpy, drawn("mse"))
        pred.requires_grad_()
        (gradient,) = torch.autograd.grad(ht.EnsembleLoss()(pred, target).loss, pred)
        for member, own in zip(pred, gradient, strict=True):
            (alone,) = torch.autograd.grad((member - target).square().sum(-1).mean() / 4, member)
            torch.testing.assert_close(own, alone)

    @pytest.mark.parametrize(("loss", "averaging"), KINDS[1:])
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
    def test_scores_of_any_size(self, loss: str, averaging: str | None, dtype: torch.dtype) -> None:
        """Scores so far apart that probabilities of classes underflow."""
        pred = torch.tensor([[[3e4, -3e4], [-3e4, 3e4]], [[-3e4, 3e4], [3e4, 0.0]]], dtype=dtype).requires_grad_()
        parts = ht.EnsembleLoss(loss, averaging=averaging, beta=0.5)(pred, torch.tensor([0, 0]))
        parts.loss.backward()
        assert all(part.isfinite() for part in parts)
        assert pred.grad is not None
        assert pred.grad.isfinite().all()
        assert parts.err.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)

    def test_it_compiles_and_maps(self) -> None:
        pred, target = map(torch.from_numpy, drawn("cross_entropy"))
        objective = ht.EnsembleLoss("cross_entropy", averaging="probability", beta=0.5)
        right = objective(pred, target).loss
        compiled = torch.compile(objective, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(pred, target).loss, right)
        both = torch.stack([pred, 2 * pred])
        gradient = torch.func.vmap(torch.func.grad(lambda rows: objective(rows, target).loss))(both)
        torch.testing.assert_close(gradient[0], torch.func.grad(lambda rows: objective(rows, target).loss)(pred))

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"beta": 1.2}, DomainError, "Theorem 5.1"),
            ({"beta": -0.1}, DomainError, "at least 0"),
            ({"loss": "mse", "averaging": "probability"}, OptionError, "averaging"),
            ({"loss": "brier", "averaging": "score"}, OptionError, "averaging"),
            ({"loss": "cross_entropy"}, OptionError, "averaging"),
            ({"loss": "zero_one"}, OptionError, "loss"),
            ({"dropout": 1.0}, DomainError, "below 1"),
            ({"dropout": -0.1}, DomainError, "dropout"),
            ({"learner_weights": [0.5, 0.6]}, DomainError, "sum to 1"),
            ({"learner_weights": [1.5, -0.5]}, DomainError, "0 or more"),
            ({"learner_weights": [math.nan, 1.0]}, DomainError, "0 or more"),
            ({"learner_weights": []}, ShapeError, "learner_weights"),
            ({"learner_weights": "ab"}, DtypeError, "learner_weights"),
        ],
    )
    def test_what_cannot_be_made(self, options: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            ht.EnsembleLoss(**options)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    def test_weights_are_not_rounded_with_the_network(self, dtype: torch.dtype) -> None:
        objective = ht.EnsembleLoss(learner_weights=[1 / 3] * 3).to(dtype)
        parts = objective(torch.full((3, 5), 100.0, dtype=DOUBLE), torch.zeros(5, dtype=DOUBLE))
        assert [part.item() for part in parts] == pytest.approx([1e4, 1e4, 1e4, 0.0], rel=1e-14, abs=1e-20)

    def test_what_cannot_be_scored(self) -> None:
        classes = ht.EnsembleLoss("brier")
        scores, target = map(torch.from_numpy, drawn("brier"))
        squares = ht.EnsembleLoss(learner_weights=[0.5, 0.5])
        for objective, pred, told, error, message in (
            (classes, scores[0], target, ShapeError, "n_learners, n_examples, n_classes"),
            (classes, scores[:, :0], target[:0], ShapeError, "none of them 0"),
            (classes, scores[..., :1], target, DomainError, "one class only"),
            (classes, scores, target[:-1], ShapeError, r"target: expected shape \(6,\), got \(5,\)"),
            (classes, scores, target.double(), DtypeError, "int64"),
            (classes, scores, target + 2, IndexOutOfRangeError, r"target\[\d\] is [34]"),
            (classes, scores, target - 1, IndexOutOfRangeError, r"target\[\d\] is -1"),
            (classes, scores.long(), target, DtypeError, "floating"),
            (classes, drawn("brier")[0], target, DtypeError, "pred: expected a tensor"),
            (classes, scores, target.to("meta"), OptionError, "target: it is on meta"),
            (squares, scores, torch.zeros(6, 3), ShapeError, "expected 2 learners"),
            (squares, scores[:2], torch.zeros(6, 2), ShapeError, r"target: expected shape \(6, 3\)"),
        ):
            with pytest.raises(error, match=message):
                objective(pred, told)


class TestDropout:
    def test_at_least_one_is_left_and_the_rest_share(self) -> None:
        weights = torch.tensor([0.5, 0.3, 0.2, 0.0], dtype=DOUBLE)
        for p in (0.0, 0.5, 0.99):
            left = ht.learner_dropout(weights, 2000, p, generator=torch.Generator().manual_seed(1))
            torch.testing.assert_close(left.sum(0), torch.ones(2000, dtype=DOUBLE))
            assert (left[3] == 0).all()
            kept = left > 0
            assert (kept.sum(0) >= 1).all()
            torch.testing.assert_close(left * (kept * weights[:, None]).sum(0), kept * weights[:, None])
            gone = (1 - kept[0].double()).mean().item()
            assert gone == pytest.approx(p * (1 - p**2 / 3), abs=0.04)

    def test_only_while_training(self) -> None:
        pred, target = map(torch.from_numpy, drawn("mse", 5))
        objective = ht.EnsembleLoss(beta=1.0, dropout=0.5)
        whole = ht.EnsembleLoss(beta=1.0)(pred, target).loss
        torch.manual_seed(0)
        assert objective(pred, target).loss > whole
        assert objective.eval()(pred, target).loss == whole


class TestAdjustedTargets:
    @given(alpha=st.floats(0, 10), n_learners=st.integers(2, 6), seed=st.integers(0, 100))
    def test_squares_to_them_are_the_augmented_objective(self, alpha: float, n_learners: int, seed: int) -> None:
        pred, target = map(torch.from_numpy, drawn("mse", n_learners, seed=seed))
        pred.requires_grad_()
        cases = [(False, beta_of_alpha(alpha), beta_of_alpha(alpha, detach=True))]
        if alpha <= n_learners - 1:
            cases.append(
                (True, gamma_of_alpha(alpha, n_learners), gamma_of_alpha(alpha, n_learners, detach=True)),
            )
        for leave_one_out, beta, detached in cases:
            for detach, share, factor in ((False, beta, (1 + alpha) ** 2), (True, detached, 1 + alpha)):
                told = ht.gradient_adjusted_targets(pred, target, alpha, leave_one_out=leave_one_out, detach=detach)
                squares = (pred - told).square().sum(-1).mean()
                joint = ht.EnsembleLoss(beta=share)(pred, target).loss
                if not detach:
                    torch.testing.assert_close(squares, factor * joint)
                (found,) = torch.autograd.grad(squares, pred)
                (right,) = torch.autograd.grad(factor * joint, pred)
                torch.testing.assert_close(found, right)

    def test_what_is_refused(self) -> None:
        pred = torch.zeros(2, 3)
        with pytest.raises(DomainError, match="alpha"):
            ht.gradient_adjusted_targets(pred, pred[0], -1.0)
        with pytest.raises(ShapeError, match="target: expected the shape"):
            ht.gradient_adjusted_targets(pred, torch.zeros(2), 1.0)
        with pytest.raises(ShapeError, match="no others"):
            ht.gradient_adjusted_targets(pred[:1], pred[0], 1.0, leave_one_out=True)
        with pytest.raises(DtypeError, match="floating"):
            ht.gradient_adjusted_targets(pred.long(), pred[0], 1.0)


class Tied(torch.nn.Module):
    """Two layers of the same weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 3)
        self.second = torch.nn.Linear(3, 3)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.second(torch.tanh(self.first(x)))
        return found


def perceptron() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))


def normalised() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))


ARCHITECTURES: dict[str, Callable[[], torch.nn.Module]] = {
    "perceptron": perceptron,
    "batch normalisation": normalised,
    "tied": Tied,
}


class TestDeepEnsemble:
    @pytest.mark.parametrize("name", ARCHITECTURES)
    @pytest.mark.parametrize("each", [False, True])
    def test_members_are_trained_as_they_would_be_alone(self, name: str, each: bool) -> None:
        torch.manual_seed(0)
        ensemble = ht.DeepEnsemble(ARCHITECTURES[name], 4).double()
        members = [ensemble.member(j) for j in range(4)]
        x, y = torch.randn(4 if each else 1, 32, 3, dtype=DOUBLE), torch.randn(32, 1, dtype=DOUBLE)
        together = torch.optim.Adam(ensemble.parameters(), lr=0.05)
        apart = [torch.optim.Adam(member.parameters(), lr=0.05) for member in members]
        for _ in range(5):
            together.zero_grad()
            pred = ensemble(x if each else x[0], each=each)
            (pred - y).square().mean((1, 2)).sum().backward()
            together.step()
            for j, (member, optimiser) in enumerate(zip(members, apart, strict=True)):
                optimiser.zero_grad()
                (member(x[j if each else 0]) - y).square().mean().backward()
                optimiser.step()
        ensemble.eval()
        found = ensemble(x[0])
        for j, member in enumerate(members):
            torch.testing.assert_close(found[j], member.eval()(x[0]))
            for key, own in ensemble.member(j).state_dict().items():
                torch.testing.assert_close(own, member.state_dict()[key])

    def test_convolutions(self) -> None:
        def small() -> torch.nn.Module:
            return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 10))

        ensemble, images = ht.DeepEnsemble(small, 3), torch.randn(5, 1, 8, 8)
        scores = ensemble(images)
        assert scores.shape == (3, 5, 10)
        torch.testing.assert_close(scores[2], ensemble.member(2)(images))

    def test_members_differ_and_so_do_their_draws(self) -> None:
        ensemble = ht.DeepEnsemble(lambda: torch.nn.Sequential(torch.nn.Linear(3, 50), torch.nn.Dropout(0.5)), 3)
        x = torch.ones(1, 3)
        zeros = ensemble(x) == 0
        assert not torch.equal(zeros[0], zeros[1])
        ensemble.eval()
        assert torch.equal(ensemble(x), ensemble(x))
        assert not torch.equal(ensemble(x)[0], ensemble(x)[1])

    def test_it_is_a_module_like_others(self) -> None:
        ensemble = ht.DeepEnsemble(normalised, 3)
        other, x = ht.DeepEnsemble(normalised, 3), torch.randn(4, 3)
        other.load_state_dict(ensemble.state_dict())
        ensemble.eval(), other.eval()
        assert "members.0.weight" in ensemble.state_dict()
        assert torch.equal(other(x), ensemble(x))
        assert torch.equal(copy.deepcopy(ensemble)(x), ensemble(x))
        assert ensemble.double()(x.double()).dtype == DOUBLE
        assert sum(p.numel() for p in ensemble.parameters()) == 3 * sum(p.numel() for p in normalised().parameters())
        ensemble.members[1].train()
        assert not torch.equal(ensemble(x.double()), other(x).double())

    def test_a_copy_of_a_member_is_apart(self) -> None:
        ensemble = ht.DeepEnsemble(Tied, 2)
        member: Any = ensemble.member(1)
        assert member.first.weight is member.second.weight
        with torch.no_grad():
            member.first.weight.zero_()
        assert (ensemble.member(1).first.weight != 0).any()  # type: ignore[union-attr]

    def test_what_is_refused(self) -> None:
        sizes = iter([3, 4])
        with pytest.raises(OptionError, match="make: members must differ in their numbers alone"):
            ht.DeepEnsemble(lambda: torch.nn.Linear(3, next(sizes)), 2)
        kinds = iter([torch.nn.ReLU(), torch.nn.Tanh()])
        with pytest.raises(OptionError, match="member 1 is another network than member 0"):
            ht.DeepEnsemble(lambda: torch.nn.Sequential(torch.nn.Linear(3, 1), next(kinds)), 2)
        dtypes = iter([torch.float32, DOUBLE])
        with pytest.raises(OptionError, match="member 1 is another network"):
            ht.DeepEnsemble(lambda: torch.nn.Linear(3, 1, dtype=next(dtypes)), 2)
        one = torch.nn.Linear(3, 1)
        with pytest.raises(OptionError, match="the same object again"):
            ht.DeepEnsemble(lambda: one, 2)
        with pytest.raises(OptionError, match="make: members must differ"):
            ht.DeepEnsemble(lambda: torch.nn.LazyLinear(1), 2)
        with pytest.raises(DtypeError, match="make: expected a function that makes a member"):
            ht.DeepEnsemble(torch.nn.Linear(3, 1), 2)  # type: ignore[arg-type]
        with pytest.raises(DtypeError, match=r"torch.nn.Module, it made <class 'float'>"):
            ht.DeepEnsemble(lambda: 1.0, 2)  # type: ignore[arg-type,return-value]
        with pytest.raises(DomainError, match="n_learners"):
            ht.DeepEnsemble(perceptron, 0)
        ensemble = ht.DeepEnsemble(perceptron, 2)
        with pytest.raises(ShapeError, match="x: expected 2 of them"):
            ensemble(torch.zeros(3, 5, 3), each=True)
        with pytest.raises(IndexOutOfRangeError, match="index is 2; it must be from 0 to 1"):
            ensemble.member(2)
        with pytest.raises(DtypeError, match="index: expected an integer"):
            ensemble.member("a")  # type: ignore[arg-type]
