"""Shapes that the loss and the metrics of depth accept."""

from __future__ import annotations

from torch import Tensor

from mstasks import Target


def check_shapes(prediction: Tensor, target: Target) -> None:
    """Refuse what is not (batch, 1, height, width), the same for prediction, value and validity.

    Raises:
        ValueError: Naming the tensor, what it must be and what it is.
    """
    if prediction.dim() != 4 or prediction.shape[1] != 1:
        raise ValueError(f"`prediction` must have shape (batch, 1, height, width). Found {tuple(prediction.shape)}.")
    for name, tensor in (("value", target.value), ("valid", target.valid)):
        if tensor.shape != prediction.shape:
            raise ValueError(
                f"`target.{name}` must have shape (batch, 1, height, width), here {tuple(prediction.shape)}. "
                f"Found {tuple(tensor.shape)}."
            )
