"""The page of a run: what stands on it, that nothing on it acts or reaches out, and that it repeats to the byte."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle.config import RoundConfig
from hemicycle.direct import direct_fit
from hemicycle.jurors import juror_diagnostics
from hemicycle.outcome import Outcome, run_round
from hemicycle.report import report_html
from hemicycle.report.board import board_of
from hemicycle.report.diversity import diversity_table
from hemicycle.report.pair_explorer import n_modes, pair_curves
from hemicycle.report.tables import (
    MISSING,
    NAME_WIDTH,
    ROWS_SHOWN,
    cell_text,
    island,
    names,
    numbers,
    percents,
    prose,
    shown,
)
from hemicycle.synthetic import two_camp_round

if TYPE_CHECKING:
    from pathlib import Path

VOID = {"wbr", "meta", "link", "input", "br", "hr", "img"}
HOSTILE = ["<script>alert(1)</script>", "x</script><!--", '" onfocus="alert(1)', "‮evil", "{{ 7 * 7 }}", "n" * 180]


class Page(HTMLParser):
    """Elements, attributes and texts of a page; every element that is opened is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.names: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "bdi":
            self.names.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "bdi":
            self.names[-1] += data
        if self.open and data.strip():
            self.texts.append((self.open[-1], data))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def data(self) -> dict[str, dict]:
        """Tables by name, as the script reads them."""
        tables = [e["data-name"] for e in self.of("div") if "data-name" in e]
        scripts = [text for tag, text in self.texts if tag == "script" and text.startswith('{"unit"')]
        return dict(zip(tables, map(json.loads, scripts), strict=True))


def outcome_of(folder: Path, **options: Any) -> Outcome:
    return run_round(RoundConfig(jury=str(folder / "jury.csv"), pool=str(folder / "submissions"), **options))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_camp_round(3, n_items=12, n_pairs=30, n_models=70).write(tmp_path_factory.mktemp("round"))


@pytest.fixture(scope="module")
def outcome(folder: Path) -> Outcome:
    return outcome_of(folder)


@pytest.fixture(scope="module")
def html(outcome: Outcome) -> str:
    return report_html(outcome)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def sections(page: Page) -> list[str | None]:
    return [e["id"] for e in page.of("section")]


def test_sections_stand_as_the_run_has_them(folder: Path, page: Page) -> None:
    always = ["summary", "hemicycles", "allocation", "mechanisms", "leaderboard", "pairs", "jurors"]
    end = ["diversity", "flags", "rejects", "provenance"]
    assert sections(page) == [*always, *end]
    asked = sections(Page(report_html(outcome_of(folder, evaluate="pair", folds=3))))
    assert asked == [*always, "evaluation", *end]


def test_nothing_reaches_out_and_only_the_script_of_the_page_runs(html: str, page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "form", "base", "foreignobject"}
        assert not any(name.startswith("on") or name in {"style", "src", "action"} for name in attributes), tag
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", html)
    runs = [e for e in page.of("script") if e.get("type") != "application/json"]
    assert len(runs) == len(page.of("style")) == 1
    policy = next(e["content"] for e in page.of("meta") if "http-equiv" in e)
    for tag, source in (("script", "script-src"), ("style", "style-src")):
        text = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}'" in str(policy)
    assert str(policy).startswith("default-src 'none'")
    assert "unsafe" not in str(policy)


def test_structure_is_that_of_a_document(page: Page) -> None:
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))
    identifiers = [e["id"] for _, e in page.elements if e.get("id")]
    assert len(identifiers) == len(set(identifiers))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((attributes.get(name) or "").split()) <= set(identifiers)
        if (attributes.get("href") or "").startswith("#"):
            assert str(attributes["href"])[1:] in identifiers
    assert len(page.of("table")) == len(page.of("caption"))
    assert all("scope" in e for e in page.of("th"))
    assert page.of("html")[0]["lang"] == "en"
    assert len(page.of("main")) == len(page.of("nav")) == len(page.of("header")) == len(page.of("footer")) == 1


def test_the_first_rows_stand_without_a_script_and_the_data_holds_all(outcome: Outcome, html: str, page: Page) -> None:
    models = page.data()["models"]
    columns = {column["head"]: column["values"] for column in models["columns"]}
    assert columns["model"] == list(outcome.leaderboard["model"])
    assert columns["rank"] == outcome.leaderboard["rank"].tolist()
    assert columns["Stacking (pays)"] == pytest.approx(100 * outcome.leaderboard["weight"], abs=0.0051)
    rows = html.partition('id="models-table"')[2].partition("</tbody>")[0].partition("<tbody>")[2]
    assert rows.count("<tr>") == ROWS_SHOWN < len(outcome.leaderboard)
    assert f"The first {ROWS_SHOWN} of 70 rows; all, with every digit, are in <code>leaderboard.csv</code>" in html
    shares = page.data()["shares"]["columns"]
    assert sum(next(c["values"] for c in shares if c["head"] == "share, %")) == pytest.approx(100, abs=0.06)


def test_seats_of_every_mechanism(outcome: Outcome, page: Page) -> None:
    seats = [e for e in page.of("circle") if "data-row" in e]
    assert len(seats) == 201 * len(outcome.ensembles)
    drawn = [e for e in page.of("svg") if "data-mechanism" in e]
    assert [e["aria-label"].split(":")[0] for e in drawn][:2] == ["Hemicycle, Stacking", "Hemicycle, Least squares"]
    held = {int(str(e["data-row"])) for e in seats[:201]}
    board = outcome.leaderboard
    assert all(board["weight"][row] > 0 for row in held)
    assert int(np.argmax(board["weight"])) in held
    stops = [e for e in page.of("g") if e.get("class") == "stop"]
    assert all("log likelihood" in str(e["aria-label"]) for e in stops)
    assert sum(e["tabindex"] == "0" for e in stops) == len(drawn)


def test_one_run_gives_one_text(folder: Path, html: str) -> None:
    assert report_html(outcome_of(folder)) == html
    assert str(folder) not in html


def test_where_rows_were_left_out_their_scores_stand_beside_those_used(tmp_path: Path) -> None:
    two_camp_round(3, n_items=12, n_pairs=30, n_models=20).write(tmp_path)
    rows = (tmp_path / "jury.csv").read_text().splitlines()
    named = [f"{row},{'public' if i % 3 else 'private'}" for i, row in enumerate(rows[1:])]
    (tmp_path / "jury.csv").write_text("\n".join([f"{rows[0]},split", *named]) + "\n")
    outcome = outcome_of(tmp_path, split="public")
    html = report_html(outcome)
    n_private = sum(row.endswith("private") for row in named)
    assert f"on {n_private} rows left out" in html
    heads = [column["head"] for column in Page(html).data()["models"]["columns"]]
    assert heads.count("mse") == 2
    assert "elpd" in heads
    private = outcome_of(tmp_path, split="private")
    column = [c for c in Page(html).data()["models"]["columns"] if c["head"] == "mse"][1]["values"]
    expected = dict(zip(private.leaderboard["model"], private.leaderboard["mse"], strict=True))
    assert column == pytest.approx([expected[m] for m in outcome.leaderboard["model"]], abs=0.00051)


def test_intervals_are_shown_with_what_they_are(outcome: Outcome) -> None:
    intervals = outcome.paid.intervals(replicates=5)
    html = report_html(replace(outcome, intervals=intervals))
    assert intervals.label in html
    assert "The widest interval is that of" in html
    columns = {c["head"]: c["values"] for c in Page(html).data()["shares"]["columns"]}
    order = np.argsort(-np.asarray(outcome.allocation["share"]), kind="stable")
    assert columns["from"] == pytest.approx(100 * intervals.low[order], abs=0.0051)
    assert columns["to"] == pytest.approx(100 * intervals.high[order], abs=0.0051)
    bars = next(values for head, values in columns.items() if head.startswith("0 to"))
    assert all(0 <= low <= high <= 100 and drawn for *_, low, high, drawn in bars)


@pytest.mark.parametrize("method", ["least_squares", "stacking"])
def test_ranges_are_drawn_where_least_squares_pays(folder: Path, method: str) -> None:
    pytest.importorskip("highspy")
    outcome = outcome_of(folder, ranges=True, method=method, intervals=0)
    columns = {c["head"]: c["values"] for c in Page(report_html(outcome)).data()["shares"]["columns"]}
    order = np.argsort(-np.asarray(outcome.allocation["share"]), kind="stable")
    assert outcome.ranges is not None
    assert columns["highest"] == pytest.approx(100 * np.asarray(outcome.ranges["high"])[order], abs=0.0051)
    bars = next(values for head, values in columns.items() if head.startswith("0 to"))
    assert {drawn for *_, drawn in bars} == {method == "least_squares"}


def test_what_moved_stands_where_something_was_dropped(folder: Path, outcome: Outcome) -> None:
    juror = outcome.round.judgments.juror[0]
    dropped = outcome_of(folder, drop=(f"juror={juror}",))
    html = report_html(dropped)
    page = Page(html)
    assert "movement" in sections(page)
    columns = {c["head"]: c["values"] for c in page.data()["movement-1"]["columns"]}
    (movement,) = dropped.movements
    assert columns["change"] == pytest.approx(100 * movement.allocation["change"], abs=0.0051)
    assert max(map(abs, columns["change"])) == abs(columns["change"][0]) > 0
    bars = next(values for head, values in columns.items() if head.startswith("from"))
    assert all(
        (end > start) == (change > 0)
        for (start, end, *_), change in zip(bars, columns["change"], strict=True)
        if change
    )
    assert f"add up to {movement.distance:.4f}" in html


def test_diversity_is_that_of_every_mechanism(outcome: Outcome) -> None:
    table = diversity_table(outcome, board_of(outcome))
    shown = {column.head: column.values for column in table.columns}
    for row, ensemble in enumerate(board_of(outcome).ensembles):
        found = ensemble.diversity
        assert shown["of its models"][row] == round(found.parts.err_bar, 3)
        assert shown["of their average"][row] == round(found.parts.err, 3)
        assert shown["diversity"][row] == round(found.parts.div, 3)
        assert shown["bias"][row] == pytest.approx(100 * found.bias_share, abs=0.051)


def test_jurors_stand_beside_every_mechanism(outcome: Outcome, page: Page) -> None:
    columns = {c["head"]: c["values"] for c in page.data()["jurors"]["columns"]}
    influence = outcome.ensembles[0].influence("juror")
    assert outcome.ensembles[0].method == "least_squares"
    moved = dict(zip(influence["juror"], influence["allocation_change"], strict=True))
    assert columns["least squares"] == pytest.approx([100 * moved[juror] for juror in columns["juror"]], abs=0.0051)
    assert columns["least squares"] == sorted(columns["least squares"], reverse=True)
    found = juror_diagnostics(outcome.round.pool, outcome.round.judgments, outcome.paid.weights, sigma=0.5)
    agreement = dict(zip(found.jurors, found.agreement, strict=True))
    assert columns["Stacking"] == pytest.approx([100 * agreement[juror] for juror in columns["juror"]], abs=0.51)
    assert sum(columns["judgments"]) == len(outcome.round.judgments)
    unlikely = page.data()["least-likely"]["columns"]
    assert unlikely[0]["values"][0] in found.jurors


def test_a_jury_without_names_has_no_jurors(tmp_path: Path) -> None:
    two_camp_round(3, n_items=12, n_pairs=30, n_models=20).write(tmp_path)
    rows = [row.split(",") for row in (tmp_path / "jury.csv").read_text().splitlines()]
    nameless = "\n".join(",".join(cell for i, cell in enumerate(row) if i != rows[0].index("juror")) for row in rows)
    (tmp_path / "jury.csv").write_text(nameless + "\n")
    html = report_html(outcome_of(tmp_path))
    assert "The jury file does not name its jurors." in html
    assert "jurors" not in Page(html).data()


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    made = two_camp_round(3, n_items=12, n_pairs=30, n_models=len(HOSTILE) + 4)
    made.write(tmp_path)
    rename = dict(zip(made.models, HOSTILE, strict=False))
    lines = ["model,repo,parent,weight"]
    for model, weights in zip(made.models, made.weights, strict=True):
        name = rename.get(model, model).replace('"', '""')
        lines += [f'"{name}",{item},{made.parent},{w!r}' for item, w in zip(made.items, weights.tolist(), strict=True)]
    (tmp_path / "pool.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    html = report_html(run_round(RoundConfig(jury=str(tmp_path / "jury.csv"), pool=str(tmp_path / "pool.csv"))))
    page = Page(html)
    assert len(page.of("script")) == html.count("<script") == html.count("</script>")
    assert "<!--" not in html
    assert "‮" not in html
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    listed = next(c["values"] for c in page.data()["models"]["columns"] if c["head"] == "model")
    seated = [name for name in HOSTILE if name.isprintable()]
    assert len(seated) == len(HOSTILE) - 1  # one hides a direction override, and is turned away
    assert set(map(shown, seated)) < set(listed)
    assert set(map(shown, seated)) < set(page.names)
    assert max(map(len, listed)) == NAME_WIDTH


def test_an_island_ends_nowhere() -> None:
    names_of = ["</script>", "<!--", "]]>", "\u2028", "&amp;"]
    text = island({"names": names_of})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"names": names_of}
    with pytest.raises(ValueError, match="JSON"):
        island({"x": float("nan")})


def test_cells_are_rounded_once_and_small_parts_stay_positive() -> None:
    weights = percents("weight", [0.0, 1e-9, 0.00005, 0.1234, 1.0])
    assert [cell_text(weights, value) for value in weights.values] == ["0", "<0.01", "<0.01", "12.34", "100.00"]
    scores = numbers("score", [-1234.56, np.nan, np.inf, -0.001], 1)
    assert [cell_text(scores, value) for value in scores.values] == ["\N{MINUS SIGN}1,234.6", MISSING, MISSING, "0.0"]
    assert numbers("n", [3.0], 0).values == [3]
    assert names("model", ["a\nb", "c" * 500]).values == [r"a\nb", "c" * 119 + "…"]


def test_no_word_of_a_notice_is_longer_than_a_name() -> None:
    assert prose("best gives " + "m" * 10_000 + " all") == "best gives " + "m" * (NAME_WIDTH - 1) + "… all"
    assert prose("a\u202eb <i>") == r"a\u202eb <i>"


def test_a_long_board_is_cut_by_rank_and_says_so(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hemicycle.report.board.MODELS_LISTED", 60)
    html = report_html(outcome)
    assert "The first 60 of 70 models, ranked by log likelihood" in html
    listed = Page(html).data()["models"]["columns"]
    assert {len(column["values"]) for column in listed} == {60}
    assert listed[1]["values"] == list(outcome.leaderboard["model"][:60])


def test_curves_of_a_pair_are_its_mixtures() -> None:
    rng = np.random.default_rng(0)
    predictions, labels = rng.normal(size=40), np.array([-2.0, -1.9, 2.0])
    weights = rng.dirichlet(np.ones(40), size=2)
    found = pair_curves(predictions, weights, np.array([0.5, 0.3]), labels, np.array([1.0, 1.0, 2.0]))
    x = np.linspace(found.low, found.high, found.curves.shape[1])

    def density(centres, mass, sigma):
        z = (x[:, None] - centres) / sigma
        return np.exp(-0.5 * z**2) @ mass / (sigma * np.sqrt(2 * np.pi))

    exact = [density(predictions, weights[0], 0.5), density(predictions, weights[1], 0.3)]
    exact.append(density(labels, np.array([0.25, 0.25, 0.5]), 0.5))
    np.testing.assert_allclose(found.curves, exact, atol=0.005 * np.max(exact))
    assert found.modes[-1] == 2
    assert found.mean == pytest.approx(weights[0] @ predictions)
    below = np.cumsum(exact[0]) / np.sum(exact[0])
    assert np.interp([found.lower, found.upper], x, below) == pytest.approx([0.05, 0.95], abs=0.02)


@pytest.mark.parametrize(("curve", "n"), [([0, 1, 0], 1), ([1, 0.5, 1], 2), ([0, 1, 0.97, 1, 0], 1), ([1, 1, 1], 1)])
def test_modes_are_peaks_that_stand_out(curve: list[float], n: int) -> None:
    assert n_modes(np.array(curve, dtype=float)) == n


def test_extreme_widths_are_drawn(folder: Path) -> None:
    for sigma in (1e-6, 1e3):
        Page(report_html(outcome_of(folder, sigma=sigma)))


def test_copies_are_found(outcome: Outcome, page: Page) -> None:
    groups = outcome.flags.groups
    assert groups
    assert all(any(model.startswith("copycat") for model in group.models) for group in groups)
    pairs, logits = outcome.round.judgments.pairs, outcome.round.pool.logits
    for group in groups:
        predicted = logits[np.ix_(group.rows, pairs.b)] - logits[np.ix_(group.rows, pairs.a)]
        assert np.ptp(predicted, axis=0).max() < 2e-9
    shown_groups = {column["head"]: column["values"] for column in page.data()["copies"]["columns"]}
    assert shown_groups["models"] == [len(group) for group in groups]
    assert shown_groups["gain"] == [1.0] * len(groups)
    clone_proof, equal = (np.array(shown_groups[head]) for head in ("clone-proof prior", "equal priors"))
    assert (clone_proof <= equal).all()
    flagged = {column["head"]: column["values"] for column in page.data()["flagged"]["columns"]}
    assert sorted(m for m, kind in zip(flagged["model"], flagged["flag"], strict=True) if kind == "clone") == sorted(
        model for group in groups for model in group.models
    )


def test_a_model_that_was_fitted_to_the_judgments_is_flagged(tmp_path: Path) -> None:
    made = two_camp_round(3, n_items=12, n_pairs=60, n_models=20)
    made.write(tmp_path)
    fitted = np.exp(direct_fit(made.judgments()).logits)
    rows = "".join(
        f"{item},{made.parent},{weight!r}\n" for item, weight in zip(made.items, fitted.tolist(), strict=True)
    )
    (tmp_path / "submissions" / "cheat.csv").write_text("repo,parent,weight\n" + rows)
    outcome = outcome_of(tmp_path)
    assert outcome.leak.suspects == {"cheat": "the log ratios"}
    closest = {
        column["head"]: column["values"] for column in reversed(Page(report_html(outcome)).data()["closest"]["columns"])
    }
    assert (closest["model"][0], closest["flag: fitted to"][0]) == ("cheat", "the log ratios")
    assert closest["excess"][0] == pytest.approx(0, abs=0.005)
    assert set(closest["flag: fitted to"][1:]) == {""}


def test_a_page_of_a_thousand_models_is_small(tmp_path: Path) -> None:
    two_camp_round(0).write(tmp_path)
    assert len(report_html(outcome_of(tmp_path)).encode()) < 3_000_000
