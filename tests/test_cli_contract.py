"""`hemicycle contract`: from a file of types to an offer, what it leaves, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from command_line import files_of, rows_of
from hemicycle.cli import main
from hemicycle.contracts import LinearValuation, PowerLaw, fit_accuracy, optimal_contract, quality_contract

pytest.importorskip("clarabel", reason="clarabel is not installed")

COSTS = [0.5, 0.4, 0.03, 0.02, 0.001]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, *rows: str) -> str:
    Path(name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return name


def five_types() -> str:
    return write("costs.csv", "type,cost", *(f"type-{i},{cost}" for i, cost in enumerate(COSTS)))


def test_the_offer_is_that_of_arrays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", five_types(), "--parties", "10"]) == 0
    out, err = capsys.readouterr()
    right = optimal_contract(COSTS, [0.2] * 5, 10)
    rows = rows_of("hemicycle-contract/contract.csv")
    assert [row["type"] for row in rows] == [f"type-{i}" for i in range(5)]
    for name in ("m", "t", "t_bar", "rent", "utility"):
        np.testing.assert_array_equal([float(row[name]) for row in rows], getattr(right, name))
    for part in ("10 parties of 5 types", "type-4", "11,740.66", "94.0135", "Certified: no contract is better", "38%"):
        assert part in out
    assert "wrote hemicycle-contract" in err
    assert set(files_of("hemicycle-contract")) == {
        "summary.json", "contract.csv", "rewards.csv", "free_riding.csv", "arrangements.csv",
    }  # fmt: skip
    summary = json.loads(Path("hemicycle-contract/summary.json").read_text(encoding="utf-8"))
    assert summary["contract"]["certified"] is True
    assert summary["contract"]["expected_value"] == right.expected_value
    assert [row["arrangement"] for row in summary["arrangements"]] == [
        "free riding",
        "contract",
        "complete information",
    ]
    assert summary["fixed_rewards"]["any_insolvency"] == pytest.approx(0.3792, abs=1e-4)


def test_the_same_bytes_again_and_only_an_earlier_result_is_replaced(folder: Path) -> None:
    arguments = ["contract", five_types(), "--parties", "4", "--out", "offer", "--quiet"]
    assert main(arguments) == 0
    before = files_of("offer")
    assert main(arguments) == 0
    assert files_of("offer") == before
    Path("mine").mkdir()
    write("mine/notes.txt", "mine")
    assert main(["contract", "costs.csv", "--parties", "4", "--out", "mine"]) == 2


def test_quality_probabilities_and_a_measured_curve(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("types.csv", "quality,probability,cost", "0.25,0.7,0.05", "1,0.3,0.1")
    sizes = [100.0, 300.0, 1000.0, 3000.0]
    points = PowerLaw(0.9, 2.0, 0.4).value(sizes)
    write("curve.csv", "amount,accuracy", *(f"{x},{y}" for x, y in zip(sizes, points, strict=True)))
    arguments = ["contract", "types.csv", "--parties", "4", "--accuracy", "power-law", "--fit", "curve.csv"]
    assert main([*arguments, "--value", "50", "--format", "json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    right = quality_contract(
        [0.05, 0.1], [0.25, 1.0], [0.7, 0.3], 4, accuracy=fit_accuracy("power_law", sizes, points).accuracy,
        valuation=LinearValuation(50.0),
    )  # fmt: skip
    assert [row["m"] for row in found["types"]] == pytest.approx(right.m.tolist(), rel=1e-9)
    assert [row["type"] for row in found["types"]] == ["1", "2"]
    assert [row["cost"] for row in found["types"]] == [0.05, 0.1]
    assert found["accuracy"]["family"] == "PowerLaw"
    assert found["accuracy"]["rmse"] < 1e-7
    assert main(arguments) == 0
    assert "data that counts" in capsys.readouterr().out
    fixed = "power_law:a_opt=0.9,b=2,q=0.4"
    assert main(["contract", "types.csv", "--parties", "4", "--accuracy", fixed, "--format", "csv", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("type,cost,quality,probability,m,t,")


def test_nobody_takes_part(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", write("dear.csv", "cost", "5", "9"), "--parties", "2"]) == 0
    assert "Certified: nobody contributes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["price", "1"], "bad.csv: there is no column 'cost', but price; known are cost, type"),
        (["cost,colour", "1,red"], "bad.csv: the column 'colour' is not known"),
        (["cost", "abc"], "bad.csv, line 2: cost is 'abc'; give a finite number"),
        (["cost,quality", "1,1", "2,"], "bad.csv, line 3: quality is empty; give a finite number"),
        (["cost", "inf"], "bad.csv, line 2: cost is 'inf'"),
        (["cost", "-1"], "bad.csv, line 2: cost is -1; it must be above 0"),
        (["cost"], "bad.csv: there is no row below the header"),
        (["cost,type", "1,a", "2,a"], "bad.csv, line 3: type: 'a' occurs twice"),
        (["cost,type", "1,a,b"], "bad.csv, line 2: 3 cells, but the header has 2"),
        (["cost,probability", "1,0.3", "2,0.3"], "bad.csv: the column probability sums to 0.6; it must sum to 1"),
        (["cost,probability", "1,1.3", "2,-0.3"], "bad.csv, line 3: probability is -0.3; it must be 0 or more"),
        (["cost,quality", "1,0"], "bad.csv, line 2: quality is 0; it must be above 0"),
    ],
)
def test_a_bad_file_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str], rows: list[str], said: str) -> None:
    assert main(["contract", write("bad.csv", *rows), "--parties", "2"]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert not out
    assert not Path("hemicycle-contract").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--accuracy", "wishful"], "accuracy: expected 'generalization_bound'"),
        (["--accuracy", "arctan:x=3"], "accuracy: arctan has the parameters a_opt, scale, each once; got 'x=3'"),
        (["--accuracy", "arctan:scale=x"], "accuracy: scale is 'x'; give a number"),
        (["--accuracy", "arctan:scale=0"], "scale is 0.0; it must be above 0"),
        (["--accuracy", "arctan:scale=1", "--fit", "costs.csv"], "leave out 'scale=1', or --fit"),
        (["--fit", "costs.csv"], "costs.csv: there is no column 'amount'"),
        (["--fit", "none.csv"], "none.csv"),
        (["--value", "0"], "value is 0.0; it must be above 0"),
    ],
)
def test_a_bad_option_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["contract", five_types(), "--parties", "3", *options]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_parties_are_counted_from_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", five_types(), "--parties", "0"]) == 2
    assert "greater than or equal to 1" in capsys.readouterr().err
