"""Rounds that took place: what is read of their files, the published scores, digit for digit, and whole runs."""

from __future__ import annotations

import csv
import math
import re

import numpy as np
import pytest

from hemicycle.allocation import allocate
from hemicycle.allocation_range import allocation_range, log_ratio_range
from hemicycle.errors import NoDataError
from hemicycle.judgments import Judgments
from hemicycle.least_squares import pair_least_squares
from hemicycle.pool import Pool
from hemicycle.round import Round
from hemicycle.scores import brier_score, brier_skill, log_loss, total_variation

RANKED = "### Ranked: mean squared error of the log ratio, level1-2025"
SPLITS = {"all": None, "train": "public_train", "private": "private_holdout"}


@pytest.fixture(scope="module")
def ranked(round_data) -> dict[str, dict[str, str]]:
    """Read the table of scores from the data's own description: submission -> column -> digits as printed."""
    section = (round_data / "SOURCES.md").read_text(encoding="utf-8").partition(RANKED)[2]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*$", section, re.M)]
    header, rule, *rest = lines
    rows = rest[: next(i for i, cells in enumerate([*rest, []]) if len(cells) != len(header) or not cells[0].isdigit())]
    assert set("".join(rule)) == {"-"}
    return {cells[1]: dict(zip(header, cells, strict=True)) for cells in rows}


@pytest.fixture(scope="module")
def level1(round_data) -> dict[str, Round]:
    folder = round_data / "level1-2025"
    pool = Pool.read(folder / "submissions")
    jury = folder / "jury_split.csv"
    return {name: Round(Judgments.read(jury, items=pool.items, split=split), pool) for name, split in SPLITS.items()}


def agrees(value: float, printed: str) -> bool:
    return f"{value:.{len(printed.partition('.')[2])}f}" == printed


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def test_the_published_table_of_scores(round_data, level1):
    """Every figure to its printed digits; of the file with a bad cell the figures with the cell repaired."""
    whole = level1["all"]
    found = {
        "Brier": brier_score(whole.pool, whole.judgments),
        "LogLoss": log_loss(whole.pool, whole.judgments),
        "LogOddsRMSE": np.sqrt(whole.scores().mse),
        "Accuracy": whole.scores().accuracy,
        "Skill": brier_skill(whole.pool, whole.judgments),
    }
    with (round_data / "reference_values.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if row["data"].endswith("jury.csv (593)") and row["metric"] in found
        ]
    rows = [row for row in rows if row["subject"] in whole.pool.models]
    assert len(rows) == 6 * 5
    for row in rows:
        value = found[row["metric"]][whole.pool.models.index(row["subject"])]
        assert agrees(value, row["recomputed_here"]), row
        if not row["note"]:
            assert agrees(value, row["published"]), row


def test_the_published_drift_from_least_squares(round_data, level1):
    judgments, pool = level1["all"].judgments, level1["all"].pool
    rows = np.arange(len(judgments))
    incidence = np.zeros((len(rows), len(judgments.items)))
    incidence[rows, judgments.b], incidence[rows, judgments.a] = 1, -1
    least = softmax(np.linalg.lstsq(incidence, judgments.log_ratio)[0])
    said = re.search(r"TV: ([^)]*)\)", (round_data / "SOURCES.md").read_text(encoding="utf-8"))[1]
    names = {"LS": "least-squares", "BT": "bradley-terry", "BT-intensity": "bradley-terry-intensity", "Elo": "elo"}
    printed = dict(part.rsplit(" ", 1) for part in said.split(", "))
    assert len(printed) == 5
    for name, digits in printed.items():
        model = pool.models.index(f"gasquez-{names.get(name, 'huber-log')}")
        assert agrees(total_variation(softmax(pool.logits[model]), least), digits), name


def test_submissions_of_level_1_of_2025(round_data):
    folder = round_data / "level1-2025"
    pool = Pool.read(folder / "submissions")
    assert (pool.logits.shape, pool.rejects, pool.scorable.all()) == ((20, 45), (), True)
    repaired = Pool.read(
        [folder / "submissions" / "gasquez-final-seer.csv", folder / "malformed" / "final_seer_weights_raw.csv"]
    )
    (reject,) = repaired.rejects
    assert (reject.file, reject.line, reject.field, reject.value, reject.reason) == (
        "final_seer_weights_raw.csv",
        21,
        "weight",
        "0.02853076603930131C",
        "not a number",
    )
    line = (folder / "malformed" / reject.file).read_text().splitlines()[reject.line - 1]
    assert line.endswith(reject.value)


def test_vectors_carried_across_rounds_lack_an_item(round_data):
    folder = round_data / "level1-2025"
    assert Pool.read(folder / "submissions_xround").logits.shape == (32, 44)
    with pytest.raises(NoDataError, match="no submission can be used, 32 turned away") as caught:
        Pool.read(folder / "submissions_xround", items=folder / "repos.csv")
    # the file of 97 of 98 repositories lacks nothing more once it is carried over
    assert all(
        "lacks 1 of 45 items: 'https://github.com/ethereum/py-evm'" in reject.reason for reject in caught.value.rejects
    )


def test_submissions_of_gg24_level_1(round_data):
    pool = Pool.read(round_data / "gg24-2025" / "level1" / "submissions")
    assert pool.logits.shape == (30, 98)
    assert [reject.file for reject in pool.rejects] == ["gasquez-97-bt-regularized.csv", "gasquez-97-elo.csv"]
    assert all("lacks 1 of 98 items: 'deepfunding/dependency-graph'" in reject.reason for reject in pool.rejects)
    duels = Pool.read(round_data / "gg24-2025" / "level1" / "duels_phase1_weights")
    assert duels.logits.shape == (6, 201)


def test_submissions_of_gg24_level_2(round_data):
    folder = round_data / "gg24-2025" / "level2" / "submissions"
    pool = Pool.read(folder)
    assert (pool.logits.shape, pool.items.n_parents) == ((4, 196), 98)
    (reject,) = pool.rejects
    assert (reject.file, "'own' of 'hyperledger-web3j/web3j'" in reject.reason) == ("eienel-v1.csv", True)
    with pytest.raises(NoDataError) as caught:
        Pool.read(folder, rename={"hyperledger-web3j/web3j": "lfdt-web3j/web3j"})
    reasons = {reject.file: reject.reason for reject in caught.value.rejects}
    assert "of the round: 'own' of 'deepfunding/dependency-graph'" in reasons.pop("eienel-v1.csv")
    assert len(reasons) == 4
    assert all("names 2 items twice: 'own' of 'lfdt-web3j/web3j'" in reason for reason in reasons.values())


def test_submissions_of_gg24_level_3(round_data):
    pool = Pool.read(round_data / "gg24-2025" / "level3" / "submissions")
    assert (pool.logits.shape, pool.items.n_parents) == ((5, 3677), 83)
    (reject,) = pool.rejects
    assert (reject.file, "lacks 160 of 3677 items" in reject.reason) == ("niemerg-seed-weights.csv", True)
    zeros = dict(zip(pool.models, np.isneginf(pool.logits).sum(axis=1).tolist(), strict=True))
    assert (zeros["eienel-ai-juror"], zeros["eienel-answer-key"], sum(zeros.values())) == (27, 28, 55)
    assert pool.scorable.sum() == 3
    shares = Pool.read(round_data / "gg24-2025" / "level3" / "jury.csv")
    assert shares.logits.shape == (1, 162)


def test_level1_equals_the_ranked_table_to_its_last_digit(ranked, level1):
    assert len(ranked) == 20
    assert [len(level1[name].judgments) for name in SPLITS] == [593, 374, 219]
    columns = {"all": "MSE all 593", "train": "MSE train 374", "private": "MSE private 219"}
    for name, column in columns.items():
        scores = level1[name].scores()
        for model, mse in zip(level1[name].pool.models, scores.mse, strict=True):
            assert agrees(mse, ranked[model][column]), (model, column, mse)
    for model, accuracy in zip(level1["all"].pool.models, level1["all"].scores().accuracy, strict=True):
        assert agrees(accuracy, ranked[model]["accuracy"]), (model, accuracy)


def test_level1_private_board(level1):
    board = {row["model"]: row["mse"] for row in level1["private"].ensemble("uniform").leaderboard()}
    assert f"{board['aswin-phase5']:.4f}" == "6.7476"


def test_level1_mechanisms(level1):
    by_method = {ensemble.method: ensemble for ensemble in level1["all"].mechanisms()}
    assert by_method["least_squares"].mse <= min(ensemble.mse for ensemble in by_method.values())
    assert by_method["stacking"].log_score >= max(ensemble.log_score for ensemble in by_method.values())
    for ensemble in by_method.values():
        assert abs(math.fsum(ensemble.weights) - 1) <= 2**-52
        for mean in ("geometric", "arithmetic"):
            assert abs(math.fsum(ensemble.allocation(mean)["share"]) - 1) <= 2**-52
    seated = [level1["all"].pool.models[model] for model in np.flatnonzero(by_method["least_squares"].weights)]
    assert seated == ["gasquez-least-squares"]  # the fit to these very rows, and nothing that rounding left
    assert by_method["bma"].weights.max() > 0.9
    assert "stacking" in by_method["bma"].notice


def test_level1_ties_of_the_jury_keep_their_choice(level1):
    judgments = level1["all"].judgments
    ties = judgments.log_ratio == 0
    assert np.count_nonzero(ties) == 18
    assert set(judgments.choice[ties]) <= {1, 2}


@pytest.fixture(scope="module")
def gg24(round_data) -> Round:
    folder = round_data / "gg24-2025" / "level1"
    pool = Pool.read(folder / "submissions")
    return Round(Judgments.read(folder / "jury.csv", items=pool.items), pool)


def test_gg24_rejects_the_files_of_97_repositories(gg24):
    rejected = {reject.file.rpartition("/")[2] for reject in gg24.rejects if reject.kind == "submission"}
    assert rejected == {"gasquez-97-bt-regularized.csv", "gasquez-97-elo.csv"}
    assert all("dependency-graph" in reject.reason + reject.value for reject in gg24.rejects)
    assert (len(gg24.pool.items), len(gg24.pool), len(gg24.judgments)) == (98, 30, 171)


def test_gg24_runs_whole(gg24):
    for ensemble in gg24.mechanisms():
        assert abs(math.fsum(ensemble.weights) - 1) <= 2**-52
        assert abs(math.fsum(ensemble.allocation()["share"]) - 1) <= 2**-52
        assert np.isfinite([ensemble.mse, ensemble.log_likelihood, ensemble.log_score]).all()
    board = {row["model"]: row for row in gg24.ensemble("bma").leaderboard()}
    twins = board["gasquez-huber-log"], board["organisers-l1-predictions"]
    assert twins[0]["log_likelihood"] == twins[1]["log_likelihood"]
    assert twins[0]["rank"] == twins[1]["rank"]
    assert twins[0]["weight"] == twins[1]["weight"]


def test_gg24_scores_equal_the_published_ones(gg24, round_data):
    section = (
        (round_data / "SOURCES.md").read_text(encoding="utf-8").partition("### gg24 level 1")[2].partition("###")[0]
    )
    printed = {
        cells[2].strip(): (cells[4].strip(), cells[6].strip()) for cells in map(_cells, section.splitlines()) if cells
    }
    scores = gg24.scores()
    for model, mse, accuracy in zip(gg24.pool.models, scores.mse, scores.accuracy, strict=True):
        assert agrees(mse, printed[model][0]), (model, mse)
        assert agrees(accuracy, printed[model][1]), (model, accuracy)


def models_around_the_labels(round_: Round, n_models: int) -> np.ndarray:
    """Models in opposite pairs around the least squares fit, which their mixtures reach in many ways."""
    pairs, n_items = round_.judgments.pairs, len(round_.pool.items)
    incidence = np.zeros((len(pairs), n_items))
    incidence[np.arange(len(pairs)), pairs.b], incidence[np.arange(len(pairs)), pairs.a] = 1, -1
    root = np.sqrt(pairs.total_weight)
    best = np.linalg.lstsq(root[:, None] * incidence, root * pairs.mean_log_ratio, rcond=None)[0]
    apart = np.random.default_rng(0).normal(size=(n_models // 2, n_items))
    return best + np.vstack([apart, -apart])


def test_level1_is_connected_so_that_no_tie_break_moves_its_geometric_shares(level1):
    round_ = level1["all"]
    assert np.bincount(round_.judgments.pairs.components(45)).tolist() == [45]
    logits = models_around_the_labels(round_, 300)
    solution = pair_least_squares(logits, round_.judgments)
    assert solution.face_dimension == 300 - 45  # 44 independent differences of 45 items, and the sum
    found = allocation_range(logits, round_.judgments, solution)
    assert (found.high_bound == found.low_bound).all()
    lowest, highest = log_ratio_range(logits, round_.judgments, solution, 3, 40)
    assert lowest.value == highest.value


def test_level1_submissions_have_one_optimum(level1):
    ensemble = level1["all"].ensemble("least_squares")
    assert [ensemble.models[d] for d in ensemble.solution.support] == ["gasquez-least-squares"]
    for mean in ("geometric", "arithmetic"):
        table = ensemble.allocation_range(mean=mean)
        assert (table["high_bound"] == table["low_bound"]).all()
        assert set(table["low_models"]) == {""}  # no model moves a share


def test_gg24_fixes_59_items_among_themselves(gg24):
    component = gg24.judgments.pairs.components(98)
    assert sorted(np.bincount(component))[-2:] == [1, 59]
    judged = np.flatnonzero(component == np.bincount(component).argmax())
    logits = models_around_the_labels(gg24, 120)
    solution = pair_least_squares(logits, gg24.judgments)
    assert not solution.unique
    found = allocation_range(logits, gg24.judgments, solution)
    shares = allocate(logits, solution.weights)
    for ends in (found.low, found.high, found.low_bound, found.high_bound):
        np.testing.assert_allclose(ends[judged] / ends[judged].sum(), shares[judged] / shares[judged].sum(), rtol=1e-9)
    assert (found.high > 1.01 * found.low).all()  # the other 39 are free, and take from all
    assert (found.low_bound <= shares).all()
    assert (shares <= found.high_bound).all()


def _cells(line: str) -> list[str]:
    return line.split("|") if re.match(r"\| \d+ \|", line) else []
