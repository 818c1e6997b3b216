"""A study with the program itself: killed in the middle, resumed, with the bits of one that was never stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from study_bench import RECIPE

STUDY = """\
name: real
recipe: base.yaml
seeds: [0, 1]
arms:
  dense: {}
  priced: {overrides: [method=sparse, "sparsity={strength: priced, target: {macs: 0.6}, reference: {arm.dense}}"]}
compare: {baseline: dense, select: val}
"""


@pytest.mark.slow
def test_a_study_that_is_killed_and_resumed_gives_the_numbers_of_one_that_was_not(tmp_path: Path) -> None:
    recipe = RECIPE.replace("steps: 4", "steps: 12") + "run: {evaluate_every: 1, pictures: 0}\n"
    (tmp_path / "base.yaml").write_text(recipe, encoding="utf-8")
    (tmp_path / "a.study.yaml").write_text(STUDY, encoding="utf-8")

    stopped = _start(tmp_path, "stopped")
    _wait_for(tmp_path, "stopped/real/dense/seed-0/tiny/001/checkpoints/index.json")
    stopped.send_signal(signal.SIGINT)
    assert stopped.wait(120) == 75

    killed = _start(tmp_path, "stopped")  # the hard way: the study dies, the run that it started does not
    _wait_for(tmp_path, "stopped/real/priced/seed-0/tiny/001/checkpoints/index.json")
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert _start(tmp_path, "stopped").wait(300) == 0  # waits for it

    assert _start(tmp_path, "whole").wait(300) == 0
    first, second = (_scores(tmp_path / name / "real" / "results.csv") for name in ("stopped", "whole"))
    assert len(first) == 2 * 2 * 8
    assert first == second


def _start(folder: Path, out: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mstasks", "study", "a.study.yaml", "--out", out]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)


def _wait_for(folder: Path, file: str) -> None:
    for _ in range(6000):
        if (folder / file).is_file():
            return
        time.sleep(0.02)
    raise AssertionError(f"{file} was never written")


def _scores(file: Path) -> list[tuple[str, ...]]:
    """Everything but times."""
    rows = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    return [tuple(row[:16]) for row in rows]
