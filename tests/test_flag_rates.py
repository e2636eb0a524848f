"""How often flags are wrong: `hemicycle reproduce flags`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from hemicycle.cli import main
from hemicycle.errors import OptionError
from hemicycle.reproduce import reproduce
from hemicycle.reproduce.flag_rates import FlagRates, flag_rates, interval
from hemicycle.reproduce.flag_verdicts import on_flag_rates, on_real_flags
from hemicycle.reproduce.planted import honest_round, planted_copies
from hemicycle.reproduce.real_flags import RealCase, real_flags

FEW = 6


@pytest.fixture(scope="module")
def few() -> FlagRates:
    return flag_rates(FEW, 0, lambda *_: None)


@pytest.mark.parametrize(("wrong", "n"), [(0, 7), (7, 7), (3, 11), (1, 4000)])
def test_intervals_are_those_of_wilson(wrong: int, n: int) -> None:
    expected = binomtest(wrong, n).proportion_ci(method="wilson")
    assert interval(wrong, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_rates_count_every_case(few: FlagRates) -> None:
    table = few.table()
    cases = {(row["flag"], row["error"], row["case"]): row for row in table}
    assert len(cases) == len(table)
    assert cases["clone", "miss", "exact"]["n"] == 3 * FEW
    assert cases["answer key", "miss", "key"]["n"] == cases["uniform", "miss", "every weight the same"]["n"] == FEW
    assert cases["clone", "false alarm", "models"]["n"] == cases["one item", "false alarm", "models"]["n"]
    np.testing.assert_allclose(table["rate"], np.divide(table["wrong"], table["n"]))
    assert (table["low"] <= table["rate"]).all()
    assert (table["rate"] <= table["high"]).all()


def test_what_should_always_be_found_is_found(few: FlagRates) -> None:
    verdicts = {finding.claim.key: finding.verdict for finding in on_flag_rates(few)}
    for key in ("copies", "near_copies", "earliest", "repeated_answers", "degenerate", "hidden_keys"):
        assert verdicts[key] == "holds", key
    assert "does not hold" not in verdicts.values()
    assert verdicts["honest_clones"] == "too few runs"


def test_a_verdict_follows_the_rates(few: FlagRates) -> None:
    worse = FlagRates(few.n_rounds, few.tried.copy(), few.hit.copy())
    worse.add("clone", "planted", "exact", 0, 1)
    worse.add("clone", "honest", "models", 50, 100)
    verdicts = {finding.claim.key: finding.verdict for finding in on_flag_rates(worse)}
    assert verdicts["copies"] == verdicts["honest_clones"] == "does not hold"
    sure = FlagRates(few.n_rounds, few.tried.copy(), few.hit.copy())
    sure.add("clone", "honest", "models", 0, 100_000)
    assert {f.claim.key: f.verdict for f in on_flag_rates(sure)}["honest_clones"] == "holds"


def test_the_docs_have_every_case_and_rates_like_these(few: FlagRates) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "flags.md").read_text(encoding="utf-8")
    documented = {}
    for error, head in (("false alarm", "| flag | honest | n |"), ("miss", "| flag | planted | n |")):
        for line in page.split(head)[1].split("\n\n")[0].splitlines()[2:]:
            flag, case, n, wrong, _ = (cell.strip() for cell in line.strip("|").split("|"))
            documented[flag, error, case] = int(wrong.split()[0].replace(",", "")), int(n.replace(",", ""))
    table = list(few.table())
    assert set(documented) == {(row["flag"], row["error"], row["case"]) for row in table}
    for row in table:
        low, high = interval(*documented[row["flag"], row["error"], row["case"]])
        assert max(low, row["low"]) <= min(high, row["high"]), row


def test_planted_copies_are_as_far_as_they_say() -> None:
    rng = np.random.default_rng(0)
    made = honest_round(rng)
    pairs = made.judgments.pairs
    for original, planted in planted_copies(made, rng):
        apart = planted.logits - made.logits[original]
        distance = np.sqrt(np.mean((apart[:, pairs.b] - apart[:, pairs.a]) ** 2, axis=1))
        said = float(planted.case.split()[-1]) if planted.case.startswith("moved") else 0.0
        np.testing.assert_allclose(distance, said, rtol=0.5, atol=1e-8)


def test_the_same_seed_gives_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEMICYCLE_DATA", raising=False)
    for out in ("one", "two"):
        assert main(["reproduce", "flags", "--runs", "2", "--seed", "3", "--quiet", "--out", out]) == 0
    names = {path.name for path in Path("one").iterdir()}
    assert names >= {"claims.csv", "rates.csv", "summary.json"}
    assert "real.csv" not in names
    assert all(Path("one", name).read_bytes() == Path("two", name).read_bytes() for name in names)
    assert json.loads(Path("one/summary.json").read_text())["note"].endswith("no --data and no HEMICYCLE_DATA.")
    assert main(["reproduce", "flags", "--runs", "1", "--data", "nowhere", "--quiet"]) == 2


def test_data_that_are_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"there is no .*jury_split\.csv"):
        reproduce("flags", runs=1, data=tmp_path)


def test_real_rounds_are_as_they_are_known(round_data: Path) -> None:
    cases = real_flags(round_data, lambda: None)
    for case in cases:
        assert not case.is_known or case.found == case.known, case
    (finding,) = on_real_flags(cases)
    assert (finding.verdict, finding.found) == ("holds", "5 of 5")
    named = {(case.round, case.what): case.found for case in cases}
    assert named["level 1, 2025", "fitted to all rows, named"] == (
        "gasquez-bradley-terry, gasquez-huber-log, gasquez-least-squares"
    )


def test_a_known_case_that_is_missed_does_not_hold() -> None:
    (finding,) = on_real_flags(
        [RealCase("r", "copies", "a, b", "none"), RealCase("r", "other", "", "x", is_known=False)]
    )
    assert (finding.verdict, finding.found, finding.because) == (
        "does not hold",
        "0 of 1",
        "r: copies: none, known are a, b",
    )
    assert on_real_flags([]) == ()
