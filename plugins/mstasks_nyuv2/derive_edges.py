"""Edges from a label map: where one class ends and another begins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def edges_from_labels(
    labels: NDArray[np.integer[Any]], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The first pixel of each class, from the left and from above.

    A pixel is an edge if its label differs from that of its left or of its upper neighbour, both being labelled. What
    has no label never makes an edge.

    Args:
        labels: Class numbers, shape (H, W). What they are where `valid` is False does not matter.
        valid: Where there is a label, shape (H, W).

    Returns:
        1 on edges, else 0, shape (H, W); and where this is known, shape (H, W): where the pixel is labelled and either
        is an edge, or has no left or upper neighbour without a label, behind which an edge could hide.

    Raises:
        ValueError: If the two maps are not (H, W) both.
    """
    if labels.ndim != 2 or labels.shape != valid.shape:
        raise ValueError(f"`labels` and `valid` must be (H, W) both. Found {labels.shape} and {valid.shape}.")
    edge = np.zeros(labels.shape, np.bool_)
    known = valid.copy()
    for here, before in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        edge[here] |= (labels[here] != labels[before]) & valid[here] & valid[before]
        known[here] &= valid[before]
    return edge.astype(np.float32), known | edge
