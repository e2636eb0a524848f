"""The page of a run: how long it takes to write, how large it is, and how long a browser takes to open it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from hemicycle.config import RoundConfig
from hemicycle.outcome import run_round
from hemicycle.report import report_html
from hemicycle.synthetic import two_camp_round

CHROMIUM = os.environ.get("HEMICYCLE_CHROMIUM") or shutil.which("chromium")


class Report:
    """The round of the demo at several sizes of the pool."""

    params = ([100, 1_000, 10_000],)
    param_names = ("n_models",)
    timeout = 600

    def setup(self, n_models: int) -> None:
        made = two_camp_round(0, n_models=n_models)
        made.jury.write_csv("jury.csv")
        np.save("pool.npy", np.log(made.weights))
        Path("items.csv").write_text("repo,parent\n" + "".join(f"{item},{made.parent}\n" for item in made.items))
        self.outcome = run_round(RoundConfig(jury="jury.csv", pool="pool.npy", items="items.csv"))

    def time_report(self, _n_models: int) -> None:
        report_html(self.outcome)

    def peakmem_report(self, _n_models: int) -> None:
        report_html(self.outcome)

    def track_megabytes(self, _n_models: int) -> float:
        return len(report_html(self.outcome).encode()) / 1e6

    track_megabytes.unit = "MB"

    def track_load(self, _n_models: int) -> float:
        """Time from opening the file to its load event, scripts done, the best of three."""
        try:
            from playwright.sync_api import sync_playwright
        except ImportError:
            raise NotImplementedError from None
        if CHROMIUM is None:
            raise NotImplementedError
        path = Path("report.html").resolve()
        path.write_text(report_html(self.outcome), encoding="utf-8")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            times = []
            for _ in range(3):
                page = browser.new_page()
                page.goto(path.as_uri())
                times.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
                page.close()
            browser.close()
        return float(min(times)) / 1e3

    track_load.unit = "s"
