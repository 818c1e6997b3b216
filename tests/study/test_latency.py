"""The latency of a network is the one that was measured last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mstasks.runfolder import RunFolder
from mstasks.study.latency import milliseconds


def write(folder: Path, name: str, seconds: float, backend: str = "channels_last") -> None:
    arm = {"backend": backend, "batch": 1, "network": "dense", "seconds": {"median": seconds}}
    (folder / name).write_text(json.dumps({"arms": [arm]}))


def test_the_last_file_counts(tmp_path: Path) -> None:
    assert milliseconds(RunFolder(tmp_path)) is None
    write(tmp_path, "bench.json", 0.001)
    assert milliseconds(RunFolder(tmp_path)) == pytest.approx(1)
    write(tmp_path, "bench-2.json", 0.002)
    assert milliseconds(RunFolder(tmp_path)) == pytest.approx(2)
    write(tmp_path, "bench-10.json", 0.010)
    assert milliseconds(RunFolder(tmp_path)) == pytest.approx(10)
    write(tmp_path, "bench-11.json", 0.011, backend="eager")  # not what the study asks for
    (tmp_path / "bench-of-mine.json").write_text("{}")
    assert milliseconds(RunFolder(tmp_path)) == pytest.approx(10)
