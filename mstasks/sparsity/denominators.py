"""Denominators of adaptive optimisers, read from their state: the metric of a proximal step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adagrad, Adam, NAdam, Optimizer, RAdam, RMSprop, SparseAdam


@dataclass(frozen=True, slots=True)
class Denominator:
    """D = sqrt(second moment) / correction + eps of one parameter, entry by entry.

    Attributes:
        second_moment: Shaped like the parameter.
        correction: Square root of the bias correction; a tensor without dimensions, which may live on the device.
        eps: The optimiser's.
    """

    second_moment: Tensor
    correction: Tensor | float
    eps: Tensor | float


def check_has_denominator(optimizer: Optimizer) -> None:
    """Refuse an optimiser that keeps no second moment per entry.

    Raises:
        ValueError: With the optimisers that are supported.
    """
    if not any(isinstance(optimizer, kind) for kind in _READERS):
        raise ValueError(
            f"the Adam metric needs an optimiser with a second moment per entry: AdamW, "
            f"{', '.join(kind.__name__ for kind in _READERS)}. Found {type(optimizer).__name__}; use one of them, or "
            f"the euclidean metric."
        )


def denominator(optimizer: Optimizer, parameter: Tensor, group: dict[str, Any]) -> Denominator | None:
    """What `optimizer` divides the parameter's update by; None before the first step of this parameter.

    RAdam is read as if its first steps were adaptive, too. No factor of the learning rate (bias correction of the first
    moment, Nesterov's, decay) is part of it.

    Args:
        optimizer: One that `check_has_denominator` accepts.
        parameter: A parameter of it.
        group: The parameter's group of `optimizer.param_groups`.
    """
    state = optimizer.state.get(parameter)
    if not state:
        return None
    read = next(read for kind, read in _READERS.items() if isinstance(optimizer, kind))
    return read(state, group)


def _correction(state: dict[str, Any], group: dict[str, Any]) -> Any:
    return (1 - group["betas"][1] ** state["step"]) ** 0.5


def _adam(state: dict[str, Any], group: dict[str, Any]) -> Denominator:
    moment = state["max_exp_avg_sq"] if group.get("amsgrad") else state["exp_avg_sq"]
    return Denominator(moment, _correction(state, group), group["eps"])


def _radam(state: dict[str, Any], group: dict[str, Any]) -> Denominator:
    correction = _correction(state, group)
    return Denominator(state["exp_avg_sq"], correction, group["eps"] / correction)


def _rmsprop(state: dict[str, Any], group: dict[str, Any]) -> Denominator:
    moment = state["square_avg"]
    if group["centered"]:
        moment = torch.addcmul(moment, state["grad_avg"], state["grad_avg"], value=-1).clamp_(min=0)
    return Denominator(moment, 1.0, group["eps"])


def _adagrad(state: dict[str, Any], group: dict[str, Any]) -> Denominator:
    return Denominator(state["sum"], 1.0, group["eps"])


_READERS: dict[type[Optimizer], Callable[[dict[str, Any], dict[str, Any]], Denominator]] = {
    Adam: _adam,  # and AdamW
    NAdam: _adam,
    RAdam: _radam,
    SparseAdam: _radam,
    RMSprop: _rmsprop,
    Adagrad: _adagrad,
}
