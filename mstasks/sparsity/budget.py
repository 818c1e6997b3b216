"""The target: a cost of the scope as a fraction of what it is with nothing removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mstasks.errors import UsageError
from mstasks.sparsity.costs import Costs

Kind = Literal["macs", "parameters", "channels"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent.

    Attributes:
        costs: Of the scope.
        kind: What is counted: MACs of one image, parameters, or channels of all spaces.
        target: The fraction that may be left, in (0, 1].

    Raises:
        UsageError: If the floors leave more than the target.
    """

    costs: Costs
    kind: Kind
    target: float

    def __post_init__(self) -> None:
        least = float(self.fraction(self.costs.spaces.floors.clamp(min=1)))
        if least > self.target:
            raise UsageError(
                f"sparsity.target: {self.kind} {self.target:g} cannot be reached: with every space at its floor the "
                f"{self.costs.spaces.scope} part still has {least:.3f}. Allowed: above {least:.3f}; lower "
                "`sparsity.floor`, or widen `sparsity.scope`."
            )

    def fraction(self, counts: Tensor) -> Tensor:
        """Cost at these counts over the cost with nothing removed, float64, shape (...).

        Args:
            counts: Channels left, shape (..., spaces), on the CPU.
        """
        return self._cost(counts).double() / self._cost(self.costs.full).double()

    def marginal(self, counts: Tensor) -> Tensor:
        """Fraction that one channel less in each space saves, the others staying: float64, shape (spaces,).

        Args:
            counts: Channels left, shape (spaces,).
        """
        if self.kind == "channels":
            saved = torch.ones_like(counts)
        elif self.kind == "macs":
            saved = self.costs.marginal_macs(counts)
        else:
            saved = self.costs.marginal_parameters(counts)
        return saved.double() / self._cost(self.costs.full).double()

    def _cost(self, counts: Tensor) -> Tensor:
        if self.kind == "channels":
            return counts.sum(dim=-1)
        return self.costs.macs(counts) if self.kind == "macs" else self.costs.parameters(counts)
