"""One image and its labels as a data set delivers them: numpy, channels last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RawTarget:
    """Labels of one target for one image.

    Attributes:
        value: label-map (H, W) any integer type, class indices from 0; depth-map (H, W) float32 metres; vector-map
            (H, W, 3) float32 unit; scalar-map (H, W) float32 in [0, 1]; attributes (K,) float32, 0 or 1.
        valid: Boolean, (H, W) for every dense kind, (K,) for attributes.
        stored: Height and width that a dense label had before the data set sampled it; None if it did not.
    """

    value: NDArray[Any]
    valid: NDArray[np.bool_]
    stored: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One image with the labels that exist for it.

    Attributes:
        id: Unique within the data set.
        image: RGB, uint8 (H, W, 3).
        targets: By target name; a target without a label for this image is absent. Dense labels may differ from the
            image in height and width, not in what they show.
    """

    id: str
    image: NDArray[np.uint8]
    targets: Mapping[str, RawTarget]
