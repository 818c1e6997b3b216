"""A study of a recipe that loads, and a program that stands for mstasks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SUPPORT = str(Path(__file__).parent / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)

from study_bench import RECIPE, Bench  # noqa: E402 - found by the line above


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    (tmp_path / "base.yaml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return Bench(tmp_path)


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets how the fake program misbehaves."""

    def set_to(**behaviour: object) -> None:
        monkeypatch.setenv("FAKE", json.dumps(behaviour))

    return set_to
