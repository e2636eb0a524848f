"""Synthetic rounds: reproducible, as described, and readable as files."""

from __future__ import annotations

import numpy as np
import pytest

from hemicycle.errors import DomainError
from hemicycle.judgments import Judgments
from hemicycle.pool import Pool
from hemicycle.round import Round
from hemicycle.synthetic import two_camp_round
from hemicycle.synthetic.submissions import NO_CAMP


@pytest.fixture(scope="module")
def made():
    return two_camp_round()


def test_sizes(made):
    assert made.weights.shape == (len(made.models), len(made.items)) == (1000, 100)
    assert len(set(made.items)) == 100
    assert list(made.models) == sorted(set(made.models))
    pairs = {frozenset(pair) for pair in zip(made.jury["repo_a"], made.jury["repo_b"], strict=True)}
    assert len(pairs) == 300
    assert 3 <= len(made.jury) / 300 <= 5
    assert len(set(made.jury["juror"])) == 40
    assert set(made.jury["repo_a"]) | set(made.jury["repo_b"]) == set(made.items)


def test_one_seed_gives_one_round(made):
    again, other = two_camp_round(np.random.default_rng(0)), two_camp_round(1)
    np.testing.assert_array_equal(made.weights, again.weights)
    assert list(made.jury) == list(again.jury)
    assert list(made.jury) != list(other.jury)


def test_the_jury_answers_as_a_form_allows(made):
    multiplier = made.jury["multiplier"]
    assert ((multiplier >= 1) & (multiplier <= 999)).all()
    np.testing.assert_array_equal(multiplier, np.round(multiplier, 2))
    assert set(made.jury["choice"]) == {1, 2}
    assert sum(made.label_shares) == 1
    assert made.label_shares[0] == pytest.approx(0.7, abs=0.03)


def test_camps_disagree_on_most_pairs(made):
    judgments = made.judgments()
    truth = made.camp_logits[:, judgments.b] - made.camp_logits[:, judgments.a]  # (2, n_labels)
    residual = judgments.log_ratio - truth[made.label_camp, np.arange(len(judgments))]
    assert np.std(residual) == pytest.approx(0.4, abs=0.05)
    assert np.mean(np.abs(truth[0] - truth[1]) > 2 * 0.5) > 0.6  # two Gaussians of width 0.5 have two modes


def test_families_and_clones(made):
    assert set(made.families) == {"infra", "apps", "noisy", "bridge", "cautious", "market", "metric", "copycat"}
    families = np.array(made.families)
    assert (made.model_camp[families == "infra"] == 0).all()
    assert (made.model_camp[families == "apps"] == 1).all()
    assert (made.model_camp[families == "market"] == NO_CAMP).all()
    assert (made.weights > 0).all()
    rows = {row.tobytes() for row in made.weights[families != "copycat"]}
    exact = [row.tobytes() in rows for row in made.weights[families == "copycat"]]
    assert 20 < sum(exact) < 100
    assert made.weights[families == "metric"].sum(axis=1).min() > 1000  # raw counts


def test_camp_mass(made):
    weights = np.where(made.model_camp == 0, 2.0, 1.0)
    weights /= weights.sum()
    first, second = made.camp_mass(weights)
    assert first == pytest.approx(weights[made.model_camp == 0].sum())
    assert first + second < 1


def test_files(made, tmp_path):
    small = two_camp_round(3, n_items=12, n_pairs=20, n_models=25)
    folder = small.write(tmp_path / "round")
    files = sorted(path.name for path in (folder / "submissions").iterdir())
    assert files == sorted([f"{model}.csv" for model in small.models] + [defect.file for defect in small.defects])
    header, *rows = (folder / "submissions" / f"{small.models[0]}.csv").read_text().splitlines()
    assert header == "repo,parent,weight"
    assert [float(row.split(",")[2]) for row in rows] == small.weights[0].tolist()
    assert (folder / "jury.csv").read_text().splitlines()[0] == (
        "timestamp,juror,repo_a,repo_b,parent,choice,multiplier"
    )
    assert len({defect.defect for defect in small.defects}) == len(small.defects) == 10


def test_files_give_the_round_that_the_arrays_give(tmp_path):
    made = two_camp_round(4, n_items=20, n_pairs=40, n_models=50)
    folder = made.write(tmp_path)
    pool = Pool.read(folder / "submissions")
    from_files = Round(Judgments.read(folder / "jury.csv", items=pool.items), pool)
    from_arrays = Round(made.judgments(), made.pool())
    assert from_files.pool.models == made.models
    assert {reject.file.rpartition("/")[2].removesuffix(".csv") for reject in from_files.rejects} == {
        defect.file.removesuffix(".csv") for defect in made.defects
    }
    order = [from_files.pool.items.position(name) for name in made.items]
    np.testing.assert_allclose(from_files.pool.logits[:, order], np.log(made.weights), rtol=1e-15, atol=1e-15)
    np.testing.assert_array_equal(from_files.judgments.choice, made.jury["choice"])
    np.testing.assert_allclose(from_files.scores().log_likelihood, from_arrays.scores().log_likelihood, rtol=1e-12)


@pytest.mark.parametrize("n_models", [1, 2, 9, 33])
def test_small_pools(n_models):
    assert len(two_camp_round(0, n_items=5, n_pairs=6, n_models=n_models).models) == n_models


def test_many_items_have_distinct_names():
    assert len(set(two_camp_round(0, n_items=700, n_pairs=700, n_models=2).items)) == 700


@pytest.mark.parametrize(
    "broken",
    [
        {"n_items": 2},
        {"n_jurors": 1},
        {"n_models": 0},
        {"n_pairs": 5},
        {"n_pairs": 46},
        {"shares": (1.0, 0.0)},
        {"shares": (0.7, 0.4)},
        {"labels_per_pair": 0.5},
        {"label_noise": -1.0},
        {"label_noise": np.nan},
    ],
)
def test_errors(broken):
    with pytest.raises(DomainError, match="a round needs"):
        two_camp_round(0, **({"n_items": 10, "n_pairs": 20, "n_models": 5} | broken))
