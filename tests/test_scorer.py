"""Metrics that share state are updated once, others each for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from mstasks import Target, TaskMetric
from mstasks.scorer import Scorer


class Counting(TaskMetric):
    """Counts its own updates."""

    updates: ClassVar[int] = 0
    total: Tensor

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Target) -> None:
        type(self).updates += 1
        self.total += prediction[target.valid].sum()

    def compute(self) -> Tensor | Mapping[str, Tensor]:
        return {"mean": self.total * self.scale, "left": self.total}


class Together(Counting):
    state_group = "together"
    updates = 0


class Apart(Counting):
    updates = 0


def target(valid: bool = True) -> Target:
    return Target(torch.zeros(2, 1), torch.full((2, 1), valid))


def test_metrics_of_a_state_group_are_updated_once_and_all_computed() -> None:
    scorer = Scorer({"a": Together(1.0), "b": Together(10.0)}, torch.device("cpu"))
    for value in (1.0, 2.0):
        scorer.update(torch.full((2, 1), value), target())
    assert Together.updates == 2
    assert scorer.compute() == {"a": 6.0, "a/left": 6.0, "b": 60.0, "b/left": 6.0}


def test_equal_state_does_not_merge_metrics_that_are_apart() -> None:
    # A first batch without labels leaves both at zero: merging by equal state would then count only one of them.
    metrics = {"a": Apart(), "b": Apart()}
    metrics["b"].scale = 2.0
    scorer = Scorer(metrics, torch.device("cpu"))
    scorer.update(torch.ones(2, 1), target(valid=False))
    scorer.update(torch.ones(2, 1), target())
    assert Apart.updates == 4
    assert scorer.compute()["b"] == 4.0
