"""Measuring saliency on small networks, with losses whose examples can be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mstasks.heads import DenseHead, PooledHead
from mstasks.network import HeadFactory, Network
from mstasks.sparsity.gates import Gate, find_gates
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.saliency import GateSaliency
from mstasks.sparsity.spaces import Spaces
from mstasks.train.losses import LossSum

SIZE = (32, 32)
TASKS = ("depth", "attributes")
HEADS: dict[str, HeadFactory] = {
    "depth": lambda info: DenseHead(info, 2),
    "attributes": lambda info: PooledHead(info, 3),
}


def gates_and_spaces(network: Network) -> tuple[tuple[Gate, ...], Spaces]:
    spaces = find_spaces(network, SIZE)
    return find_gates(network, spaces, SIZE), spaces


def measure_of(network: Network, **options: Any) -> GateSaliency:
    gates, spaces = gates_and_spaces(network)
    return GateSaliency(network, gates, spaces, list(network.heads), **options).to(next(network.parameters()).dtype)


def images_of(network: nn.Module, count: int, seed: int = 0) -> Tensor:
    images = torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(seed))
    return images.to(next(network.parameters()).dtype)


def per_example(prediction: Tensor) -> Tensor:
    """A loss of each example that is not linear in the prediction, shape (batch,)."""
    return (prediction.flatten(1) - 0.3).square().sum(1) + prediction.flatten(1).sin().sum(1)


def losses_of(predictions: Mapping[str, Tensor], labelled: Tensor | None = None) -> dict[str, LossSum]:
    sums = {}
    for task, prediction in predictions.items():
        rows = torch.ones(len(prediction), dtype=torch.bool) if labelled is None else labelled
        sums[task] = LossSum((per_example(prediction) * rows).sum(), rows.sum())
    return sums


def watched(
    saliency: GateSaliency, network: Network, images: Tensor, labelled: Tensor | None = None
) -> dict[str, LossSum]:
    with saliency.watch():
        return losses_of(network(images), labelled)


def measured(saliency: GateSaliency, network: Network, task: str, *batches: Tensor) -> dict[str, Tensor]:
    """One measurement, one micro-batch an argument; the task's values by space."""
    saliency.start(task)
    for images in batches:
        saliency.observe(watched(saliency, network, images))
    saliency.finish()
    row = list(network.heads).index(task)
    return {space: values[row] for space, values in saliency.values().items()}
