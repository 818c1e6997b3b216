"""The metrics of one task over the batches of a split."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from mstasks.metrics import TaskMetric
from mstasks.target import Target

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
