"""The torch losses: values and derivatives against closed forms, mpmath, finite differences and the compiled core."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given as for_any
from hypothesis import settings
from hypothesis import strategies as st

import hemicycle
from hemicycle.errors import DomainError, DtypeError, NoDataError, NonFiniteError, OptionError, ShapeError
from hemicycle.likelihood import value_and_gradient
from reference import losses as reference

torch = pytest.importorskip("torch", reason="torch is not installed")

import hemicycle.torch as ht  # noqa: E402
from hemicycle.torch.eager import dense_sum_gaussian, ragged_sum_gaussian  # noqa: E402
from hemicycle.torch.operators import sum_gaussian, summed  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

DOUBLE = torch.float64


def ragged(counts: list[int], seed: int = 0, dtype: torch.dtype = DOUBLE) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(counts)]))
    return torch.from_numpy(rng.normal(size=int(offsets[-1]))).to(dtype), offsets


def forms() -> dict[str, dict[str, Tensor]]:
    """Return labels of seven pairs in every form."""
    rng = np.random.default_rng(5)
    dense = torch.from_numpy(rng.normal(size=(5, 7)))
    flat, offsets = ragged([1, 2, 5, 1, 6, 5, 15])
    of_flat = torch.from_numpy(rng.uniform(0.1, 2, 35))
    return {
        "dense": {"labels": dense},
        "dense, weighted": {"labels": dense, "label_weights": torch.from_numpy(rng.uniform(0.1, 2, (5, 7)))},
        "ragged": {"labels": flat, "offsets": offsets},
        "ragged, weighted": {"labels": flat, "offsets": offsets, "label_weights": of_flat},
    }


FORMS = forms()
ALL_FORMS = pytest.mark.parametrize("form", FORMS)


def of_form(form: str, **options: Any) -> Callable[[Tensor], Tensor]:
    asked = {"sigma": 0.7, "reduction": "none"} | options
    return lambda pred: ht.sum_gaussian_loss(pred, **FORMS[form], **asked)


def batch(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=shape))


class TestValues:
    def test_one_label_is_half_the_squared_distance(self) -> None:
        pred = batch(9)
        loss = ht.sum_gaussian_loss(pred, torch.zeros(1, 9, dtype=DOUBLE), sigma=0.5, reduction="none")
        torch.testing.assert_close(loss, pred**2 / (2 * 0.25), rtol=1e-14, atol=0)

    def test_two_camps_have_a_minimum_each(self) -> None:
        """Five labels at 1 and five at -1: gradient descent ends near the camp that is nearer, not between them."""
        labels = torch.tensor([1.0] * 5 + [-1.0] * 5, dtype=DOUBLE)[:, None]
        for start, camp in ((0.1, 1.0), (-0.1, -1.0)):
            mu = torch.tensor([start], dtype=DOUBLE, requires_grad=True)
            descent = torch.optim.SGD([mu], lr=0.1)
            for _ in range(200):
                descent.zero_grad()
                ht.sum_gaussian_loss(mu, labels).backward()
                descent.step()
            assert mu.item() == pytest.approx(camp, abs=2e-3)
        middle = torch.zeros(1, dtype=DOUBLE, requires_grad=True)
        (slope,) = torch.autograd.grad(ht.sum_gaussian_loss(middle, labels), middle, create_graph=True)
        assert slope.item() == 0
        (curvature,) = torch.autograd.grad(ht.sum_gaussian_loss(middle, labels), middle, create_graph=True)
        (bend,) = torch.autograd.grad(curvature, middle)
        assert bend.item() == pytest.approx(1 / 0.25 - 1 / 0.0625)  # a maximum

    def test_it_is_the_one_line_of_the_proposal(self) -> None:
        pred, labels = batch(7), FORMS["dense"]["labels"]
        line = -torch.logsumexp(-((pred - labels) ** 2) / (2 * 0.7**2), dim=0)
        torch.testing.assert_close(of_form("dense")(pred), line, rtol=1e-13, atol=1e-14)

    @settings(max_examples=60, deadline=None)
    @for_any(data=st.data())
    def test_against_fifty_digits(self, data: st.DataObject) -> None:
        number = st.floats(-6, 6, width=32)
        labels = data.draw(st.lists(number, min_size=1, max_size=6))
        weights = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=len(labels), max_size=len(labels)))
        weights[data.draw(st.integers(0, len(labels) - 1))] = 1.0
        mu, sigma = data.draw(number), data.draw(st.sampled_from([0.2, 0.5, 2.0]))
        found = sum_gaussian(
            torch.tensor([mu], dtype=DOUBLE), torch.tensor(labels, dtype=DOUBLE)[:, None], None,
            torch.tensor(weights, dtype=DOUBLE)[:, None], sigma, 2,
        )  # fmt: skip
        derivatives = (reference.loss, reference.slope, reference.curvature)
        for order, (part, derivative) in enumerate(zip(found, derivatives, strict=True)):
            right = derivative(mu, labels, sigma, weights)
            scale = max(1.0, abs(mu) + max(map(abs, labels))) ** 2 / sigma ** (2 + order)
            assert part.item() == pytest.approx(float(right), abs=1e-13 * scale)

    @ALL_FORMS
    def test_full_is_minus_the_logarithm_of_the_density(self, form: str) -> None:
        pred = batch(7)
        for loss_of in (ht.sum_gaussian_loss, ht.gaussian_loss):
            told = FORMS[form] | {"sigma": 0.7, "reduction": "none"}
            bare, full = (loss_of(pred, **told, full=flag) for flag in (False, True))
            weights = FORMS[form].get("label_weights", torch.ones_like(FORMS[form]["labels"]))
            offsets = FORMS[form].get("offsets")
            split = weights.T if offsets is None else torch.tensor_split(weights, offsets[1:-1])
            total = torch.stack([part.sum() for part in split])
            root = 0.7 * math.sqrt(2 * math.pi)
            constant = (total * root).log() if loss_of is ht.sum_gaussian_loss else total * math.log(root)
            torch.testing.assert_close(full - bare, constant, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("pair_weights", ["equal", "total"])
    def test_pairwise_is_what_judges_a_submission(self, weighted: bool, pair_weights: str) -> None:
        rng = np.random.default_rng(3)
        a = rng.integers(0, 9, size=80)
        weight = rng.integers(1, 4, size=80) if weighted else None
        jury = hemicycle.Judgments.from_arrays(a, a + 1, rng.normal(size=80), weight=weight, items=10)
        logits = torch.from_numpy(rng.normal(size=(4, 10))).requires_grad_()
        loss = ht.pairwise_sum_gaussian_loss(
            logits, jury, sigma=0.6, pair_weights=pair_weights, reduction="none", full=True
        ).sum(-1)
        options = {"sigma": 0.6, "pair_weights": pair_weights, "rtol": 0}
        value, gradient = value_and_gradient(logits.detach().numpy(), jury, **options)
        np.testing.assert_allclose(-loss.detach().numpy(), value, rtol=1e-13)
        loss.sum().backward()
        np.testing.assert_allclose(-logits.grad.numpy(), gradient, rtol=1e-11, atol=1e-11)
        mean = ht.pairwise_sum_gaussian_loss(logits, jury, sigma=0.6, pair_weights=pair_weights, full=True)
        assert mean.item() == pytest.approx(-value.mean() / jury.pairs.pair_weight(pair_weights).sum(), rel=1e-12)
        total = ht.pairwise_sum_gaussian_loss(
            logits, jury, sigma=0.6, pair_weights=pair_weights, full=True, reduction="sum"
        )
        assert total.item() == pytest.approx(-value.sum(), rel=1e-12)

    @ALL_FORMS
    def test_gaussian_is_the_sum_of_squares(self, form: str) -> None:
        pred, labels = batch(3, 7), FORMS[form]["labels"]
        weights, offsets = FORMS[form].get("label_weights"), FORMS[form].get("offsets")
        found = ht.gaussian_loss(pred, **FORMS[form], sigma=0.7, reduction="none")
        weights = torch.ones_like(labels) if weights is None else weights
        if offsets is None:
            right = (weights * (pred[:, None] - labels) ** 2).sum(1)
        else:
            pair = torch.repeat_interleave(torch.arange(7), offsets.diff())
            right = torch.zeros_like(pred).index_add(1, pair, weights * (pred[:, pair] - labels) ** 2)
        torch.testing.assert_close(found, right / (2 * 0.49), rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize(
        ("n_labels", "n_pairs"), [(1, 1), (1, 1001), (3, 15), (3, 16), (3, 17), (2, 4097), (10_000, 3)]
    )
    @pytest.mark.parametrize("dtype", [DOUBLE, torch.float32])
    def test_odd_sizes(self, n_labels: int, n_pairs: int, dtype: torch.dtype) -> None:
        rng = np.random.default_rng(n_pairs)
        pred = torch.from_numpy(rng.normal(size=(2, n_pairs))).to(dtype)
        labels = torch.from_numpy(rng.normal(size=(n_labels, n_pairs))).to(dtype)
        offsets = torch.arange(n_pairs + 1) * n_labels
        right = dense_sum_gaussian(pred.double(), labels.double(), None, 0.5)
        rtol = 1e-12 if dtype == DOUBLE else 1e-5
        for given in ((pred, labels, None), (pred, labels.T.reshape(-1), offsets)):
            found = sum_gaussian(*given, None, 0.5, 2)
            for part, wanted in zip(found, right, strict=True):
                torch.testing.assert_close(part.double(), wanted, rtol=rtol, atol=10 * rtol)

    def test_any_batch_and_layout(self) -> None:
        pred = batch(7, 4, 3).permute(2, 1, 0)  # not contiguous
        loss = of_form("ragged, weighted")(pred)
        assert loss.shape == (3, 4, 7)
        torch.testing.assert_close(loss[1, 2], of_form("ragged, weighted")(pred[1, 2].contiguous()))
        assert torch.equal(
            of_form("dense")(pred),
            ht.sum_gaussian_loss(pred, FORMS["dense"]["labels"].T.contiguous().T, sigma=0.7, reduction="none"),
        )

    def test_reductions(self) -> None:
        pred = batch(3, 7)
        each = of_form("ragged")(pred)
        assert of_form("ragged", reduction="sum")(pred).item() == pytest.approx(each.sum().item())
        assert of_form("ragged", reduction="mean")(pred).item() == pytest.approx(each.mean().item())
        module = ht.SumGaussianLoss(sigma=0.7, reduction="sum", full=True)
        flat, offsets = FORMS["ragged"]["labels"], FORMS["ragged"]["offsets"]
        assert module(pred, flat, offsets).item() == pytest.approx(
            of_form("ragged", reduction="sum", full=True)(pred).item()
        )
        assert repr(module) == "SumGaussianLoss(sigma=0.7, reduction='sum', full=True)"

    def test_a_prediction_that_is_not_a_number_is_the_only_one_lost(self) -> None:
        pred = batch(7)
        pred[2] = torch.nan
        for form in FORMS:
            loss = of_form(form)(pred)
            assert loss.isnan().tolist() == [False, False, True, False, False, False, False]


class TestDerivatives:
    @ALL_FORMS
    @pytest.mark.parametrize("reduction", ht.losses.REDUCTIONS)
    def test_first_and_second_against_finite_differences(self, form: str, reduction: str) -> None:
        pred, loss = batch(3, 7).requires_grad_(), of_form(form, reduction=reduction, full=True)
        assert torch.autograd.gradcheck(loss, (pred,))
        assert torch.autograd.gradgradcheck(loss, (pred,))

    @ALL_FORMS
    def test_the_slope_of_a_mean_is_a_gradient_of_its_own(self, form: str) -> None:
        """What is kept for the gradient may be handed out once, and a second time is not what was done to it."""
        pred = batch(7).requires_grad_()
        loss = of_form(form, reduction="mean")(pred)
        (slope,) = torch.autograd.grad(loss, pred, retain_graph=True)
        right = slope.clone()
        loss.backward(retain_graph=True)
        loss.backward(retain_graph=True)
        torch.testing.assert_close(pred.grad, 2 * right)
        pred.grad.zero_()
        (3 * loss).backward()
        torch.testing.assert_close(pred.grad, 3 * right)

    @ALL_FORMS
    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_transforms_of_reductions(self, form: str, reduction: str) -> None:
        pred, reduced, each = batch(3, 7), of_form(form, reduction=reduction), of_form(form)
        of_rows = each(pred).sum(-1) if reduction == "sum" else each(pred).mean(-1)
        torch.testing.assert_close(torch.func.vmap(reduced)(pred), of_rows)
        total: Callable[[Tensor], Tensor] = lambda row: getattr(each(row), reduction)()  # noqa: E731
        for transform in (torch.func.grad, torch.func.jacrev, lambda loss: torch.func.jacrev(torch.func.grad(loss))):
            right, found = (torch.func.vmap(transform(loss))(pred) for loss in (total, reduced))
            torch.testing.assert_close(found, right)
        wide = pred.clone().requires_grad_()
        rows = torch.eye(3, dtype=DOUBLE)
        sums = torch.stack([reduced(row) for row in wide])
        (batched,) = torch.autograd.grad(sums, wide, rows, is_grads_batched=True)
        torch.testing.assert_close(batched.sum(0), torch.func.vmap(torch.func.grad(total))(pred))

    @ALL_FORMS
    def test_functional_transforms(self, form: str) -> None:
        pred = batch(3, 7)
        total: Callable[[Tensor], Tensor] = lambda rows: of_form(form)(rows).sum()  # noqa: E731
        right = sum_gaussian(pred, *taken(form), 0.7, 2)
        torch.testing.assert_close(torch.func.grad(total)(pred), right[1])
        torch.testing.assert_close(torch.func.vmap(of_form(form))(pred), right[0])
        torch.testing.assert_close(torch.func.vmap(torch.func.grad(total))(pred), right[1])
        bend = torch.func.jacrev(torch.func.grad(total))(pred[0])
        torch.testing.assert_close(bend, torch.diag(right[2][0]))

    @ALL_FORMS
    @pytest.mark.parametrize("along", [0, -1])
    def test_vmap_over_labels(self, form: str, along: int) -> None:
        told = dict(FORMS[form])
        alone = told.pop("labels")
        labels = torch.stack([alone * factor for factor in (1, 2, -1)])
        pred = batch(3, 2, 7)

        def loss(rows: Tensor, of_rows: Tensor) -> Tensor:
            return ht.sum_gaussian_loss(rows, of_rows, **told, reduction="none")

        right = torch.stack([loss(*both) for both in zip(pred, labels, strict=True)])
        found = torch.func.vmap(loss, in_dims=(0, along))(pred, labels.movedim(0, along))
        torch.testing.assert_close(found, right)
        slope = torch.func.vmap(torch.func.grad(lambda rows, of_rows: loss(rows, of_rows).sum()))(pred, labels)
        summed: Any = lambda rows, of_rows: ht.sum_gaussian_loss(rows, of_rows, **told, reduction="sum")  # noqa: E731
        torch.testing.assert_close(torch.func.vmap(summed)(pred, labels), right.sum((1, 2)))
        torch.testing.assert_close(torch.func.vmap(torch.func.grad(summed))(pred, labels), slope)
        assert slope.shape == pred.shape
        torch.testing.assert_close(torch.func.vmap(loss, in_dims=(None, 0))(pred[1], labels)[1], right[1])

    @ALL_FORMS
    @pytest.mark.parametrize("shape", [(3, 7), (7,)])
    def test_it_compiles_whole(self, form: str, shape: tuple[int, ...]) -> None:
        pred = batch(*shape).requires_grad_()
        compiled = torch.compile(of_form(form, reduction="mean"), fullgraph=True, backend="aot_eager")
        loss = compiled(pred)
        loss.backward()
        right = sum_gaussian(pred.detach(), *taken(form), 0.7, 1)
        torch.testing.assert_close(loss.detach(), right[0].mean())
        torch.testing.assert_close(pred.grad, right[1] / pred.numel())

    @ALL_FORMS
    def test_the_operator_is_sound(self, form: str) -> None:
        for order, scale in itertools.product(range(3), (None, 0.25)):
            given = (batch(3, 7), *taken(form), 0.7, order, scale)
            assert set(torch.library.opcheck(sum_gaussian, given).values()) == {"SUCCESS"}

    @ALL_FORMS
    def test_a_batch_is_differentiated_from_outside(self, form: str) -> None:
        pred = batch(3, 7).requires_grad_()
        right = sum_gaussian(pred.detach(), *taken(form), 0.7, 2)
        each = torch.func.vmap(of_form(form))
        torch.testing.assert_close(torch.func.grad(lambda rows: each(rows).sum())(pred.detach()), right[1])
        (slope,) = torch.autograd.grad(each(pred).sum(), pred, create_graph=True)
        torch.testing.assert_close(slope.detach(), right[1])
        (bend,) = torch.autograd.grad(slope.sum(), pred)
        torch.testing.assert_close(bend, right[2])
        alone = batch(1).expand(3)[:, None]  # of one pair: the shapes would broadcast
        one = torch.func.vmap(lambda row: ht.sum_gaussian_loss(row, FORMS["dense"]["labels"][:, :1], sigma=0.7))
        wanted = sum_gaussian(alone, FORMS["dense"]["labels"][:, :1].contiguous(), None, None, 0.7, 1)[1]
        torch.testing.assert_close(torch.func.grad(lambda rows: one(rows).sum())(alone), wanted)

    def test_vmap_of_vmap_over_weights_alone(self) -> None:
        pred, (labels, offsets, _) = batch(7), taken("ragged")
        weights = torch.from_numpy(np.random.default_rng(2).uniform(0.1, 2, (2, 3, 35)))

        def loss(of_labels: Tensor) -> Tensor:
            return ht.sum_gaussian_loss(pred, labels, offsets=offsets, label_weights=of_labels)

        right = torch.stack([loss(of_labels) for of_labels in weights.flatten(0, 1)]).view(2, 3)
        torch.testing.assert_close(torch.func.vmap(torch.func.vmap(loss))(weights), right)

    def test_vmap_of_squares_over_labels(self) -> None:
        pred, labels = batch(3, 7), batch(3, 5, 7)
        right = torch.stack([ht.gaussian_loss(*both) for both in zip(pred, labels, strict=True)])
        torch.testing.assert_close(torch.func.vmap(ht.gaussian_loss)(pred, labels), right)

    @pytest.mark.parametrize("loss", [ht.sum_gaussian_loss, ht.gaussian_loss])
    def test_it_compiles_for_any_size_and_sigma(self, loss: Any) -> None:
        compiled = torch.compile(loss, dynamic=True, fullgraph=True, backend="aot_eager")
        for n_pairs, sigma in ((5, 0.5), (7, 0.5), (9, 0.3)):
            pred, labels = batch(n_pairs), batch(3, n_pairs)
            torch.testing.assert_close(compiled(pred, labels, sigma=sigma), loss(pred, labels, sigma=sigma))

    def test_a_jury_first_seen_in_inference_or_compilation_can_be_trained_on(self) -> None:
        def first_in_inference(jury: hemicycle.Judgments) -> None:
            with torch.inference_mode():
                ht.pairwise_sum_gaussian_loss(torch.zeros(3), jury)

        def first_compiled(jury: hemicycle.Judgments) -> None:
            torch.compile(lambda logits: ht.pairwise_sum_gaussian_loss(logits, jury), backend="aot_eager")(
                torch.zeros(3)
            )

        for first in (first_in_inference, first_compiled):
            jury = hemicycle.Judgments.from_arrays(a=[0, 0, 1], b=[1, 1, 2], log_ratio=[0.7, 0.9, -0.4])
            first(jury)
            logits = torch.zeros(3, requires_grad=True)
            ht.pairwise_sum_gaussian_loss(logits, jury).backward()
            assert logits.grad.tolist() == pytest.approx([1.5381, -2.3381, 0.8], abs=1e-4)

    def test_a_third_is_refused(self) -> None:
        pred = batch(7).requires_grad_()
        (slope,) = torch.autograd.grad(of_form("dense")(pred).sum(), pred, create_graph=True)
        (bend,) = torch.autograd.grad(slope.sum(), pred, create_graph=True)
        with pytest.raises(OptionError, match="up to the second"):
            bend.sum().backward()

    def test_no_slope_is_made_where_none_is_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []
        core = hemicycle._core.sum_gaussian_loss
        monkeypatch.setattr(
            hemicycle._core, "sum_gaussian_loss", lambda *given: (asked.append(given[6] is not None), core(*given))
        )
        pred = batch(7).requires_grad_()
        of_form("dense")(pred)
        with torch.no_grad():
            of_form("dense")(pred)
        of_form("dense")(pred.detach())
        assert asked == [True, False, False]


def taken(form: str) -> tuple[Tensor, Tensor | None, Tensor | None]:
    told = FORMS[form]
    return told["labels"], told.get("offsets"), told.get("label_weights")


class TestPrecision:
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    @pytest.mark.parametrize("form", ["dense", "ragged, weighted"])
    def test_halves_are_computed_in_float32(self, dtype: torch.dtype, form: str) -> None:
        told = {name: tensor if name == "offsets" else tensor.to(dtype) for name, tensor in FORMS[form].items()}
        pred = batch(7).to(dtype).requires_grad_()
        loss = ht.sum_gaussian_loss(pred, **told, reduction="none")
        assert loss.dtype == torch.float32
        wide = {name: tensor if name == "offsets" else tensor.double() for name, tensor in told.items()}
        same = pred.detach().double().requires_grad_()
        right = ht.sum_gaussian_loss(same, **wide, reduction="none")
        torch.testing.assert_close(loss.double(), right, rtol=1e-5, atol=1e-5)
        loss.sum().backward()
        right.sum().backward()
        assert pred.grad.dtype == dtype
        torch.testing.assert_close(pred.grad, same.grad.to(dtype), rtol=2e-2, atol=1e-2)

    def test_the_wider_of_predictions_and_labels_counts(self) -> None:
        pred, labels = batch(7).float(), FORMS["dense"]["labels"]
        assert ht.sum_gaussian_loss(pred, labels).dtype == DOUBLE
        assert ht.sum_gaussian_loss(pred, labels.float()).dtype == torch.float32
        assert ht.gaussian_loss(pred.half(), labels.half()).dtype == torch.float32

    @pytest.mark.parametrize(
        ("dtype", "distance"), [(torch.float32, 1e15), (torch.bfloat16, 1e15), (torch.float16, 100.0), (DOUBLE, 1e15)]
    )
    @pytest.mark.parametrize("sigma", [0.5, 2.0])
    def test_nothing_overflows(self, dtype: torch.dtype, distance: float, sigma: float) -> None:
        labels = torch.tensor([[0.0, 0.0, 1.0], [0.1, -distance * sigma, -1.0]], dtype=dtype)
        pred = torch.tensor([distance * sigma, 0.0, -distance * sigma], dtype=dtype, requires_grad=True)
        offsets = torch.tensor([0, 2, 4, 6])
        for given in ({"labels": labels}, {"labels": labels.T.reshape(-1), "offsets": offsets}):
            loss = ht.sum_gaussian_loss(pred, **given, sigma=sigma, reduction="none")
            (slope,) = torch.autograd.grad(loss.sum(), pred)
            assert loss.isfinite().all()
            assert slope.isfinite().all()
            wide = dense_sum_gaussian(pred.detach().double(), labels.double(), None, sigma)
            torch.testing.assert_close(loss.detach().double(), wide[0], rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(slope.double(), wide[1], rtol=1e-2, atol=1e-3)

    @pytest.mark.parametrize("sigma", [1e-6, 1e6])
    def test_the_ends_of_sigma_overflow_nothing(self, sigma: float) -> None:
        pred = torch.tensor([1e15 * sigma, 0.0, 3 * sigma], requires_grad=True)
        labels = torch.tensor([[0.0, 2 * sigma, 0.0], [sigma, -1e15 * sigma, sigma]])
        loss = ht.sum_gaussian_loss(pred, labels, sigma=sigma, reduction="none")
        (slope,) = torch.autograd.grad(loss.sum(), pred)
        right = dense_sum_gaussian(pred.detach().double(), labels.double(), None, sigma)
        torch.testing.assert_close(loss.detach().double(), right[0], rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(slope.double(), right[1], rtol=1e-6, atol=0)

    def test_the_constant_is_as_precise_as_the_loss(self) -> None:
        pred, labels = batch(7), FORMS["dense"]["labels"].float()
        for loss in (ht.sum_gaussian_loss, ht.gaussian_loss):
            exact = loss(pred, labels.double(), sigma=0.7, full=True)
            assert loss(pred, labels, sigma=0.7, full=True).item() == pytest.approx(exact.item(), rel=1e-14)

    @pytest.mark.parametrize("form", ["dense, weighted", "ragged, weighted"])
    @pytest.mark.parametrize("scale", [1e5, 1e-9])
    def test_weights_are_not_rounded_to_half_labels(self, form: str, scale: float) -> None:
        pred, (labels, offsets, weights) = batch(7).half(), taken(form)
        given = {"offsets": offsets, "label_weights": weights * scale, "reduction": "none"}
        for loss in (ht.sum_gaussian_loss, ht.gaussian_loss):
            found = loss(pred, labels.half(), **given)
            right = loss(pred.double(), labels.half().double(), **given)
            torch.testing.assert_close(found.double(), right, rtol=1e-5, atol=1e-5)

    def test_differences_of_half_logits_are_not_rounded(self) -> None:
        jury = hemicycle.Judgments.from_arrays(a=[0], b=[1], log_ratio=[0.0])
        logits = torch.tensor([-0.001, 9.0], dtype=torch.float16)
        exact = ht.pairwise_sum_gaussian_loss(logits.double(), jury).item()
        assert ht.pairwise_sum_gaussian_loss(logits, jury).item() == pytest.approx(exact, rel=1e-6)

    def test_threads_change_no_bit(self) -> None:
        pred, (flat, offsets) = batch(3, 5000), ragged(list(np.random.default_rng(0).integers(1, 9, size=5000)))
        had, found = torch.get_num_threads(), []
        try:
            for n_threads in (1, 2, 3):
                torch.set_num_threads(n_threads)
                found.append(
                    [part for scale in (None, 0.3) for part in sum_gaussian(pred, flat, offsets, None, 0.5, 2, scale)]
                )
        finally:
            torch.set_num_threads(had)
        for other in found[1:]:
            assert all(torch.equal(*parts) for parts in zip(found[0], other, strict=True))

    @ALL_FORMS
    def test_plain_torch_says_the_same(self, form: str) -> None:
        """What other devices compute with."""
        pred, (labels, offsets, weights) = batch(3, 7), taken(form)
        plain = (
            dense_sum_gaussian(pred, labels, weights, 0.7)
            if offsets is None
            else ragged_sum_gaussian(pred, labels, offsets, weights, 0.7)
        )
        for scale in (None, 0.25):
            ours = sum_gaussian(pred, labels, offsets, weights, 0.7, 2, scale)
            for part, right in zip(summed(plain, scale), ours, strict=True):
                torch.testing.assert_close(part, right, rtol=1e-12, atol=1e-12)


class TestBadInput:
    labels, flat, offsets = FORMS["dense"]["labels"], FORMS["ragged"]["labels"], FORMS["ragged"]["offsets"]
    pred = torch.zeros(7, dtype=DOUBLE)

    @pytest.mark.parametrize("loss", [ht.sum_gaussian_loss, ht.gaussian_loss])
    def test_what_is_no_prediction_or_label(self, loss: Any) -> None:
        refused = [
            ((np.zeros(7), self.labels), {}, DtypeError, r"pred: expected a torch.Tensor, got ndarray"),
            ((self.pred.long(), self.labels), {}, DtypeError, r"pred: expected floating numbers, got torch.int64"),
            ((self.pred, self.labels.long()), {}, DtypeError, r"labels: expected floating numbers, got torch.int64"),
            ((self.pred[0], self.labels), {}, ShapeError, r"pred: expected shape \(..., n_pairs\)"),
            ((self.pred[:0], self.labels[:, :0]), {}, ShapeError, r"pred: .* at least one prediction, got \(0,\)"),
            ((self.pred.expand(0, 7), self.labels), {}, ShapeError, r"pred: .* at least one prediction, got \(0, 7\)"),
            ((self.pred, self.labels[:, :5]), {}, ShapeError, r"labels: expected shape \(n_labels, 7\).*got \(5, 5\)"),
            ((self.pred, self.flat), {}, ShapeError, r"labels one after another need offsets"),
            ((self.pred, self.labels), {"offsets": self.offsets}, ShapeError, "labels: with offsets they are"),
            ((self.pred, self.flat), {"offsets": self.offsets[1:]}, ShapeError, r"offsets: expected shape \(8,\)"),
            ((self.pred, self.flat), {"offsets": self.offsets.double()}, DtypeError, "offsets: expected a tensor of"),
            ((self.pred, self.labels), {"label_weights": self.flat}, ShapeError, "label_weights: expected one for"),
            ((self.pred, self.labels.clone().requires_grad_()), {}, OptionError, r"labels: needs a gradient.*detach"),
            ((self.pred.to("meta"), self.labels), {}, OptionError, r"labels: on cpu, but pred is on meta"),
            ((self.pred, self.labels), {"sigma": 0.0}, DomainError, r"sigma"),
            ((self.pred, self.labels), {"sigma": -1.0}, DomainError, r"sigma"),
            ((self.pred, self.labels), {"sigma": 9e-7}, DomainError, r"sigma is 9e-07; it must be from 1e-06 to"),
            ((self.pred, self.labels), {"sigma": 2e6}, DomainError, r"sigma is 2000000.0; it must be from"),
            ((self.pred, self.labels), {"sigma": float("nan")}, NonFiniteError, r"sigma"),
            ((self.pred, self.labels), {"reduction": "max"}, OptionError, r"reduction"),
            ((self.pred, self.labels), {"full": 1}, DtypeError, r"full"),
        ]  # fmt: skip
        for given, options, error, words in refused:
            with pytest.raises(error, match=words):
                loss(*given, **options)

    @pytest.mark.parametrize("loss", [ht.sum_gaussian_loss, ht.gaussian_loss])
    def test_what_only_reading_shows(self, loss: Any) -> None:
        for wrong in (torch.nan, torch.inf, -torch.inf):
            labels, flat = self.labels.clone(), self.flat.clone()
            labels[2, 3] = flat[17] = wrong
            with pytest.raises(NonFiniteError, match=r"labels\[2, 3\] is"):
                loss(self.pred, labels)
            with pytest.raises(NonFiniteError, match=r"labels\[17\] is"):
                loss(self.pred, flat, offsets=self.offsets)
        empty = torch.tensor([0, 1, 3, 3, 9, 15, 20, 35])
        with pytest.raises(NoDataError, match="offsets: pair 2 has no label"):
            loss(self.pred, self.flat, offsets=empty)
        for offsets in ([1, 2, 3, 8, 9, 15, 20, 35], [0, 1, 3, 8, 9, 15, 20, 34], [0, 3, 1, 8, 9, 15, 20, 35]):
            with pytest.raises(DomainError, match="offsets"):
                loss(self.pred, self.flat, offsets=torch.tensor(offsets))
        for value in (-1.0, torch.nan, torch.inf):
            weights = torch.ones_like(self.labels)
            weights[1, 6] = value
            with pytest.raises((DomainError, NonFiniteError), match=r"label_weights\[1, 6\] is"):
                loss(self.pred, self.labels, label_weights=weights)
        weights = torch.ones_like(self.labels)
        weights[:, 4] = 0
        with pytest.raises(NoDataError, match="label_weights: those of pair 4 are all 0"):
            loss(self.pred, self.labels, label_weights=weights)

    @pytest.mark.parametrize("loss", [ht.sum_gaussian_loss, ht.gaussian_loss])
    def test_labels_are_read_each_time(self, loss: Any) -> None:
        told = np.zeros((5, 7))
        labels = torch.from_numpy(told)
        loss(self.pred, labels)
        told[1, 2] = np.nan  # torch does not see it
        with pytest.raises(NonFiniteError, match=r"labels\[1, 2\] is"):
            loss(self.pred, labels)
        with torch.inference_mode():
            made = torch.zeros(5, 7)
        assert loss(self.pred, made).isfinite()

    def test_a_column_beside_a_column_is_warned_of(self) -> None:
        with pytest.warns(UserWarning, match=r"both have shape \(8, 1\): taken as 8 models of one pair.*squeeze"):
            ht.sum_gaussian_loss(torch.zeros(8, 1), torch.zeros(8, 1))
        ht.sum_gaussian_loss(torch.zeros(8, 1), torch.zeros(5, 1))

    def test_of_judgments(self) -> None:
        jury = hemicycle.Judgments.from_arrays(a=[0, 1], b=[1, 2], log_ratio=[0.5, -1.0])
        logits = torch.zeros(3)
        with pytest.raises(ShapeError, match=r"logits: expected shape \(..., 3\)"):
            ht.pairwise_sum_gaussian_loss(torch.zeros(4), jury)
        with pytest.raises(DtypeError, match="logits: expected a tensor of floating numbers"):
            ht.pairwise_sum_gaussian_loss(logits.long(), jury)
        with pytest.raises(DtypeError, match="judgments"):
            ht.pairwise_sum_gaussian_loss(logits, [1.0])
        with pytest.raises(OptionError, match="pair_weights"):
            ht.pairwise_sum_gaussian_loss(logits, jury, pair_weights="some")
        with pytest.raises(NoDataError, match="pair_weights: all are 0"):
            ht.pairwise_sum_gaussian_loss(logits, jury, pair_weights=[0.0, 0.0])
        ordinal = hemicycle.Judgments.from_arrays(a=[0], b=[1], log_ratio=[np.nan], choice=[1])
        with pytest.raises(NoDataError, match="log ratio"):
            ht.pairwise_sum_gaussian_loss(torch.zeros(2), ordinal)


class TestPools:
    rng = np.random.default_rng(9)
    jury = hemicycle.Judgments.from_arrays(rng.integers(0, 4, 60), rng.integers(5, 9, 60), rng.normal(size=60), items=9)
    logits = rng.normal(size=(50, 9))

    def test_on_the_cpu_it_is_the_compiled_core(self) -> None:
        right = hemicycle.log_likelihood(self.logits, self.jury, sigma=0.7, pair_weights="total")
        for logits in (
            self.logits,
            torch.from_numpy(self.logits),
            hemicycle.Pool.from_array(self.logits, items=self.jury.items),
        ):
            found = ht.log_likelihood(logits, self.jury, sigma=0.7, pair_weights="total", device="cpu")
            assert found.dtype == DOUBLE
            np.testing.assert_array_equal(found.numpy(), right)
        half = ht.log_likelihood(torch.from_numpy(self.logits).half(), self.jury, device="cpu")
        np.testing.assert_allclose(half.numpy(), hemicycle.log_likelihood(self.logits, self.jury), rtol=1e-2)

    def test_what_is_refused(self) -> None:
        with pytest.raises(ShapeError, match=r"logits: expected shape \(n_models, 9\)"):
            ht.log_likelihood(torch.zeros(3, 8), self.jury)
        with pytest.raises(DtypeError, match="logits: expected floating numbers"):
            ht.log_likelihood(torch.zeros(3, 9, dtype=torch.int64), self.jury)
        with pytest.raises(OptionError, match="device: expected 'cuda' or 'cpu', got 'meta'"):
            ht.log_likelihood(torch.zeros(3, 9, device="meta"), self.jury)
        with pytest.raises(DomainError, match=r"sigma is 2000000.0; it must be from"):
            ht.log_likelihood(self.logits, self.jury, sigma=2e6)
        for device in ("nowhere", "meta"):
            with pytest.raises(OptionError, match="device"):
                ht.log_likelihood(self.logits, self.jury, device=device)
