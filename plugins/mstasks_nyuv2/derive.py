"""Labels that a source need not hold: normals from its depth, edges from its classes. Only where the user asks."""

from __future__ import annotations

from mstasks import RawTarget
from mstasks_nyuv2.derive_edges import edges_from_labels
from mstasks_nyuv2.derive_normals import KINECT, Intrinsics, normals_from_depth
from mstasks_nyuv2.frame import WHOLE, shown

ORIGINS = {"normals": "depth", "edges": "segmentation"}
"""What each label that can be derived is derived from."""


def derived(name: str, origin: RawTarget) -> RawTarget:
    """`normals` or `edges` from their origin.

    Raises:
        ValueError: If it is not known what part of the frame the depth shows.
    """
    if name == "normals":
        return RawTarget(*normals_from_depth(origin.value, origin.valid, _camera(*origin.value.shape)))
    return RawTarget(*edges_from_labels(origin.value, origin.valid))


def _camera(height: int, width: int) -> Intrinsics:
    """The camera of a picture that shows the whole frame or its known inner part."""
    part = shown(height, width)
    return KINECT.at(height, width) if part == WHOLE else KINECT.shifted(part.top, part.left)
