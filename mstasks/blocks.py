"""Convolution blocks of the trunk and the heads, in plain modules that a dependency graph can prune."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Block = Literal["separable", "full"]


def pointwise(inputs: int, outputs: int) -> nn.Sequential:
    """1x1 convolution and BatchNorm, without activation."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Depthwise 3x3, 1x1 and BatchNorm, without activation; 9 inputs + inputs x outputs MACs a pixel.

    No bias and no norm between the two convolutions: a zero channel stays zero up to the 1x1 that mixes channels.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )


def full(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution and BatchNorm, without activation; 9 x inputs x outputs MACs a pixel."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))


def convolution(block: Block, inputs: int, outputs: int) -> nn.Sequential:
    """The 3x3 convolution that a recipe names.

    Raises:
        ValueError: If `block` is neither ``separable`` nor ``full``.
    """
    if block not in ("separable", "full"):
        raise ValueError(f"`block` must be 'separable' or 'full'. Found {block!r}.")
    return separable(inputs, outputs) if block == "separable" else full(inputs, outputs)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, the second around a shortcut: h = relu(f(x)), y = relu(h + g(h)).

    The shortcut starts after the first convolution, so that no channel of the input is tied to a channel of the output:
    the shared part can lose channels without the heads having to lose the same ones.
    """

    def __init__(self, inputs: int, outputs: int, block: Block = "separable") -> None:
        super().__init__()
        self.first = convolution(block, inputs, outputs)
        self.second = convolution(block, outputs, outputs)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Shape (batch, inputs, h, w) to (batch, outputs, h, w)."""
        hidden = self.relu(self.first(x))
        out: Tensor = self.relu(hidden + self.second(hidden))
        return out


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resize to (height, width); a map that already has that size is returned as it is."""
    if _same((x.shape[-2], x.shape[-1]), size):
        return x
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _same(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether two sizes are equal; while torch traces, whether they are for every image.

    A traced program must not take the answer for the image that it was traced with for the answer for all. To resize to
    the size that a map already has changes nothing.
    """
    if not torch.compiler.is_exporting():
        return first == second
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    return all(statically_known_true(one == other) for one, other in zip(first, second, strict=True))


def start_near_bias(last: nn.Conv2d | nn.Linear) -> None:
    """Initialise a head's last layer so that the first predictions are close to its bias, which is zero.

    A standard deviation of 0.01 on a few hundred features of unit size moves a prediction by about 0.1: the loss starts
    at that of a constant prediction instead of at a random one.
    """
    nn.init.normal_(last.weight, std=0.01)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
