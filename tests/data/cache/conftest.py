"""Makes the small data set and its fillers importable, also in processes that are spawned; a cache of each test's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

SUPPORT = str(Path(__file__).parent / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)

from cache_album import Album, make_album  # noqa: E402 - found by the line above


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the entries, not made yet."""
    monkeypatch.setenv("MSTASKS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data" / "v2"


@pytest.fixture
def album(tmp_path: Path) -> Album:
    """Six photographs with labels."""
    return make_album(tmp_path / "album")
