"""A new head starts from what a run has learned for new heads, if one of the run's own heads is built like it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn


@torch.no_grad()
def start_head(head: nn.Module, learned: Mapping[str, Tensor]) -> bool:
    """Give a head the initial values that were learned for heads of its build; all of its parameters, or none.

    A build is the same if the trainable parameters have the same names, and values fit: they have the parameter's
    shape, or one row, which is repeated. Buffers, such as statistics of norms, stay as they are: nothing is learned of
    them.

    Args:
        head: The head; changed in place.
        learned: As `Update.new_head` gives it.

    Returns:
        Whether there was such a build.
    """
    own = {name: parameter for name, parameter in head.named_parameters() if parameter.requires_grad}
    for values in _by_build(learned):
        if values.keys() == own.keys() and all(_fits(values[name], parameter) for name, parameter in own.items()):
            for name, parameter in own.items():
                parameter.copy_(values[name])
            return True
    return False


def _by_build(learned: Mapping[str, Tensor]) -> Iterable[dict[str, Tensor]]:
    builds: dict[str, dict[str, Tensor]] = {}
    for name, value in learned.items():
        task, _, relative = name.partition(".")
        builds.setdefault(task, {})[relative] = value
    return builds.values()


def _fits(value: Tensor, parameter: Tensor) -> bool:
    return value.dim() == parameter.dim() and value.shape in (parameter.shape, (1, *parameter.shape[1:]))
