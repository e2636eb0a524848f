"""What members say at the edges of the objective: next to each other, nothing at all, or without weight."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from hemicycle.diversity import decompose
from hemicycle.errors import DomainError, DtypeError, OptionError, ShapeError

torch = pytest.importorskip("torch", reason="torch is not installed")

import hemicycle.torch as ht  # noqa: E402

DOUBLE = torch.float64
KINDS = [("mse", None), ("cross_entropy", "score"), ("cross_entropy", "probability"), ("brier", None)]
ALL_KINDS = pytest.mark.parametrize(("loss", "averaging"), KINDS)


def drawn(loss: str, n_learners: int = 4, n_examples: int = 6, n_outputs: int = 3, seed: int = 0) -> tuple[Any, Any]:
    """Return predictions and targets for a loss, as tensors."""
    rng = np.random.default_rng(seed)
    pred = torch.from_numpy(rng.normal(size=(n_learners, n_examples, n_outputs)))
    if loss == "mse":
        return pred, torch.from_numpy(rng.normal(size=(n_examples, n_outputs)))
    return pred, torch.from_numpy(rng.integers(0, n_outputs, size=n_examples))


def softmax(scores: list[Any]) -> list[Any]:
    powers = [mpmath.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def exact_div(loss: str, averaging: str | None, pred: Any, target: Any, weights: list[float]) -> float:
    """Return DIV of one example by its definition, in 60 digits, from the numbers as they are stored."""
    with mpmath.workdps(60):
        w = [mpmath.mpf(weight) for weight in weights]
        w = [weight / sum(w) for weight in w]
        members = [[mpmath.mpf(score) for score in own] for own in pred.double().tolist()]
        if loss in ("mse", "brier"):
            members = members if loss == "mse" else [softmax(own) for own in members]
            mean = [mpmath.fdot(w, column) for column in zip(*members, strict=True)]
            distances = [sum((a - b) ** 2 for a, b in zip(own, mean, strict=True)) for own in members]
            return float(mpmath.fdot(w, distances))
        logs = [[mpmath.log(p) for p in softmax(own)] for own in members]
        if averaging == "score":
            q = softmax([mpmath.fdot(w, column) for column in zip(*members, strict=True)])
            kl = [sum(b * (mpmath.log(b) - a) for a, b in zip(own, q, strict=True)) for own in logs]
            return float(mpmath.fdot(w, kl))
        at = [own[int(target)] for own in logs]
        return float(mpmath.log(mpmath.fdot(w, [mpmath.exp(a) for a in at])) - mpmath.fdot(w, at))


class TestMembersNextToEachOther:
    @ALL_KINDS
    @pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
    @pytest.mark.parametrize("weights", [None, [0.7, 0.1, 0.1, 0.1], [0.01, 0.01, 0.01, 0.97]])
    def test_div_keeps_digits_and_is_not_negative(
        self, loss: str, averaging: str | None, dtype: torch.dtype, weights: list[float] | None
    ) -> None:
        pred, target = drawn(loss, n_examples=40)
        eps = torch.finfo(dtype).eps
        objective = ht.EnsembleLoss(loss, averaging=averaging, learner_weights=weights)
        for apart in (1e-1, 1e-2, 1e-3, 30 * eps, 2 * eps):
            near = (pred[:1] + apart * pred).to(dtype)
            _, _, div = objective.of_examples(near, target)
            assert (div >= 0).all()
            # the members' own logarithms and probabilities are rounded, which moves them by some eps
            rounding = 0.0 if loss == "mse" else 16 * eps
            for j in range(near.shape[1]):
                right = exact_div(loss, averaging, near[:, j], target[j], weights or [0.25] * 4)
                size = 64 * eps * right + rounding * math.sqrt(right) + rounding**2
                assert div[j].item() == pytest.approx(right, rel=0, abs=size)

    @ALL_KINDS
    def test_equal_members_have_none(self, loss: str, averaging: str | None) -> None:
        pred, target = drawn(loss)
        for dtype in (torch.float32, DOUBLE):
            same = (1e3 * pred[:1]).expand(7, -1, -1).to(dtype)
            _, _, div = ht.EnsembleLoss(loss, averaging=averaging).of_examples(same, target)
            assert (div >= 0).all()
            assert (div <= (64 * torch.finfo(dtype).eps * 1e3) ** 2).all()

    def test_what_members_have_in_common_costs_no_digits(self) -> None:
        apart = torch.tensor([[-0.25], [0.0], [0.5]])
        parts = ht.EnsembleLoss()(2.0**20 + apart, torch.tensor([2.0**20]))
        assert parts.div.item() == pytest.approx(np.var([-0.25, 0, 0.5]), rel=1e-6)
        assert parts.err.item() == pytest.approx((0.25 / 3) ** 2, rel=1e-6)
        scores = torch.tensor([[[1e6, 1e6 + 1]], [[1e6, 1e6 - 1]]])
        found = ht.EnsembleLoss("cross_entropy", averaging="score")(scores, torch.tensor([0]))
        right = decompose(scores.double().numpy() - 1e6, np.array([0]), loss="cross_entropy", averaging="score")
        assert found.err.item() == pytest.approx(right.err, rel=1e-6)
        assert found.div.item() == pytest.approx(right.div, rel=1e-6)


class TestWhatDoesNotCount:
    @ALL_KINDS
    @pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
    @pytest.mark.parametrize("said", [math.nan, math.inf, -math.inf, 1e300])
    def test_members_of_weight_0(self, loss: str, averaging: str | None, beta: float, said: float) -> None:
        pred, target = drawn(loss)
        weights = [0.0, 0.3, 0.0, 0.7]
        objective = ht.EnsembleLoss(loss, averaging=averaging, beta=beta, learner_weights=weights)
        counted = pred[[1, 3]].clone().requires_grad_()
        alone = ht.EnsembleLoss(loss, averaging=averaging, beta=beta, learner_weights=[0.3, 0.7])(counted, target)
        alone.loss.backward()
        for place in (0, 2):
            pred[place, 1:] = said
        pred.requires_grad_()
        found = objective(pred, target)
        found.loss.backward()
        torch.testing.assert_close(found, alone)
        torch.testing.assert_close(pred.grad[[1, 3]], counted.grad)
        assert (pred.grad[[0, 2]] == 0).all()

    @ALL_KINDS
    def test_members_that_are_dropped(self, loss: str, averaging: str | None) -> None:
        """Where one that is NaN is left out of an example, the example is that of the others."""
        pred, target = drawn(loss, n_learners=3, n_examples=200)
        objective = ht.EnsembleLoss(loss, averaging=averaging, beta=1.0, dropout=0.5)
        torch.manual_seed(0)
        right = torch.stack(objective.of_examples(pred, target))
        spoiled = pred.clone()
        spoiled[0] = math.nan
        torch.manual_seed(0)
        found = torch.stack(objective.of_examples(spoiled, target))
        left = ~found.isnan().any(0)
        assert 0.3 < left.double().mean() < 0.7
        assert torch.equal(found[:, left], right[:, left])
        assert found[:, ~left].isnan().all()

    @ALL_KINDS
    def test_nan_of_members_that_count_is_nan(self, loss: str, averaging: str | None) -> None:
        pred, target = drawn(loss)
        pred[1, 2, 0] = math.nan
        for beta in (0.0, 0.5, 1.0):
            parts = ht.EnsembleLoss(loss, averaging=averaging, beta=beta)(pred, target)
            assert all(part.isnan() for part in parts)

    @pytest.mark.parametrize("averaging", ["score", "probability"])
    def test_classes_that_are_ruled_out(self, averaging: str) -> None:
        """A score of -inf is probability 0: infinite where the class is right, and no NaN anywhere else."""
        pred, _ = drawn("brier", n_learners=2, n_examples=1)
        pred[0, 0, 2] = -math.inf
        weights, w = [0.4, 0.6], np.array([[0.4], [0.6]])
        found = ht.EnsembleLoss("cross_entropy", averaging=averaging, learner_weights=weights)(pred, torch.tensor([1]))
        p = torch.softmax(pred[:, 0], -1).numpy()
        if averaging == "score":
            q = np.exp((w * pred[:, 0, :2].numpy()).sum(0))
            q /= q.sum()
            div = (w * q * np.log(q / p[:, :2])).sum()
        else:
            q = (w * p).sum(0)
            div = (w[:, 0] * np.log(q[1] / p[:, 1])).sum()
        assert found.err.item() == pytest.approx(-math.log(q[1]), rel=1e-12)
        assert found.div.item() == pytest.approx(div, rel=1e-12)
        if averaging == "probability":
            pred.requires_grad_()
            joint = ht.EnsembleLoss("cross_entropy", averaging=averaging, beta=1.0, learner_weights=weights)
            parts = joint(pred, torch.tensor([2]))
            parts.loss.backward()
            assert parts.loss.item() == pytest.approx(-math.log(0.6 * torch.softmax(pred[1, 0], 0)[2].item()))
            assert parts.err_bar == parts.div == math.inf
            assert pred.grad.isfinite().all()

    def test_infinite_squares(self) -> None:
        """Of one that overflows the objective is infinite, as torch's own would be."""
        pred = torch.tensor([[1e30], [0.0]])
        assert ht.EnsembleLoss()(pred, torch.zeros(1)).loss == math.inf


class TestComplexNumbers:
    @pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
    def test_they_are_refused(self, dtype: torch.dtype) -> None:
        pred, target = drawn("mse")
        with pytest.raises(DtypeError, match=r"pred: expected floating numbers, got torch.complex.*view_as_real"):
            ht.EnsembleLoss()(pred.to(dtype), target)
        with pytest.raises(DtypeError, match=r"target: expected real numbers or classes, got torch.complex"):
            ht.EnsembleLoss()(pred, target.to(dtype))
        with pytest.raises(DtypeError, match="pred: expected floating numbers"):
            ht.gradient_adjusted_targets(pred.to(dtype), target, 1.0)
        with pytest.raises(DtypeError, match="target: expected real numbers"):
            ht.gradient_adjusted_targets(pred, target.to(dtype), 1.0)
        with pytest.raises(DtypeError, match="weights: expected floating numbers"):
            ht.learner_dropout(torch.full((2,), 0.5).to(dtype), 3, 0.5)
        with pytest.raises(DtypeError, match="learner_weights: expected real numbers"):
            ht.EnsembleLoss(learner_weights=torch.full((2,), 0.5).to(dtype))
        with pytest.raises(DtypeError, match="learner_weights: expected real numbers"):
            ht.EnsembleLoss(learner_weights=[0.5 + 0j, 0.5])  # type: ignore[list-item]


class TestArguments:
    @pytest.mark.parametrize(
        ("weights", "options", "error", "message"),
        [
            ([0.5, 0.5], {}, DtypeError, r"weights: expected a tensor, got list; use torch.tensor\(weights\)"),
            (np.full(2, 0.5), {}, DtypeError, "weights: expected a tensor, got ndarray"),
            (torch.tensor([1, 0]), {}, DtypeError, r"weights: .* got torch.int64; use weights.float\(\)"),
            (torch.full((2, 2), 0.5), {}, ShapeError, r"weights: expected shape \(n_learners,\), .* got \(2, 2\)"),
            (torch.tensor(1.0), {}, ShapeError, r"weights: .* got \(\)"),
            (torch.zeros(0), {}, ShapeError, r"weights: .* got \(0,\)"),
            (torch.zeros(2), {}, DomainError, "weights: .* divide them by their sum"),
            (torch.tensor([0.6, 0.6]), {}, DomainError, "weights: .* sum to 1"),
            (torch.tensor([1.5, -0.5]), {}, DomainError, "weights: they must be 0 or more"),
            (torch.tensor([math.nan, 1.0]), {}, DomainError, "weights"),
            (torch.tensor([math.inf, 1.0]), {}, DomainError, "weights"),
            (None, {"n_examples": 0}, DomainError, "n_examples"),
            (None, {"n_examples": 2.0}, DtypeError, "n_examples"),
            (None, {"p": 1.0}, DomainError, "p is 1"),
            (None, {"p": -0.1}, DomainError, "p is -0.1"),
            (None, {"p": "x"}, DtypeError, "p"),
            (None, {"generator": 3}, DtypeError, "generator: expected a torch.Generator or None, got int"),
        ],
    )
    def test_of_learner_dropout(self, weights: Any, options: Any, error: type[Exception], message: str) -> None:
        given = torch.full((2,), 0.5) if weights is None else weights
        with pytest.raises(error, match=message):
            ht.learner_dropout(given, **{"n_examples": 3, "p": 0.5, **options})

    def test_generator_of_another_device(self) -> None:
        with pytest.raises(OptionError, match="generator: it is on cpu, weights on meta"):
            ht.learner_dropout(torch.full((2,), 0.5, device="meta"), 3, 0.5, generator=torch.Generator())

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, DOUBLE])
    def test_dropout_of_any_precision(self, dtype: torch.dtype) -> None:
        weights = torch.full((7,), 1 / 7, dtype=dtype)
        kept = ht.learner_dropout(weights, 4000, 0.3, generator=torch.Generator().manual_seed(0))
        assert kept.dtype == dtype
        assert (kept == 0).double().mean().item() == pytest.approx(0.3, abs=0.02)
        torch.testing.assert_close(
            kept.double().sum(0), torch.ones(4000, dtype=DOUBLE), rtol=0, atol=7 * torch.finfo(dtype).eps
        )

    def test_dropout_maps_and_compiles(self) -> None:
        weights = torch.tensor([[0.5, 0.5], [0.2, 0.8]])
        kept = torch.func.vmap(lambda w: ht.learner_dropout(w, 5, 0.5), randomness="different")(weights)
        torch.testing.assert_close(kept.sum(1), torch.ones(2, 5))
        compiled = torch.compile(lambda w: ht.learner_dropout(w, 5, 0.5), fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(weights[0]).sum(0), torch.ones(5))
        wide = torch.tensor([0.5, 0.5], dtype=DOUBLE, requires_grad=True)
        ht.learner_dropout(wide, 1, 0.0)[0, 0].backward()
        torch.testing.assert_close(wide.grad, torch.tensor([0.5, -0.5], dtype=DOUBLE))

    @pytest.mark.parametrize(
        ("pred", "target", "alpha", "options", "error", "message"),
        [
            ([[0.0], [1.0]], torch.zeros(1), 1.0, {}, DtypeError, "pred: expected a tensor, got list"),
            (torch.zeros(2, 1), np.zeros(1), 1.0, {}, DtypeError, "target: expected a tensor, got ndarray"),
            (torch.zeros(2), torch.zeros(()), 1.0, {}, ShapeError, r"pred: expected shape \(n_learners"),
            (torch.zeros(2, 0), torch.zeros(0), 1.0, {}, ShapeError, "none of them 0"),
            (torch.zeros(2, 3), torch.zeros(2, 3), 1.0, {}, ShapeError, r"pred, \(3,\), got \(2, 3\)"),
            (torch.zeros(2, 3), torch.zeros(1), 1.0, {}, ShapeError, r"target: .* got \(1,\)"),
            (torch.zeros(2, 3), torch.zeros(3, device="meta"), 1.0, {}, OptionError, "target: it is on meta"),
            (torch.zeros(2, 3), torch.zeros(3), -0.5, {}, DomainError, "alpha is -0.5"),
            (torch.zeros(2, 3), torch.zeros(3), math.nan, {}, ValueError, "alpha"),
            (torch.zeros(2, 3), torch.zeros(3), "1", {}, DtypeError, "alpha"),
            (torch.zeros(2, 3), torch.zeros(3), torch.ones(2), {}, DtypeError, "alpha"),
            (torch.zeros(3, 3), torch.zeros(3), 2.1, {"leave_one_out": True}, DomainError, "alpha is 2.1; .* 2"),
            (torch.zeros(2, 3), torch.zeros(3), 1.0, {"leave_one_out": 1}, DtypeError, "leave_one_out"),
            (torch.zeros(2, 3), torch.zeros(3), 1.0, {"detach": 1}, DtypeError, "detach"),
        ],
    )  # fmt: skip
    def test_of_adjusted_targets(
        self, pred: Any, target: Any, alpha: Any, options: Any, error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            ht.gradient_adjusted_targets(pred, target, alpha, **options)

    def test_at_the_end_of_the_domain(self) -> None:
        """With a step of the number of others a member's own error drops out of its detached gradient."""
        pred, target = drawn("mse", 3)
        pred.requires_grad_()
        told = ht.gradient_adjusted_targets(pred, target, 2.0, leave_one_out=True, detach=True)
        (gradient,) = torch.autograd.grad((pred - told).square().sum(), pred)
        torch.testing.assert_close(gradient, (6 * (pred.mean(0) - target)).expand(3, -1, -1))


class TestLearningRates:
    def test_the_mean_gives_each_member_its_share_of_the_gradient(self) -> None:
        """Steps of M times the rate are those of members alone; Adam's are the same at the same rate."""
        torch.manual_seed(0)
        for optimiser, factor in ((torch.optim.SGD, 5), (torch.optim.Adam, 1)):
            ensemble = ht.DeepEnsemble(lambda: torch.nn.Linear(3, 1, dtype=DOUBLE), 5)
            members = [ensemble.member(j) for j in range(5)]
            x, y = torch.randn(20, 3, dtype=DOUBLE), torch.randn(20, 1, dtype=DOUBLE)
            together = optimiser(ensemble.parameters(), lr=factor * 0.01)
            apart = [optimiser(member.parameters(), lr=0.01) for member in members]
            for _ in range(4):
                together.zero_grad()
                ht.EnsembleLoss()(ensemble(x), y).loss.backward()
                together.step()
                for member, descent in zip(members, apart, strict=True):
                    descent.zero_grad()
                    torch.nn.functional.mse_loss(member(x), y).backward()
                    descent.step()
            alone = torch.stack([member(x) for member in members])
            torch.testing.assert_close(ensemble(x), alone, rtol=1e-6, atol=1e-6)
