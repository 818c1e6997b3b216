"""F at the best threshold of the set and of each image, with a distance tolerance, and the mean absolute error.

The protocol is that of the Berkeley benchmark (Martin, Fowlkes and Malik 2004; Arbelaez, Maire, Fowlkes and Malik 2011)
for one annotation per image: thin, threshold at 99 levels, match one to one within `max_distance` times the diagonal.
It differs in four points: maps are thinned once, before thresholding; the number of matched pairs is the exact maximum,
where the benchmark's solver approximates it; thresholds are not interpolated; borders are not tapered.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mstasks import PooledMean, Target, TaskMetric
from mstasks_edges.counts import THRESHOLDS, best_threshold, f_measure, image_counts
from mstasks_edges.shapes import check_shapes


class EdgeMatches(TaskMetric):
    """Matched, predicted and true edge pixels, exact integers over the whole set.

    Args:
        max_distance: Largest distance of a matched pair, as a fraction of the image's diagonal.
    """

    higher_is_better = True
    best_value = 1.0
    state_group = "edge-matches"
    counts: Tensor
    best: Tensor
    images: Tensor

    def __init__(self, max_distance: float) -> None:
        super().__init__()
        self.max_distance = max_distance
        # Rows: matched, predicted, true. `best` holds each image's counts at its own best threshold.
        self.add_state("counts", torch.zeros(3, len(THRESHOLDS), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("best", torch.zeros(3, 1, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Target) -> None:
        """Count the edge pixels of a batch; an image without a valid pixel changes nothing.

        Args:
            prediction: Probabilities, shape (batch, 1, height, width).
            target: Labels in [0, 1], an edge from 0.5 on, and validity, of the same shape.

        Raises:
            ValueError: If a shape does not fit.
        """
        check_shapes(prediction, target)
        maps = (prediction.float(), target.value.float(), target.valid)
        for edges, truth, valid in zip(*(batch[:, 0].cpu().numpy() for batch in maps), strict=True):
            if valid.any():
                counts = image_counts(edges, truth, valid, self.max_distance).to(self.counts.device)
                best = best_threshold(counts)
                self.counts += counts
                self.best += counts[:, best : best + 1]
                self.images += 1

    def nan_if_empty(self, value: Tensor) -> Tensor:
        """Give the value, or NaN if no image had a valid pixel."""
        return value.masked_fill(self.images == 0, torch.nan)


class OptimalDatasetScale(EdgeMatches):
    """ODS-F: F of the counts of all images at the one threshold that is best for the set."""

    def compute(self) -> dict[str, Tensor]:
        """Give the best F and where it was reached.

        Returns:
            ``mean``: F in [0, 1], NaN if no pixel was valid, 0 if there is no edge at all; ``threshold``, ``precision``
            and ``recall`` at which it was reached.
        """
        best = best_threshold(self.counts)
        matched, predicted, true = self.counts[:, best].double()
        values = {
            "mean": f_measure(self.counts)[best],
            "threshold": torch.tensor(float(THRESHOLDS[best])),
            "precision": matched / predicted.clamp(min=1),
            "recall": matched / true.clamp(min=1),
        }
        return {name: self.nan_if_empty(value) for name, value in values.items()}


class OptimalImageScale(EdgeMatches):
    """OIS-F: F of the counts that each image contributes at the threshold that is best for itself."""

    def compute(self) -> Tensor:
        """F in [0, 1], NaN if no pixel was valid, 0 if there is no edge at all."""
        return self.nan_if_empty(f_measure(self.best)[0])


def _absolute_error(probability: Tensor, target: Target) -> Tensor:
    check_shapes(probability, target)
    return (probability.float() - target.value).abs()


def edge_metrics(max_distance: float) -> dict[str, TaskMetric]:
    """Fresh metrics of edge probabilities, shape (batch, 1, height, width): `ods_f` (primary), `ois_f`, `mae`.

    `mae` is the absolute difference of probability and label, averaged over all valid pixels, neither of them thinned.
    """
    return {
        "ods_f": OptimalDatasetScale(max_distance),
        "ois_f": OptimalImageScale(max_distance),
        "mae": PooledMean(_absolute_error, higher_is_better=False, best_value=0.0),
    }
