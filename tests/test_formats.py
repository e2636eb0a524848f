from __future__ import annotations

import numpy as np
import pytest

from hemicycle import Judgments
from hemicycle.errors import FormatError, NoDataError, OptionError


def read(tmp_path, text, **options):
    path = tmp_path / "jury.csv"
    path.write_text(text, encoding="utf-8")
    return Judgments.read(path, **options)


@pytest.mark.parametrize(
    ("text", "log_ratio", "choice"),
    [
        ("repo_a,repo_b,choice,multiplier\nx,y,1,3\nx,y,2,3\nx,y,2,1\n", [-np.log(3), np.log(3), 0], [1, 2, 2]),
        (
            "repo_a,repo_b,winner,multiplier\nX,y,x,3\nx,y,github.com/Y,3\nx,y,2,3\n",
            [-np.log(3), *[np.log(3)] * 2],
            [1, 2, 2],
        ),
        ("repo_a,repo_b,choice,multiplier\nx,y,1,\nx,y,2,2\n", [np.nan, np.log(2)], [1, 2]),
        ("item_a,item_b,winner\nx,y,y\n", [np.nan], [2]),
        ("project_a,project_b,weight_a,weight_b\nx,y,0.2,0.8\nx,y,0.5,0.5\n", [np.log(0.8) - np.log(0.2), 0], [2, 0]),
        ("repo_a,repo_b,log_ratio\nx,y,-1.5\nx,y,0\n", [-1.5, 0], [1, 0]),
        ("repo_a,repo_b,log_ratio,choice\nx,y,0,2\nx,y,,1\nx,y,2,\n", [0, np.nan, 2], [2, 1, 2]),
        ("Repo A,REPO_B,Choice,multiplier\nx,y,2.0,2\n", [np.log(2)], [2]),
        ("repo,originality\nr,0.8\ns,0.25\n", [np.log1p(-0.8) - np.log(0.8), np.log1p(-0.25) - np.log(0.25)], [1, 2]),
    ],
)
def test_every_format_says_who_and_how_much(tmp_path, text, log_ratio, choice):
    judgments = read(tmp_path, text)
    np.testing.assert_array_equal(judgments.log_ratio, log_ratio)
    np.testing.assert_array_equal(judgments.choice, choice)
    assert judgments.rejects == ()


def test_columns_beside_the_labels(tmp_path):
    judgments = read(
        tmp_path,
        "timestamp,juror,repo_a,repo_b,parent,choice,multiplier,weight,split,mood,reasoning\n"
        't,j1,x,y,p,1,2,0.5,public_train,good,"one,\ntwo"\n'
        "t,,x,y,p,1,2,1,private,bad,\n",
    )
    assert judgments.juror == ("j1", None)
    assert judgments.split == ("public_train", "private")
    np.testing.assert_array_equal(judgments.weight, [0.5, 1])
    np.testing.assert_array_equal(judgments.line, [2, 4])
    assert judgments.items.parents == ("p", "p")
    assert judgments.notices == ("jury.csv: columns ignored: mood",)


def test_without_juror_and_parent(tmp_path):
    judgments = read(tmp_path, "competition_id,item_a,item_b,winner\n7,x,y,x\n")
    assert judgments.juror == (None,)
    assert judgments.items.parents == ("", "")
    assert judgments.notices == (
        "jury.csv: ordinal judgments (a winner, no multiplier), which count for accuracy only: 1",
    )


BAD = [
    ("x,X,1,2", "repo_b", "X", "compared with itself"),
    ("x,old,1,2", "repo_b", "old", "compared with itself"),
    (",y,1,2", "repo_a", "", "no item is named"),
    ("x, ,1,2", "repo_b", " ", "no item is named"),
    ("x,y,3,2", "choice", "3", "a choice is 1"),
    ("x,y,0,2", "choice", "0", "a choice is 1"),
    ("x,y,1.5,2", "choice", "1.5", "a choice is 1"),
    ("x,y,a,2", "choice", "a", "not a number"),
    ("x,y,,2", "choice", "", "empty"),
    ("x,y,1,0", "multiplier", "0", "greater than 0"),
    ("x,y,1,-2", "multiplier", "-2", "greater than 0"),
    ("x,y,1,nan", "multiplier", "nan", "not finite"),
    ("x,y,1,inf", "multiplier", "inf", "not finite"),
    ("x,y,1,1e309", "multiplier", "1e309", "not finite"),
    ("x,y,1,2C", "multiplier", "2C", "not a number"),
    ("x,y,1,1_0", "multiplier", "1_0", "not a number"),
]


@pytest.mark.parametrize(("row", "field", "value", "reason"), BAD)
def test_a_bad_judgment_becomes_a_reject(tmp_path, row, field, value, reason):
    text = f"repo_a,repo_b,choice,multiplier\ny,z,1,2\n{row}\ny,z,2,2\n"
    judgments = read(tmp_path, text, rename={"old": "x"})
    np.testing.assert_array_equal(judgments.line, [2, 4])
    (reject,) = judgments.rejects
    assert (reject.kind, reject.file, reject.line, reject.field, reject.value) == (
        "judgment",
        "jury.csv",
        3,
        field,
        value,
    )
    assert reason in reject.reason


@pytest.mark.parametrize(
    ("header", "row", "field", "reason"),
    [
        ("repo_a,repo_b,winner", "x,y,z", "winner", "neither of the two"),
        ("repo_a,repo_b,winner", "x,y,3", "winner", "neither of the two"),
        ("repo_a,repo_b,log_ratio", "x,y,1e308", "log_ratio", "beyond"),
        ("repo_a,repo_b,log_ratio", "x,y,-1000001", "log_ratio", "beyond"),
        ("repo_a,repo_b,log_ratio", "x,y,", "log_ratio", "empty"),
        ("repo_a,repo_b,log_ratio,choice", "x,y,,", "log_ratio", "neither a log ratio nor a choice"),
        ("repo_a,repo_b,log_ratio,weight", "x,y,1,-1", "weight", "negative"),
        ("repo_a,repo_b,log_ratio,weight", "x,y,1,nan", "weight", "not finite"),
        ("repo_a,repo_b,log_ratio,weight", "x,y,1,1e101", "weight", "above 1e+100"),
        ("repo_a,repo_b,log_ratio,weight", "x,y,1,", "weight", "empty"),
        ("project_a,project_b,weight_a,weight_b", "x,y,0,1", "weight_a", "greater than 0"),
        ("project_a,project_b,weight_a,weight_b", "x,y,1,-1", "weight_b", "greater than 0"),
        ("repo,originality", "r,0", "originality", "infinite ratio"),
        ("repo,originality", "r,1", "originality", "infinite ratio"),
        ("repo,originality", "r,1.1", "originality", "between 0 and 1"),
        ("repo,originality", ",0.5", "repo", "no item is named"),
    ],
)
def test_nothing_left_carries_the_rejects(tmp_path, header, row, field, reason):
    with pytest.raises(NoDataError, match="no judgment can be used, 1 turned away") as caught:
        read(tmp_path, f"{header}\n{row}\n")
    (reject,) = caught.value.rejects
    assert (reject.line, reject.field) == (2, field)
    assert reason in reject.reason


def test_no_judgment_of_the_items_of_the_round(tmp_path):
    with pytest.raises(NoDataError, match="line 2: item 'x, y' is refused: 'x' is not among the items of the round"):
        read(tmp_path, "repo_a,repo_b,choice\nx,y,1\n", items=["y", "z"])


def test_a_multiplier_may_be_huge_or_below_one(tmp_path):
    judgments = read(tmp_path, "repo_a,repo_b,choice,multiplier\nx,y,2,1e308\nx,y,1,0.5\n")
    np.testing.assert_allclose(judgments.log_ratio, [709.1962086421661, np.log(2)], rtol=1e-15)
    assert judgments.notices == ("jury.csv: multipliers below 1, so that the item not chosen is worth more: 1",)


def test_a_split_selects_rows_equal_to_it_or_below_it(tmp_path):
    text = "repo_a,repo_b,choice,split\nx,y,1,public_a\nx,y,2,Public\nx,y,1,publicity\nx,x,1,private\n"
    judgments = read(tmp_path, text, split="public")
    np.testing.assert_array_equal(judgments.line, [2, 3])
    assert judgments.rejects == ()
    with pytest.raises(OptionError, match="has 'Public', 'private', 'public_a', 'publicity'"):
        read(tmp_path, text, split="holdout")
    with pytest.raises(OptionError, match="no column split"):
        read(tmp_path, "repo_a,repo_b,choice\nx,y,1\n", split="public")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("dependency,repo,weight", "shares of dependencies, not of comparisons; it can be read as a submission"),
        ("repo_url,dep_url,user_weight", "shares of dependencies, not of comparisons"),
        ("repo,parent,weight", "weights of items, not of comparisons"),
        ("timestamp,juror,repo_a,repo_b,parent", "found the columns timestamp,juror,repo_a,repo_b,parent"),
        ("repo_a,choice", "found the columns repo_a,choice"),
        ("project_a,project_b,weight_a", "found the columns"),
    ],
)
def test_tables_that_are_no_jury(tmp_path, header, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, f"{header}\n{','.join('x' for _ in header.split(','))}\n")


def test_a_juror_twice_on_a_pair_is_kept_and_said(tmp_path):
    judgments = read(
        tmp_path, "juror,repo_a,repo_b,choice\nj,x,y,1\nj,y,x,2\nk,x,y,1\nj,x,z,1\n,x,y,1\n,x,y,1\nj,X,Y,1\n"
    )
    assert len(judgments) == 7
    assert "jury.csv: judgments that repeat a pair of the same juror, all kept: 2" in judgments.notices


def test_level_1_of_2025(round_data):
    folder = round_data / "level1-2025"
    judgments = Judgments.read(folder / "jury.csv")
    assert (len(judgments), len(set(judgments.juror)), len(judgments.items)) == (593, 37, 45)
    assert judgments.rejects == ()
    assert judgments.notices == ("jury.csv: judgments that repeat a pair of the same juror, all kept: 6",)
    pairs = judgments.pairs
    assert (len(pairs), int(np.sum(np.diff(pairs.offsets) == 1))) == (390, 248)
    tied = judgments.log_ratio == 0
    assert (int(tied.sum()), set(judgments.choice[tied].tolist()) <= {1, 2}) == (18, True)
    for split, n_rows in (("public", 374), ("public_train", 374), ("private", 219)):
        assert len(Judgments.read(folder / "jury_split.csv", split=split)) == n_rows


def test_later_and_earlier_releases_of_level_1(round_data):
    folder = round_data / "level1-2025"
    judgments = Judgments.read(folder / "jury_all627.csv", items=folder / "repos.csv")
    assert (len(judgments), len(judgments.rejects)) == (593, 34)
    outside = {
        name
        for reject in judgments.rejects
        for name in ("web3/web3.js", "ethereumjs-monorepo")
        if name in reject.reason
    }
    assert outside == {"web3/web3.js", "ethereumjs-monorepo"}
    assert "jury_all627.csv: columns ignored: in_jury593" in judgments.notices
    assert len(Judgments.read(folder / "jury_all627.csv").items) == 47
    early = Judgments.read(folder / "jury_early180.csv")
    renamed = Judgments.read(folder / "jury_early180.csv", rename=folder / "renames_early.csv")
    assert (len(early), len(early.items)) == (180, 48)
    assert (len(renamed), len(renamed.items)) == (180, 46)


def test_level_1_of_gg24(round_data):
    folder = round_data / "gg24-2025" / "level1"
    judgments = Judgments.read(folder / "jury.csv", items=round_data / "gg24-2025" / "repos.csv")
    assert (len(judgments), judgments.rejects, set(judgments.juror)) == (171, (), {None})
    assert len(np.unique([judgments.a, judgments.b])) == 59
    votes = Judgments.read(folder / "llm_votes.csv")
    assert (len(votes), len(set(votes.juror)), len(votes.pairs), len(votes.items)) == (6108, 5, 1376, 98)
    merged = Judgments.read(folder / "llm_ensemble.csv")
    assert set(merged.weight.tolist()) == {1.0, 0.85, 0.6, 0.3}
    duels = Judgments.read(folder / "duels_phase1.csv")
    assert (len(duels), duels.n_ordinal, len(duels.pairs), len(duels.items)) == (53716, 53716, 0, 201)


def test_levels_2_and_3_and_the_mini_contest(round_data):
    gg24 = round_data / "gg24-2025"
    originality = Judgments.read(gg24 / "level2" / "jury.csv")
    assert (len(originality), originality.items.n_parents, len(originality.pairs)) == (16, 16, 16)
    assert set(originality.items.names) == {"own", "dependencies"}
    with pytest.raises(FormatError, match="shares of dependencies"):
        Judgments.read(gg24 / "level3" / "jury.csv")
    contest = Judgments.read(round_data / "mini-contest" / "pairs_train.csv")
    assert (len(contest), len(contest.pairs), len(contest.items)) == (2387, 2387, 117)
    assert np.abs(contest.log_ratio).max() == pytest.approx(11.4, abs=0.05)
