"""Networks for the tests of sparsity: every kind of convolutional backbone, with statistics that make equality count."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mstasks.heads import ASPPHead, DenseHead, PooledHead
from mstasks.network import HeadFactory, Network, build_network
from mstasks.recipe.model import Backbone, Decoder
from mstasks.sparsity.budget import Budget
from mstasks.sparsity.costs import measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.spaces import Kind, Scope, Spaces
from mstasks.sparsity.strength.base import Readings, Strength

SUPPORT = str(Path(__file__).parent / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)

OUTPUT_STRIDES: dict[str, Any] = {
    "resnet18": None,
    "resnet50": 8,
    "tf_efficientnet_lite0": None,
    "mobilenetv3_small_050": None,
    "convnext_atto": None,
}
HEADS: dict[str, HeadFactory] = {
    "depth": lambda info: DenseHead(info, 2, "full"),
    "edges": lambda info: DenseHead(info, 1),
    "segmentation": lambda info: ASPPHead(info, 4),
    "attributes": lambda info: PooledHead(info, 3),
}


def randomise(network: nn.Module, seed: int = 0) -> None:
    """Random norm statistics and biases, and layer scales of ordinary size, so that every channel matters."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(value: Tensor, low: float, high: float) -> None:
        value.data.copy_(low + (high - low) * torch.rand(value.shape, generator=generator))

    for name, parameter in network.named_parameters():
        if parameter.dim() == 1:
            uniform(parameter, *((-0.3, 0.3) if name.endswith("bias") else (0.5, 1.5)))
        elif name.endswith("predict.weight"):
            uniform(parameter, -0.5, 0.5)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            uniform(buffer, -0.3, 0.3)
        elif name.endswith("running_var"):
            uniform(buffer, 0.5, 1.5)


@pytest.fixture
def randomised() -> Callable[..., None]:
    """Gives a network random norm statistics, scales and biases, in place."""
    return randomise


@cache
def shared_network(model: str) -> Network:
    torch.manual_seed(0)
    backbone = Backbone(model=model, output_stride=OUTPUT_STRIDES[model])
    network = build_network(backbone, Decoder(width=16), (64, 64), HEADS).eval()
    randomise(network)
    return network


@pytest.fixture(params=list(OUTPUT_STRIDES))
def network(request: pytest.FixtureRequest) -> Network:
    """A network with four heads of three kinds; shared between tests, which must not change it."""
    return shared_network(request.param)


@pytest.fixture
def network_of() -> Callable[[str], Network]:
    """The network with a backbone of this name; shared alike."""
    return shared_network


@pytest.fixture(scope="session")
def spaces_of() -> Callable[..., Spaces]:
    """`find_spaces` of kind ``channel``, remembered for the networks that tests share."""
    found: dict[tuple[int, Scope], Spaces] = {}

    def find(network: Network, scope: Scope = "shared") -> Spaces:
        key = (id(network), scope)
        if key not in found:
            found[key] = find_spaces(network, (64, 64), scope)
        return found[key]

    return find


class ToyBackbone(nn.Module):
    """Modules that run one after the other; the result is the only map, of stride 4."""

    mean = (0.5, 0.5, 0.5)
    std = (0.25, 0.25, 0.25)
    strides = (4,)

    def __init__(self, layers: Sequence[nn.Module], channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.relu = nn.ReLU()
        self.layers = nn.Sequential(*layers)
        self.channels = (channels,)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.layers(self.relu(self.stem(images)))]


class Call(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Residual(nn.Module):
    """relu(x + scale * branch(x)), the scale one number per channel."""

    def __init__(self, branch: nn.Module, channels: int | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.scale = None if channels is None else nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        added = self.branch(x)
        return torch.relu(x + (added if self.scale is None else added * self.scale.view(-1, 1, 1)))


class Grow(nn.Module):
    """The input and what a branch makes of it, side by side."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.branch(x)], dim=1)


class Gated(nn.Module):
    """The input times a sigmoid of what a branch makes of it."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x * self.branch(x).sigmoid()


class LinearMap(nn.Module):
    """A perceptron of one hidden layer on each position, with the channels as last dimension."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.rows, self.columns = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.silu(self.rows(x.permute(0, 2, 3, 1)))
        return self.columns(hidden).permute(0, 3, 1, 2).contiguous()


@pytest.fixture
def layers() -> SimpleNamespace:
    """Layers for toys."""
    return SimpleNamespace(Call=Call, Residual=Residual, Grow=Grow, Gated=Gated, LinearMap=LinearMap)


@pytest.fixture
def toy() -> Callable[..., Network]:
    """Builds a small network: a stem of 8 channels with a ReLU, the given layers, a head on the trunk of width 4."""

    def build(*layers: nn.Module, channels: int, heads: dict[str, HeadFactory] | None = None) -> Network:
        torch.manual_seed(0)
        backbone: Any = ToyBackbone(layers, channels)
        network = Network(backbone, heads or {"depth": lambda info: DenseHead(info, 1)}, width=4).eval()
        randomise(network)
        return network

    return build


@pytest.fixture
def assert_same_predictions() -> Callable[..., None]:
    """Compares two networks on images of several sizes and batches: largest difference over largest value."""

    def check(
        first: Network, second: Network, sizes: Sequence[tuple[int, int, int]] = ((1, 64, 64), (8, 61, 93))
    ) -> None:
        for seed, (batch, height, width) in enumerate(sizes):
            images = torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))
            with torch.no_grad():
                expected, found = first(images), second(images)
            assert list(expected) == list(found)
            for task, value in expected.items():
                assert value.isfinite().all()
                assert value.abs().max() > 1e-3, task
                assert (found[task] - value).abs().max() <= 1e-5 * value.abs().max(), task

    return check


class StandIn(Strength):
    """Shows what it is told to, and does nothing."""

    shown = Readings("lambda", {"all": 1e-3})
    served: Mapping[str, Tensor] | None = None

    def act(self, step: int) -> None:
        pass

    def readings(self) -> Readings:
        return self.shown

    def serves(self) -> Mapping[str, Tensor] | None:
        return self.served


@pytest.fixture
def stand_in() -> Callable[..., StandIn]:
    """Builds a strength for a network's groups at images of 32 x 32."""

    def build(
        network: Network, kind: Kind = "channel", scope: Scope = "shared", target: float | None = None
    ) -> StandIn:
        channels = find_spaces(network, (32, 32), scope)
        groups = channels if kind == "channel" else find_spaces(network, (32, 32), scope, kind)
        costs = measure_costs(network, channels, (32, 32))
        budget = None if target is None else Budget(costs=costs, kind="macs", target=target)
        part = SparsePart(network=network, groups=groups, costs=costs, budget=budget, metric="euclidean", size=(32, 32))
        part.attach(torch.optim.SGD(network.parameters(), lr=0.1))
        return StandIn(part, ("depth", "edges"), steps=100)

    return build
