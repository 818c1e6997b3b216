"""A loader process that is killed while the training process is busy: a sentence, and an end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mstasks.cli.errors import report
from mstasks.data.worker_death import is_worker_death

SCRIPT = """
import os, signal, time
import numpy as np
from mstasks import Sample, TargetInfo, TargetKind
from mstasks.cli.errors import report
from mstasks.data.loader import train_batches
from mstasks.data.pipeline import Pipeline

INFOS = {"depth": TargetInfo(TargetKind.DEPTH_MAP)}

class Deadly:
    def load(self, id, targets):
        if id == "7":
            os.kill(os.getpid(), signal.SIGKILL)
        return Sample(id, np.zeros((8, 8, 3), np.uint8), {})

def work(batches):
    for _ in batches:
        end = time.monotonic() + 0.2
        while time.monotonic() < end:  # not inside the loader when the news comes
            sum(range(1000))

ids = [str(number) for number in range(40)]
try:
    work(train_batches(Deadly(), ids, Pipeline([], INFOS, (8, 8)), INFOS, 4, 0, 0, 400, workers=2))
except Exception as error:
    raise SystemExit(report(error, debug=False))
"""


def test_the_process_says_so_and_ends() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "DataLoader worker" in done.stderr
    assert "take fewer `data.workers`" in done.stderr


def test_other_errors_are_not_mistaken_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_worker_death(RuntimeError("shapes differ"))
    assert not is_worker_death(ValueError("DataLoader worker (pid 1) is killed by signal: Killed."))
    report(RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed. "), debug=False)
    assert capsys.readouterr().err.startswith(
        "DataLoader worker (pid 1) is killed by signal: Killed. It was killed, often"
    )
