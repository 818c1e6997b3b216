"""What the core itself offers through the hooks: the two basic loss weightings."""

from __future__ import annotations

from mstasks.hookspecs import hookimpl
from mstasks.specs import LossWeightingSpec


@hookimpl
def register_loss_weightings() -> list[LossWeightingSpec]:
    """Fixed and uncertainty weighting."""
    return [
        LossWeightingSpec(
            name="fixed",
            summary="The recipe's task weights, constant.",
            factory="mstasks.train.weighting:FixedWeighting",
            uses_weights=True,
        ),
        LossWeightingSpec(
            name="uncertainty",
            summary="Learned log-variance per task (Kendall et al. 2018).",
            factory="mstasks.train.weighting:UncertaintyWeighting",
        ),
    ]
