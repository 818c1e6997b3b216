"""What a recipe may set for edges. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from mstasks import Options


class EdgesOptions(Options):
    """Options of the task `edges`."""

    positive_weight: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Weight of edge pixels in the loss, the others have 1 minus it; null takes each image's own share "
        "of pixels without an edge.",
    )
    max_distance: float = Field(
        0.0075,
        ge=0,
        le=0.02,
        description="How far apart a predicted and a true edge pixel may be to match, as a fraction of the image's "
        "diagonal. 0.0075 is the Berkeley benchmark's; scores at different tolerances cannot be compared.",
    )
