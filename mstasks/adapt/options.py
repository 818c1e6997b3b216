"""What a recipe may set for each strategy of adaptation. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from mstasks.options import Options


class TuneOptions(Options):
    """What all strategies that take gradient steps have in common: AdamW, linear warm-up, cosine decay to zero."""

    steps: int | None = Field(
        None, ge=1, description="Optimiser steps; null for 30 at 5 shots, 60 at 10, 180 at 50, and so on between."
    )
    batch_size: int = Field(8, ge=1, description="Support images in a step, all of them if they are fewer.")
    backbone_lr: float = Field(3e-4, gt=0, description="Peak learning rate of the backbone.")
    trunk_lr: float = Field(3e-3, gt=0, description="Peak learning rate of the shared trunk.")
    new_lr: float = Field(5e-3, gt=0, description="Peak learning rate of what starts afresh, such as the new head.")
    weight_decay: float = Field(0.01, ge=0, description="Not applied to norms and biases.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Fraction of the steps of each phase.")
    clip: float | None = Field(1.0, gt=0, description="Global gradient norm; null for none.")


class HeadFirstOptions(TuneOptions):
    """The new head alone, then everything."""

    head_share: float = Field(
        1 / 3, gt=0, lt=1, description="Fraction of the steps in which the new head alone is trained."
    )


class RidgeOptions(Options):
    """A linear map from the trunk's features to the labels, in closed form."""

    penalty: float | None = Field(
        None,
        gt=0,
        description="Weight of the squared norm; null to choose it by leaving out one support image in turn.",
    )
