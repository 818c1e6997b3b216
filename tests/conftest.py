"""What every test relies on: one thread, no call home, no settings of the person who runs them, real data if it is there."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # many small tensors: threads only wait for each other
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask a server for its latest version
os.environ.setdefault("HF_HUB_OFFLINE", "1")

_OWN = ("MSTASKS_TEST_DATA", "MSTASKS_TEST_DATA_REQUIRED")
for _name in [name for name in os.environ if name.startswith("MSTASKS_") and name not in _OWN]:
    del os.environ[_name]


@pytest.fixture
def test_data() -> Path:
    """The folder of real data; the test is skipped without it."""
    folder = os.environ.get("MSTASKS_TEST_DATA")
    if not folder:
        pytest.skip("MSTASKS_TEST_DATA does not name a folder of real data")
    return Path(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With MSTASKS_TEST_DATA_REQUIRED=1, a real-data test that skips itself fails: its data was promised."""
    report = yield
    required = os.environ.get("MSTASKS_TEST_DATA_REQUIRED") == "1"
    if required and report.skipped and item.get_closest_marker("real_data"):
        report.outcome = "failed"
        report.longrepr = f"skipped although MSTASKS_TEST_DATA_REQUIRED=1: {report.longrepr}"
    return report
