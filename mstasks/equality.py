"""Whether two networks predict the same, measured on real images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from mstasks.data.dataset import Split
from mstasks.device import as_input
from mstasks.experiment import Experiment

IMAGES = 8
"""So many images at most are compared."""


def probes(experiment: Experiment, split: Split = "test") -> Iterator[Tensor]:
    """Batches of real images: the first of a split at the recipe's size, the first alone, two at another size.

    Returns:
        float32 in [0, 1], shape (batch, 3, height, width), on the CPU.
    """
    ids = list(experiment.ids(split))[:IMAGES]
    pixels = torch.cat([batch.images for batch in experiment.batches(split, ids)])
    images = as_input(pixels, torch.device("cpu"))
    yield images
    yield images[:1]
    height, width = images.shape[-2:]
    yield functional.interpolate(images[:2], size=(height + 32, width + 64), mode="bilinear", align_corners=False)


@torch.no_grad()
def largest_difference(first: nn.Module, second: nn.Module, batches: Iterable[Tensor]) -> dict[str, float]:
    """Largest difference over largest magnitude of the first network's predictions, by task, over all batches.

    Args:
        first: On the CPU, since kernels of GPUs may round to fewer bits than float32 has; left in evaluation mode.
        second: Alike.
        batches: Images, float32 in [0, 1], shape (batch, 3, height, width).

    Returns:
        0 for equal predictions; NaN if one is not finite.
    """
    first.eval()
    second.eval()
    found: dict[str, Tensor] = {}
    for images in batches:
        others = second(images)
        for task, expected in first(images).items():
            ratio = relative_difference(others[task], expected)
            found[task] = torch.maximum(found.get(task, ratio), ratio)  # unlike `max`, it hands NaN on
    return {task: float(value) for task, value in found.items()}


def relative_difference(prediction: Tensor, expected: Tensor) -> Tensor:
    """Largest difference over the largest magnitude of what is expected, a scalar; 0 where both are all zero."""
    difference = (prediction - expected).abs().max()
    return difference if difference == 0 else difference / expected.abs().max()
