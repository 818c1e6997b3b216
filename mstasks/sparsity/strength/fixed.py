"""A constant lambda: the group lasso as it is mostly used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from mstasks.sparsity.strength.base import Readings, Strength
from mstasks.sparsity.strength.options import FixedOptions

if TYPE_CHECKING:
    from mstasks.sparsity.part import SparsePart


class Fixed(Strength):
    """One lambda for all spaces: minimises the loss + lambda sum over groups of w_g |theta_g| by proximal steps."""

    def __init__(self, part: SparsePart, tasks: Sequence[str], steps: int, options: FixedOptions) -> None:
        super().__init__(part, tasks, steps)
        self._value = options.value

    def strengths(self) -> Mapping[str, Tensor | float]:
        """The constant, for every space."""
        return dict.fromkeys(self.part.spaces, self._value)

    def act(self, step: int) -> None:  # noqa: ARG002 - the same at every step
        """One proximal step."""
        self.part.prox(self.strengths())

    def readings(self) -> Readings:
        """The constant."""
        return Readings("lambda", {"all": self._value})
