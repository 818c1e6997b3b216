"""Folded norms: equal predictions, found where the norm alone reads the convolution, refused elsewhere."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from mstasks.network import Network
from mstasks.sparsity.compact import compact
from mstasks.sparsity.fold import fold, foldable
from mstasks.sparsity.spaces import Spaces

SIZE = (64, 64)
Same = Callable[..., None]


def norms(network: nn.Module) -> list[str]:
    return [name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]


def folded(network: Network) -> Network:
    copied = copy.deepcopy(network).eval()
    fold(copied, foldable(copied, SIZE))
    return copied


def half(network: Network, spaces: Spaces) -> Network:
    """Without a random half of the channels."""
    generator = torch.Generator().manual_seed(0)
    masks = {space.name: torch.rand(space.size, generator=generator) < 0.5 for space in spaces.spaces}
    return compact(network, spaces, masks)


def test_every_norm_of_the_standard_backbones_folds_with_equal_predictions(
    network: Network, spaces_of: Callable[..., Spaces], assert_same_predictions: Same
) -> None:
    small = half(network, spaces_of(network))
    assert len(norms(small)) > 10
    light = folded(small)
    assert norms(light) == []
    assert_same_predictions(small, light, [(1, 64, 64), (8, 96, 64)])


def test_in_float64_only_rounding_differs(network_of: Callable[[str], Network]) -> None:
    network = copy.deepcopy(network_of("tf_efficientnet_lite0")).double()
    images = torch.rand(1, 3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, found = network(images), folded(network)(images)
    for task, value in expected.items():
        assert (found[task] - value).abs().max() <= 1e-12 * value.abs().max()


def test_finding_them_changes_nothing(network_of: Callable[[str], Network]) -> None:
    network = network_of("resnet18")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pairs = foldable(network, SIZE)
    assert pairs[0] == ("backbone.model.conv1", "backbone.model.bn1")
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


class ReadTwice(nn.Module):
    """x + norm(conv(x)) - conv(x), of which the norm is not the only reader."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        out: Tensor = x + self.norm(y) - y
        return out


class RunsTwice(nn.Module):
    """A convolution that two norms share, and a norm that two convolutions share."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.other = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.first, self.second = nn.BatchNorm2d(8), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.conv(self.first(self.conv(x))))
        out: Tensor = self.second(self.other(x))
        return out


@pytest.mark.parametrize(
    "build",
    [
        lambda layers: [nn.Conv2d(8, 8, 1), nn.ReLU(), nn.BatchNorm2d(8)],
        lambda layers: [nn.Conv2d(8, 8, 1), layers.Call(lambda x: x + 1), nn.BatchNorm2d(8)],
        lambda layers: [layers.Grow(nn.Conv2d(8, 8, 1)), nn.BatchNorm2d(16), nn.Conv2d(16, 8, 1)],
        lambda layers: [nn.BatchNorm2d(8), nn.Conv2d(8, 8, 1)],
        lambda layers: [nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8, affine=False)],
        lambda layers: [ReadTwice()],
        lambda layers: [RunsTwice()],
    ],
    ids=["after an activation", "after a sum", "after two maps", "before", "without scale", "read twice", "runs twice"],
)
def test_what_torch_cannot_fold_exactly_stays(
    toy: Callable[..., Network],
    layers: SimpleNamespace,
    assert_same_predictions: Same,
    build: Callable[[SimpleNamespace], list[nn.Module]],
) -> None:
    network = toy(*build(layers), channels=8)
    inside = [name for name in norms(network) if name.startswith("backbone")]
    light = folded(network)
    assert inside
    assert [name for name in norms(light) if name.startswith("backbone")] == inside
    assert len(norms(light)) < len(norms(network))  # those of trunk and heads are gone
    assert_same_predictions(network, light)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("trunk.relu", "trunk.laterals.0.1"), "they are ReLU and BatchNorm2d"),
        (("trunk.laterals.0.0", "trunk.relu"), "they are Conv2d and ReLU"),
        (("trunk.nothing", "trunk.relu"), "The network has no layer `trunk.nothing`"),
    ],
)
def test_pairs_of_another_network_are_explained(
    toy: Callable[..., Network], pair: tuple[str, str], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        fold(toy(channels=8), [pair])
