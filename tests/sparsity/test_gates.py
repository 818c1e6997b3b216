"""Gates: every space has them, a path from a channel to a loss is counted by hand, and never twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from mstasks.features import Features
from mstasks.heads import PooledHead
from mstasks.network import HeadFactory, Network
from mstasks.sparsity.gates import find_gates
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.spaces import Scope, Spaces, SpacesError

SIZE = (64, 64)


def gates_of(network: Network, scope: Scope = "shared") -> dict[str, list[tuple[str, int, int]]]:
    """By space, layer, start and dimension of its gates."""
    spaces = find_spaces(network, SIZE, scope)
    found: dict[str, list[tuple[str, int, int]]] = {name: [] for name in spaces.names}
    for gate in find_gates(network, spaces, SIZE):
        found[gate.space].append((gate.layer, gate.start, gate.dim))
    return found


class Reading(nn.Module):
    """A head of one convolution on what a function makes of the trunk's or the backbone's last map."""

    def __init__(self, channels: int, before: Callable[[Tensor], Tensor], trunk: bool = True) -> None:
        super().__init__()
        self.before, self.trunk = before, trunk
        self.predict = nn.Conv2d(channels, 1, 1)

    def forward(self, features: Features) -> Tensor:
        level = features.trunk if self.trunk else features.backbone[-1]
        assert level is not None
        out: Tensor = self.predict(self.before(level))
        return out


def reading(before: Callable[[Tensor], Tensor]) -> HeadFactory:
    return lambda info: Reading(info.trunk_channels, before)


@pytest.mark.parametrize("scope", ["shared", "backbone"])
def test_every_space_has_gates_where_one_of_its_columns_is(
    network: Network, scope: Scope, spaces_of: Callable[..., Spaces]
) -> None:
    spaces = spaces_of(network, scope)
    gates = find_gates(network, spaces, SIZE)
    assert [*dict.fromkeys(gate.space for gate in gates)] == list(spaces.names)
    assert len(set(gates)) == len(gates)
    for gate in gates:
        assert any(
            (member.parameter, member.dim, member.start) == (f"{gate.layer}.weight", 1, gate.start)
            for member in spaces.consumers[gate.space]
        )
        assert gate.dim == (1 if isinstance(network.get_submodule(gate.layer), nn.Conv2d) else -1)


def test_a_space_has_the_same_gates_in_both_scopes(network: Network) -> None:
    shared, backbone = gates_of(network, "shared"), gates_of(network, "backbone")
    assert backbone == {name: gates for name, gates in shared.items() if name.startswith("backbone.")}


BLOCKS = {
    "resnet18": {f"backbone.model.layer{stage}.0.conv2": 2 for stage in (2, 3, 4)} | {"backbone.model.conv1": 3},
    "resnet50": {f"backbone.model.layer{stage + 1}.0.conv3": n for stage, n in enumerate((3, 4, 6, 3))},
    "tf_efficientnet_lite0": {
        f"backbone.model.blocks.{stage}.0.conv_pwl": n for stage, n in enumerate((2, 2, 3, 3, 4, 1), 1)
    },
}


@pytest.mark.parametrize("model", BLOCKS)
def test_a_residual_stream_has_one_gate_an_addition_and_one_at_its_start(
    model: str, network_of: Callable[[str], Network]
) -> None:
    """Stages of n blocks; the first block of most starts a stream, ResNet-18's first goes on with the stem's."""
    network = network_of(model)
    gates = gates_of(network, "backbone")
    streams = {name: len(found) for name, found in gates.items() if name in BLOCKS[model]}
    assert streams == BLOCKS[model]
    assert {len(found) for name, found in gates.items() if name not in streams} == {1}


def test_a_squeezed_space_has_two_gates_and_its_hidden_units_one(network_of: Callable[[str], Network]) -> None:
    gates = gates_of(network_of("mobilenetv3_small_050"))
    squeezed = [f"backbone.model.blocks.{block}" for block in ("2.0", "2.1", "2.2", "3.0", "3.1", "4.0", "4.1", "4.2")]
    for block in squeezed:
        assert gates[f"{block}.conv_pw"] == [(f"{block}.se.conv_reduce", 0, 1), (f"{block}.conv_pwl", 0, 1)]
        assert gates[f"{block}.se.conv_reduce"] == [(f"{block}.se.conv_expand", 0, 1)]
    assert gates["backbone.model.conv_stem"] == [
        ("backbone.model.blocks.0.0.se.conv_reduce", 0, 1),
        ("backbone.model.blocks.0.0.conv_pw", 0, 1),
    ]


def test_hidden_units_of_a_perceptron_have_a_gate_along_the_last_dimension(
    toy: Callable[..., Network], layers: SimpleNamespace
) -> None:
    gates = gates_of(toy(layers.LinearMap(8, 6), channels=8))
    assert gates["backbone.layers.0.rows"] == [("backbone.layers.0.columns", 0, -1)]
    assert gates["backbone.stem"] == [("backbone.layers.0.rows", 0, -1)]


COPIES: dict[str, Callable[[Tensor], Tensor]] = {
    "itself": lambda x: x,
    "pooled": lambda x: x.mean((2, 3), keepdim=True),
    "pooled adaptively": nn.AdaptiveAvgPool2d(2),
    "pooled and reshaped": lambda x: x.mean((2, 3))[:, :, None, None],
    "flattened": lambda x: x.flatten(2).mean(-1)[:, :, None, None],
    "permuted": lambda x: x.permute(0, 2, 3, 1).sum((1, 2)).view(len(x), -1, 1, 1),
    "transposed": lambda x: x.flatten(2).transpose(1, 2).mean(1)[..., None, None],
    "maximum": nn.MaxPool2d(2),
    "resized": nn.Upsample(scale_factor=2, mode="bilinear"),
    "padded": lambda x: nn.functional.pad(x, (1, 1, 1, 1)),
    "cropped": lambda x: x[:, :, 1:-1],
    "rectified": nn.ReLU(),
    "scaled": lambda x: x / 2 * 3.0,
    "dropped out": nn.Dropout(),
    "filtered": nn.Conv2d(4, 4, 3, groups=4, bias=False),
}


@pytest.mark.parametrize("order", ["map first", "copy first"])
@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_of_a_map_that_another_layer_reads_has_no_gate(
    copy: str, order: str, toy: Callable[..., Network]
) -> None:
    heads = {"map": reading(COPIES["itself"]), "copy": reading(COPIES[copy])}
    if order == "copy first":
        heads = dict(reversed(heads.items()))
    gates = gates_of(toy(channels=8, heads=heads))["trunk.smooth.0.1"]
    assert len(gates) == 1
    if copy != "itself":
        assert gates[0][0] == "heads.map.predict"


class Fork(nn.Module):
    """One layer on a map, another on what a function makes of it."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.between = between
        self.first, self.second = nn.Conv2d(8, 6, 1), nn.Conv2d(8, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.first(x) + self.second(self.between(x))
        return out


ANOTHER: dict[str, Callable[[Tensor], Tensor]] = {
    "smooth": nn.SiLU(),
    "shifted": nn.BatchNorm2d(8),
    "filtered with bias": nn.Conv2d(8, 8, 3, padding=1, groups=8),
    "squared": lambda x: x * x,
    "added to": lambda x: x + nn.functional.silu(x),
}


@pytest.mark.parametrize("another", ANOTHER)
def test_what_an_operation_does_not_scale_along_has_a_gate_of_its_own(
    another: str, toy: Callable[..., Network]
) -> None:
    gates = gates_of(toy(Fork(ANOTHER[another]), channels=6))["backbone.stem"]
    assert [layer for layer, _, _ in gates] == ["backbone.layers.0.first", "backbone.layers.0.second"]


def test_two_pooled_copies_have_a_gate_each_if_nobody_reads_the_map(toy: Callable[..., Network]) -> None:
    pooled: dict[str, HeadFactory] = {"one": reading(COPIES["pooled"]), "two": reading(COPIES["pooled"])}
    assert len(gates_of(toy(channels=8, heads=pooled))["trunk.smooth.0.1"]) == 2


def test_channels_side_by_side_are_told_apart_by_their_start(
    toy: Callable[..., Network], layers: SimpleNamespace
) -> None:
    """[x, f(x)] is read after x was and before [x, f(x), g]: x has one gate, f(x) one, g one."""
    network = toy(layers.Grow(nn.Conv2d(8, 5, 1)), layers.Grow(nn.Conv2d(13, 3, 1)), channels=16)
    gates = gates_of(network, "backbone")
    assert gates == {
        "backbone.stem": [("backbone.layers.0.branch", 0, 1)],
        "backbone.layers.0.branch": [("backbone.layers.1.branch", 8, 1)],
        "backbone.layers.1.branch": [("trunk.laterals.0.0", 13, 1)],
    }


def test_both_pooled_maps_of_one_vector_have_their_own_start(network_of: Callable[[str], Network]) -> None:
    """With the pooled head alone, nobody else reads the last map; the one before is read by the last stage."""
    network = Network(network_of("resnet18").backbone, {"attributes": lambda info: PooledHead(info, 2)})
    gates = gates_of(network, "backbone")
    assert ("heads.attributes.predict", 256, -1) in gates["backbone.model.layer4.0.conv2"]
    assert not any(layer == "heads.attributes.predict" for layer, _, _ in gates["backbone.model.layer3.0.conv2"])


def test_the_network_is_left_in_its_mode_and_without_hooks(toy: Callable[..., Network]) -> None:
    network = toy(nn.BatchNorm2d(8), channels=8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    runs: list[int] = []
    network.register_forward_hook(lambda *_: runs.append(1))
    gates_of(network)
    assert not network.training
    assert not runs
    assert not any(module._forward_pre_hooks for module in network.modules())
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


def test_a_space_that_no_layer_reads_is_named(toy: Callable[..., Network]) -> None:
    network = toy(channels=8)
    spaces = find_spaces(network, SIZE)
    unread = dataclasses.replace(spaces, consumers={**spaces.consumers, "backbone.stem": ()})
    with pytest.raises(SpacesError, match=r"Space `backbone\.stem` has no gate: no convolution or linear layer reads"):
        find_gates(network, unread, SIZE)


def test_images_side_by_side_in_one_dimension_are_refused(toy: Callable[..., Network]) -> None:
    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Linear(8, 6)

        def forward(self, x: Tensor) -> Tensor:
            rows: Tensor = self.mix(x.permute(0, 2, 3, 1).reshape(-1, 8))
            return rows.view(len(x), *x.shape[2:], 6).permute(0, 3, 1, 2)

    network = toy(Rows(), channels=6)
    reason = r"`backbone\.layers\.0\.mix` reads the channels of `backbone\.stem` from a tensor of shape \(512, 8\) for 2 images"
    with pytest.raises(SpacesError, match=reason):
        find_gates(network, find_spaces(network, SIZE), SIZE)


def test_uncoupled_groups_have_no_gates(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 8, 1), channels=8)
    with pytest.raises(ValueError, match="Only spaces of kind 'channel'"):
        find_gates(network, find_spaces(network, SIZE, kind="output-channel"), SIZE)
