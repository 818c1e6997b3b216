"""Shapes that the loss and the metrics of segmentation accept."""

from __future__ import annotations

import torch
from torch import Tensor

from mstasks import Target


def check_shapes(prediction: Tensor, target: Target, classes: int) -> None:
    """Refuse what is not (batch, classes, height, width) with int64 labels and validity of (batch, height, width).

    Raises:
        ValueError: Naming the tensor, what it must be and what it is.
    """
    if prediction.dim() != 4 or prediction.shape[1] != classes:
        raise ValueError(
            f"`prediction` must have shape (batch, {classes}, height, width), one channel a class. "
            f"Found {tuple(prediction.shape)}."
        )
    batch, _, height, width = prediction.shape
    for name, tensor in (("value", target.value), ("valid", target.valid)):
        if tensor.shape != (batch, height, width):
            raise ValueError(
                f"`target.{name}` must have shape (batch, height, width), here {(batch, height, width)}. "
                f"Found {tuple(tensor.shape)}."
            )
    if target.value.dtype != torch.int64:
        raise ValueError(f"`target.value` must hold class indices, torch.int64. Found {target.value.dtype}.")
