"""The proximal step: applied to the parameters right after an optimiser's step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from mstasks.sparsity.adam_step import adam_step
from mstasks.sparsity.denominators import Denominator, check_has_denominator, denominator
from mstasks.sparsity.euclidean_step import EuclideanStep
from mstasks.sparsity.space import Space, group_weight

Metric = Literal["euclidean", "adam"]


class ProximalStep:
    """theta <- prox(theta) of sum over spaces b and groups g of lambda_b w_g |theta_g|, after any torch optimiser.

    The step's size is the learning rate that the optimiser has at the call. Nothing is read back from the device.

        optimizer.step()
        proximal_step({"layer1": 1e-3, "layer2": torch.exp(rho)})
    """

    def __init__(
        self, spaces: Sequence[Space], parameters: Mapping[str, Tensor], optimizer: Optimizer, metric: Metric
    ) -> None:
        """Prepare.

        Args:
            spaces: The groups.
            parameters: The members' parameters by name, for example `dict(network.named_parameters())`.
            optimizer: The optimiser of these parameters.
            metric: `euclidean`, or `adam`: that of the optimiser's denominator.

        Raises:
            ValueError: If a member is not among the optimiser's parameters, or the optimiser has no denominator for
                the metric `adam`.
        """
        if metric == "adam":
            check_has_denominator(optimizer)
        self._spaces = {space.name: space for space in spaces}
        self._parameters = parameters
        self._optimizer = optimizer
        self._euclidean = EuclideanStep(spaces, parameters) if metric == "euclidean" and spaces else None
        self._weights = {space.name: group_weight(space, parameters) for space in spaces}
        self._group_of = _group_indices(spaces, parameters, optimizer)

    @torch.no_grad()
    def __call__(self, strengths: Mapping[str, Tensor | float]) -> None:
        """Apply the prox.

        Args:
            strengths: lambda >= 0 by name of the space: one number, or shape `(size,)` for one a group. A space that is
                not named is left alone; in the metric `adam`, so is one with a member that was never stepped.

        Raises:
            KeyError: If a name is not a space's.
            ValueError: If the members of a space have different learning rates (numbers): the step has one size.
        """
        thresholds = {
            name: self._learning_rate(self._spaces[name]) * self._weights[name] * strength
            for name, strength in strengths.items()
        }
        if self._euclidean is not None:
            self._euclidean(thresholds)
            return
        for name, threshold in thresholds.items():
            space = self._spaces[name]
            metric = [found for member in space.members if (found := self._denominator(member.parameter))]
            if len(metric) == len(space.members):
                adam_step(space, self._parameters, metric, threshold)

    def _denominator(self, name: str) -> Denominator | None:
        return denominator(self._optimizer, self._parameters[name], self._param_group(name))

    def _param_group(self, name: str) -> dict[str, Any]:
        # Looked up each time: loading a state replaces the optimiser's groups.
        group: dict[str, Any] = self._optimizer.param_groups[self._group_of[name]]
        return group

    def _learning_rate(self, space: Space) -> Any:
        rates = {member.parameter: self._param_group(member.parameter)["lr"] for member in space.members}
        # Rates that are tensors are not compared: reading them would wait for the device.
        if len({rate for rate in rates.values() if not isinstance(rate, Tensor)}) > 1:
            raise ValueError(
                f"The members of space `{space.name}` must have one learning rate. Found "
                + ", ".join(f"{rate} for `{name}`" for name, rate in rates.items())
                + "."
            )
        return next(iter(rates.values()))


def _group_indices(spaces: Sequence[Space], parameters: Mapping[str, Tensor], optimizer: Optimizer) -> dict[str, int]:
    """Which of the optimiser's groups holds each member."""
    indices = {id(own): index for index, group in enumerate(optimizer.param_groups) for own in group["params"]}
    found = {}
    for space in spaces:
        for member in space.members:
            index = indices.get(id(parameters[member.parameter]))
            if index is None:
                raise ValueError(f"`{member.parameter}` of space `{space.name}` is not a parameter of the optimiser.")
            found[member.parameter] = index
    return found
