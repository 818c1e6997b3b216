"""What a recipe may set for each strength. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mstasks.options import Options

Share = Annotated[float, Field(ge=0, le=1)]
"""A fraction."""


def _increasing(window: tuple[float, float]) -> tuple[float, float]:
    if not window[0] < window[1]:
        raise ValueError("allowed: a list of two fractions, the first below the second")
    return window


Window = Annotated[tuple[Share, Share], AfterValidator(_increasing)]
"""From one fraction of the steps to a later one."""


MAXIMUM = 10
"""Largest lambda of `controller`: at a learning rate of 1e-3, groups with a root mean square of 0.01 die in a step."""


class PricedOptions(Options):
    """Removal against a price: saliency for the tasks per MAC saved."""

    window: Window = Field((0.1, 0.6), description="Channels leave between these fractions of the steps.")
    measure_from: Share = Field(0.04, description="Saliency is measured from this fraction of the steps on.")
    measure_every: int = Field(3, ge=1, description="Steps between measurements; each is for one task, in turn.")
    decay: float = Field(0.9, ge=0, lt=1, description="Of the moving average of saliency.")
    rounds: int = Field(36, ge=1, description="Removals within the window.")
    tolerance: float = Field(0.004, gt=0, lt=1, description="How far below the target the result may end.")
    lasso: bool = Field(True, description="Shrink channels that are about to leave.")
    horizon: float = Field(1 / 12, gt=0, le=1, description="Fraction of the steps that a shrinking channel has left.")
    least_factor: float = Field(0.02, gt=0, le=1, description="Least factor that a shrinking channel gets in a step.")
    saliency: Literal["fisher", "taylor"] = Field(
        "fisher", description="Mean square, or mean absolute value, of each example's gradient at the channel's gate."
    )
    across_tasks: Literal["maximum", "mean"] = Field(
        "maximum", description="How the tasks' normalised saliencies become one."
    )
    allocation: Literal["global", "uniform-per-layer"] = Field(
        "global", description="One price for the whole network, or the same fraction of every space's channels."
    )

    @model_validator(mode="after")
    def _measures_before_it_removes(self) -> Self:
        if self.measure_from > self.window[0]:
            raise ValueError(
                f"measure_from is {self.measure_from:g}, after the first removal at {self.window[0]:g}; "
                "allowed: at most the start of window"
            )
        return self


class OneShotOptions(Options):
    """All channels that have to leave do so at once; the rest is fine-tuned."""

    saliency: Literal["magnitude", "taylor", "fisher"] = Field(
        "magnitude", description="Norm of the group relative to its space's mean, or saliency per cost as in `priced`."
    )
    at: float = Field(0.35, gt=0, lt=1, description="Fraction of the steps after which they leave.")
    tolerance: float = Field(0.004, gt=0, lt=1, description="How far below the target the result may end.")


class FixedOptions(Options):
    """One constant for all spaces."""

    value: float = Field(ge=0, description="The constant lambda.")


class ControllerOptions(Options):
    """lambda is controlled so that the target is met."""

    initial: float = Field(1e-3, gt=0, le=MAXIMUM, description="lambda at the start.")
    gain: float = Field(0.25, gt=0, description="Change of log lambda a step per relative error of the cost.")
    limit: float = Field(0.1, gt=0, description="Largest change of log lambda in a step.")
    allocation: Literal["uniform", "spatial"] = Field(
        "uniform", description="The same lambda everywhere, or more where maps are large: (height x width)^0.5."
    )


class LearnedOptions(Options):
    """lambda = exp(rho), moved by the gradient of the query loss through the inner proximal step."""

    initial: float = Field(1e-3, gt=0, description="lambda at the start.")
    share: Literal["network", "stage", "layer"] = Field("layer", description="Which spaces have one lambda in common.")
    rate: float = Field(0.01, gt=0, description="Learning rate of log lambda, constant.")
    minimum: float = Field(1e-7, gt=0, description="lambda is kept above.")
    maximum: float = Field(1.0, gt=0, description="lambda is kept below.")
    cut: float = Field(
        0.6, gt=0, lt=1, description="Read with a target: fraction of the steps after which channels leave to meet it."
    )

    @model_validator(mode="after")
    def _starts_between_its_limits(self) -> Self:
        if not self.minimum < self.initial < self.maximum:
            raise ValueError(
                f"initial is {self.initial:g}; allowed: above minimum, {self.minimum:g}, "
                f"and below maximum, {self.maximum:g}"
            )
        return self
