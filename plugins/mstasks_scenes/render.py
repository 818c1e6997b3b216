"""One scene to one image with its labels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks_scenes import labels
from mstasks_scenes.scene import Scene
from mstasks_scenes.shading import shade
from mstasks_scenes.trace import Visible, trace

_LABELS: dict[str, Callable[[Scene, Visible], NDArray[Any]]] = {
    "segmentation": labels.segmentation,
    "depth": lambda _, visible: labels.depth(visible),
    "normals": labels.normals,
    "edges": labels.edges,
    "attributes": labels.attributes,
}


def render(
    scene: Scene, size: tuple[int, int], targets: Collection[str]
) -> tuple[NDArray[np.uint8], dict[str, NDArray[Any]]]:
    """Render a scene.

    Args:
        scene: What to look at.
        size: Height and width.
        targets: Names of the wanted targets.

    Returns:
        The image, uint8 (height, width, 3), and the labels by target name, as `mstasks_scenes.labels` makes them.
    """
    visible = trace(scene, size)
    return shade(scene, visible), {name: _LABELS[name](scene, visible) for name in targets}
