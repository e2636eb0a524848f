"""What the jury alone says, and who moves it: the definition, the published finding, typed errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, mean_squared_error
from hemicycle.direct import direct_fit, direct_intervals
from hemicycle.direct_influence import direct_influence
from hemicycle.errors import DomainError, DtypeError, FormatError, NoDataError, OptionError
from hemicycle.scores import total_variation
from reference import direct as reference

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

JURORS = ("ann", "ben", "cem", "dee")


def judged(n: int = 40, n_items: int = 7, seed: int = 0) -> Judgments:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, n_items, n)
    b = (a + rng.integers(1, n_items, n)) % n_items
    y = np.where(rng.random(n) < 0.15, np.nan, 2 * rng.normal(size=n))
    weight = rng.choice([0.0, 1.0, 3.0], n)
    juror = [JURORS[k] for k in rng.integers(0, 4, n)]
    return Judgments.from_arrays(a, b, y, choice=rng.integers(1, 3, n), juror=juror, weight=weight, items=n_items)


def expected(judgments: Judgments) -> NDArray[np.float64]:
    rows = judgments.is_cardinal & (judgments.weight > 0)
    columns = (column[rows] for column in (judgments.a, judgments.b, judgments.log_ratio, judgments.weight))
    return reference.logits(*columns, len(judgments.items))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    parts: NDArray[np.float64] = np.exp(logits - logits.max())
    return parts / parts.sum()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [2, 6, 40])
def test_the_definition(n: int, seed: int) -> None:
    judgments = judged(n, seed=seed)
    if not len(judgments.pairs):
        judgments = judged(2 * n, seed=seed)
    fit = direct_fit(judgments)
    np.testing.assert_allclose(fit.logits, expected(judgments), atol=1e-12)
    np.testing.assert_allclose(fit.share, softmax(fit.logits), rtol=1e-12)
    assert fit.mse == pytest.approx(mean_squared_error(fit.logits[None], judgments)[0], rel=1e-12)
    np.testing.assert_array_equal(fit.component, judgments.pairs.components(7))
    assert fit.judgments.sum() == 2 * judgments.pairs.n_labels
    assert fit.table().columns == ("parent", "item", "share", "logit", "judgments", "component")


def test_no_model_is_nearer_to_the_jury() -> None:
    judgments = judged()
    fit = direct_fit(judgments)
    near = fit.logits + 0.1 * np.random.default_rng(1).normal(size=(50, 7))
    assert (mean_squared_error(near, judgments) >= fit.mse).all()


def test_what_nobody_compares_is_a_convention_and_told() -> None:
    items = [("p", "x"), ("p", "y"), ("p", "z"), ("p", "w"), ("p", "alone"), ("q", "one"), ("q", "two")]
    fit = direct_fit(Judgments.from_arrays([0, 2, 5], [1, 3, 6], [2.0, 4.0, 1.0], items=items))
    np.testing.assert_allclose(fit.logits, [-1, 1, -2, 2, 0, -0.5, 0.5], atol=1e-15)
    assert fit.component.tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert fit.judgments.tolist() == [1, 1, 1, 1, 0, 1, 1]
    assert fit.share[:5].sum() == pytest.approx(1, rel=1e-15)
    assert fit.share[5:].sum() == pytest.approx(1, rel=1e-15)
    assert repr(fit).startswith("DirectFit(7 items in 4 components, mse=")


@pytest.mark.parametrize("by", ["juror", "pair"])
def test_who_is_left_out(by: Any) -> None:
    judgments = judged()
    found = direct_influence(judgments, by)
    counting = judgments.is_cardinal & (judgments.weight > 0)
    low, high = np.minimum(judgments.a, judgments.b), np.maximum(judgments.a, judgments.b)
    absent = [np.array([juror == name for juror in judgments.juror]) for name in JURORS]
    if by == "pair":
        absent = [(low == a) & (high == b) for a, b in zip(judgments.pairs.a, judgments.pairs.b, strict=True)]
    assert len(found) == len(absent)
    for k, rows in enumerate(absent):
        rows &= counting
        assert found.n_labels[k] == np.count_nonzero(rows)
        without = expected(judgments.select(~rows))
        np.testing.assert_allclose(found.share_change[k], softmax(without) - found.whole.share, atol=1e-12)
        for logits, mse in ((found.whole.logits, found.mse_with[k]), (without, found.mse_without[k])):
            assert mse == pytest.approx(mean_squared_error(logits[None], judgments.select(rows))[0], rel=1e-9)
    np.testing.assert_allclose(found.allocation_change, 0.5 * np.abs(found.share_change).sum(axis=1))
    table = found.table()
    assert table.columns[0] == by
    assert (np.diff(table["allocation_change"]) <= 0).all()
    assert (np.abs(table["share_change"]) <= 2 * table["allocation_change"]).all()


def test_a_juror_who_holds_the_items_together() -> None:
    judgments = Judgments.from_arrays([0, 2, 1], [1, 3, 2], [1.0, 1.0, 9.0], juror=["ann", "ann", "ben"], items=4)
    found = direct_influence(judgments)
    assert found.names == ("ann", "ben")
    assert found.n_components.tolist() == [3, 2]
    assert found.mse_without.tolist() == pytest.approx([5.5**2, 10.0**2])  # apart, the parts have equal means


def test_jurors_who_name_nobody_stay() -> None:
    judgments = Judgments.from_arrays([0, 1, 0], [1, 2, 2], [1.0, 1.0, 5.0], juror=["ann", None, None], items=3)
    assert direct_influence(judgments).names == ("ann",)


def test_the_published_finding(round_data: Path) -> None:
    """One juror of 37 moves the allocation of a real round by 0.364 in L1, and the share of one item by 0.141."""
    judgments = Judgments.read(round_data / "level1-2025" / "jury.csv")
    found = direct_influence(judgments)
    first = next(iter(found.table()))
    assert first["juror"] == "L1Juror38"
    assert f"{2 * first['allocation_change']:.3f}" == "0.364"
    assert first["item"].endswith("ethereum/eips")
    assert f"{first['share_change']:+.3f}" == "+0.141"
    assert f"{found.whole.mse:.4f}" == "4.8084"
    pool = Pool.read(round_data / "level1-2025" / "submissions" / "gasquez-least-squares.csv", items=judgments.items)
    assert total_variation(softmax(pool.logits[0]), found.whole.share) < 1e-12  # the fit that its author published


def test_intervals_are_fits_with_other_weights() -> None:
    judgments = judged()
    found = direct_intervals(judgments, replicates=6, level=0.5, rng=2)
    alpha = np.random.default_rng(2).standard_exponential((6, 4))
    alpha *= 4 / alpha.sum(axis=1, keepdims=True)
    for factors, replicated in zip(alpha, found.replicated, strict=True):
        heavier = judgments.with_juror_weights(dict(zip(JURORS, factors, strict=True)))
        np.testing.assert_allclose(replicated, softmax(expected(heavier)), rtol=1e-10)
    assert found.label == "50% Bayesian bootstrap, 6 replicates over 4 jurors, direct"
    np.testing.assert_array_equal(found.share, direct_fit(judgments).share)
    assert (found.low < found.high).all()
    with pytest.raises(DomainError, match="level is 0"):
        direct_intervals(judgments, level=0)


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    judgments = judged()
    with pytest.raises(OptionError, match="by: expected 'juror' or 'pair', got 'model'"):
        direct_influence(judgments, "model")  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="expected Judgments"):
        direct_fit([1, 2])  # type: ignore[arg-type]
    ordinal = Judgments.from_arrays([0], [1], choice=[1], juror=["ann"], items=2)
    with pytest.raises(NoDataError, match="log ratio"):
        direct_fit(ordinal)
    one = Judgments.from_arrays([0], [1], [1.0], juror=["ann"], items=2)
    with pytest.raises(NoDataError, match="all that count are of juror 'ann'"):
        direct_influence(one)
    with pytest.raises(NoDataError, match="all that count are of pair '0 - 1'"):
        direct_influence(one, "pair")
    (tmp_path / "jury.csv").write_text("repo_a,repo_b,choice,multiplier\nx,y,1,2\n", encoding="utf-8")
    with pytest.raises(FormatError, match=r"jury\.csv: the column juror is missing or empty"):
        direct_influence(Judgments.read(tmp_path / "jury.csv"))
    loud = Judgments.from_arrays([0, 1], [1, 2], [1.0, 1.0], weight=[1.0, 1e13], items=3)
    with pytest.raises(DomainError, match="differ by a factor above 1e"):
        direct_fit(loud)
