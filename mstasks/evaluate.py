"""Scores: metrics of decoded predictions over a split, beside those of the constant predictor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from mstasks.bound import BoundTask
from mstasks.constant import expand_constant
from mstasks.data.batch import Batch
from mstasks.device import Precision, as_input, autocast
from mstasks.metrics import TaskMetric
from mstasks.network import Network
from mstasks.target import Target
from mstasks.train.losses import resize_prediction

Scores = dict[str, float]


class Scorer:
    """The metrics of one task, those with a common `state_group` updated once."""

    def __init__(self, metrics: Mapping[str, TaskMetric], device: torch.device) -> None:
        # The collection sorts its keys and refuses dots in them, so it knows the metrics by number.
        self._keys = {name: f"{index:03d}" for index, name in enumerate(metrics)}
        groups: dict[str, list[str]] = {}
        for name, metric in metrics.items():
            # One rank scores a whole split; torchmetrics would wait for the others in vain.
            metric.distributed_available_fn = _alone
            groups.setdefault(metric.state_group or f"alone {name}", []).append(self._keys[name])
        numbered: dict[str, Metric | MetricCollection] = {self._keys[name]: metric for name, metric in metrics.items()}
        self._collection = MetricCollection(numbered, compute_groups=list(groups.values())).to(device)

    def update(self, decoded: Tensor, target: Target) -> None:
        """Add a batch; one without any valid element changes nothing."""
        self._collection.update(decoded, target)

    def compute(self) -> Scores:
        """Values by metric name, parts as ``metric/part``."""
        scores: Scores = {}
        computed = dict(self._collection.items(keep_base=True, copy_state=False))
        for name, key in self._keys.items():
            value = computed[key].compute()
            if isinstance(value, Mapping):
                scores[name] = float(value["mean"])
                scores.update({f"{name}/{part}": float(v) for part, v in value.items() if part != "mean"})
            else:
                scores[name] = float(value)
        return scores


def _alone() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class TaskScores:
    """Scores of one task on one split.

    Attributes:
        primary: Name of the primary metric.
        higher_is_better: Its direction.
        best_value: What a perfect prediction scores.
        values: The network's scores by metric.
        constant: The constant predictor's.
    """

    primary: str
    higher_is_better: bool
    best_value: float
    values: Scores
    constant: Scores = field(default_factory=dict)

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


def _scorers(tasks: Mapping[str, BoundTask], device: torch.device) -> dict[str, Scorer]:
    return {name: Scorer(bound.task.metrics(), device) for name, bound in tasks.items()}


def score_constants(
    tasks: Mapping[str, BoundTask], constants: Mapping[str, Tensor], batches: Iterable[Batch]
) -> dict[str, Scores]:
    """Score the constant predictor over a split by the tasks' own metrics."""
    scorers = _scorers(tasks, torch.device("cpu"))
    for batch in batches:
        for name, bound in tasks.items():
            labels = bound.labels(batch.targets)
            scorers[name].update(expand_constant(constants[name], labels), labels)
    return {name: scorer.compute() for name, scorer in scorers.items()}


@torch.no_grad()
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
        network: In any mode; evaluated in eval mode and left in the mode it was in.
        tasks: Tasks by name.
        batches: The split.
        constants: Scores of the constant predictor on the same split.
        device: Where to compute.
        precision: Of the forward pass.
    """
    was_training = network.training
    network.eval()
    # Metrics count in float64, which MPS lacks.
    counting = torch.device("cpu") if device.type == "mps" else device
    scorers = _scorers(tasks, counting)
    for batch in batches:
        outputs = network_outputs(network, batch.images, device, precision)
        predictions = {name: output.to(counting) for name, output in outputs.items()}
        targets = batch.to(counting).targets
        for name, bound in tasks.items():
            labels = bound.labels(targets)
            decoded = bound.task.decode(resize_prediction(predictions[name], labels))
            scorers[name].update(decoded, labels)
    network.train(was_training)
    return {name: _task_scores(bound, scorers[name].compute(), constants[name]) for name, bound in tasks.items()}


def network_outputs(
    network: Network, images: Tensor, device: torch.device, precision: Precision = "float32"
) -> dict[str, Tensor]:
    """Raw predictions for uint8 images."""
    with autocast(device, precision):
        outputs: dict[str, Tensor] = network(as_input(images, device))
    return outputs


def _task_scores(bound: BoundTask, values: Scores, constant: Scores) -> TaskScores:
    name, metric = next(iter(bound.task.metrics().items()))
    return TaskScores(name, bool(metric.higher_is_better), float(metric.best_value), values, constant)
