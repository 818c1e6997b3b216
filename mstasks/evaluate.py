"""Scores: metrics of decoded predictions over a split, beside those of the constant predictor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.device import Precision
from mstasks.network import Network
from mstasks.predictors import Predictor, constant_predictor, network_predictor
from mstasks.scorer import Scorer, Scores
from mstasks.target import Target


@dataclass(frozen=True, slots=True)
class TaskScores:
    """Scores of one task on one split.

    Attributes:
        primary: Name of the primary metric.
        higher_is_better: Its direction.
        best_value: What a perfect prediction scores.
        values: The network's scores by metric.
        constant: The constant predictor's.
        directions: By metric, the primary one among them, whether higher is better; parts such as ``miou/door`` have
            that of their metric.
    """

    primary: str
    higher_is_better: bool
    best_value: float
    values: Scores
    constant: Scores = field(default_factory=dict)
    directions: Mapping[str, bool] = field(default_factory=dict)

    @property
    def gap_closed(self) -> float:
        """(m - constant) / (best - constant) of the primary metric, in [-1, 1].

        0 where the split has no label or the constant is perfect; -1 for a prediction that is not finite.
        """
        value, constant = self.values[self.primary], self.constant.get(self.primary, math.nan)
        gap = self.best_value - constant
        if not math.isfinite(gap) or gap == 0:
            return 0.0
        if not math.isfinite(value):
            return -1.0
        return max(-1.0, min(1.0, (value - constant) / gap))


def selection_score(scores: Mapping[str, TaskScores]) -> float:
    """Share of the gap closed, averaged over tasks: what chooses the best checkpoint."""
    return sum(task.gap_closed for task in scores.values()) / len(scores)


@torch.no_grad()
def score_predictors(
    predictors: Mapping[str, Predictor],
    tasks: Mapping[str, BoundTask],
    batches: Iterable[Batch],
    constants: Mapping[str, Scores],
    device: torch.device,
) -> dict[str, dict[str, TaskScores]]:
    """Score several predictors over a split in one pass over it.

    Args:
        predictors: By name; each gets every batch on the device.
        tasks: Tasks by name. What a predictor says of other tasks is not scored.
        batches: The split.
        constants: Scores of the constant predictor on the same split by task; none for a task that is not in it.
        device: Where to compute.

    Returns:
        By predictor, then by task, for the tasks that the predictor predicts.
    """
    # Metrics count in float64, which MPS lacks.
    counting = torch.device("cpu") if device.type == "mps" else device
    scorers: dict[str, dict[str, Scorer]] = {name: {} for name in predictors}
    for batch in batches:
        there = batch.to(device, non_blocking=device.type == "cuda")
        targets = there.targets if counting == device else batch.to(counting).targets
        labels = {name: bound.labels(targets) for name, bound in tasks.items()}
        for name, predict in predictors.items():
            _update(scorers[name], predict(there), tasks, labels)
    return {
        predictor: {
            name: _task_scores(tasks[name], scorer.compute(), constants.get(name, {})) for name, scorer in own.items()
        }
        for predictor, own in scorers.items()
    }


def _update(
    scorers: dict[str, Scorer],
    predictions: Mapping[str, Tensor],
    tasks: Mapping[str, BoundTask],
    labels: Mapping[str, Target],
) -> None:
    """Add a predictor's predictions to its scorers, which are made when a task is first predicted."""
    for name in tasks:
        if name in predictions:
            counting = labels[name].valid.device
            if name not in scorers:
                scorers[name] = Scorer(tasks[name].task.metrics(), counting)
            scorers[name].update(predictions[name].to(counting), labels[name])


def score_constants(
    tasks: Mapping[str, BoundTask], constants: Mapping[str, Tensor], batches: Iterable[Batch]
) -> dict[str, Scores]:
    """Score the constant predictor over a split by the tasks' own metrics."""
    predictors = {"constant": constant_predictor(constants, tasks)}
    scores = score_predictors(predictors, tasks, batches, {}, torch.device("cpu"))
    return {name: task.values for name, task in scores["constant"].items()}


def evaluate(
    network: Network,
    tasks: Mapping[str, BoundTask],
    batches: Iterable[Batch],
    constants: Mapping[str, Scores],
    device: torch.device,
    precision: Precision = "float32",
) -> dict[str, TaskScores]:
    """Score a network over a split.

    Args:
        network: On the device, in any mode; evaluated in evaluation mode, and every part of it is left in the mode it
            was in.
        tasks: Tasks by name.
        batches: The split.
        constants: Scores of the constant predictor on the same split.
        device: Where to compute.
        precision: Of the forward pass.
    """
    predictors = {"network": network_predictor(network, tasks, precision)}
    return score_predictors(predictors, tasks, batches, constants, device)["network"]


def _task_scores(bound: BoundTask, values: Scores, constant: Scores) -> TaskScores:
    metrics = bound.task.metrics()
    primary = next(iter(metrics))
    directions = {name: bool(metric.higher_is_better) for name, metric in metrics.items()}
    best = float(metrics[primary].best_value)
    return TaskScores(primary, directions[primary], best, values, constant, directions)
