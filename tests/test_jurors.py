"""What is told of single jurors: the definitions, what cannot be known, and typed errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, accuracy, mean_squared_error
from hemicycle.errors import DomainError, DtypeError, FormatError, NoDataError, OptionError, ShapeError
from hemicycle.jurors import juror_diagnostics, least_likely_judgments
from hemicycle.sides import fair_coin_p
from hemicycle.triads import circular_triads
from reference import jurors as reference

JURORS = ("ann", "ben", "cem")


def judged(n: int = 60, n_items: int = 7, seed: int = 0) -> Judgments:
    """Judgments of three jurors, some of them ordinal, some without a choice, some of weight 0, some unnamed."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, n_items, n)
    b = (a + rng.integers(1, n_items, n)) % n_items
    choice = rng.choice([1, 2, 2, 2, 0], n)
    y = np.where((choice > 0) & (rng.random(n) < 0.2), np.nan, 1.5 * rng.normal(size=n))
    juror = [(*JURORS, None)[k] for k in rng.integers(0, 4, n)]
    weight = rng.choice([0.0, 1.0, 1.0, 2.5], n)
    return Judgments.from_arrays(a, b, y, choice=choice, juror=juror, weight=weight, items=n_items)


def models(n_items: int = 7) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    weights = rng.dirichlet(np.ones(6))
    weights[2] = 0.0
    return rng.normal(size=(6, n_items)), weights / weights.sum()


def rows_of(judgments: Judgments, juror: str | None = None) -> list[reference.Row]:
    columns = zip(
        judgments.a.tolist(),
        judgments.b.tolist(),
        judgments.log_ratio.tolist(),
        judgments.choice.tolist(),
        judgments.weight.tolist(),
        strict=True,
    )
    return [
        row for row, of in zip(columns, judgments.juror, strict=True) if row[4] > 0 and (juror is None or of == juror)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_definitions(seed: int) -> None:
    judgments, (logits, weights) = judged(seed=seed), models()
    found = juror_diagnostics(logits, judgments, weights, sigma=0.8)
    assert found.jurors == JURORS
    table = found.table()
    assert table.columns == ("juror", *reference.diagnostics(rows_of(judgments), logits, weights, 0.8))
    for row in table:
        expected = reference.diagnostics(rows_of(judgments, row["juror"]), logits, weights, 0.8)
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-9, nan_ok=True)
    assert found.whole == pytest.approx(reference.diagnostics(rows_of(judgments), logits, weights, 0.8), rel=1e-9)


def test_the_whole_jury_is_what_the_scores_say() -> None:
    judgments, (logits, weights) = judged(), models()
    pooled = (weights @ logits)[None]
    whole = juror_diagnostics(logits, judgments, weights).whole
    assert whole["agreement"] == pytest.approx(accuracy(pooled, judgments)[0], rel=1e-12)
    assert whole["mse"] == pytest.approx(mean_squared_error(pooled, judgments)[0], rel=1e-12)


def test_three_items_in_a_circle() -> None:
    a, b = [0, 1, 2, 0, 0], [1, 2, 0, 3, 3]
    circle = Judgments.from_arrays(a, b, choice=[1, 1, 1, 2, 1], juror=["ann"] * 5, items=4)
    found = juror_diagnostics(np.zeros((1, 4)), circle, [1.0])
    assert (found.triads[0], found.circular[0]) == (1, 1)  # the pair of items 0 and 3 has no winner
    assert found.agreement[0] == 0.5  # equal logits tie
    for name in ("mse", "log_density", "scale"):
        assert math.isnan(getattr(found, name)[0])  # nobody said how much
    broken = Judgments.from_arrays(a, b, choice=[1, 1, 2, 2, 1], juror=["ann"] * 5, items=4)
    assert juror_diagnostics(np.zeros((1, 4)), broken, [1.0]).circular[0] == 0


def test_a_circle_between_jurors_is_in_no_head() -> None:
    judgments = Judgments.from_arrays([0, 1, 2], [1, 2, 0], [-1.0, -1.0, -1.0], juror=["ann", "ben", "cem"], items=3)
    found = juror_diagnostics(np.eye(3), judgments, [0.2, 0.3, 0.5])
    assert not found.triads.any()
    assert (found.whole["triads"], found.whole["circular"]) == (1, 1)


def test_complete_comparisons_have_as_many_circles_as_kendall_says() -> None:
    rng = np.random.default_rng(3)
    n = 9
    a, b = np.triu_indices(n, 1)
    choice = rng.integers(1, 3, len(a))
    wins = np.bincount(np.where(choice == 1, a, b), minlength=n)
    judgments = Judgments.from_arrays(a, b, choice=choice, items=n)
    found = circular_triads(judgments, np.zeros(len(a), dtype=np.int64), 1)
    assert found.complete[0] == math.comb(n, 3)
    assert found.circular[0] == math.comb(n, 3) - sum(math.comb(int(won), 2) for won in wins)


def test_triads_are_found_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    judgments = judged(200)
    group = np.array([-1 if juror is None else JURORS.index(juror) for juror in judgments.juror])
    at_once = circular_triads(judgments, group, 3)
    monkeypatch.setattr("hemicycle.triads.BLOCK", 1)
    one_by_one = circular_triads(judgments, group, 3)
    for together, apart in zip(at_once, one_by_one, strict=True):
        np.testing.assert_array_equal(together, apart)
    nobody = circular_triads(judgments, np.full(len(judgments), -1), 2)
    assert nobody.complete.tolist() == [0, 0]


def test_a_juror_who_names_what_stands_first() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 9, 40)
    b = (a + rng.integers(1, 9, 40)) % 9
    judgments = Judgments.from_arrays(a, b, choice=[1] * 20 + [1, 2] * 10, juror=["ann"] * 20 + ["ben"] * 20, items=9)
    found = juror_diagnostics(np.zeros((1, 9)), judgments, [1.0])
    assert found.first_side.tolist() == [1.0, 0.5]
    assert found.first_side_p.tolist() == [2.0**-19, 1.0]
    assert found.sides is None


@pytest.mark.parametrize("turned", [False, True])
def test_sorted_sides_tell_nothing(turned: bool) -> None:
    rng = np.random.default_rng(0)
    sides = np.sort(np.stack([k := rng.integers(0, 9, 40), (k + rng.integers(1, 9, 40)) % 9]), axis=0)
    a, b = sides[::-1] if turned else sides
    backwards = [f"item-{9 - k}" for k in range(9)]
    for items, what in ((9, "names"), (backwards, "names"), ([*backwards[1:], backwards[0]], "place in the list")):
        judgments = Judgments.from_arrays(a, b, choice=[1] * 40, juror=["ann"] * 40, items=items)
        found = juror_diagnostics(np.zeros((1, 9)), judgments, [1.0])
        assert found.sides is not None
        assert what in found.sides
        assert np.isnan([found.first_side, found.first_side_expected, found.first_side_p]).all()
        assert found.answers.tolist() == [40]
    few = judgments.select(np.arange(19))
    assert juror_diagnostics(np.zeros((1, 9)), few, [1.0]).sides is None  # chance may have done it


def test_a_file_keeps_the_sides(tmp_path: Any) -> None:
    (tmp_path / "jury.csv").write_text(
        "juror,repo_a,repo_b,choice,multiplier\nann,z,y,1,2\nann,y,x,1,3\nann,x,z,1,4\n", encoding="utf-8"
    )
    judgments = Judgments.read(tmp_path / "jury.csv")
    aligned = judgments.align(type(judgments.items).of(["y", "z", "x"]))
    for jury in (judgments, aligned):
        found = juror_diagnostics(np.zeros((1, 3)), jury, [1.0])
        assert (found.first_side[0], found.first_side_p[0], found.circular[0]) == (1.0, 0.25, 1)


@pytest.mark.parametrize(("heads", "tosses"), [(0, 0), (1, 1), (3, 7), (30, 60), (400, 1000), (470, 1001), (0, 5000)])
def test_the_fair_coin(heads: int, tosses: int) -> None:
    assert fair_coin_p(heads, tosses) == pytest.approx(reference.binomial_p(heads, tosses), rel=1e-9)
    assert fair_coin_p(tosses - heads, tosses) == fair_coin_p(heads, tosses)


def test_the_least_likely_judgments() -> None:
    judgments, (logits, weights) = judged(), models()
    table = least_likely_judgments(logits, judgments, weights, sigma=0.7, k=5)
    assert len(table) == 5
    assert (np.diff(table["log_density"]) >= 0).all()
    counting = np.flatnonzero(judgments.is_cardinal & (judgments.weight > 0))
    every = least_likely_judgments(logits, judgments, weights, sigma=0.7, k=1000)
    assert sorted(every["line"]) == counting.tolist()
    rng = np.random.default_rng(2)
    for row in table:
        place = row["line"]
        a, b, y = judgments.a[place], judgments.b[place], judgments.log_ratio[place]
        mu = logits[:, b] - logits[:, a]
        assert (row["a"], row["b"], row["log_ratio"]) == (judgments.items.names[a], judgments.items.names[b], y)
        assert row["predicted"] == pytest.approx(weights @ mu, rel=1e-12)
        drawn = mu[rng.choice(6, size=20_000, p=weights)] + 0.7 * rng.normal(size=20_000)
        assert row["tail_probability"] == pytest.approx(2 * min((drawn < y).mean(), (drawn > y).mean()), abs=0.02)


def test_far_tails_keep_their_digits() -> None:
    judgments = Judgments.from_arrays([0, 1], [1, 0], [30.0, -30.0], items=2)
    table = least_likely_judgments(np.zeros((1, 2)), judgments, [1.0], sigma=1.0)
    assert table["juror"] == (None, None)
    np.testing.assert_allclose(table["tail_probability"], math.erfc(30 / math.sqrt(2)), rtol=1e-12)
    np.testing.assert_allclose(table["log_density"], -450 - 0.5 * math.log(2 * math.pi), rtol=1e-12)


def test_a_pool_names_its_items() -> None:
    judgments, (logits, weights) = judged(), models()
    pool = Pool.from_array(logits, items=judgments.items)
    np.testing.assert_array_equal(
        juror_diagnostics(pool, judgments, weights).log_density,
        juror_diagnostics(logits, judgments, weights, n_threads=1).log_density,
    )
    assert repr(juror_diagnostics(pool, judgments, weights)).startswith("JurorDiagnostics(3 jurors, ")


def test_what_is_wrong_is_told(tmp_path: Any) -> None:
    judgments, (logits, weights) = judged(), models()
    for call in (juror_diagnostics, least_likely_judgments):
        with pytest.raises(ShapeError, match="weights: expected length 6"):
            call(logits, judgments, weights[:-1])
        with pytest.raises(DomainError, match="weights sum to 2"):
            call(logits, judgments, 2 * weights)
        with pytest.raises(DomainError, match="sigma is 0"):
            call(logits, judgments, weights, sigma=0.0)
        with pytest.raises(DtypeError, match="judgments: expected Judgments"):
            call(logits, [1, 2], weights)
        with pytest.raises(OptionError, match="items are not those of the pool"):
            call(Pool.from_array(logits, items=[f"other-{k}" for k in range(7)]), judgments, weights)
    with pytest.raises(DomainError, match="k is 0"):
        least_likely_judgments(logits, judgments, weights, k=0)
    (tmp_path / "jury.csv").write_text("repo_a,repo_b,choice,multiplier\nx,y,1,2\n", encoding="utf-8")
    unnamed = Judgments.read(tmp_path / "jury.csv")
    with pytest.raises(FormatError, match=r"jury\.csv: the column juror is missing or empty"):
        juror_diagnostics(np.eye(2), unnamed, [0.5, 0.5])
    none = Judgments.from_arrays([0], [1], [1.0], juror=["ann"], weight=[0.0], items=2)
    with pytest.raises(NoDataError, match="none of the 1 has a weight above 0"):
        juror_diagnostics(np.eye(2), none, [0.5, 0.5])
    ordinal = Judgments.from_arrays([0], [1], choice=[1], juror=["ann"], items=2)
    with pytest.raises(NoDataError, match="log ratio"):
        least_likely_judgments(np.eye(2), ordinal, [0.5, 0.5])
    assert juror_diagnostics(np.eye(2), ordinal, [0.75, 0.25]).agreement[0] == 1.0
