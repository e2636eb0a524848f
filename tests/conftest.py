"""Hypothesis profiles, the place of the real data and a small round; no mathematics."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hemicycle.synthetic import two_camp_round

settings.register_profile("dev", max_examples=30, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("nightly", max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session")
def round_data() -> Path:
    """Folder of the real rounds' data; the test is skipped where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("HEMICYCLE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"real round data not found at {folder}; set HEMICYCLE_DATA to run this test")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a small round: jury.csv and submissions/."""
    two_camp_round(3, n_items=12, n_pairs=30, n_models=40).write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path
