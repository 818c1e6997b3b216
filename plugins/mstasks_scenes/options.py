"""What a recipe may set of the scenes."""

from __future__ import annotations

from pydantic import Field

from mstasks import Options

_MOST = 1_000_000


class ScenesOptions(Options):
    """How many scenes each split has, which family of scenes, and how much memory may hold rendered ones."""

    train: int = Field(2000, ge=1, le=_MOST, description="Scenes in the train split.")
    val: int = Field(200, ge=1, le=_MOST, description="Scenes in the val split.")
    test: int = Field(200, ge=1, le=_MOST, description="Scenes in the test split.")
    seed: int = Field(0, ge=0, description="Another seed is another family of scenes, of all splits.")
    cache_mib: int = Field(
        512,
        ge=0,
        description="Memory in MiB for rendered samples, in each loader process; what does not fit is rendered again. "
        "A 96x96 sample takes 72 KiB with image, segmentation and depth, 189 KiB with all targets.",
    )
