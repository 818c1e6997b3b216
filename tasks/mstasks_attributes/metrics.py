"""Accuracy and F1 per attribute from counts over the whole set, and their means."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from mstasks import Target, TaskMetric
from mstasks_attributes.shapes import check_shapes

THRESHOLD = 0.5
"""An attribute is predicted if its probability is above this."""
RESERVED = "mean"
"""A name that no attribute may have: it is the key of the average."""


class AttributeCounts(TaskMetric):
    """True and false positives and negatives per attribute, exact integers over the whole set.

    Attributes without a single valid label are left out of the mean.

    Args:
        names: Attribute names in index order.
    """

    higher_is_better = True
    best_value = 1.0
    state_group = "attribute-counts"
    counts: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        # One row each: true positives, false positives, false negatives, true negatives.
        self.add_state("counts", torch.zeros(4, len(self.names), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Target) -> None:
        """Count the valid labels of a batch.

        Args:
            prediction: Probabilities, shape (batch, attributes).
            target: 0 or 1, and validity, of the same shape.

        Raises:
            ValueError: If a shape does not fit.
        """
        check_shapes(prediction, target, len(self.names))
        predicted, present, valid = prediction > THRESHOLD, target.value > THRESHOLD, target.valid
        rows = (predicted & present, predicted & ~present, ~predicted & present, ~predicted & ~present)
        self.counts += torch.stack([(row & valid).sum(0) for row in rows])

    @abstractmethod
    def per_attribute(self) -> Tensor:
        """Give the value of each attribute, shape (attributes,); anything for one without a valid label."""

    def compute(self) -> dict[str, Tensor]:
        """Give the value per attribute and their mean.

        Returns:
            By attribute name its value, NaN without a valid label; ``mean``: the average over the others, NaN if there
            is none.
        """
        values = self.per_attribute().masked_fill(self.counts.sum(0) == 0, torch.nan)
        return {"mean": values.nanmean()} | dict(zip(self.names, values, strict=True))


class Accuracy(AttributeCounts):
    """Share of valid labels that are predicted right."""

    def per_attribute(self) -> Tensor:
        """Accuracy of each attribute, in [0, 1]."""
        true_positives, _, _, true_negatives = self.counts.double()
        accuracy: Tensor = (true_positives + true_negatives) / self.counts.sum(0)
        return accuracy


class F1(AttributeCounts):
    """2 tp / (2 tp + fp + fn): the harmonic mean of precision and recall of "present"."""

    def per_attribute(self) -> Tensor:
        """F1 of each attribute, in [0, 1].

        0 if the attribute is never present and never predicted, where precision and recall are 0 / 0: nothing was
        found, so no ability to find is credited. scikit-learn and torchmetrics do the same by default.
        """
        true_positives, false_positives, false_negatives, _ = self.counts.double()
        twice = 2 * true_positives
        f1: Tensor = twice / (twice + false_positives + false_negatives).clamp(min=1)
        return f1
