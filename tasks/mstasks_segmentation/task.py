"""The segmentation task: cross-entropy over the valid pixels, class scores, mean IoU."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import torch
from torch import Tensor
from torch.nn import functional

from mstasks import Target, TargetInfo, TargetKind, Task, TaskMetric, per_example_mean
from mstasks_segmentation.metrics import RESERVED, MeanIoU, PixelAccuracy
from mstasks_segmentation.options import SegmentationOptions
from mstasks_segmentation.shapes import check_shapes

_IGNORED = -100


def _weights(names: tuple[str, ...], chosen: Mapping[str, float]) -> Tensor:
    """Weight per class in index order, float32, 1 where none is chosen."""
    for name in chosen:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"`class_weights` names {name!r}, which is no class.{hint} Classes: {', '.join(names)}.")
    return torch.tensor([chosen.get(name, 1.0) for name in names])


class Segmentation(Task):
    """One class per pixel.

    Args:
        info: Names the classes in index order.
        options: Label smoothing and class weights; the defaults if None.

    Raises:
        ValueError: If `class_weights` names an unknown class, or a class is called like a key of the reported values.
    """

    kind = TargetKind.LABEL_MAP
    options: SegmentationOptions

    def __init__(self, info: TargetInfo, options: SegmentationOptions | None = None) -> None:
        super().__init__(info, options or SegmentationOptions())
        taken = [name for name in RESERVED if name in info.names]
        if taken:
            raise ValueError(f"A class may not be called {taken[0]!r}: reported values use that key. Rename it.")
        self.channels = len(info.names)
        self._class_weights = _weights(info.names, self.options.class_weights)

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        """Cross-entropy in nats of each example, averaged over its valid pixels, in float32 whatever comes in.

        With class weights the average is torch's own: the sum of w[label] * loss over the valid pixels, divided by
        the sum of w[label] over them. Label smoothing is that of `torch.nn.functional.cross_entropy` too.

        Args:
            prediction: Logits, shape (batch, classes, height, width).
            target: Class indices, int64, and validity, shape (batch, height, width).

        Returns:
            Shape (batch,), at least 0; exactly 0 with zero gradient for an example without a valid pixel.

        Raises:
            ValueError: If a shape or type does not fit.
        """
        check_shapes(prediction, target, self.channels)
        weighted = bool(self.options.class_weights)
        class_weights = self._class_weights.to(prediction.device, non_blocking=True)
        logits, labels = prediction.float(), target.value
        # A third of the loss's time, saved where nothing is missing; on a device the question would make us wait.
        if not (target.valid.is_cpu and bool(target.valid.all())):
            # What is not valid is replaced before any arithmetic: an overflowing logit there would give NaN gradients.
            logits = logits.masked_fill(~target.valid[:, None], 0.0)
            labels = labels.masked_fill(~target.valid, _IGNORED)
        losses = functional.cross_entropy(
            logits,
            labels,
            weight=class_weights if weighted else None,
            ignore_index=_IGNORED,
            reduction="none",
            label_smoothing=self.options.label_smoothing,
        )
        if not weighted:
            return per_example_mean(losses, target.valid)
        weights = class_weights[target.value.masked_fill(~target.valid, 0)].masked_fill(~target.valid, 0.0)
        total = weights.flatten(1).sum(1)
        return losses.flatten(1).sum(1) / total.masked_fill(total == 0, 1.0)

    def decode(self, prediction: Tensor) -> Tensor:
        """Class scores in [0, 1] that sum to 1, float32, shape (batch, classes, height, width)."""
        return prediction.float().softmax(1)

    def metrics(self) -> dict[str, TaskMetric]:
        """Make `miou` (primary, with the IoU of each class) and `pixel_accuracy`; see their module."""
        return {"miou": MeanIoU(self.info.names), "pixel_accuracy": PixelAccuracy(self.info.names)}
