"""What a network costs: parameters and multiply-accumulates, exact, by torch's own counter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mstasks.features import Features
from mstasks.modes import evaluating

if TYPE_CHECKING:
    from mstasks.network import Network

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one part costs.

    Attributes:
        parameters: Number of parameters.
        macs: Multiply-accumulates of convolutions and matrix products for one image; norms, activations and
            interpolation are not counted.
    """

    parameters: int
    macs: int


def count_macs(module: nn.Module, size: tuple[int, int], batch: int = 1) -> int:
    """MACs of a forward pass on a zero image: torch's FLOPs / 2.

    Buffers and training modes are as before afterwards. A module on the meta device is counted without computing.

    Args:
        module: Takes a tensor of shape (batch, 3, height, width).
        size: Height and width.
        batch: Number of images.
    """
    with evaluating(module):
        return _count(lambda: module(_zero_images(module, size, batch)))[1]


def network_cost(network: Network, size: tuple[int, int]) -> dict[str, Cost]:
    """The cost of each part for one image of (height, width).

    Returns:
        By part: ``backbone``, ``trunk`` if there is one, ``heads.<task>`` for each task. Their sum is the network's.
    """
    with evaluating(network):
        images = network.normalise(_zero_images(network, size, batch=1))
        maps, backbone_macs = _count(lambda: network.backbone(images))
        costs = {"backbone": Cost(_parameters(network.backbone), backbone_macs)}
        shared = None
        if network.trunk is not None:
            trunk = network.trunk
            shared, trunk_macs = _count(lambda: trunk(maps))
            costs["trunk"] = Cost(_parameters(trunk), trunk_macs)
        features = Features(shared, maps)
        for name, head in network.heads.items():
            _, macs = _count(lambda head=head: head(features))  # type: ignore[misc]
            costs[f"heads.{name}"] = Cost(_parameters(head), macs)
    return costs


def total_cost(costs: Mapping[str, Cost]) -> Cost:
    """The sum over parts."""
    return Cost(sum(cost.parameters for cost in costs.values()), sum(cost.macs for cost in costs.values()))


def _count(call: Callable[[], _Result]) -> tuple[_Result, int]:
    with FlopCounterMode(display=False) as counter:
        result = call()
    return result, counter.get_total_flops() // 2


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _zero_images(module: nn.Module, size: tuple[int, int], batch: int) -> Tensor:
    like = next(module.parameters())
    return torch.zeros(batch, 3, *size, device=like.device, dtype=like.dtype)
