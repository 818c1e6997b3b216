"""Matched, predicted and true edge pixels of one image at every threshold, and the F that follows from them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mstasks_edges.matching import matching_gains
from mstasks_edges.thinning import thin

THRESHOLDS: NDArray[np.float32] = (np.arange(1, 100) / 100).astype(np.float32)
"""0.01 (`FAINTEST`), 0.02, ..., 0.99: a pixel is predicted at a threshold if its probability is at least that."""
TRUE_EDGE = 0.5
"""A label from this value on is an edge."""


def image_counts(
    prediction: NDArray[np.float32], truth: NDArray[np.float32], valid: NDArray[np.bool_], max_distance: float
) -> Tensor:
    """Count the edge pixels of one image.

    Both maps are set to 0 where not valid and then thinned in the same way (`thin`), so that a label that is several
    pixels wide is not held against a thin prediction, and a label as its own prediction scores 1.

    Args:
        prediction: Probabilities, shape (height, width).
        truth: Labels in [0, 1], of the same shape.
        valid: Which pixels count.
        max_distance: Largest distance of a matched pair, as a fraction of the image's diagonal.

    Returns:
        int64, shape (3, thresholds): matched pairs, predicted pixels, true pixels (the same at all thresholds).
    """
    crests = thin(np.where(valid, prediction, np.float32(0)))
    true_edges = thin(np.where(valid, truth, np.float32(0))) >= TRUE_EDGE
    pixels = np.argwhere(crests > 0)
    scores = crests[pixels[:, 0], pixels[:, 1]]
    order = np.argsort(-scores, kind="stable")
    gains = matching_gains(pixels[order], true_edges, max_distance * math.hypot(*truth.shape))
    ascending = np.sort(scores)
    predicted = len(scores) - np.searchsorted(ascending, THRESHOLDS, side="left")
    matched = np.concatenate([[0], np.cumsum(gains)])[predicted]
    return torch.from_numpy(np.stack([matched, predicted, np.full_like(predicted, true_edges.sum())]).astype(np.int64))


def f_measure(counts: Tensor) -> Tensor:
    """F = 2 matched / (predicted + true), the harmonic mean of precision and recall.

    Args:
        counts: Shape (3, n): matched, predicted, true.

    Returns:
        float64, shape (n,), in [0, 1]; 0 where nothing is predicted and nothing true.
    """
    matched, predicted, true = counts.double()
    f: Tensor = 2 * matched / (predicted + true).clamp(min=1)
    return f


def best_threshold(counts: Tensor) -> int:
    """Index of the threshold with the highest F; of equal ones the highest threshold, which predicts least."""
    f = f_measure(counts)
    return len(f) - 1 - int(f.flip(0).argmax())
