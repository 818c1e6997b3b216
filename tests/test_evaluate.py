from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from mstasks import Target, TaskMetric
from mstasks.evaluate import Scorer, TaskScores, selection_score


def scores(value: float, constant: float, best: float) -> TaskScores:
    return TaskScores("m", best > 0, best, {"m": value}, {"m": constant})


@pytest.mark.parametrize(
    ("value", "constant", "best", "expected"),
    [
        (0.75, 0.5, 1.0, 0.5),  # accuracy: half way
        (20.0, 40.0, 0.0, 0.5),  # error: half way
        (40.0, 40.0, 0.0, 0.0),  # no better than the constant
        (60.0, 40.0, 0.0, -0.5),  # worse
        (500.0, 40.0, 0.0, -1.0),  # clipped
        (math.nan, math.nan, 0.0, 0.0),  # nothing was valid
        (math.nan, 40.0, 0.0, -1.0),  # the prediction is not finite: the worst there is
        (0.5, 1.0, 1.0, 0.0),  # the constant is perfect: no gap to close
    ],
)
def test_the_share_of_the_gap_closed(value: float, constant: float, best: float, expected: float) -> None:
    assert scores(value, constant, best).gap_closed == pytest.approx(expected)


def test_selection_averages_over_tasks() -> None:
    assert selection_score({"a": scores(0.75, 0.5, 1.0), "b": scores(40.0, 40.0, 0.0)}) == pytest.approx(0.25)


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
