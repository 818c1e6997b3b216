"""Shapes that the loss and the metrics of attributes accept."""

from __future__ import annotations

from torch import Tensor

from mstasks import Target


def check_shapes(prediction: Tensor, target: Target, attributes: int) -> None:
    """Refuse predictions and labels that are not (batch, attributes).

    Raises:
        ValueError: Naming the tensor, what it must be and what it is.
    """
    if prediction.dim() != 2 or prediction.shape[1] != attributes:
        raise ValueError(f"`prediction` must have shape (batch, {attributes}). Found {tuple(prediction.shape)}.")
    for name, tensor in (("value", target.value), ("valid", target.valid)):
        if tensor.shape != prediction.shape:
            raise ValueError(
                f"`target.{name}` must have shape (batch, attributes), that of the prediction "
                f"{tuple(prediction.shape)}. Found {tuple(tensor.shape)}."
            )
