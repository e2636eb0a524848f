"""Modellers under two losses, in small."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from hemicycle.cli import main
from hemicycle.diversity import pool_diversity
from hemicycle.errors import MissingExtraError, OptionError
from hemicycle.reproduce import incentive_camp_verdicts, incentive_pools, incentive_verdicts, reproduce
from hemicycle.reproduce.figures import render
from hemicycle.reproduce.incentive_fits import N_ITEMS, SIGMA, Modellers, TwoCamps, draw_jury, draw_modellers, fitted
from hemicycle.reproduce.incentive_pools import MECHANISMS, Grid, Pools

has_matplotlib = importlib.util.find_spec("matplotlib") is not None
EXPECTED = ("diverse", "better", "own_width", "new_pairs", "both_camps", "minority_mass", "bias")
SMALL = Grid(shares=(0.5, 0.9), distances=(0.5, 3.0), pairs=(3, 30))


def quiet(_what: str, _done: int, _of: int) -> None:
    pass


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn(n_pairs: int, seed: int = 0, share: float = 0.7) -> tuple[TwoCamps, Modellers]:
    draws = rng(seed)
    jury = draw_jury(share, 2.0, n_pairs, draws)
    return jury, draw_modellers(jury, share, draws)


def gradient(logits: np.ndarray, d: int, jury: TwoCamps, modellers: Modellers, loss: str) -> np.ndarray:
    """Return the gradient of what one modeller minimises, label by label."""
    slope = modellers.ridge[d] * (logits - modellers.opinion[d])
    pairs = jury.judgments.pairs
    for n in np.flatnonzero(modellers.seen[d]):
        y = pairs.log_ratio[pairs.offsets[n] : pairs.offsets[n + 1]]
        mu = logits[pairs.b[n]] - logits[pairs.a[n]]
        part = np.exp(-((mu - y) ** 2) / (2 * SIGMA**2)) if loss == "sum_gaussian" else np.ones(len(y))
        pull = float(part @ (mu - y) / part.sum()) / SIGMA**2
        slope[pairs.b[n]] += pull
        slope[pairs.a[n]] -= pull
    return slope


@pytest.mark.parametrize("n_pairs", [1, 20, 300])
@pytest.mark.parametrize("loss", ["mse", "sum_gaussian"])
def test_every_modeller_is_at_an_optimum_of_its_own(n_pairs: int, loss: str) -> None:
    jury, modellers = drawn(n_pairs)
    logits = fitted(jury, modellers, loss)
    slopes = np.array([np.abs(gradient(logits[d], d, jury, modellers, loss)).max() for d in range(0, 80, 7)])
    assert slopes.max() < (1e-9 if loss == "mse" else 0.05)
    assert np.median(slopes) < 1e-3


def test_what_modellers_share_and_what_not() -> None:
    jury, modellers = drawn(20)
    assert len(modellers.opinion) == 80
    neutral, partisan = np.split(modellers.opinion, 2)
    noise = neutral - jury.camps.mean(axis=0)
    side = partisan - noise
    first = np.abs(side - jury.camps[0]).max(axis=1) < 1e-9
    assert first.sum() == 28  # 70% of forty
    assert np.abs(side[~first] - jury.camps[1]).max() < 1e-9
    assert np.array_equal(*np.split(modellers.seen, 2))
    seen = modellers.seen.sum(axis=1)
    assert seen.min() >= 10
    assert seen.max() <= 20
    assert modellers.ridge.min() >= 0.03
    assert modellers.ridge.max() <= 1
    assert drawn(1)[1].seen.all()


def test_juries_are_as_told() -> None:
    jury = draw_jury(0.8, 3.0, 300, rng(4))
    assert len(jury.judgments.pairs) == len(jury.same_pairs.pairs) == 300
    asked = set(zip(jury.judgments.a.tolist(), jury.judgments.b.tolist(), strict=True))
    assert asked == set(zip(jury.same_pairs.a.tolist(), jury.same_pairs.b.tolist(), strict=True))
    assert not asked & set(zip(jury.new_pairs.a.tolist(), jury.new_pairs.b.tolist(), strict=True))
    said = jury.camps[:, jury.judgments.b] - jury.camps[:, jury.judgments.a]
    near = np.abs(jury.judgments.log_ratio - said)
    apart = np.abs(said[0] - said[1]) > 3
    assert (near[0] < near[1])[apart].mean() == pytest.approx(0.8, abs=0.05)
    distances = []
    for seed in range(60):
        camps = draw_jury(0.5, 3.0, 1, rng(seed)).camps
        a, b = np.triu_indices(N_ITEMS, 1)
        distances.append(np.mean(((camps[0] - camps[1])[b] - (camps[0] - camps[1])[a]) ** 2))
    assert math.sqrt(np.mean(distances)) == pytest.approx(3, rel=0.05)


def test_measures_of_a_pool_by_hand() -> None:
    jury, _ = drawn(30, 3)
    logits = np.vstack([np.tile(jury.camps[0], (6, 1)), np.tile(jury.camps[1], (3, 1)), jury.camps.mean(axis=0)])
    found = dict(zip(incentive_pools.NAMES, incentive_pools._measure(logits, jury), strict=True))
    assert found["majority"] == pytest.approx(0.6)
    assert found["minority"] == pytest.approx(0.3)
    diversity = pool_diversity(logits, jury.judgments, np.full(10, 0.1))
    assert found["div"] == diversity.parts.div
    assert found["bias_share"] == diversity.bias_share
    weights = incentive_pools._weights(logits, jury.judgments)
    assert set(weights) == set(MECHANISMS)
    for mechanism, own in weights.items():
        mu = logits[:, jury.same_pairs.b] - logits[:, jury.same_pairs.a]
        density = np.exp(-((mu - jury.same_pairs.log_ratio) ** 2) / (2 * SIGMA**2)) / (SIGMA * math.sqrt(2 * math.pi))
        expected = np.mean(np.log(own @ density))
        assert found[f"{mechanism}_same_pairs"] == pytest.approx(expected, rel=1e-9)
        assert found[f"{mechanism}_majority"] == pytest.approx(own[:6].sum(), abs=1e-12)


def test_where_the_proposal_holds_and_where_not() -> None:
    pools = incentive_pools.incentive_pools(Grid(shares=(0.5, 0.9), distances=(0.5, 3.0), pairs=(300,)), 2, 1, quiet)
    div = pools.gain("div", "neutral").mean(axis=-1)[..., 0]  # (n_shares, n_distances)
    assert div[0, 1] > 0.5
    assert abs(div[1, 1]) < 0.1  # all join the majority
    score = pools.gain("stacking_same_pairs", "neutral").mean(axis=-1)[..., 0]
    assert score[0, 1] > 0.5
    assert abs(score[:, 0]).max() < 0.1
    assert pools.of("minority", "neutral", "sum_gaussian")[1, 1].max() == 0
    assert pools.of("minority", "neutral", "mse").max() == 0


def test_pools_are_read_in_the_order_of_the_grid() -> None:
    pools = incentive_pools.incentive_pools(SMALL, 2, 3, quiet)
    table = pools.table()
    assert len(table) == 8 * 2 * 2
    for row in table:
        s, d, p = (
            SMALL.shares.index(row["share"]),
            SMALL.distances.index(row["distance"]),
            SMALL.pairs.index(row["pairs"]),
        )
        assert row["div"] == pytest.approx(pools.of("div", row["starts"], row["loss"])[s, d, p].mean(), rel=1e-12)
    assert incentive_verdicts.signs(pools.gain("div", "neutral")).shape == (2, 2, 2)


def test_the_same_seed_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    first, again, other = (incentive_pools.incentive_pools(SMALL, 1, seed, quiet).values for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    more = incentive_pools.incentive_pools(SMALL, 2, 1, quiet).values
    assert np.array_equal(more[..., :1], first)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_the_weight_of_the_minority_is_judged_against_its_labels() -> None:
    grid = Grid(shares=(0.5, 0.9), distances=(3.0,), pairs=(30,))
    values = np.zeros((2, 2, 2, len(incentive_pools.NAMES), 3))
    pools = Pools(grid, values)
    assert incentive_camp_verdicts.on_minority(pools).verdict == "does not hold"
    place = incentive_pools.NAMES.index("stacking_minority")
    values[:, 1, 1, place] = np.array([0.5, 0.1])[:, None]
    assert incentive_camp_verdicts.on_minority(pools).verdict == "holds"
    values[1, 1, 1, place] = 0.0
    assert incentive_camp_verdicts.on_minority(pools).verdict == "holds with a condition"


def test_bias_is_judged_where_chance_does_not_make_it() -> None:
    grid = Grid(shares=(0.5, 0.9), distances=(3.0,), pairs=(1, 3, 30))
    values = np.zeros((2 * 3, 2, 2, len(incentive_pools.NAMES), 3))
    pools = Pools(grid, values)
    of_bias = values[..., incentive_pools.NAMES.index("bias_share"), :].reshape(2, 3, 2, 2, 3)
    assert np.shares_memory(of_bias, values)
    of_bias[:, 0], of_bias[:, 1], of_bias[:, 2] = 1.0, 0.4, 0.05
    found = incentive_verdicts.on_bias(pools)
    assert (found.verdict, found.found) == ("holds", "0.05 to 0.05")
    assert "neutral, 1 pair 1.00, neutral, 3 pairs 0.40, neutral, 30 pairs 0.05" in found.because
    of_bias[:, 2] = 0.3
    assert incentive_verdicts.on_bias(pools).verdict == "does not hold"


@pytest.mark.slow
def test_quick_leaves_tables_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "incentives", "--quick", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "3 runs, seed 0" in said.replace("\n", " ")
    folder = Path("hemicycle-reproduce")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["options"] == {"runs": 3, "seed": 0, "quick": 1}
    assert [claim["key"] for claim in summary["claims"]] == list(EXPECTED)
    verdicts = {claim["key"]: claim["verdict"] for claim in summary["claims"]}
    assert verdicts["diverse"] == verdicts["better"] == verdicts["both_camps"] == "holds with a condition"
    for claim in summary["claims"]:
        assert claim["because"]
        assert not claim["because"].endswith(".")
        assert all(math.isfinite(value) for value in claim["numbers"].values())
    left = {"claims.csv", "pools.csv", "summary.json"}
    drawn = {"pools.svg", "scores.svg", "camps.svg"} if has_matplotlib else set()
    assert {path.name for path in folder.iterdir()} == left | drawn


@pytest.mark.skipif(not has_matplotlib, reason="matplotlib is not installed")
def test_figures_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incentive_pools, "Grid", lambda **_: SMALL)
    found = reproduce("incentives", runs=1, quick=True)
    drawn = render(found.figures)
    assert all(content.startswith(b"<?xml") for content in drawn.values())
    assert {f.verdict for f in found.findings if f.claim.key in ("diverse", "better")} == {"too few runs"}


def test_without_torch_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hemicycle.reproduce.incentives.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"hemicycle\[torch\]"):
        reproduce("incentives", runs=1)


def test_bad_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="reads no data"):
        reproduce("incentives", data=tmp_path)
    assert main(["reproduce", "incentives", "--runs", "0"]) == 2
