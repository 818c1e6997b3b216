"""What a recipe may set of NYU-Depth-v2."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mstasks import Options, RecipePath


class NYUv2Options(Options):
    """Where the set is, which classes, what is derived or cut, and how val is split off."""

    root: RecipePath = Field(
        description="An NYUD_MT folder, an MTAN folder, or the official nyu_depth_v2_labeled.mat or its folder; which "
        "one, is detected."
    )
    classes: Literal[40, 13] = Field(40, description="40 classes, or the usual 13 made of them; MTAN has 13 only.")
    normals: Literal["stored", "from-depth"] = Field(
        "stored", description="The source's normals, or plane fits to its depth."
    )
    edges: Literal["stored", "from-labels"] = Field(
        "stored", description="The source's edges, or the boundaries of the chosen classes."
    )
    eigen_crop: bool = Field(
        False, description="Whether labels outside rows 45:471, columns 41:601 of the 480 x 640 frame are not valid."
    )
    border: Literal["keep", "crop"] = Field(
        "keep", description="Whether the white frame is cut off images and labels: rows 7:474, columns 7:632 are left."
    )
    val_fraction: float = Field(0.1, gt=0, lt=1, description="Part of the official train split that becomes val.")
    val_seed: int = Field(0, ge=0, description="Another seed takes other images for val.")
