"""What a recipe may set of NYU-Depth-v2."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mstasks import Options, RecipePath


class NYUv2Options(Options):
    """Where the folder is, which set of classes, and how val is split off."""

    root: RecipePath = Field(
        description="Folder with images/, gt_sets/, and segmentation/, depth/, normals/, edge/ as far as they are used."
    )
    classes: Literal[40, 13] = Field(40, description="The 40 classes of the files, or the usual 13 made of them.")
    val_fraction: float = Field(0.1, gt=0, lt=1, description="Part of the layout's train split that becomes val.")
    val_seed: int = Field(0, ge=0, description="Another seed takes other images for val.")
