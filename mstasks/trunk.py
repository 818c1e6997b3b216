"""The decoder trunk: one multi-scale map for all dense tasks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mstasks.blocks import pointwise, resize, separable

TRUNK_STRIDE = 4


class Trunk(nn.Module):
    """A light feature pyramid (after Lin et al. 2017, "Feature Pyramid Networks for Object Detection").

    Every backbone map of stride 4 or more gets a 1x1 lateral convolution to `width` channels. From coarse to fine::

        x <- relu(lateral(coarsest map))
        for each finer map:   x <- relu(lateral(map) + upsample(smooth(x)))
        output <- relu(smooth(x))

    where `smooth` is a separable 3x3 convolution and `upsample` is bilinear to the finer map's own size, so that any
    image size and equal strides (of dilated or transformer backbones) work. It differs from the paper in that the
    convolution sits inside the top-down path, not beside it, since only the finest map is read. Each level's sum is one
    space of channels, closed by one ReLU: a channel whose weights are zero in all its producers can be removed with
    equal outputs.

    A backbone whose finest map is coarser than stride 4 has its sum upsampled to stride 4 before the last convolution.

    Args:
        channels: Channels of the backbone's maps, fine to coarse.
        strides: Their strides.
        width: Channels of the trunk.

    Attributes:
        width: Channels of the output.
        stride: Stride of the output, 4.

    Raises:
        ValueError: If no map has stride 4 or more.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], width: int = 64) -> None:
        super().__init__()
        self.reads = tuple(index for index, stride in enumerate(strides) if stride >= TRUNK_STRIDE)
        if not self.reads:
            raise ValueError(f"The trunk needs a backbone map of stride 4 or more. Found strides {tuple(strides)}.")
        self.finest = strides[self.reads[0]]
        self.stride = TRUNK_STRIDE
        self.width = width
        self.laterals = nn.ModuleList(pointwise(channels[index], width) for index in self.reads)
        self.smooth = nn.ModuleList(separable(width, width) for _ in self.reads)
        self.relu = nn.ReLU()

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Fuse the maps.

        Args:
            maps: All maps of the backbone, fine to coarse, shapes (batch, channels[i], h_i, w_i).

        Returns:
            Non-negative, shape (batch, width, h, w) at stride `stride`.
        """
        levels = [lateral(maps[index]) for lateral, index in zip(self.laterals, self.reads, strict=True)]
        x = self.relu(levels[-1])
        for level in range(len(levels) - 2, -1, -1):
            coarser = self.smooth[level + 1](x)
            x = self.relu(levels[level] + resize(coarser, levels[level].shape[-2:]))
        height, width = (length * self.finest // self.stride for length in x.shape[-2:])
        out: Tensor = self.relu(self.smooth[0](resize(x, (height, width))))
        return out
