"""The report on collusion: members by themselves are left alone, members that collude are found, and what is said."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from hemicycle.diversity import Diversity, bias_share, collusion_report, decompose
from hemicycle.errors import DtypeError

SIGNS = ("diversity explosion", "bias share", "codependence")


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def report(predictions: Any, targets: Any, **options: Any) -> Any:
    return collusion_report(predictions, targets, **({"rng": 0, "n_draws": 10} | options))


def shown(found: Any) -> list[bool | None]:
    return [sign.shown for sign in found.signs]


def said(found: Any, name: str) -> str:
    return next(line for line in str(found).splitlines() if line.startswith(f"{name}, "))


class TestMembersByThemselves:
    """Pools of independent members: by chance alone each sign shows in one of forty, and never in more than 5%."""

    @pytest.mark.parametrize("kind", ["equal", "weighted", "by precision", "in common"])
    @pytest.mark.parametrize("n_examples", [10, 40, 200])
    @pytest.mark.parametrize("n_learners", [2, 5, 20])
    def test_are_seldom_accused(self, n_learners: int, n_examples: int, kind: str):
        draws, n_pools = rng(1000 * n_learners + n_examples), 200
        accused = np.zeros(3)
        for pool in range(n_pools):
            truth, scale, w = draws.normal(size=n_examples), np.ones(n_learners), None
            if kind == "weighted":
                w = draws.dirichlet(np.ones(n_learners))
            if kind == "by precision":  # what a pool does that knows how good its members are
                scale = np.exp(0.7 * draws.normal(size=n_learners))
                w = scale**-2 / np.sum(scale**-2)
            errors = scale[:, None] * draws.normal(size=(n_learners, n_examples))
            if kind == "in common":
                errors += 0.5 * draws.normal(size=n_examples)
            accused += [sign is True for sign in shown(report(truth + errors, truth, weights=w, rng=pool))]
        assert (accused <= 0.06 * n_pools).all(), dict(zip(SIGNS, accused / n_pools, strict=True))

    def test_whatever_the_outputs_and_the_weights_of_examples(self):
        draws, accused = rng(5), np.zeros(3)
        for pool in range(200):
            truth = draws.normal(size=(60, 3))
            members = truth + draws.laplace(size=(6, 60, 3))
            v = draws.exponential(size=60)
            accused += [sign is True for sign in shown(report(members, truth, example_weights=v, rng=pool))]
        assert (accused <= 12).all()

    def test_shifts_by_chance_are_no_bias(self):
        """The share of independent errors is 1 / n on average: on few examples far from 0."""
        draws = rng(6)
        shares = [bias_share(draws.normal(size=(2, 10)), np.zeros(10)) for _ in range(400)]
        assert np.mean(shares) == pytest.approx(0.1, abs=0.02)
        assert np.mean(np.array(shares) > 0.25) > 0.06  # what a quarter alone would accuse
        few = report(draws.normal(size=(4, 9)), np.zeros(9))
        assert shown(few) == [None, None, None]
        assert str(few).count("at least 10 examples are needed; given: 9.") == 3
        light = np.r_[np.ones(9), np.full(40, 1e-3)]
        weighed = report(draws.normal(size=(4, 49)), np.zeros(49), example_weights=light)
        assert "at least 10 examples of equal weight, or more of unequal, are needed; given: 49." in str(weighed)
        ten = report(draws.normal(size=(4, 10)), np.zeros(10))
        assert ten.signs[1].mark == pytest.approx(0.45)
        assert None not in shown(ten)


class TestMembersThatCollude:
    @pytest.mark.parametrize("n_examples", [20, 50, 300])
    @pytest.mark.parametrize("n_learners", [2, 4, 10])
    def test_offsetting_errors_are_found(self, n_learners: int, n_examples: int):
        draws = rng(n_learners + n_examples)
        for _ in range(20):
            truth = draws.normal(size=n_examples)
            offsets = 10 * draws.normal(size=(n_learners, n_examples))
            members = truth + 0.3 * draws.normal(size=n_examples) + offsets - offsets.mean(axis=0)
            found = shown(report(members, truth, p=0.5))
            assert found[0] is found[2] is True

    def test_offsetting_errors_of_weighted_members_are_found(self):
        draws = rng(3)
        for _ in range(20):
            w = draws.dirichlet(np.full(5, 3.0))
            offsets = 3 * draws.normal(size=(5, 100))
            members = 0.3 * draws.normal(size=100) + offsets - w @ offsets
            assert shown(report(members, np.zeros(100), weights=w))[0] is True

    def test_shifts_that_cancel_show_every_sign(self):
        draws = rng(0)
        truth = draws.normal(size=300)
        members = truth + np.array([[-3.0], [-1.0], [1.0], [3.0]]) + 0.3 * draws.normal(size=(4, 300))
        found = report(members, truth)
        assert shown(found) == [True, True, True]
        assert found.bias_share == pytest.approx(0.98, abs=0.02)
        assert "of the diversity is that members are shifted against each other" in said(found, "bias share")
        assert str(found).endswith("3 of 3 signs of collusion shown.")


class TestMarks:
    def test_of_members_that_err_alike_they_are_those_of_the_weights(self):
        """Every member errs by 1 everywhere: DIV / ERR is 1 / sum w^2 - 1, the growth that of the sums of squares."""
        w = np.array([0.5, 0.2, 0.2, 0.1])
        members = np.sign(rng(2).normal(size=(4, 4000)))
        found = report(members, np.zeros(4000), weights=w, p=0.5, n_draws=200)
        assert found.signs[0].mark == pytest.approx(1 / np.sum(w**2) - 1, rel=1e-12)
        pairs = [w[list(kept)] for kept in combinations(range(4), 2)]
        expected = np.mean([np.sum((some / some.sum()) ** 2) for some in pairs]) / np.sum(w**2) - 1
        assert found.signs[2].mark == pytest.approx(expected, rel=2e-3)
        assert found.signs[2].figure == pytest.approx(expected, rel=0.1)
        assert expected < 1  # k / (M - k) of equal weights
        assert shown(found) == [False, False, False]

    @pytest.mark.parametrize(("n_learners", "part", "k"), [(5, 0.2, 1), (10, 0.6, 6)])
    def test_of_equal_weights_they_are_those_of_counting(self, n_learners: int, part: float, k: int):
        found = report(rng(1).normal(size=(n_learners, 2000)), np.zeros(2000), p=part, n_draws=100)
        assert found.signs[0].mark == pytest.approx(n_learners - 1, rel=1e-12)
        assert found.signs[2].mark == pytest.approx(k / (n_learners - k), rel=1e-2)

    def test_of_members_that_err_unlike_they_are_those_of_their_errors(self):
        scale, w = np.array([1.0, 2.0, 4.0]), np.array([0.6, 0.3, 0.1])
        members = scale[:, None] * np.sign(rng(4).normal(size=(3, 500)))
        found = report(members, np.zeros(500), weights=w)
        expected = w @ scale**2 / (w**2 @ scale**2) - 1
        assert found.signs[0].mark == pytest.approx(expected, rel=1e-12)

    def test_where_one_member_carries_nearly_all_they_are_not_known(self):
        truth = np.zeros(100)
        members = np.r_[0.1 * rng(0).normal(size=(1, 100)), rng(1).normal(size=(4, 100))]
        found = report(members, truth, weights=[0.996, 1e-3, 1e-3, 1e-3, 1e-3])
        assert shown(found) == [None, False, None]
        carried = "one member has more than 99% of the weight, and the ensemble is little more than that member."
        assert str(found).count(carried) == 2

    def test_beside_members_trained_by_themselves(self):
        truth = rng(2).normal(size=100)
        members = truth + rng(3).normal(size=(4, 100))
        alone = decompose(members, truth)
        assert report(members, truth, independent=alone).signs[0].shown is False
        far = report(truth + 5 * (members - truth), truth, independent=alone)
        assert far.signs[0].shown is True
        assert far.signs[0].figure == pytest.approx(25.0)
        assert "25 times that of members that were trained by themselves; more than 10 times" in str(far)
        with pytest.raises(DtypeError, match="independent: expected a Diversity"):
            report(members, truth, independent=0.5)

    @pytest.mark.parametrize(
        ("parts", "expected", "words"),
        [
            (Diversity(1.0, 1.0, 0.0), True, "show no diversity at all; these members differ."),
            (Diversity(1.0, 0.5, -0.5), None, "is below 0, and nothing can be held against it."),
        ],
    )
    def test_beside_members_without_diversity(self, parts: Diversity, expected: bool | None, words: str):
        found = report(rng(0).normal(size=(3, 50)), np.zeros(50), independent=parts)
        assert found.signs[0].shown is expected
        assert words in said(found, "diversity explosion")


VOTES = np.array([[0, 1] * 10, [0, 1] * 10, [1, 0] * 10])
CONFIDENT = 12.0 * np.eye(3)[np.arange(60) % 3]


class TestWords:
    """Each line of what is printed, for many kinds of pools."""

    @pytest.mark.parametrize(
        ("predictions", "targets", "options", "lines"),
        [
            (
                np.arange(12.0)[None],
                np.zeros(12),
                {},
                [
                    "There is one member with weight; it errs by 42.17.",
                    "diversity explosion, not known: there is one member with weight only.",
                    "bias share, not known: there is one member with weight only.",
                    "codependence, not known: there is one member with weight only.",
                    "No sign of collusion can be judged.",
                ],
            ),
            (
                np.tile(np.arange(12.0), (3, 1)),
                np.zeros(12),
                {"p": 0.4},
                [
                    "The members err by 42.17 on average, and so does the ensemble: there is no diversity.",
                    "diversity explosion, not known: there is no diversity.",
                    "bias share, not known: there is no diversity.",
                    "codependence, not known: there is no diversity.",
                    "No sign of collusion can be judged.",
                ],
            ),
            (np.ones((3, 12)), np.ones(12), {"p": 0.4}, ["No member errs."]),
            (
                np.array([[1.0, -1.0] * 6, [-1.0, 1.0] * 6]),
                np.zeros(12),
                {"p": 0.5},
                [
                    "The members err by 1 on average, the ensemble by 0: diversity takes away 1, all of it.",
                    "diversity explosion, yes: the errors of the members cancel out in every example; independent "
                    "errors would leave some.",
                    "bias share, no: shifts of the members explain nothing of the diversity; 42% or more counts as a "
                    "sign.",
                    "codependence, yes: without 1 of 2 members the error goes from 0 to 1: they lean on each other.",
                    "2 of 3 signs of collusion shown.",
                ],
            ),
            (
                np.array([[1.0], [1.0], [-2.0]]) * 1e3 + np.tile([1.0, -1.0], 10),
                np.zeros(20),
                {"p": 0.4},
                [
                    "The members err by 2e+06 on average, the ensemble by 1: diversity takes away 2e+06, more than 99% "
                    "of it.",
                    "diversity explosion, yes: the diversity is more than a million times the error of the ensemble; "
                    "of independent errors it would be 2 times: errors cancel better than chance would have it.",
                    "bias share, yes: 100% of the diversity is that members are shifted against each other; 35% or "
                    "more counts as a sign.",
                ],
            ),
            (
                VOTES,
                np.array([0, 1] * 10),
                {"loss": "zero_one", "p": 0.4},
                [
                    "The members err by 0.3333 on average, the ensemble by 0: diversity takes away 0.3333, all of it.",
                    "diversity explosion, not known: under this loss it is held against members that were trained by "
                    "themselves: pass independent=.",
                    "bias share, not known: under this loss members cannot be shifted.",
                ],
            ),
            (
                VOTES,
                np.array([1, 0] * 10),
                {"loss": "zero_one", "p": 0.4},
                [
                    "The members err by 0.6667 on average, the ensemble by 1: voting makes it worse by 0.3333.",
                    "diversity explosion, not known: there is no diversity.",
                ],
            ),
        ],
    )
    def test_every_line(self, predictions: Any, targets: Any, options: Any, lines: list[str]):
        assert str(report(predictions, targets, **options)).splitlines()[: len(lines)] == lines

    def test_large_growth_is_told_in_times(self):
        found = report(np.array([[30.0], [-30.0]]) + rng(0).normal(size=(2, 50)), np.zeros(50), p=0.5)
        line = said(found, "codependence")
        assert "members the error becomes " in line
        assert "times as large; that of independent errors would grow by 100%" in line
        assert "%" not in line.split(";")[0]

    def test_independent_members_are_told_so(self):
        text = str(report(0.5 * rng(3).normal(size=500) + rng(1).normal(size=(8, 500)), np.zeros(500)))
        assert "no more than independent errors earn." in text
        assert "no sign that they lean on each other." in text
        assert text.endswith("0 of 3 signs of collusion shown.")

    def test_what_may_be_chance_is_told_so(self):
        texts = [str(report(rng(seed).normal(size=(5, 40)), np.zeros(40), rng=seed)) for seed in range(20)]
        assert 4 <= sum("over 40 examples that may be chance" in text for text in texts) <= 16

    @pytest.mark.parametrize("averaging", ["score", "probability"])
    def test_of_classes_the_figures_are_told_without_a_mark(self, averaging: str):
        """Members that are very sure, and wrong by themselves now and then, do better than any mark of squares."""
        options = {"loss": "cross_entropy", "averaging": averaging}
        scores, classes = CONFIDENT + 5 * rng(0).normal(size=(4, 60, 3)), np.arange(60) % 3
        found = report(scores, classes, **options, p=0.5)
        assert [found.signs[0].shown, found.signs[2].shown] == [None, None]
        assert found.signs[2].figure is not None
        assert "under this loss there is no mark for it." in said(found, "codependence")
        known = (
            "0 of 1 sign of collusion shown, 2 not known."
            if averaging == "score"
            else "No sign of collusion can be judged."
        )
        assert str(found).splitlines()[-1] == known
        alone = report(scores, classes, **options, independent=found.parts)
        assert "the diversity is 1 times that of members that were trained by themselves" in str(alone)

    def test_no_part_that_drops_anyone(self):
        found = report(rng(0).normal(size=(4, 20)), np.zeros(20), p=0.1)
        assert said(found, "codependence") == "codependence, not known: no part drops any of 4 members."
