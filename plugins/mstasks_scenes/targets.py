"""What the scenes are labelled with. Imports neither numpy nor torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mstasks import TargetInfo, TargetKind

if TYPE_CHECKING:
    from mstasks import Options

COLOURS: dict[str, tuple[int, int, int]] = {
    "floor": (128, 100, 74),
    "wall": (186, 193, 203),
    "ceiling": (238, 234, 219),
    "door": (176, 58, 52),
    "window": (92, 184, 228),
    "picture": (232, 136, 190),
    "table": (240, 160, 48),
    "chair": (250, 220, 80),
    "cabinet": (124, 84, 168),
    "bed": (52, 96, 186),
    "sofa": (32, 150, 136),
    "ball": (226, 72, 116),
    "pot": (120, 190, 72),
}
"""The classes in index order, each with the colour it has in pictures of labels."""

CLASSES = tuple(COLOURS)

ATTRIBUTES = (
    "ball",
    "table",
    "picture",
    "window",
    "checker_floor",
    "warm_light",
    "looking_down",
    "cluttered",
)
"""The attributes in index order; `mstasks_scenes.labels.attributes` defines each."""


def targets(options: Options | None) -> Mapping[str, TargetInfo]:  # noqa: ARG001 - the same under all options
    """The five targets of every scene."""
    return {
        "segmentation": TargetInfo(TargetKind.LABEL_MAP, CLASSES, colours=tuple(COLOURS.values())),
        "depth": TargetInfo(TargetKind.DEPTH_MAP),
        "normals": TargetInfo(TargetKind.VECTOR_MAP),
        "edges": TargetInfo(TargetKind.SCALAR_MAP),
        "attributes": TargetInfo(TargetKind.ATTRIBUTES, ATTRIBUTES),
    }
