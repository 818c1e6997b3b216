"""The part of a network that is made sparse, and the three things that a strength may do to it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mstasks.network import Network
from mstasks.sparsity.alive import alive_channels, zero_groups
from mstasks.sparsity.budget import Budget
from mstasks.sparsity.costs import Costs
from mstasks.sparsity.mask import Mask
from mstasks.sparsity.proximal import Metric, ProximalStep
from mstasks.sparsity.space import Space, group_norms, scale_groups
from mstasks.sparsity.spaces import Spaces


class SparsePart:
    """Groups of a network with the means to shrink and to remove them.

    Args:
        network: The network, on its device or not yet there.
        groups: What is pushed to zero, of any kind.
        costs: Of the network's channel spaces, of the same scope; its `spaces` are `groups` if those are channels.
        budget: The target, None if there is none.
        metric: Of the proximal step.
        size: Height and width of the images that costs are counted for.

    Attributes:
        spaces: The spaces of groups by name.
        mask: The groups that were not removed.
        metric: Of the proximal step.
    """

    def __init__(
        self,
        network: Network,
        groups: Spaces,
        costs: Costs,
        budget: Budget | None,
        metric: Metric,
        size: tuple[int, int],
    ) -> None:
        self.network, self.groups, self.costs, self.budget, self.size = network, groups, costs, budget, size
        self.spaces: dict[str, Space] = {space.name: space for space in groups.spaces}
        self.mask = Mask(groups)
        self.metric = metric
        self._prox: ProximalStep | None = None
        self._parameters: dict[str, nn.Parameter] | None = None
        self._optimizer: Optimizer | None = None

    def attach(self, optimizer: Optimizer) -> None:
        """Say which optimiser moves the parameters; called once, after the network is on its device.

        Raises:
            ValueError: If the metric needs a second moment and the optimiser has none.
        """
        self._optimizer = optimizer
        self._prox = ProximalStep(self.groups.spaces, self.parameters, optimizer, self.metric)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The network's parameters by name."""
        # Looked up once: walking over all modules would take as long as the work that is done with them.
        if self._parameters is None:
            self._parameters = dict(self.network.named_parameters())
        return self._parameters

    @property
    def alive(self) -> dict[str, Tensor]:
        """By space, the groups that were not removed, bool, shape (size,)."""
        return self.mask.alive

    def norms(self) -> dict[str, Tensor]:
        """By space, the norm of each group, shape (size,)."""
        parameters = self.parameters
        with torch.no_grad():
            return {space.name: group_norms(space, parameters) for space in self.groups.spaces}

    def counts(self) -> Tensor:
        """Channels left in each channel space, zero ones gone, at least one each: int64, shape (spaces,)."""
        spaces = self.costs.spaces
        return spaces.counts(alive_channels(self.network, spaces)).clamp(min=1)

    def prox(self, strengths: Mapping[str, Tensor | float]) -> None:
        """The proximal step, lambda by space; see `ProximalStep`."""
        assert self._prox is not None, "attach the optimiser first"
        self._prox(strengths)

    def shrink(self, space: str, factors: Tensor) -> None:
        """Multiply each group of a space by its factor, shape (size,)."""
        scale_groups(self.spaces[space], self.parameters, factors)

    def remove(self, dead: Mapping[str, Tensor]) -> None:
        """Remove groups for good.

        Args:
            dead: By space, bool, shape (size,); spaces may be missing.
        """
        assert self._optimizer is not None, "attach the optimiser first"
        self.mask.remove(dead, self.parameters, self._optimizer)

    def mask_gradients(self) -> None:
        """Make the removed groups' gradients zero."""
        self.mask.mask_gradients(self.parameters)

    def settle(self, averaged: nn.Module | None) -> None:
        """Make groups that are zero in the network zero in averaged weights too, which approach zero only slowly.

        Args:
            averaged: The network with averaged weights, if there is one.
        """
        if averaged is None:
            return
        parameters, average = self.parameters, dict(averaged.named_parameters())
        for space in self.groups.spaces:
            scale_groups(space, average, ~zero_groups(space, parameters))

    def hold(self, averaged: nn.Module | None) -> None:
        """Keep the removed groups at zero, in averaged weights too.

        Args:
            averaged: The network with averaged weights, if there is one.
        """
        self.mask.apply_to(self.parameters)
        if averaged is not None:
            self.mask.apply_to(dict(averaged.named_parameters()))
