"""The clone-proof prior: its definition, what it does on arrays and in a round, and what it refuses."""

import math

import numpy as np
import pytest

import hemicycle as hc
from hemicycle import _core
from hemicycle.clones import clone_proof_prior
from hemicycle.errors import DomainError, DtypeError, NoDataError, NonFiniteError, OptionError

BANDWIDTH = 0.1


def judged(rng, n_items, n_pairs):
    """Judgments of random pairs."""
    a, b = rng.integers(0, n_items, (2, n_pairs))
    rows = a != b
    return hc.Judgments.from_arrays(a=a[rows], b=b[rows], log_ratio=rng.normal(size=rows.sum()), items=n_items)


def with_near_copies(rng, n_models, n_items):
    """Models of which half are copies of the other half, moved by up to two bandwidths."""
    logits = rng.normal(size=(n_models, n_items))
    half = n_models // 2
    distance = rng.choice([0.0, 0.01, 0.1, 0.25, 1.0, 2.0], size=(half, 1)) * BANDWIDTH
    logits[-half:] = logits[:half] + rng.normal(size=(half, n_items)) * distance / np.sqrt(2)
    return logits


def by_definition(logits, judgments, bandwidth):
    """Prior, near classes and density, where no two models are equal."""
    pairs = judgments.pairs
    predicted = logits[:, pairs.b] - logits[:, pairs.a]
    squared = np.square((predicted[:, None] - predicted[None]) / bandwidth).mean(axis=2)
    n_near = (np.sqrt(squared) <= 0.25).sum(axis=1)
    density = np.exp(-squared / 2) @ (1 / n_near)
    odds = 1 / n_near / density
    return odds / odds.sum(), n_near, density


@pytest.mark.parametrize(("n_models", "n_items", "n_pairs"), [(2, 2, 3), (40, 12, 20), (700, 25, 90), (300, 60, 40)])
@pytest.mark.parametrize("instructions", _core.instruction_sets())
def test_every_class_is_compared_with_each(n_models, n_items, n_pairs, instructions):
    rng = np.random.default_rng(n_models)
    judgments, logits = judged(rng, n_items, n_pairs), with_near_copies(rng, n_models, n_items)
    logits += 1e-5 * rng.normal(size=logits.shape)  # no two are one class
    prior, n_near, density = by_definition(logits, judgments, BANDWIDTH)
    found = _core.clone_proof_prior(logits, judgments.pairs, n_items, BANDWIDTH, True, None, instructions)
    np.testing.assert_allclose(found[0], prior, rtol=1e-12)
    np.testing.assert_array_equal(found[3], n_near)
    np.testing.assert_allclose(found[4], density, rtol=1e-12)


@pytest.mark.parametrize("n_items", [5, 20, 120])
def test_the_estimate_is_near_the_exact_prior(n_items):
    rng = np.random.default_rng(n_items)
    judgments, logits = judged(rng, n_items, 4 * n_items), with_near_copies(rng, 4000, n_items)
    exact = clone_proof_prior(logits, judgments, exact=True)
    estimate = clone_proof_prior(logits, judgments, exact=False)
    assert exact.is_exact
    assert not estimate.is_exact
    np.testing.assert_array_equal(estimate.class_of, exact.class_of)
    np.testing.assert_allclose(estimate.n_near, exact.n_near, rtol=0.05)
    np.testing.assert_allclose(estimate.density, exact.density, rtol=0.3)
    assert np.sqrt(np.mean((estimate.density / exact.density - 1) ** 2)) < (0.04 if n_items == 5 else 0.005)
    assert estimate.prior.sum() == pytest.approx(1)


def errors(found, exact):
    """Root mean square of the relative errors of near classes and density."""
    return [np.sqrt(np.mean((getattr(found, name) / getattr(exact, name) - 1) ** 2)) for name in ("n_near", "density")]


def test_an_estimate_of_a_crowd_is_a_sample():
    rng = np.random.default_rng(0)
    judgments = judged(rng, 40, 100)
    logits = rng.normal(size=40) + rng.normal(size=(6000, 40)) * BANDWIDTH * 0.1
    exact = clone_proof_prior(logits, judgments, exact=True)
    estimate = clone_proof_prior(logits, judgments, exact=False)
    assert np.median(exact.n_near) > 5000
    assert max(errors(estimate, exact)) < 0.02
    assert estimate.n_groups == exact.n_groups == 1


def test_families_are_compared_as_a_whole():
    rng = np.random.default_rng(1)
    judgments = judged(rng, 40, 100)
    centres = rng.normal(size=(100, 1, 40))
    logits = centres + 10 ** rng.uniform(-3, -0.5, (100, 100, 1)) * rng.normal(size=(100, 100, 40))
    logits = logits.reshape(-1, 40)
    exact = clone_proof_prior(logits, judgments, exact=True)
    estimate = clone_proof_prior(logits, judgments, exact=False)
    near, density = errors(estimate, exact)
    assert near < 1e-3
    assert density < 0.03
    np.testing.assert_array_equal(estimate.group_of, exact.group_of)


def test_counts_of_few_near_classes_in_a_crowd():
    rng = np.random.default_rng(2)
    judgments = judged(rng, 40, 100)
    logits = rng.normal(size=40) + BANDWIDTH * 0.2 * rng.normal(size=(6000, 40))
    exact = clone_proof_prior(logits, judgments, exact=True)
    estimate = clone_proof_prior(logits, judgments, exact=False)
    assert 2 <= np.median(exact.n_near) < exact.n_near.mean() < 10
    assert estimate.n_near.mean() == pytest.approx(exact.n_near.mean(), rel=0.05)
    assert errors(estimate, exact)[1] < 0.2


def test_a_few_beside_a_crowd_are_not_overlooked():
    rng = np.random.default_rng(2)
    judgments = judged(rng, 40, 100)
    crowd = 0.5 * rng.normal(size=(6000, 40))
    few = 3.5 * rng.normal(size=40) / np.sqrt(2) + 0.3 * rng.normal(size=(20, 40))
    logits = rng.normal(size=40) + BANDWIDTH * np.vstack([crowd, few])
    exact = clone_proof_prior(logits, judgments, exact=True)
    estimate = clone_proof_prior(logits, judgments, exact=False)
    assert 10 < exact.density[-20:].mean() < 200
    np.testing.assert_allclose(estimate.density[-20:], exact.density[-20:], rtol=0.1)


@pytest.mark.parametrize(("radius", "name"), [(0.17, "n_near"), (1.0, "density"), (6.0, "density")])
def test_sums_have_no_bias(radius, name):
    rng = np.random.default_rng(3)
    judgments = judged(rng, 12, 30)
    pairs, logits = judgments.pairs, radius * BANDWIDTH / np.sqrt(2) * rng.normal(size=(4000, 12))
    exact = getattr(clone_proof_prior(logits, judgments, exact=True), name)
    sums = []
    for seed in range(40):  # cells and samples follow from the answers
        answers = np.random.default_rng(seed).normal(size=len(pairs))
        other = hc.Judgments.from_arrays(a=pairs.a, b=pairs.b, log_ratio=answers, items=12)
        sums.append((getattr(clone_proof_prior(logits, other, exact=False), name) / exact).mean())
    assert np.std(sums) > 1e-6
    # cuts along several coordinates are not quite independent
    assert abs(np.mean(sums) - 1) < 0.003 + 4 * np.std(sums) / np.sqrt(len(sums))


@pytest.mark.parametrize("exact", [True, False])
def test_the_result_is_the_same_bits_for_any_number_of_threads(exact):
    rng = np.random.default_rng(1)
    judgments, logits = judged(rng, 20, 50), with_near_copies(rng, 5000, 20)
    one, three = (clone_proof_prior(logits, judgments, exact=exact, n_threads=n) for n in (1, 3))
    for name in ("prior", "class_of", "group_of", "n_near", "density"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))


def test_classes_are_equal_to_a_billionth_on_judged_pairs_alone():
    judgments = hc.Judgments.from_arrays(a=[0, 3], b=[1, 4], log_ratio=[1.0, 2.0], items=6)
    model = np.array([0.5, -1.0, 3.0, 0.25, 2.0, 0.0])

    def moved(*by):
        return model + np.array(by)

    same = [model, moved(7, 7, 0, 0, 0, 0), moved(0, 0, 9, -3, -3, -8), moved(0, 4e-10, 0, 0, 0, 0)]
    others = [moved(0, 3e-9, 0, 0, 0, 0), moved(0, 0, 0, 0, -3e-9, 0), 2 * model]
    found = clone_proof_prior(np.array([others[0], *same, *others[1:]]), judgments, bandwidth=1e-3)
    assert found.class_of.tolist() == [0, 1, 1, 1, 1, 2, 3]
    assert found.group_of.tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert [group.tolist() for group in found.groups()] == [[0, 1, 2, 3, 4, 5]]
    assert found.first.tolist() == [0, 1, 5, 6]
    np.testing.assert_allclose(found.prior[1:5], found.prior[0] / 4)
    assert (found.n_classes, found.n_groups) == (4, 2)


def test_a_chain_of_near_copies_is_one_group():
    judgments = hc.Judgments.from_arrays(a=[0], b=[1], log_ratio=[1.0])
    steps = 0.2 * BANDWIDTH * np.arange(12)
    found = clone_proof_prior(np.stack([0 * steps, steps], axis=1), judgments, bandwidth=BANDWIDTH)
    assert found.n_groups == 1
    assert found.n_classes == 12
    assert found.n_near.tolist() == [2, *[3] * 10, 2]


def test_the_order_of_models_permutes_the_prior():
    rng = np.random.default_rng(2)
    judgments, logits = judged(rng, 20, 50), with_near_copies(rng, 400, 20)
    order = rng.permutation(len(logits))
    straight, permuted = (clone_proof_prior(x, judgments) for x in (logits, logits[order]))
    np.testing.assert_allclose(permuted.prior, straight.prior[order], rtol=1e-13)
    np.testing.assert_array_equal(permuted.n_near, straight.n_near[order])


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64])
def test_logits_of_any_number_and_layout(dtype):
    rng = np.random.default_rng(3)
    judgments, logits = judged(rng, 6, 12), np.round(4 * rng.normal(size=(50, 6)))
    expected = clone_proof_prior(logits, judgments)
    for given in (logits.astype(dtype), np.asfortranarray(logits.astype(dtype)), logits.astype(dtype)[::-1][::-1]):
        np.testing.assert_array_equal(clone_proof_prior(given, judgments).prior, expected.prior)


class TestInARound:
    made = hc.synthetic.two_camp_round(0, n_items=12, n_pairs=30, n_models=40)
    round_ = hc.Round(made.judgments(), made.pool())

    def test_the_bandwidth_is_a_fifth_of_sigma_unless_it_is_given(self):
        prior = {"prior": "clone_proof"}
        assert self.round_.ensemble("bma", sigma=0.7, **prior).options["bandwidth"] == pytest.approx(0.14)
        assert self.round_.ensemble("bma", bandwidth=0.3, **prior).options["bandwidth"] == 0.3
        chosen = self.round_.ensemble("bma", sigma="auto", **prior)
        assert chosen.options["bandwidth"] == pytest.approx(chosen.sigma / 5)
        assert "bandwidth" not in self.round_.ensemble("bma").options
        assert self.round_.ensemble("bma", sigma=1e-6, **prior).options["bandwidth"] == 1e-6  # there is no narrower one

    def test_averaging_takes_it_as_its_prior(self):
        clones = self.round_.clones(0.1)
        given = self.round_.ensemble("bma", prior=clones.prior)
        by_word = self.round_.ensemble("bma", prior="clone_proof")
        np.testing.assert_allclose(by_word.weights, given.weights, rtol=1e-12, atol=1e-300)
        assert self.round_.clones(0.1) is clones

    @pytest.mark.parametrize("method", ["least_squares", "stacking"])
    def test_ties_are_broken_towards_it(self, method):
        clones = self.round_.clones(0.2)
        one_each = hc.Round(self.round_.judgments, self.round_.pool.select(clones.first))
        given = one_each.ensemble(method, reference=clones.class_prior)
        by_word = self.round_.ensemble(method, reference="clone_proof", bandwidth=0.2)
        assert clones.n_classes < len(self.round_.pool)
        np.testing.assert_allclose(np.bincount(clones.class_of, by_word.weights), given.weights, rtol=1e-15)
        assert abs(math.fsum(by_word.weights) - 1) <= 2**-52
        assert by_word.solution.gap == given.solution.gap
        unique = " but for copies" if given.solution.unique and not by_word.solution.unique else ""
        assert f"{given.solution.reason}{unique}; " in by_word.solution.reason
        assert "copies of others" in by_word.solution.reason
        assert self.round_.ensemble(method, reference="clone_proof", bandwidth=0.2, start=by_word).solution.gap <= 1e-11

    def test_mechanisms_take_a_bandwidth_where_they_have_one(self):
        found = self.round_.mechanisms(prior="clone_proof", bandwidth=0.2)
        assert {e.method: e.options.get("bandwidth") for e in found if e.options} == {
            "least_squares": None, "bma": 0.2, "stacking": None, "greedy": None,
        }  # fmt: skip

    def test_the_options_repeat_the_weights(self):
        ensemble = self.round_.ensemble("bma", prior="clone_proof", bootstrap=100, rng=1)
        again = self.round_.ensemble("bma", sigma=ensemble.sigma, **ensemble.options)
        np.testing.assert_array_equal(again.weights, ensemble.weights)

    @pytest.mark.parametrize("method", ["bma", "least_squares", "stacking"])
    def test_a_bandwidth_of_nothing_is_refused(self, method):
        with pytest.raises(OptionError, match="bandwidth: only a prior or a reference 'clone_proof'"):
            self.round_.ensemble(method, bandwidth=0.1)
        with pytest.raises(OptionError, match="bandwidth: only a prior or a reference 'clone_proof'"):
            self.round_.mechanisms(bandwidth=0.1)

    def test_copies_count_once_even_where_rounding_tells_them_apart(self):
        pool, judgments = self.round_.pool, self.round_.judgments
        offsets = np.linspace(-300, 300, 500)[:, None]
        logits = np.concatenate([pool.logits, pool.logits[3] + offsets])
        many = hc.Round(judgments, hc.Pool.from_array(logits, items=pool.items))
        alone = self.round_.ensemble("bma", prior="clone_proof").weights
        found = many.ensemble("bma", prior="clone_proof").weights
        copies = np.r_[3, len(pool) : len(logits)]
        same = np.flatnonzero(self.round_.clones(0.1).class_of == self.round_.clones(0.1).class_of[3])
        others = np.setdiff1d(np.arange(len(pool)), same)
        np.testing.assert_allclose(found[others], alone[others], rtol=1e-14, atol=1e-300)
        assert found[np.union1d(copies, same)].sum() == pytest.approx(alone[same].sum(), rel=1e-14)


def test_what_is_refused():
    judgments = hc.Judgments.from_arrays(a=[0], b=[1], log_ratio=[1.0])
    logits = np.array([[0.0, 1.0], [2.0, 1.0]])
    for bandwidth in (0.0, -1.0, 1e-7, 1e7):
        with pytest.raises(DomainError, match="bandwidth"):
            clone_proof_prior(logits, judgments, bandwidth=bandwidth)
    for exact in (True, False):
        with pytest.raises(NonFiniteError, match=r"logits\[1, 0\] is nan"):
            clone_proof_prior([[0.0, 1.0], [np.nan, 0.0]], judgments, exact=exact)
        with pytest.raises(DomainError, match=r"logits\[1, 0\] is 2000000"):
            clone_proof_prior([[0.0, 1.0], [2e6, 0.0]], judgments, exact=exact)
    with pytest.raises(DtypeError, match="exact: expected True or False, got str"):
        clone_proof_prior(logits, judgments, exact="yes")  # type: ignore[arg-type]
    with pytest.raises(NoDataError, match="there is no model"):
        clone_proof_prior(np.zeros((0, 2)), judgments)
    ordinal = hc.Judgments.from_arrays(a=[0], b=[1], log_ratio=[np.nan], choice=[1])
    with pytest.raises(NoDataError, match="log ratio"):
        clone_proof_prior(logits, ordinal)


def test_one_model_has_all():
    judgments = hc.Judgments.from_arrays(a=[0], b=[1], log_ratio=[1.0])
    for exact in (None, True, False):
        assert clone_proof_prior([[0.0, 1.0]], judgments, exact=exact).prior.tolist() == [1.0]
        assert clone_proof_prior([[0.0, 1.0]] * 3, judgments, exact=exact).prior.tolist() == [1 / 3] * 3


def test_far_logits_are_told_apart():
    judgments = hc.Judgments.from_arrays(a=[0, 1], b=[1, 2], log_ratio=[1.0, 0.0])
    logits = [[0.0, 1e6, -1e6], [0.0, 1e6, -1e6 + 1], [-1e6, 0.0, 1e6]]
    np.testing.assert_allclose(clone_proof_prior(logits, judgments).prior, 1 / 3)
