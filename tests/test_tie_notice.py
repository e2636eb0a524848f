"""What the reader of a round is told when least squares leaves the weights open."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from command_line import files_of, rows_of
from hemicycle import Judgments, Pool, Round
from hemicycle.cli import main
from hemicycle.config import RoundConfig
from hemicycle.errors import DomainError, NotConvergedError, OptionError, ShapeError, TieBreakWarning
from hemicycle.outcome import run_round
from hemicycle.tie_breaks import tie_summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytest.importorskip("highspy")

ITEMS = ("alpha", "beta", "gamma", "delta", "epsilon")
CONNECTED = [(0, 1), (1, 2), (2, 3), (3, 4)]
APART = [(0, 1), (1, 2)]  # nobody compares delta and epsilon
N_MODELS = 30


def open_round(pairs: list[tuple[int, int]], **named: Any) -> Round:
    """Labels that are those of a blend of the models, so that many weights fit exactly."""
    logits = np.random.default_rng(0).normal(size=(N_MODELS, len(ITEMS)))
    blend = logits.mean(axis=0)
    a, b = np.array(pairs).T
    judgments = Judgments.from_arrays(a, b, blend[b] - blend[a], items=ITEMS)
    return Round(judgments, Pool.from_array(logits, items=ITEMS, **named))


def thin_round() -> Round:
    """Return a round whose only label a blend matches, but rounding keeps the weights nearest to uniform from it."""
    logits = np.zeros((6, 2))
    logits[[0, 4], 1] = -(2.0**-24), -1e-3
    return Round(Judgments.from_arrays([0], [1], [-(2.0**-26)], items=2), Pool.from_array(logits))


def test_the_notice_counts_what_is_open_and_names_what_was_taken() -> None:
    ensemble = open_round(APART).ensemble("least_squares")
    assert ensemble.tie_notice() == (
        "least squares: other weights fit as well, in 27 dimensions; 30 of 30 models have weight in some of them. "
        "Taken: those nearest to equal weights. How far they move the allocation: --ranges, in Python "
        "allocation_range()."
    )


@pytest.mark.parametrize("mean", ["geometric", "arithmetic"])
def test_the_notice_says_what_moves_most_where_the_ranges_are_known(mean: Any) -> None:
    ensemble = open_round(APART).ensemble("least_squares")
    ranges = ensemble.allocation_range(mean)
    widest = int(np.argmax(ranges["high"] - ranges["low"]))
    low, bound, high = (f"{ranges[name][widest]:.2%}" for name in ("low", "low_bound", "high"))
    certain = "" if mean == "arithmetic" else f" (found; certainly not below {bound})"
    said = f"Over all of them the share of {ITEMS[widest]} moves most: from {low}{certain} to {high}."
    assert ensemble.tie_notice(mean, ranges).endswith(said)


def test_where_comparisons_connect_all_items_the_geometric_allocation_is_decided() -> None:
    ensemble = open_round(CONNECTED).ensemble("least_squares")
    assert "The allocation is the same for all of them" in ensemble.tie_notice()
    assert "How far they move the allocation" in ensemble.tie_notice("arithmetic")
    two_parents = open_round(APART)
    assert "The allocation is the same" not in two_parents.ensemble("least_squares").tie_notice()


def test_unique_weights_and_other_methods_have_no_notice() -> None:
    logits = np.random.default_rng(1).normal(size=(3, 5))
    judgments = Judgments.from_arrays([0, 1, 2, 3], [1, 2, 3, 4], [0.1, 0.2, -0.4, 2.0], items=ITEMS)
    round_ = Round(judgments, Pool.from_array(logits, items=ITEMS))
    assert [ensemble.tie_notice() for ensemble in round_.mechanisms()] == [None] * 6
    summaries = [tie_summary(ensemble) for ensemble in round_.mechanisms()]
    assert summaries == ["least squares: no other weights fit as well."] + [None] * 5


def test_a_next_model_that_nearly_fits_as_well_is_said() -> None:
    logits = np.random.default_rng(1).normal(size=(3, 5))
    near = np.vstack([logits, logits[:1] + 1e-9 * np.arange(5)])
    judgments = Judgments.from_arrays([0, 1, 2, 3], [1, 2, 3, 4], [0.1, 0.2, -0.4, 2.0], items=ITEMS)
    ensemble = Round(judgments, Pool.from_array(near, items=ITEMS)).ensemble("least_squares")
    assert ensemble.solution.unique
    assert "but with a next model some nearly do: its reduced cost is" in str(tie_summary(ensemble))


def weights_by(round_: Round, **options: Any) -> NDArray[np.float64]:
    ensemble = round_.ensemble("least_squares", **options)
    assert ensemble.mse <= 1e-20
    return ensemble.weights


def test_the_tie_break_of_a_round_is_an_option() -> None:
    round_ = open_round(APART, authors=["ann"] * 20 + [None] * 10)
    uniform = weights_by(round_)
    np.testing.assert_array_equal(weights_by(round_, reference="uniform"), uniform)
    sparse = weights_by(round_, tie_break="least_individual_loss")
    assert np.count_nonzero(sparse) <= 3
    assert sparse @ round_.scores().mse < uniform @ round_.scores().mse
    reference = np.r_[np.zeros(15), np.ones(15)]
    near = weights_by(round_, reference=reference)
    assert np.linalg.norm(near - reference / 15) < np.linalg.norm(uniform - reference / 15)
    authors = weights_by(round_, reference="per_author")
    np.testing.assert_allclose(authors, weights_by(round_, reference=[0.05] * 20 + [1.0] * 10), atol=1e-12)
    for options, taken in (
        ({"tie_break": "least_individual_loss"}, "those of least individual loss"),
        ({"reference": "per_author"}, "those nearest to equal weights of authors"),
        ({"reference": reference}, "those nearest to the given reference"),
    ):
        assert f"Taken: {taken}." in round_.ensemble("least_squares", **options).tie_notice()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tie_break": "first"}, OptionError, "tie_break: expected 'nearest' or 'least_individual_loss'"),
        (
            {"reference": "bma"},
            OptionError,
            "reference: expected 'uniform', 'per_author', 'clone_proof' or the mass of each",
        ),
        ({"reference": [1.0]}, ShapeError, "reference: expected one mass for each of 30 models"),
        ({"reference": np.zeros(30)}, DomainError, "reference: all values are 0"),
        ({"reference": np.ones(30), "tie_break": "least_individual_loss"}, OptionError, "reference: only tie_break"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_round(APART).ensemble("least_squares", **options)


@pytest.mark.parametrize("tie_break", ["nearest", "least_individual_loss"])
def test_a_tie_that_rounding_keeps_from_being_broken_as_asked_is_a_doubt(tie_break: Any) -> None:
    round_ = thin_round()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        ensemble = round_.ensemble("least_squares", tie_break=tie_break)
    assert ensemble.solution.relative_gap <= 1e-12
    assert [warning.category for warning in warned] == [TieBreakWarning] * len(round_.doubts)
    assert bool(round_.doubts) == (not ensemble.solution.tie_broken)
    for doubt, warning in zip(round_.doubts, warned, strict=True):
        assert doubt == f"least squares: {warning.message}."
        assert "as far as rounding lets weights fit" in doubt


# The command line


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the files of a round whose weights are open."""
    round_ = open_round(APART)
    with (tmp_path / "jury.csv").open("w") as file:
        file.write("repo_a,repo_b,parent,choice,multiplier\n")
        for a, b, y in zip(round_.judgments.a, round_.judgments.b, round_.judgments.log_ratio, strict=True):
            file.write(f"{ITEMS[a]},{ITEMS[b]},fund,{1 if y < 0 else 2},{float(np.exp(abs(y)))!r}\n")
    with (tmp_path / "pool.csv").open("w") as file:
        file.write("model,repo,parent,weight\n")
        for model, logits in zip(round_.pool.models, round_.pool.logits, strict=True):
            file.writelines(
                f"{model},{item},fund,{float(np.exp(v))!r}\n" for item, v in zip(ITEMS, logits, strict=True)
            )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def test_the_command_line_tells_it_and_finds_the_ranges_when_asked(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["ensemble", "jury.csv", "pool.csv", "--out", "out", "--quiet"]
    assert main(base) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "least squares: other weights fit as well, in 27 dimensions" in said
    assert "--ranges" not in said  # stacking pays: nothing that is paid hangs on the tie-break
    assert not Path("out/allocation_range.csv").exists()
    assert main([*base, "--method", "least_squares"]) == 0
    assert "How far they move the allocation: --ranges" in " ".join(capsys.readouterr().out.split())
    assert main([*base, "--method", "least_squares", "--ranges"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Over all of them the share of" in said
    assert "not below lowest found taken highest" in said
    assert "others perhaps less" in said
    assert "Least squares: shares while the weights stay optimal" in said
    rows = rows_of("out/allocation_range.csv")
    assert {row["item"] for row in rows} == set(ITEMS)
    assert all(float(row["low"]) <= float(row["share"]) <= float(row["high"]) for row in rows)
    assert all(bool(row["low_models"]) == (row["low"] < row["high"]) for row in rows)
    assert main(["ensemble", "out/round.toml", "--out", "out", "--format", "json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["item"] for row in document["allocation_range"]] == [row["item"] for row in rows]
    assert main(["ensemble", "out/round.toml", "--out", "out", "--no-ranges", "--quiet"]) == 0
    assert not Path("out/allocation_range.csv").exists()


def test_the_summary_holds_the_face(files: Path) -> None:
    assert main(["ensemble", "jury.csv", "pool.csv", "--quiet", "--tie-break", "least_individual_loss"]) == 0
    summary = json.loads(Path("hemicycle-out/summary.json").read_text())
    least_squares, *others = summary["mechanisms"]
    assert (least_squares["unique"], least_squares["face_dimension"], least_squares["face_models"]) == (False, 27, 30)
    assert least_squares["reason"] == "the least individual loss among the optima"
    assert least_squares["tie_broken"] is True
    certified = [other["method"] for other in others if "unique" in other]
    assert certified == ["stacking"]
    assert (summary["options"]["tie_break"], summary["options"]["reference"]) == ("least_individual_loss", "uniform")
    assert any("other weights fit as well" in notice for notice in summary["notices"]) is False


def test_a_reference_file_is_an_input(files: Path) -> None:
    names = Pool.read("pool.csv").models
    Path("near.csv").write_text("model,weight\n" + "".join(f"{model},{i}\n" for i, model in enumerate(names)))
    options = ["--method", "least_squares", "--reference", "near.csv"]
    assert main(["ensemble", "jury.csv", "pool.csv", "--quiet", "--out", "out", *options]) == 0
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["options"]["reference"] == "file"
    assert set(summary["inputs"]) == {"jury", "pool", "reference"}
    assert any("nearest to the given reference" in notice for notice in summary["notices"])
    before = files_of("out")
    assert main(["ensemble", "out/round.toml", "--quiet", "--out", "again"]) == 0
    assert files_of("again") == before
    with pytest.raises(OptionError, match="reference is for the tie-break nearest only"):
        RoundConfig(jury="j", pool="p", tie_break="least_individual_loss", reference="near.csv")


def test_ranges_of_weights_that_are_not_certified_are_a_notice(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def uncertified(logits: Any, judgments: Any, **_: Any) -> Any:
        raise NotConvergedError("it did not converge", np.full(N_MODELS, 1 / N_MODELS), 1e-3, 7)

    monkeypatch.setattr("hemicycle.mechanism.pair_least_squares", uncertified)
    outcome = run_round(RoundConfig(jury="jury.csv", pool="pool.csv", method="least_squares", ranges=True))
    assert outcome.ranges is None
    assert outcome.notices[-2].startswith("least squares is as near to its optimum as doubles allow")
    assert outcome.notices[-1].startswith("ranges: the optimal weights are not known")
    assert "not known" in str(tie_summary(outcome.paid))
