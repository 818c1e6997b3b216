"""What NYU-Depth-v2 is labelled with. Imports neither numpy nor torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mstasks import TargetInfo, TargetKind
from mstasks_nyuv2.classes import NAMES_13, NAMES_40

if TYPE_CHECKING:
    from mstasks_nyuv2.options import NYUv2Options


def targets(options: NYUv2Options) -> Mapping[str, TargetInfo]:
    """The four targets; `options.classes` chooses the class names."""
    return {
        "segmentation": TargetInfo(TargetKind.LABEL_MAP, NAMES_13 if options.classes == 13 else NAMES_40),
        "depth": TargetInfo(TargetKind.DEPTH_MAP),
        "normals": TargetInfo(TargetKind.VECTOR_MAP),
        "edges": TargetInfo(TargetKind.SCALAR_MAP),
    }
