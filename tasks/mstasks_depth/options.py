"""What a recipe may set for depth. Imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mstasks import Options


class DepthOptions(Options):
    """Options of the task `depth`."""

    loss: Literal["l1", "silog", "berhu"] = Field(
        "l1", description="Absolute error in metres, scale-invariant error of log depth, or reverse Huber in metres."
    )
    silog_lambda: float = Field(
        0.5, ge=0, le=1, description="How far `silog` forgives a wrong overall scale: 0 not at all, 1 entirely."
    )
    typical: float = Field(
        2.5, gt=0, description="Metres that an untrained head predicts; a typical depth of the data."
    )
