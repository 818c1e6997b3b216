"""`mstasks check RECIPE`: one synthetic batch through every head, loss and metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.errors import MstasksError
from mstasks.experiment import Experiment
from mstasks.network import Network
from mstasks.scorer import Scorer
from mstasks.synthetic import synthetic_batch
from mstasks.targets import TargetKind
from mstasks.train.forward import forward
from mstasks.train.losses import resize_prediction, task_losses
from mstasks.train.weighting import objective


@dataclass(frozen=True, slots=True)
class CheckRow:
    """What one task did with the batch.

    Attributes:
        task: The recipe's key.
        kind: Kind of its target.
        raw: Shape of the head's output.
        decoded: Shape of the decoded prediction.
        target: Shape of the labels.
        loss: Mean loss.
        metrics: Metric values by name.
    """

    task: str
    kind: str
    raw: tuple[int, ...]
    decoded: tuple[int, ...]
    target: tuple[int, ...]
    loss: float
    metrics: Mapping[str, float]


def describe_groups(experiment: Experiment) -> list[str]:
    """What of a sparse recipe's network can become zero, and what cannot and why, as lines; none if it is dense.

    Raises:
        UsageError: If the network cannot be made sparse as the recipe asks; says which layer.
    """
    strength = experiment.build_strength(experiment.build_network(pretrained=False))
    if strength is None:
        return []
    groups = strength.part.groups
    found = f"sparsity: {int(groups.sizes.sum())} groups of kind {groups.kind} in {len(groups.spaces)} spaces"
    total = f"{strength.part.costs.macs(strength.part.costs.full) / 1e6:.1f} M MACs"
    lines = [f"{found} of the {groups.scope} part, which has {total}."]
    return [*lines, *(f"not sparsified: {layer.reason}" for layer in groups.excluded)]


def check_recipe(experiment: Experiment) -> list[CheckRow]:
    """Push a small batch through the network, every loss, the backward pass and every metric.

    It holds two images, or one if the recipe's micro-batches hold no more.

    Raises:
        MstasksError: If a shape is wrong, or a loss, a gradient or a metric is not what it must be; says which task.
    """
    network = experiment.build_network(pretrained=False).to(experiment.device).train()
    recipe = experiment.recipe
    size, batch_size = recipe.data.size, max(1, min(2, recipe.data.batch_size // recipe.optim.accumulate))
    batch = synthetic_batch(experiment.infos, experiment.pipeline, size, batch_size).to(experiment.device)
    predictions = forward(network, batch.images)
    rows = [_check_task(bound, predictions[name], batch) for name, bound in experiment.tasks.items()]
    _check_backward(experiment, network, predictions, batch)
    return rows


def _check_task(bound: BoundTask, raw: Tensor, batch: Batch) -> CheckRow:
    labels = bound.labels(batch.targets)
    try:
        loss = task_losses({bound.name: raw}, batch.targets, {bound.name: bound})[bound.name]
        decoded = bound.task.decode(resize_prediction(raw.detach(), labels))
        _check_decoded(bound, decoded)
        scorer = Scorer(bound.task.metrics(), raw.device)
        scorer.update(decoded, labels)
        scores = scorer.compute()
    except (ValueError, RuntimeError, TypeError, IndexError, AttributeError, KeyError) as error:
        raise MstasksError(
            f"task {bound.name!r} failed on a synthetic batch: {type(error).__name__}: {error}"
        ) from error
    value = float(loss.total.detach() / loss.count.clamp(min=1))
    if not math.isfinite(value):
        raise MstasksError(f"task {bound.name!r}: its loss on a synthetic batch is {value}; it must be finite.")
    return CheckRow(
        bound.name, bound.task.kind, tuple(raw.shape), tuple(decoded.shape), tuple(labels.value.shape), value, scores
    )


def _check_decoded(bound: BoundTask, decoded: Tensor) -> None:
    """A decoded prediction must be what its kind says: files, pictures and the constant predictor rely on it."""
    task = bound.task
    wanted = {TargetKind.DEPTH_MAP: 1, TargetKind.SCALAR_MAP: 1, TargetKind.VECTOR_MAP: 3}.get(
        task.kind, len(task.info.names)
    )
    if decoded.dim() != (4 if task.kind.dense else 2) or decoded.shape[1] != wanted:
        raise MstasksError(
            f"task {bound.name!r}: a decoded {task.kind} prediction must have {wanted} channel(s). "
            f"Found shape {tuple(decoded.shape)}; is `channels` right?"
        )
    task.picture(decoded[0])


def _check_backward(experiment: Experiment, network: Network, predictions: Mapping[str, Tensor], batch: Batch) -> None:
    sums = task_losses(predictions, batch.targets, experiment.tasks)
    for name, loss in sums.items():
        if not loss.total.requires_grad:
            raise MstasksError(f"task {name!r}: its loss does not depend on the prediction; nothing would be learned.")
    counts = {name: loss.count for name, loss in sums.items()}
    means = {name: loss.total / loss.count.clamp(min=1) for name, loss in sums.items()}
    weighting = experiment.build_weighting().to(experiment.device)
    objective(means, counts, weighting).backward()  # type: ignore[no-untyped-call]
    for name, head in network.heads.items():
        gradients = [parameter.grad for parameter in head.parameters() if parameter.grad is not None]
        if not gradients:
            raise MstasksError(f"task {name!r}: no parameter of its head got a gradient from its loss.")
        if not all(bool(torch.isfinite(gradient).all()) for gradient in gradients):
            raise MstasksError(f"task {name!r}: a gradient in its head is not finite on a synthetic batch.")
