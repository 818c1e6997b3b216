"""Shapes that the loss and the metrics of normals accept."""

from __future__ import annotations

from torch import Tensor

from mstasks import Target


def check_shapes(prediction: Tensor, target: Target) -> None:
    """Refuse what is not (batch, 3, height, width) with validity of (batch, 1, height, width).

    Raises:
        ValueError: Naming the tensor, what it must be and what it is.
    """
    if prediction.dim() != 4 or prediction.shape[1] != 3:
        raise ValueError(f"`prediction` must have shape (batch, 3, height, width). Found {tuple(prediction.shape)}.")
    batch, _, height, width = prediction.shape
    for name, tensor, channels in (("value", target.value, 3), ("valid", target.valid, 1)):
        wanted = (batch, channels, height, width)
        if tensor.shape != wanted:
            raise ValueError(
                f"`target.{name}` must have shape (batch, {channels}, height, width), here {wanted}. "
                f"Found {tuple(tensor.shape)}."
            )
