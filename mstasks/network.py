"""The network: backbone -> shared decoder trunk -> a head per task, all tasks in one pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mstasks.backbone import ImageBackbone, build_backbone
from mstasks.features import FeatureInfo, Features
from mstasks.trunk import Trunk

if TYPE_CHECKING:
    from mstasks.recipe.model import Backbone, Decoder

HeadFactory = Callable[[FeatureInfo], nn.Module]


class Network(nn.Module):
    """One network for all tasks of a recipe.

    It is deterministic under `torch.manual_seed`, and the shared part starts the same whatever the heads.

    Args:
        backbone: Computes maps of normalised images.
        heads: By task, what builds a module from `Features` to the raw prediction. A module without the attribute
            `reads_trunk` is taken to read the trunk.
        width: Channels of the trunk.

    Attributes:
        backbone: The backbone.
        trunk: The decoder that dense tasks share, None if no head reads it.
        heads: The heads by task.
        info: Shapes of what heads may read.
        mean: Mean that the backbone's weights expect, shape (1, 3, 1, 1); saved with the weights, so that a checkpoint
            does not depend on what another version of timm says about the model.
        std: Standard deviation, alike.

    Raises:
        ValueError: If a task's name cannot be a module's name.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: ImageBackbone, heads: Mapping[str, HeadFactory], width: int = 64) -> None:
        super().__init__()
        self.backbone = backbone
        trunk = Trunk(backbone.channels, backbone.strides, width)
        self.info = FeatureInfo(trunk.width, trunk.stride, backbone.channels, backbone.strides)
        self.heads = nn.ModuleDict()
        for name, head in heads.items():
            _refuse_name(self.heads, name)
            self.heads[name] = head(self.info)
        needed = any(getattr(head, "reads_trunk", True) for head in self.heads.values())
        self.trunk = trunk if needed else None
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1))

    @property
    def shared(self) -> dict[str, nn.Module]:
        """The shared part by name: the backbone and, if there is one, the trunk."""
        parts: dict[str, nn.Module] = {"backbone": self.backbone}
        if self.trunk is not None:
            parts["trunk"] = self.trunk
        return parts

    def normalise(self, images: Tensor) -> Tensor:
        """Images in [0, 1] to what the backbone's weights expect, in channels-last memory.

        Raises:
            ValueError: If the shape is not (batch, 3, height, width) or the images are integers.
        """
        if images.dim() != 4 or images.shape[1] != 3 or not images.is_floating_point():
            found = f"{images.dtype} {tuple(images.shape)}"
            raise ValueError(f"Images must be float in [0, 1], shape (batch, 3, height, width). Found {found}.")
        normalised = (images - self.mean) / self.std
        # The layout that convolutions are fastest in: the whole pass takes half as long on a CPU.
        return normalised.contiguous(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Features:
        """What the shared part computes.

        Args:
            images: In [0, 1], shape (batch, 3, height, width).
        """
        maps = self.backbone(self.normalise(images))
        return Features(None if self.trunk is None else self.trunk(maps), maps)

    def forward(self, images: Tensor, tasks: Collection[str] | None = None) -> dict[str, Tensor]:
        """Raw predictions by task, each at the resolution of its head, from one pass through the shared part.

        In training, a batch of one image that is so small that the backbone's last map is 1x1 leaves BatchNorm a single
        value per channel, which torch refuses.

        Args:
            images: In [0, 1], shape (batch, 3, height, width), any height and width.
            tasks: Whose heads to run; all by default.

        Returns:
            In the order of the network's heads.

        Raises:
            ValueError: If there is no head of that name.
        """
        chosen = self.heads.keys() if tasks is None else _known(tasks, self.heads)
        features = self.features(images)
        return {name: head(features) for name, head in self.heads.items() if name in chosen}


def build_network(
    backbone: Backbone, decoder: Decoder, size: tuple[int, int], heads: Mapping[str, HeadFactory]
) -> Network:
    """The network that a recipe describes.

    Args:
        backbone: The recipe's `backbone`.
        decoder: The recipe's `decoder`.
        size: Height and width that it will be trained at.
        heads: By task, what builds its head.

    Raises:
        BackboneError: If timm cannot build such a backbone, or its weights cannot be had or do not fit.
    """
    built = build_backbone(backbone.model, backbone.weights, size, backbone.output_stride)
    return Network(built, heads, decoder.width)


def _known(tasks: Collection[str], heads: nn.ModuleDict) -> Collection[str]:
    for name in tasks:
        if name not in heads:
            raise ValueError(f"The network has no head for task {name!r}. It has {', '.join(heads)}.")
    return tasks


def _refuse_name(heads: nn.ModuleDict, name: str) -> None:
    if not name or "." in name or hasattr(heads, name):
        raise ValueError(f"A task cannot be called {name!r}: the name is taken by torch, empty or holds a dot.")
