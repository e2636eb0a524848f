"""Hypothesis profiles and the place of the real data; no mathematics."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
