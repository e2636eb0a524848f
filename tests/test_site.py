"""The site of the documentation: it builds without a warning, leaves nothing out, and needs no network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

import hemicycle

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CHROMIUM = os.environ.get("HEMICYCLE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
REFERENCE = "\n".join(page.read_text(encoding="utf-8") for page in sorted((DOCS / "reference").glob("*.md")))
PAGES = sorted(DOCS.glob("**/*.md"))

needs_mkdocs = pytest.mark.skipif(
    not all(find_spec(name) for name in ("mkdocs", "material", "mkdocstrings", "latex2mathml")),
    reason="no mkdocs: pip install --group docs",
)
one_build = pytest.mark.xdist_group("site")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(ROOT / "mkdocs.yml")]
    built = subprocess.run(
        [*command, "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


class Loaded(HTMLParser):
    """What a page makes the browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        named = given.get("src") if tag != "link" else given.get("href")
        if named and (tag != "link" or given.get("rel") not in ("canonical", "next", "prev")):
            self.addresses.append(named)


def test_every_page_is_in_the_navigation() -> None:
    named = re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2])
    assert sorted(named) == [str(page.relative_to(DOCS)) for page in PAGES]


@pytest.mark.parametrize("name", sorted(hemicycle.__all__))
def test_every_public_name_is_in_the_reference(name: str) -> None:
    home = getattr(hemicycle, name).__module__
    assert f"::: {home}\n" in REFERENCE
    assert f"[{home}.{name}]" in (DOCS / "reference" / "index.md").read_text(encoding="utf-8")


def test_every_module_that_pages_import_from_is_in_the_reference() -> None:
    used = {
        module
        for page in [ROOT / "README.md", *PAGES]
        for line in re.findall(r"^(?:from|import) hemicycle.*$", page.read_text(encoding="utf-8"), re.MULTILINE)
        for module in modules_of(line)
    } | {f"hemicycle.{name}" for name in hemicycle._MODULES}
    assert sorted(module for module in used if f"::: {module}\n" not in REFERENCE) == []


def modules_of(line: str) -> list[str]:
    if found := re.match(r"from (hemicycle[.\w]+) import", line):
        return [found[1]]
    if found := re.match(r"from hemicycle import (.*)", line):
        names = [name.strip() for name in found[1].split(",")]
        return [f"hemicycle.{name}" for name in names if name not in hemicycle.__all__]
    return []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(DOCS)) for page in PAGES])
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    for path, name in re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", page.read_text(encoding="utf-8")):
        assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8")


@one_build
@needs_mkdocs
def test_pages_ask_for_nothing_elsewhere_and_formulas_are_drawn(site: Path) -> None:
    assert "<math" in (site / "reference" / "likelihood.html").read_text(encoding="utf-8")
    for page in site.glob("**/*.html"):
        loaded, text = Loaded(), page.read_text(encoding="utf-8")
        loaded.feed(text)
        assert ":math:" not in text
        assert ".. math" not in text
        assert [address for address in loaded.addresses if re.match(r"(\w+:)?//", address)] == [], page.name


@one_build
@needs_mkdocs
@pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install chromium, or name one in HEMICYCLE_CHROMIUM")
def test_it_is_read_and_searched_from_the_disk(site: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        complaints: list[str] = []
        for width in (360, 1280):
            page = browser.new_context(viewport={"width": width, "height": 900}, offline=True).new_page()
            page.set_default_timeout(20_000)
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda asked: None if asked.url.startswith("file:") else complaints.append(asked.url))
            for name in ("index", "performance", "mathematics", "reference/likelihood"):
                page.goto((site / f"{name}.html").as_uri())
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.click(".md-search__input")
        page.keyboard.type("certificate", delay=50)
        page.wait_for_selector(".md-search-result__link")
        assert "least_squares.html" in page.locator(".md-search-result__link").first.get_attribute("href")
        browser.close()
    assert complaints == []
