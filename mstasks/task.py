"""The task contract: a head, a loss, a decoding and metrics for one kind of target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mstasks.features import FeatureInfo
from mstasks.heads import DenseHead, PooledHead
from mstasks.metrics import TaskMetric
from mstasks.picture import picture_of_kind
from mstasks.target import Target
from mstasks.targets import TargetInfo, TargetKind

if TYPE_CHECKING:
    from mstasks.options import Options


_CODE = 4.0
"""Raw value of a pixel's own class, and minus that of others: a softmax of 40 such values gives the class 0.987."""


class Task(ABC):
    """One task. Subclasses set `kind` and `channels`, and give a loss and metrics; the rest has defaults by kind.

    The core resizes a dense raw prediction bilinearly to the target's height and width before `loss` and `decode`, and
    averages the per-example losses over the labelled examples.

    Args:
        info: What the data set declares of the target.
        options: The validated options of the spec, None if the spec has none.

    Attributes:
        kind: The kind of target that the task reads; a recipe that gives it another kind is refused.
        channels: Channels of the raw prediction: (batch, channels, h, w) if dense, else (batch, channels).
        info: What the task is about: the target's declaration, narrowed by a task that `prepare`s a part of it, so that
            its names are those of the task's own channels.
    """

    kind: TargetKind
    channels: int

    def __init__(self, info: TargetInfo, options: Options | None = None) -> None:
        self.info = info
        self.options = options

    def head(self, features: FeatureInfo) -> nn.Module:
        """A module that maps `Features` to the raw prediction. Default: the light block on the trunk, or pooled."""
        return (DenseHead if self.kind.dense else PooledHead)(features, self.channels)

    def prepare(self, target: Target) -> Target:
        """The part of the data set's target that this task is about; called on the batch before everything else."""
        return target

    @abstractmethod
    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        """Each example's mean over its own valid elements, shape (batch,), 0 for an example without any.

        `mstasks.per_example_mean` does the reduction.
        """

    def decode(self, prediction: Tensor) -> Tensor:
        """Raw prediction to meaning: class scores, metres, unit vectors, probabilities. Default: unchanged."""
        return prediction

    def encode(self, target: Target) -> Tensor | None:
        """The inverse of `decode`: a raw prediction that decodes to the label, or nearly so.

        A linear head can be fitted to it by least squares, in closed form. Of two labels the mean's code should be
        about the mean of the codes, since that is what least squares averages.

        Default: the label itself where `decode` is not overridden; for label maps with a channel a class, +4 for the
        pixel's class and -4 for all others, which any decoding that keeps the order of the classes takes back; else
        None.

        Args:
            target: As `prepare` returns it.

        Returns:
            float32, shape (batch, channels, height, width) if dense, else (batch, channels); finite, also where the
            label is not valid. None if there is no such code: the task then has no closed-form fit.
        """
        if self.kind is TargetKind.LABEL_MAP:
            return one_versus_rest(target, self.channels) if self.channels == len(self.info.names) else None
        if type(self).decode is not Task.decode or target.value.shape[1] != self.channels:
            return None
        return target.value.masked_fill(~target.valid, 0.0).float()

    @abstractmethod
    def metrics(self) -> Mapping[str, TaskMetric]:
        """Fresh metrics of decoded predictions by name; the first is the primary one."""

    def picture(self, value: Tensor) -> Tensor:
        """RGB of a decoded prediction or a label, for reports. Default: by kind.

        Args:
            value: One example without the batch dimension: a decoded prediction, or a target's `value`.

        Returns:
            uint8, shape (height, width, 3).
        """
        return picture_of_kind(self.kind, self.info, value)


def logit_code(target: Target) -> Tensor:
    """Logits that are linear in labels from 0 to 1: -4 at 0, 0 at 0.5, 4 at 1. For tasks that decode with a sigmoid.

    They decode to a label of 0, 0.5 or 1 within 0.02, to any within 0.14, and in the labels' order.

    Args:
        target: Labels in [0, 1] and validity, of the same shape.

    Returns:
        float32, of that shape; 0 where there is no label.
    """
    return _CODE * (2 * target.value.float().masked_fill(~target.valid, 0.5) - 1)


def one_versus_rest(target: Target, classes: int) -> Tensor:
    """+4 for a pixel's class and -4 for all others, float32, shape (batch, classes, height, width).

    Args:
        target: Class indices and validity, shape (batch, height, width); what is not valid counts as class 0.
        classes: Number of classes.
    """
    labels = target.value.masked_fill(~target.valid, 0)[:, None]
    batch, _, height, width = labels.shape
    code = torch.full((batch, classes, height, width), -_CODE, device=labels.device)
    return code.scatter_(1, labels, _CODE)
