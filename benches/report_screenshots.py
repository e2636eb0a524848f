"""Take the pictures of the report in docs/images: the round of the demo, light and dark, on a desktop and a phone.

Run it as ``python benches/report_screenshots.py docs/images``; it needs playwright, pillow and a Chromium.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from playwright.sync_api import sync_playwright

from hemicycle.config import RoundConfig
from hemicycle.outcome import run_round
from hemicycle.report import report_html
from hemicycle.synthetic import two_camp_round

if TYPE_CHECKING:
    from collections.abc import Callable

DESKTOP, PHONE = {"width": 1280, "height": 1000}, {"width": 390, "height": 800}


def write_report(folder: Path) -> Path:
    """Write the report of the demo round, with intervals."""
    two_camp_round(0).write(folder)
    outcome = run_round(RoundConfig(jury=str(folder / "jury.csv"), pool=str(folder / "submissions")))
    path = folder / "report.html"
    path.write_text(report_html(outcome), encoding="utf-8")
    return path


def at(section: str) -> Callable[[Any], None]:
    """Return what scrolls a page to a section."""
    return lambda page: page.evaluate(f"document.getElementById('{section}').scrollIntoView({{behavior: 'instant'}})")


def seat_told(page: Any) -> None:
    """Scroll to the hemicycles and point at a seat."""
    at("hemicycles")(page)
    page.locator(".seats").nth(0).locator("circle").nth(60).hover()


PICTURES: dict[str, tuple[dict[str, int], str, Callable[[Any], None]]] = {
    "report_summary": (DESKTOP, "light", lambda page: page.mouse.move(0, 0)),
    "report_hemicycles": (DESKTOP, "dark", seat_told),
    "report_pairs": (DESKTOP, "light", at("pairs")),
    "report_phone": (PHONE, "dark", at("allocation")),
}


def main(folder: Path) -> None:
    """Take every picture."""
    chromium = os.environ.get("HEMICYCLE_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as driver:
        path = write_report(Path(scratch))
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (viewport, scheme, prepare) in PICTURES.items():
            page = browser.new_page(viewport=viewport, color_scheme=scheme)
            page.goto(path.as_uri())
            prepare(page)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.save(folder / f"{name}.webp", quality=72, method=6)
            page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
