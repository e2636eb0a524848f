"""Flags: copies with the earliest, keys that were pasted in, and what no jury could have said."""

from __future__ import annotations

import csv
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemicycle import Judgments, Pool, Round
from hemicycle.clone_groups import clone_group_table, guessing_gain
from hemicycle.clones import clone_proof_prior
from hemicycle.direct import direct_fit
from hemicycle.errors import DtypeError, ShapeError
from hemicycle.flags import FLAGS, MEANINGS, Flags, flag_submissions

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = [("p", f"item {k}") for k in range(8)] + [("q", f"item {k}") for k in range(4)]
TIMES = {"early": "2025-10-01T00:00:00+00:00", "late": "2025-10-02T00:00:00+00:00"}


def jury(n_rows: int = 60, noise: float = 1.0) -> Judgments:
    """Items 0 to 5 of the first parent and 8 to 10 of the second are judged."""
    rng = np.random.default_rng(2)
    pairs = [(i, j) for i in range(6) for j in range(i)] + [(9, 8), (10, 8), (10, 9)]
    rows = [pairs[k % len(pairs)] for k in range(n_rows)]
    worth = np.linspace(-1, 1, len(ITEMS))
    y = [worth[b] - worth[a] + noise * rng.normal() for a, b in rows]
    return Judgments.from_arrays(*zip(*rows, strict=True), y, juror=[f"j{k % 12}" for k in range(n_rows)], items=ITEMS)


def logits(n_models: int = 6, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return np.linspace(-1, 1, len(ITEMS)) + rng.normal(size=(n_models, len(ITEMS)))


def found(rows: Any, judgments: Judgments | None = None, **options: Any) -> Flags:
    names = options.pop("models", [f"m{k}" for k in range(len(rows))])
    pool = Pool.from_array(rows, models=names, items=ITEMS, submitted=options.pop("submitted", None))
    return flag_submissions(pool, jury() if judgments is None else judgments, **options)


def rules(flags: Flags) -> list[tuple[str, str]]:
    return [(flag.model, flag.rule) for flag in flags.flags]


def test_an_honest_pool_has_no_flag():
    flags = found(logits())
    assert (flags.flags, flags.groups, flags.notices, len(flags)) == ((), (), (), 0)
    assert len(flags.table()) == 0
    assert flags.counts() == dict.fromkeys(FLAGS, 0)


def copies(names: list[str], submitted: dict[str, str] | None = None, moved: float = 0.0) -> Flags:
    """Append copies of the second of six models: other constants, other items that nobody judged, some moved."""
    rows = logits()
    same = rows[1] + np.where(np.arange(len(ITEMS)) < 8, 2.5, -1.0)
    same[[6, 7, 11]] = 0.0
    near = rows[1].copy()
    near[:6] += moved * np.array([1.0, -1, 1, -1, 1, -1])
    return found([*rows, same, near], models=["a", names[0], "c", "d", "e", "f", *names[1:]], submitted=submitted)


def test_copies_are_found_whatever_cannot_be_seen_of_them():
    flags = copies(["x", "y", "z"])
    (group,) = flags.groups
    assert (group.models, group.is_exact, group.first) == (("x", "y", "z"), True, ())
    assert [flag.rule for flag in flags.flags] == ["same predictions"] * 3
    assert flags.flags[0].reason == (
        "predicts the same as 2 other submissions for every judged pair; which came first is not known"
    )
    assert flags.flags[1].reason.startswith("predicts the same as x for every judged pair")
    assert max(flag.evidence for flag in flags.flags) < 1e-9
    (notice,) = flags.notices
    assert notice == (
        "3 models predict what others do, to 0.025 in log ratio, in 1 group; the largest: x, y, z; which came first is "
        "not known. Flags change no weight."
    )


def test_near_copies_are_told_from_equal_ones_with_their_distance():
    flags = copies(["x", "y", "z"], moved=0.01)
    assert rules(flags) == [("x", "same predictions"), ("y", "same predictions"), ("z", "near predictions")]
    assert (
        "predicts the same as 1 other submission and nearly the same as 1 other submission for" in flags.flags[0].reason
    )
    pairs = jury().pairs
    row = logits()[1]
    near = row.copy()
    near[:6] += 0.01 * np.array([1.0, -1, 1, -1, 1, -1])
    apart = (near[pairs.b] - near[pairs.a]) - (row[pairs.b] - row[pairs.a])
    assert flags.flags[2].evidence == pytest.approx(math.sqrt(np.mean(apart**2)))
    assert copies(["x", "y", "z"], moved=0.1).counts()["clone"] == 2


@pytest.mark.parametrize(
    ("submitted", "reference", "words"),
    [
        ({"x": TIMES["late"], "y": TIMES["early"], "z": TIMES["late"]}, "y", "y came first, 2025-10-01 00:00:00 UTC"),
        ({"x": TIMES["late"], "z": TIMES["early"]}, "z", "z came first of the 2 of 3 whose time is known"),
        (
            {"x": TIMES["late"], "y": TIMES["early"], "z": TIMES["early"]},
            "y",
            "which came first is not known: y and z have one time, 2025-10-01 00:00:00 UTC",
        ),
        ({}, "x", "which came first is not known"),
    ],
)
def test_the_earliest_is_named_as_far_as_times_are_known(submitted, reference, words):
    (group,) = copies(["x", "y", "z"], submitted).groups
    assert group.models[group.reference] == reference
    assert group.earliest.startswith(words)


def test_authors_of_a_group_are_listed():
    rows = logits(3)
    pool = Pool.from_array([*rows, rows[0], rows[0]], items=ITEMS, authors=["b", "a", None, "a", "b"])
    (group,) = flag_submissions(pool, jury()).groups
    assert (group.rows.tolist(), group.authors) == ([0, 3, 4], ("a", "b"))


def test_keys_are_found_by_how_near_they_come():
    judgments = jury(300)
    key = direct_fit(judgments).logits
    flags = found([*logits(12), key], judgments)
    assert [rule for model, rule in rules(flags) if model == "m12"] == ["fits the log ratios"]
    assert flags.flags[0].evidence < 1e-4
    assert flags.leak.suspects == {"m12": "the log ratios"}
    assert "m12 (to the log ratios)" in flags.notices[0]


def test_a_check_that_was_made_before_is_taken():
    judgments = jury(300)
    flags = found([*logits(12), direct_fit(judgments).logits], judgments)
    again = found(logits(13), judgments, leak=flags.leak)
    assert again.leak is flags.leak
    assert rules(again) == rules(flags)
    clones = found([*logits(12), direct_fit(judgments).logits], judgments, clones=flags.clones, bandwidth=9.0).clones
    assert clones is flags.clones


def test_a_key_of_shares_is_found_whole_and_by_half():
    """A jury that contradicts itself nowhere leaves no residual: only that its answers are repeated can tell."""
    rng = np.random.default_rng(5)
    items = [("p", f"{k}") for k in range(41)]
    key = rng.normal(size=41)
    judgments = Judgments.from_arrays([0] * 40, range(1, 41), key[1:] - key[0], items=items)
    honest = key + 0.5 * rng.normal(size=(8, 41))
    half = np.where(np.arange(41) <= 20, key, honest[0])
    less = np.where(np.arange(41) <= 19, key, honest[1])
    pool = Pool.from_array([*honest, key + 3.0, half, less], items=items)
    flags = flag_submissions(pool, judgments)
    assert [(flag.model, flag.evidence) for flag in flags.flags] == [("model-08", 1.0), ("model-09", 0.5)]
    assert "model-08 and 1 more repeat answers of the jury to the digit." in flags.notices[0]


def test_answers_that_differ_and_ties_are_no_key():
    few = Judgments.from_arrays([0] * 9, range(1, 10), np.ones(9), items=12)
    ties = Judgments.from_arrays([0] * 11, range(1, 12), np.zeros(11), items=12)
    several = Judgments.from_arrays([0] * 22, [*range(1, 12)] * 2, [1.0] * 11 + [2.0] * 11, items=12)
    key = np.r_[0.0, np.ones(11)]
    for judgments in (few, ties, several):
        flags = flag_submissions(Pool.from_array([key, 0 * key + np.r_[0, [0.1] * 11]], items=12), judgments)
        assert not any(flag.rule == "repeats answers" for flag in flags.flags)


def test_what_no_jury_could_have_said():
    judgments = jury()
    largest = float(np.abs(judgments.log_ratio).max())
    uniform, in_part, extreme, one, unjudged, same_of_two = (logits()[0].copy() for _ in range(6))
    uniform[[0, 1, 2, 3, 4, 5, 8, 9, 10]] = 1.0
    in_part[[8, 9, 10]] = 0.5
    low, high = np.argsort(extreme[:6])[[0, -1]]
    extreme[low] = extreme[high] - 2.01 * largest
    one[11] = np.log(np.exp(one[8:11]).sum()) + largest + 0.01
    unjudged[[6, 7]] = np.log(np.exp(unjudged[:6]).mean()) + largest + 0.01
    same_of_two[9] = same_of_two[8]
    flags = found([uniform, in_part, extreme, one, unjudged, same_of_two], judgments)
    degenerate = [flag for flag in flags.flags if flag.flag == "degenerate"]
    assert [(flag.model, flag.rule) for flag in degenerate] == [
        ("m0", "uniform"), ("m1", "uniform"), ("m2", "extreme ratio"), ("m3", "one item"), ("m3", "unjudged items"),
        ("m4", "unjudged items"),
    ]  # fmt: skip
    assert degenerate[0].evidence == 1.0
    assert degenerate[0].reason == "gives every judged item the same weight, to 1%"
    assert degenerate[1].evidence == pytest.approx(3 / 18)
    assert degenerate[1].reason == "gives every judged item of q the same weight, to 1%"
    assert degenerate[2].evidence == pytest.approx(2.01)
    assert degenerate[2].reason.startswith(f"weighs item {high} ")
    assert degenerate[3].evidence == pytest.approx(1 / (1 + math.exp(-largest - 0.01)))
    assert "all other items of its parent together" in degenerate[3].reason
    assert degenerate[5].evidence == pytest.approx(1 / (1 + 3 * math.exp(-largest - 0.01)))
    assert flags.counts()["degenerate"] == 5
    assert flags.by_model()["m3"][-2:] == ("one item", "unjudged items")
    assert "(uniform 2, extreme ratio 1, one item 1, unjudged items 2); the first, m0, gives" in flags.notices[-1]


def test_just_inside_of_every_rule_there_is_no_flag():
    judgments = jury()
    largest = float(np.abs(judgments.log_ratio).max())
    extreme, one, unjudged, nearly = (logits()[0].copy() for _ in range(4))
    nearly[:6], nearly[8:11] = [0, 0, 0, 0, 0, 0.0101], [0.0101, 0, 0]
    low, high = np.argsort(extreme[:6])[[0, -1]]
    extreme[low] = extreme[high] - 1.99 * largest
    one[8] = np.log(np.exp(one[9:12]).sum()) + largest - 0.01
    unjudged[[6, 7]] = np.log(np.exp(unjudged[:6]).mean()) + largest - 0.01
    assert not [
        rule for _, rule in rules(found([extreme, one, unjudged, nearly], judgments)) if rule in list(MEANINGS)[-4:]
    ]


def test_a_timid_jury_makes_nothing_absurd_up_to_ten_times():
    ties = Judgments.from_arrays([0, 1, 2], [1, 2, 3], [0.0, 0.0, 0.0], items=ITEMS)
    inside, beyond = np.zeros(12), np.zeros(12)
    inside[1], beyond[2] = np.log(99), np.log(101)
    assert ("m0", "uniform") in rules(found([np.zeros(12), inside], ties))
    extreme = [flag for flag in found([inside, beyond], ties).flags if flag.rule == "extreme ratio"]
    assert [flag.model for flag in extreme] == ["m1"]
    assert extreme[0].reason == "weighs item 2 101 times item 1; no judgment goes beyond 10"


def test_huge_ratios_are_written_as_powers():
    row = logits()[0]
    row[0] += 5000.0
    said = {flag.rule: flag.reason for flag in found([row, logits()[1]]).flags}
    assert "weighs item 0 10^217" in said["extreme ratio"]
    assert "weighs item 0 10^217" in said["one item"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.permutations(range(9)))
def test_order_and_constants_change_no_flag(seed, order):
    rng = np.random.default_rng(seed)
    rows = logits(6, seed) * rng.choice([0.0, 1.0, 8.0], (6, 1))
    rows = np.vstack([rows, rows[:3] + rng.normal(0, 1e-3, (3, len(ITEMS)))])
    constant = np.round(rng.normal(size=(9, 1)) * 64) / 64
    flags, again = found(rows), found((rows + constant)[order], models=[f"m{k}" for k in order])
    assert sorted(rules(flags)) == sorted(rules(again))
    assert {frozenset(g.models) for g in flags.groups} == {frozenset(g.models) for g in again.groups}


def test_models_with_a_zero_weight_have_no_flags():
    rows = logits(3)
    rows[1, 0] = -np.inf
    assert found([*rows, rows[0]]).groups[0].models == ("m0", "m3")


def test_weights_at_the_end_of_the_doubles_tell_nothing():
    made = jury()
    faint = Judgments.from_arrays(
        made.a, made.b, made.log_ratio, weight=np.full(len(made), 1e-300), juror=made.juror, items=ITEMS
    )
    assert found(logits(), faint).counts()["answer key"] == 0


def test_refuses_the_copies_of_another_pool():
    with pytest.raises(ShapeError, match="clones: expected 6 models, those of the pool without a zero weight, got 3"):
        found(logits(), clones=clone_proof_prior(logits()[:3], jury()))


def test_refuses_what_is_no_pool():
    with pytest.raises(DtypeError, match="pool: expected a Pool, got ndarray"):
        flag_submissions(logits(), jury())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scores", "gain"), [([-3.0, -3.0], 1.0), ([0.0, -800.0, -900.0], 3.0), ([0.0, np.log(0.5)], 4 / 3)]
)
def test_the_gain_is_the_best_over_the_mean(scores, gain):
    assert guessing_gain(np.array(scores)) == pytest.approx(gain)


def test_the_table_of_groups_says_what_each_mechanism_gives():
    rows = logits(5)
    pool = Pool.from_array([*rows, rows[0], rows[0] + 1.0], items=ITEMS)
    round_ = Round(jury(), pool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ensembles = round_.mechanisms()
    flags = flag_submissions(round_.pool, round_.judgments)
    (row,) = clone_group_table(flags.groups, ensembles, 0.1)
    assert (row["models"], row["same"], row["gain"]) == (3, 3, pytest.approx(1.0))
    scores = round_.scores().log_likelihood
    weight = np.exp(scores - scores.max())
    assert row["bma_uniform"] == row["bma"] == pytest.approx(weight[[0, 5, 6]].sum() / weight.sum())
    once = weight * flags.clones.prior
    assert row["bma_clone_proof"] == pytest.approx(once[[0, 5, 6]].sum() / once.sum())
    assert row["bma_clone_proof"] < row["bma_uniform"]
    for ensemble in ensembles:
        assert row[ensemble.method] == pytest.approx(ensemble.weights[[0, 5, 6]].sum())


def test_looking_changes_no_weight_bit():
    pool, judgments = Pool.from_array([*logits(), logits()[0]], items=ITEMS), jury()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = [e.weights.tobytes() for e in Round(judgments, pool).mechanisms()]
        flag_submissions(pool, judgments)
        round_ = Round(judgments, pool)
        flag_submissions(round_.pool, round_.judgments)
        assert [e.weights.tobytes() for e in round_.mechanisms()] == before
    assert not pool.logits.flags.writeable


def test_the_copies_of_a_real_round_are_found_exactly(round_data: Path):
    pool = Pool.read(round_data / "gg24-2025" / "level1" / "submissions")
    judgments = Judgments.read(round_data / "gg24-2025" / "level1" / "jury.csv", items=pool.items)
    round_ = Round(judgments, pool)
    flags = flag_submissions(round_.pool, round_.judgments, bandwidth=0.004)
    groups = {frozenset(group.models): group for group in flags.groups}
    huber = {"gasquez-huber-log", "organisers-l1-predictions", "eienel-huberlog"}
    assert set(groups) == {
        frozenset(huber),
        frozenset({"eienel-elo", "eienel-elo-draft", "gasquez-elo"}),
        frozenset({"gasquez-old-huber-log", "gasquez-old-least-squares-b"}),
        frozenset({"ianasop-aura-a", "ianasop-aura-b"}),
    }
    assert groups[frozenset(huber)].is_exact
    assert [(f.model, f.rule) for f in flags.flags if f.flag == "degenerate"] == [
        ("collins-t6-rebuilt", "extreme ratio"),
        ("gasquez-rank-centrality", "extreme ratio"),
    ]
    assert flags.flags[-1].evidence == pytest.approx(math.log(7.6e11) / math.log(100), rel=1e-3)


def test_the_answer_key_of_a_real_round_of_shares_is_found(round_data: Path):
    pool = Pool.read(round_data / "gg24-2025" / "level3" / "submissions", min_weight=1e-12)
    shares: dict[str, list[tuple[str, float]]] = {}
    with (round_data / "gg24-2025" / "level3" / "jury.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            shares.setdefault(row["repo"], []).append((row["dependency"], float(row["weight"])))
    a, b, y = [], [], []
    for repo, parts in shares.items():
        first, *others = sorted(parts, key=lambda part: -part[1])
        for name, share in others:
            a.append(pool.items.position(first[0], repo))
            b.append(pool.items.position(name, repo))
            y.append(math.log(share / first[1]))
    flags = flag_submissions(pool, Judgments.from_arrays(a, b, y, items=pool.items))
    keys = {flag.model: flag.evidence for flag in flags.flags if flag.flag == "answer key"}
    assert keys == {"eienel-answer-key": 1.0}
