"""MAML over task combinations, with or without a proximal step in the inner loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mstasks.errors import UsageError
from mstasks.meta.combinations import Combinations
from mstasks.meta.episodic import Episodic
from mstasks.meta.inner_prox import InnerProx
from mstasks.meta.options import MamlOptions

if TYPE_CHECKING:
    from mstasks.network import Network
    from mstasks.train.state import TrainState

_COMBINATION = 2


class Maml(Episodic):
    """Each episode is about a combination of tasks; the inner loop adapts the whole network to it.

    Finn, Abbeel, Levine 2017, "Model-agnostic meta-learning for fast adaptation of deep networks". Episodes over task
    combinations and sparsity inside the episode are the idea of Upadhyay et al., Meta-Sparsity, arXiv 2501.12115. The
    gradient of the weights goes straight through the proximal step, that of the strength through its true derivative.
    """

    def __init__(self, network: Network, tasks: Sequence[str], steps: int, seed: int, options: MamlOptions) -> None:
        super().__init__(network, tasks, steps, seed, options)
        self._inner_prox = options.inner_prox
        self._combinations = Combinations(tasks, options.combinations, options.weights)

    def draw(self, step: int, index: int) -> tuple[str, ...]:
        """A combination."""
        return self._combinations.draw(np.random.default_rng([self.seed, _COMBINATION, step, index]))

    def prox(self, state: TrainState) -> InnerProx | None:
        """With `inner_prox`, the strength's.

        Raises:
            UsageError: If nothing is made sparse, or the strength has no lambda.
        """
        if not self._inner_prox:
            return None
        if state.strength is None:
            raise UsageError(
                "meta.update.inner_prox: nothing is made sparse. Use `method: meta-sparsity`, or drop `inner_prox`."
            )
        try:
            state.strength.strengths()
        except ValueError as error:
            raise UsageError(f"meta.update.inner_prox: {error} Choose another `sparsity.strength`.") from error
        return InnerProx(state.strength.part, state.optimizer, state.strength.strengths)
