"""The task contract: a head, a loss, a decoding and metrics for one kind of target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

from mstasks.features import FeatureInfo
from mstasks.heads import DenseHead, PooledHead
from mstasks.metrics import TaskMetric
from mstasks.picture import picture_of_kind
from mstasks.target import Target
from mstasks.targets import TargetInfo, TargetKind

if TYPE_CHECKING:
    from mstasks.options import Options


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
