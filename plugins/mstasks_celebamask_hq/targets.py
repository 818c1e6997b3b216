"""What CelebAMask-HQ is labelled with. Imports neither numpy nor torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mstasks import TargetInfo, TargetKind
from mstasks_celebamask_hq.classes import chosen_classes
from mstasks_celebamask_hq.names import ATTRIBUTES

if TYPE_CHECKING:
    from mstasks_celebamask_hq.options import CelebAMaskHQOptions


def targets(options: CelebAMaskHQOptions) -> Mapping[str, TargetInfo]:
    """Segmentation into `options.masks`, and `options.attributes`."""
    classes = chosen_classes(options.masks)
    return {
        "segmentation": TargetInfo(TargetKind.LABEL_MAP, classes.names, pairs=classes.pairs),
        "attributes": TargetInfo(TargetKind.ATTRIBUTES, options.attributes or ATTRIBUTES),
    }
