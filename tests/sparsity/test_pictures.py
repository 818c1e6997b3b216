"""All pictures of a run, from its files alone; those without numbers are left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mstasks.network import Network
from mstasks.runfolder import RunFolder
from mstasks.sparsity.pictures import draw_sparsity, read_course
from mstasks.sparsity.record import write_record
from mstasks.sparsity.snapshot import take_snapshot


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def pictures(run: RunFolder) -> set[str]:
    return {path.name for path in run.path.glob("*.png")}


def test_a_run_with_everything_has_four_pictures(
    run: RunFolder, toy: Callable[..., Network], stand_in: Callable[..., Any]
) -> None:
    network = toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6)
    strength = stand_in(network, target=0.8)
    strength.served = {space.name: torch.rand(2, space.size) for space in strength.part.groups.spaces}
    for step in (2, 4):
        run.log({"step": step, "split": "train", "loss": {}, "sparsity": take_snapshot(strength).row()})
        strength.part.remove({"backbone.layers.0": torch.arange(6) < step})
    write_record(run, strength, network)
    assert set(draw_sparsity(run)) == pictures(run) == {"sparsity.png", "serves.png", "strength.png", "macs.png"}


def test_what_was_not_measured_is_not_drawn(
    run: RunFolder, toy: Callable[..., Network], stand_in: Callable[..., Any]
) -> None:
    network = toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6)
    write_record(run, stand_in(network), network)
    assert draw_sparsity(run) == ["sparsity.png"]
    assert pictures(run) == {"sparsity.png"}


def test_a_dense_run_has_none(run: RunFolder) -> None:
    run.log({"step": 1, "split": "train", "loss": {"depth": 1.0}})
    assert draw_sparsity(run) == []
    assert pictures(run) == set()


def test_a_resumed_runs_last_row_of_a_step_counts(run: RunFolder) -> None:
    rows = [(20, 0.9), (40, 0.8), (60, 0.7), (40, 0.75)]
    for step, macs in rows:
        run.log({"step": step, "split": "train", "sparsity": {"macs": macs}})
    run.log({"step": 40, "event": "resumed"})
    assert [(step, row["macs"]) for step, row in read_course(run).items()] == [(20, 0.9), (40, 0.75), (60, 0.7)]
