"""What a recipe may set for segmentation. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from mstasks import Options


class SegmentationOptions(Options):
    """Options of the task `segmentation`."""

    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of the label that is spread evenly over all classes."
    )
    class_weights: Mapping[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="Weight in the loss by class name, above 0; a class that is not listed has weight 1."
    )
