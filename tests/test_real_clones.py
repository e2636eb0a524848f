"""Copies that a real round holds: found as they are recorded, and what the clone-proof prior makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hemicycle.clones import clone_proof_prior
from hemicycle.judgments import Judgments
from hemicycle.pool import Pool
from hemicycle.round import Round
from reference.clone_prior import clone_prior

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLASSES = {  # equal numbers, or equal up to scale to 2e-14 and 9e-14
    ("eienel-elo", "eienel-elo-draft", "gasquez-elo"),
    ("eienel-huberlog", "gasquez-huber-log", "organisers-l1-predictions"),
}
GROUPS = {  # the same within a quarter of the bandwidth
    ("eienel-elo", "eienel-elo-draft", "gasquez-elo"),
    ("eienel-huberlog", "gasquez-huber-log", "gasquez-old-least-squares", "organisers-l1-predictions"),
    ("gasquez-old-huber-log", "gasquez-old-least-squares-b"),  # 7e-9
    ("ianasop-aura-a", "ianasop-aura-b"),  # 5e-4 where nobody judged, 3e-8 where somebody did
}


@pytest.fixture(scope="module")
def gg24(round_data: Path) -> Round:
    folder = round_data / "gg24-2025" / "level1"
    return Round(Judgments.read(folder / "jury.csv"), Pool.read(folder / "submissions"))


def several(gg24: Round, set_of: NDArray[np.int64]) -> set[tuple[str, ...]]:
    """Return the names of the models of every set that has more than one."""
    sets = (np.flatnonzero(set_of == s) for s in np.unique(set_of))
    return {tuple(gg24.pool.models[d] for d in members) for members in sets if len(members) > 1}


def test_classes_and_groups_are_those_on_record(gg24: Round) -> None:
    found = clone_proof_prior(gg24.pool, gg24.judgments, bandwidth=0.1)
    assert several(gg24, found.class_of) == CLASSES
    assert several(gg24, found.group_of) == GROUPS
    assert {tuple(gg24.pool.models[d] for d in group) for group in found.groups()} == GROUPS
    assert found.class_of.max() + 1 == 26
    assert found.group_of.max() + 1 == 23


def test_the_prior_is_that_of_the_reference(gg24: Round) -> None:
    for bandwidth in (0.02, 0.1, 0.4):
        found = clone_proof_prior(gg24.pool, gg24.judgments, bandwidth=bandwidth)
        judged = gg24.judgments
        expected = clone_prior(gg24.pool.logits, judged.a.tolist(), judged.b.tolist(), bandwidth)
        np.testing.assert_allclose(found.prior, expected.prior, rtol=1e-9)
        np.testing.assert_array_equal(found.class_of, expected.class_of)
        np.testing.assert_array_equal(found.group_of, expected.group_of)


def test_how_far_the_nearest_are(gg24: Round) -> None:
    """What the docs say of distances, in bandwidths of 0.1."""
    judged = gg24.judgments
    found = clone_prior(gg24.pool.logits, judged.a.tolist(), judged.b.tolist(), 0.1)
    apart = np.sort(found.distance[np.triu_indices(len(found.distance), 1)])
    assert apart[:2].max() < 1e-6
    assert apart[2:4] == pytest.approx([0.058, 0.637], abs=1e-3)
    assert np.median(apart) == pytest.approx(12.7, abs=0.05)


def test_each_group_has_little_more_than_one_model(gg24: Round) -> None:
    """The table of the docs, in percent."""
    prior = gg24.ensemble("bma", prior="clone_proof", power=1e-12).weights
    mass = {group: prior[[gg24.pool.models.index(name) for name in group]].sum() for group in GROUPS}
    assert {names[0]: round(100 * value, 1) for names, value in mass.items()} == {
        "eienel-elo": 4.7,
        "eienel-huberlog": 2.3,
        "gasquez-old-huber-log": 4.7,
        "ianasop-aura-a": 4.7,
    }
    assert max(mass.values()) < 1.3 / 26


def test_weights_with_and_without_the_prior(gg24: Round) -> None:
    shared = {}
    for word in ("uniform", "clone_proof"):
        weights = gg24.ensemble("bma", sigma=1.0, power=0.1, prior=word).weights
        shared[word] = {
            names[0]: round(100 * weights[[gg24.pool.models.index(name) for name in names]].sum(), 1)
            for names in GROUPS
        }
    assert list(map(shared["uniform"].get, sorted(shared["uniform"]))) == [6.3, 3.3, 0.0, 5.2]
    assert list(map(shared["clone_proof"].get, sorted(shared["clone_proof"]))) == [2.5, 0.4, 0.0, 4.3]


def test_neither_least_squares_nor_stacking_depends_on_the_reference(gg24: Round) -> None:
    for method in ("least_squares", "stacking"):
        even, aware = (gg24.ensemble(method, reference=word) for word in ("uniform", "clone_proof"))
        class_of = gg24.clones(0.1).class_of
        np.testing.assert_allclose(
            np.bincount(class_of, aware.weights), np.bincount(class_of, even.weights), atol=1e-6
        )  # which copy has the weight is another matter: under this reference each has an equal part
