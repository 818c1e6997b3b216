"""Task combinations: which tasks an episode is about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Combinations:
    """A distribution over the non-empty subsets of the tasks.

    Args:
        tasks: Names of the recipe's tasks.
        choice: ``uniform`` over all 2^T - 1, ``all-tasks`` always, or the combinations to choose from.
        weights: Relative frequency > 0 of each listed combination; equal by default.
    """

    def __init__(
        self, tasks: Sequence[str], choice: str | Sequence[Sequence[str]], weights: Sequence[float] | None = None
    ) -> None:
        self._tasks = tuple(tasks)
        self._uniform = choice == "uniform"
        self._listed = [self._tasks] if isinstance(choice, str) else [tuple(names) for names in choice]
        frequencies = np.asarray(weights or [1.0] * len(self._listed), np.float64)
        self._shares = frequencies / frequencies.sum()

    def draw(self, generator: np.random.Generator) -> tuple[str, ...]:
        """One combination."""
        if not self._uniform:
            return self._listed[int(generator.choice(len(self._listed), p=self._shares))]
        # Rejection keeps the subsets equally likely without listing them; at most half of the draws are empty.
        while not (chosen := generator.integers(0, 2, len(self._tasks))).any():
            pass
        return tuple(name for name, inside in zip(self._tasks, chosen, strict=True) if inside)
