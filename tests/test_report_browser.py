"""The page of a run in a real browser: it works by pointer and by keyboard, and asks no network for anything."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle.config import RoundConfig
from hemicycle.outcome import run_round
from hemicycle.report import report_html
from hemicycle.report.tables import shown
from hemicycle.synthetic import two_camp_round

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright")
CHROMIUM = os.environ.get("HEMICYCLE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install chromium, or name one in HEMICYCLE_CHROMIUM"),
    pytest.mark.xdist_group("browser"),
]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "‮evil", "n" * 180]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened(browser: Any, path: Path, viewport: dict[str, int] = DESKTOP, **options: Any) -> Iterator[Any]:
    """Open a page offline; whatever it asks for, says on the console or shows as a dialog is an error."""
    context = browser.new_context(viewport=viewport, offline=True, **options)
    page, complaints = context.new_page(), []
    page.set_default_timeout(10_000)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: complaints.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    yield page
    context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    two_camp_round(3, n_items=30, n_pairs=80, n_models=200).write(folder)
    path = folder / "report.html"
    outcome = run_round(
        RoundConfig(jury=str(folder / "jury.csv"), pool=str(folder / "submissions"), evaluate="pair", folds=3)
    )
    path.write_text(report_html(outcome), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    with opened(browser, report) as page:
        yield page


def column(table: Any, place: int) -> list[str]:
    texts: list[str] = table.locator(f"tbody tr > :nth-child({place})").all_inner_texts()
    return texts


def test_search_counts_what_it_finds(page: Any) -> None:
    table = page.locator("#models-table")
    assert table.locator("output").inner_text() == "200 models"
    table.get_by_label("Search").fill("MARKET 01")
    found = column(table, 2)
    assert found
    assert all("market" in name and "01" in name for name in found)
    assert table.locator("output").inner_text() == f"{len(found)} of 200 models"
    table.get_by_label("Search").fill("no such model")
    assert column(table, 2) == []
    assert table.locator(".place").inner_text() == "none"


def test_heads_sort_and_say_so(page: Any) -> None:
    table = page.locator("#models-table")
    head = table.get_by_role("columnheader", name="mse")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    falling = [float(text.replace(",", "")) for text in column(table, 5)]
    assert falling == sorted(falling, reverse=True)
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    rising = [float(text.replace(",", "")) for text in column(table, 5)]
    assert rising == sorted(rising)
    assert max(rising) < min(falling)
    table.get_by_role("columnheader", name="model", exact=True).get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None
    assert column(table, 2) == sorted(column(table, 2))


def test_pages_follow_each_other(page: Any) -> None:
    table = page.locator("#models-table")
    first = column(table, 2)
    assert table.get_by_role("button", name="Earlier").is_disabled()
    table.get_by_role("button", name="Later").click()
    assert table.locator(".place").inner_text() == "21 to 40 of 200"
    assert not set(first) & set(column(table, 2))
    for _ in range(8):
        table.get_by_role("button", name="Later").click()
    assert table.get_by_role("button", name="Later").is_disabled()
    assert table.locator(".place").inner_text() == "181 to 200 of 200"


def test_a_seat_under_the_pointer_names_its_model(page: Any) -> None:
    tip = page.get_by_role("tooltip")
    assert tip.is_hidden()
    page.locator(".seats circle").nth(40).hover()
    text = tip.inner_text()
    assert "% of the weight" in text
    assert "log likelihood \N{MINUS SIGN}" in text
    assert text.split("\n")[0] in page.locator("#models-table script").text_content()
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_blocks_are_told_by_keyboard(page: Any) -> None:
    blocks = page.locator(".seats").nth(4).locator(".stop")
    blocks.first.focus()
    tip = page.get_by_role("tooltip")
    assert tip.inner_text() == blocks.first.get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    assert tip.inner_text() == blocks.nth(1).get_attribute("aria-label")
    assert [block.get_attribute("tabindex") for block in blocks.all()][:2] == ["-1", "0"]
    page.keyboard.press("Tab")
    assert page.locator(".seats").nth(5).locator(".stop").first.evaluate("e => e === document.activeElement")


def test_the_first_key_leads_past_the_contents(page: Any) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    assert skip.evaluate("e => e === document.activeElement && e.getBoundingClientRect().left >= 0")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_a_pair_is_chosen_from_the_list_or_the_table(page: Any) -> None:
    said, mixture = page.locator("#pair-said"), page.locator("#pair-mixture")
    before = mixture.get_attribute("d")
    page.get_by_role("combobox", name="Mechanism").select_option("Equal weights")
    assert "the mixture of Equal weights has" in said.inner_text()
    assert mixture.get_attribute("d") != before
    name = page.locator("#pairs-table tbody .pick").nth(7)
    name.press("Enter")
    assert page.locator("#end-a").inner_text() == name.inner_text()
    assert page.get_by_role("combobox", name="Pair").evaluate("e => e.selectedIndex") == 7
    assert page.locator("#pair-labels circle").count() == int(column(page.locator("#pairs-table"), 3)[7])


def test_the_script_draws_the_first_pair_as_it_stands(page: Any) -> None:
    drawn = "['pair-mixture', 'pair-jury'].map((id) => document.getElementById(id).getAttribute('d'))"
    inner = "['pair-labels', 'pair-ticks', 'pair-said'].map((id) => document.getElementById(id).innerHTML)"
    before = page.evaluate(drawn), page.evaluate(inner)
    page.locator("#pairs-table tbody .pick").first.click()
    assert (page.evaluate(drawn), page.evaluate(inner)) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_that_of_the_system_until_it_is_switched(browser: Any, report: Path, scheme: str) -> None:
    with opened(browser, report, color_scheme=scheme) as page:
        ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
        assert (page.evaluate(ground) > 128) == (scheme == "light")
        page.get_by_role("button", name="theme").click()
        assert (page.evaluate(ground) > 128) == (scheme == "dark")
        assert page.get_by_role("button", name="theme").inner_text().lower().startswith(scheme)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser: Any, report: Path, viewport: dict[str, int], scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with opened(browser, report, viewport, color_scheme=scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        found = axe.run(page).response
    assert [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found["violations"]] == []
    assert len(found["passes"]) > 25


def test_a_phone_scrolls_in_one_direction(browser: Any, report: Path) -> None:
    with opened(browser, report, PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_without_scripts_the_first_rows_are_read(browser: Any, report: Path) -> None:
    with opened(browser, report, java_script_enabled=False) as page:
        assert page.locator("#models-table tbody tr").count() == 50
        assert page.get_by_text("The first 50 of 200 rows").first.is_visible()
        assert page.locator("button:visible, input:visible, select:visible").count() == 0
        assert page.locator("#pair-chart circle").count() > 0


def test_in_print_everything_is_open_and_no_control_is_left(page: Any) -> None:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator(".tools:visible, .pages button:visible, #theme:visible").count() == 0


def test_hostile_names_are_shown_as_text(browser: Any, tmp_path: Path) -> None:
    made = two_camp_round(3, n_items=12, n_pairs=30, n_models=8)
    rename = dict(zip(made.models, HOSTILE, strict=False))
    lines = ["model,repo,parent,weight"]
    for model, weights in zip(made.models, made.weights, strict=True):
        name = rename.get(model, model).replace('"', '""')
        lines += [f'"{name}",{item},{made.parent},{w!r}' for item, w in zip(made.items, weights.tolist(), strict=True)]
    made.jury.write_csv(tmp_path / "jury.csv")
    (tmp_path / "pool.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    outcome = run_round(RoundConfig(jury=str(tmp_path / "jury.csv"), pool=str(tmp_path / "pool.csv")))
    (tmp_path / "report.html").write_text(report_html(outcome), encoding="utf-8")
    for viewport in (DESKTOP, PHONE):
        with opened(browser, tmp_path / "report.html", viewport) as page:
            assert set(map(shown, filter(str.isprintable, HOSTILE))) < set(column(page.locator("#models-table"), 2))
            assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
            for seat in page.locator(".seats").first.locator(".stop").all():
                seat.focus()
                assert page.get_by_role("tooltip").inner_text() == seat.get_attribute("aria-label")


@pytest.mark.slow
def test_ten_thousand_models_are_loaded_and_searched(browser: Any, tmp_path: Path) -> None:
    made = two_camp_round(0, n_models=10_000)
    made.jury.write_csv(tmp_path / "jury.csv")
    np.save(tmp_path / "pool.npy", np.log(made.weights))
    rows = "".join(f"{item},{made.parent}\n" for item in made.items)
    (tmp_path / "items.csv").write_text("repo,parent\n" + rows)
    given = {name: str(tmp_path / file) for name, file in (("jury", "jury.csv"), ("pool", "pool.npy"))}
    html = report_html(run_round(RoundConfig(items=str(tmp_path / "items.csv"), **given)))
    assert len(html.encode()) < 15_000_000
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    with opened(browser, tmp_path / "report.html") as page:
        loaded = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        assert page.evaluate(loaded) < 10_000
        table = page.locator("#models-table")
        table.get_by_label("Search").fill("model-099")
        assert table.locator("output").inner_text() == "10 of 10,000 models"
