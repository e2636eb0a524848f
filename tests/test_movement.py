"""What moved: dropping a juror, a pair or a model, and holding a run against another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from command_line import files_of, rows_of
from hemicycle import Judgments, Pool, Round
from hemicycle.cli import main
from hemicycle.drop import drop, require_drop
from hemicycle.errors import FormatError, NoDataError, OptionError
from hemicycle.movement import Movement, Standing


def inputs() -> tuple[Judgments, Pool]:
    pool = Pool.read("submissions")
    return Judgments.read("jury.csv", items=pool.items), pool


def test_dropping_leaves_out_what_it_names_and_nothing_else(here: Path) -> None:
    judgments, pool = inputs()
    juror, model = judgments.juror[0], pool.models[3]
    first, second = (judgments.items.names[int(side[5])] for side in (judgments.b, judgments.a))
    left, models = drop(judgments, pool, [f"juror={juror}", f"pair={first.upper()},{second}", f"model={model}"])
    expected = [
        row
        for row in range(len(judgments))
        if judgments.juror[row] != juror
        and {int(judgments.a[row]), int(judgments.b[row])} != {int(judgments.a[5]), int(judgments.b[5])}
    ]
    assert left.line.tolist() == judgments.line[expected].tolist()
    assert 0 < len(left) < len(judgments)
    assert models.models == tuple(name for name in pool.models if name != model)
    same = drop(judgments, pool, [])
    assert same[0] is judgments
    assert same[1] is pool


def test_names_of_items_may_hold_commas() -> None:
    judgments = Judgments.from_arrays([0, 1], [1, 2], [0.5, 1.0], items=["a,b", "c", "d"])
    pool = Pool.from_array(np.zeros((1, 3)), items=["a,b", "c", "d"])
    left, _ = drop(judgments, pool, ["pair=c,a,b"])
    assert left.log_ratio.tolist() == [1.0]
    with pytest.raises(NoDataError, match="no judgments are left"):
        drop(judgments, pool, ["pair=c,a,b", "pair=c,d"])
    with pytest.raises(NoDataError, match="no models are left"):
        drop(judgments, pool, [f"model={pool.models[0]}"])


@pytest.mark.parametrize("text", ["", "juror", "juror=", "=x", "item=x", "jurors=x", 3])
def test_what_cannot_be_dropped(text) -> None:
    with pytest.raises(OptionError, match="expected juror=NAME, pair=A,B or model=NAME"):
        require_drop(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("juror=juror-999", "there is no juror 'juror-999'; is 'juror-"),
        ("model=zzz", "there is no model 'zzz'"),
        ("pair=one", "no judgment compares 'one'"),
        ("pair=one,two", "no judgment compares 'one,two'"),
    ],
)
def test_names_that_are_not_there(here: Path, text: str, says: str, capsys) -> None:
    assert main(["ensemble", "jury.csv", "submissions", "--drop", text]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
    assert not Path("hemicycle-out").exists()


def test_a_run_without_a_juror_says_what_moved(here: Path, capsys) -> None:
    judgments, pool = inputs()
    juror = judgments.juror[0]
    assert main(["ensemble", "jury.csv", "submissions", "--drop", f"juror={juror}", "--out", "without", "-q"]) == 0
    assert "What moved, against nothing dropped" in capsys.readouterr().out
    rows = rows_of("without/movement.csv")
    assert {row["against"] for row in rows} == {"nothing dropped"}
    whole = Round(judgments, pool).ensemble().allocation()
    kept = judgments.select([name != juror for name in judgments.juror])
    without = Round(kept, pool).ensemble().allocation()
    before = dict(zip(whole["item"], whole["share"].tolist(), strict=True))
    after = dict(zip(without["item"], without["share"].tolist(), strict=True))
    assert {row["item"]: (float(row["before"]), float(row["after"])) for row in rows} == {
        item: (before[item], after[item]) for item in before
    }
    changes = [abs(float(row["change"])) for row in rows]
    assert changes == sorted(changes, reverse=True)
    summary = json.loads(Path("without/summary.json").read_text())
    assert summary["movements"][0]["allocation_change"] == pytest.approx(sum(changes) / 2)
    assert f"Left out by request: juror={juror}." in summary["notices"]
    files = files_of("without")
    assert main(["ensemble", "without/round.toml", "--out", "without", "-q"]) == 0
    assert files_of("without") == files
    assert main(["ensemble", "jury.csv", "submissions", "--out", "without", "-q"]) == 0
    assert "movement.csv" not in files_of("without")


def test_a_run_held_against_another(here: Path, capsys) -> None:
    assert main(["ensemble", "jury.csv", "submissions", "--out", "old", "-q"]) == 0
    Path("submissions/=1+1.csv").write_bytes(Path("submissions/infra-001.csv").read_bytes())
    arguments = ["ensemble", "jury.csv", "submissions", "--method", "bma", "--against", "old", "--out", "new"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "What moved, against old" in out
    assert "stacking paid, now bma" in " ".join(out.split())
    movement = Movement.between(Standing.read("old"), Standing.read("new"))
    old, new = (
        {row["item"]: float(row["share"]) for row in rows_of(f"{run}/allocation.csv")} for run in ("old", "new")
    )
    expected = sum(abs(new[item] - old[item]) for item in old)
    assert movement.distance == pytest.approx(expected, rel=1e-12)
    moved = {row["method"]: row["weight_change"] for row in movement.mechanisms}
    assert moved["uniform"] == pytest.approx(
        1 / len([row for row in rows_of("new/weights.csv") if row["method"] == "bma"])
    )
    again = Standing.read("new")
    nothing = Movement.between(again, again)
    assert nothing.distance == 0
    assert len(nothing.models) == 0
    assert main(["verify", "new", "-q"]) == 0
    with (Path("old") / "weights.csv").open("a") as file:
        file.write("bma,infra-001,0.0\n")
    assert main(["verify", "new", "-q"]) == 1


def test_items_and_models_of_one_run_only() -> None:
    before = Standing("old", "bma", {("", "a"): 0.25, ("", "b"): 0.75}, {"bma": {"m": 1.0}, "best": {"m": 1.0}})
    after = Standing(
        "new", "bma", {("", "b"): 0.5, ("", "c"): 0.5}, {"bma": {"m": 0.25, "n": 0.75}, "greedy": {"m": 1.0}}
    )
    movement = Movement.between(before, after)
    assert [tuple(row.values()) for row in movement.allocation] == [
        ("", "c", 0.0, 0.5, 0.5),
        ("", "a", 0.25, 0.0, -0.25),
        ("", "b", 0.75, 0.5, -0.25),
    ]
    assert movement.distance == 1.0
    assert [row["method"] for row in movement.mechanisms] == ["bma"]
    assert movement.mechanisms["weight_change"].tolist() == [0.75]
    assert list(movement.models["model"]) == ["m", "n"]


def test_folders_that_are_no_run(here: Path, capsys) -> None:
    assert main(["ensemble", "jury.csv", "submissions", "--against", "submissions"]) == 2
    assert "submissions is no out folder of hemicycle ensemble" in capsys.readouterr().err
    assert main(["ensemble", "jury.csv", "submissions", "--out", "old", "-q"]) == 0
    assert main(["ensemble", "jury.csv", "submissions", "--against", "old/round.toml"]) == 2
    assert "round.toml is the round.toml of an out folder: give the folder, old" in capsys.readouterr().err
    assert main(["ensemble", "jury.csv", "submissions", "--against", "old", "--out", "old"]) == 2
    assert "old is the folder to write to, too" in capsys.readouterr().err
    Path("old/allocation.csv").write_text("parent,item\n,a\n")
    with pytest.raises(FormatError, match="expected the columns parent,item,share"):
        Standing.read("old")
    Path("old/allocation.csv").write_text("parent,item,share\n,a,much\n")
    with pytest.raises(FormatError, match="line 2: the share is not a finite number"):
        Standing.read("old")


def test_the_part_that_moves_is_of_the_budgets_of_all_parents() -> None:
    shares = {("p", "x"): 0.5, ("p", "y"): 0.5, ("q", "x"): 0.5, ("q", "y"): 0.5}
    before = Standing("before", "uniform", shares, {})
    after = Standing("after", "uniform", shares | {("p", "x"): 0.0, ("p", "y"): 1.0}, {})
    found = Movement.between(before, after)
    assert (found.distance, found.part, found.summary()["allocation_change"]) == (1.0, 0.25, 0.25)


def test_items_are_shown_by_their_short_names() -> None:
    host = "https://github.com/"
    shares = {(host + parent, host + item): 0.5 for parent in ("p/p", "q/q") for item in ("x/y", "z/z")}
    found = Movement.between(*(Standing(name, "uniform", shares, {}) for name in ("before", "after")))
    assert found.item_names == ["x/y (p/p)", "z/z (p/p)", "x/y (q/q)", "z/z (q/q)"]
    assert Movement.between(Standing("", "uniform", {}, {}), Standing("", "uniform", {}, {})).item_names == []
