"""Channel spaces: found without data, apart from each other, complete, and honest about what cannot be removed."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mstasks.features import Features
from mstasks.heads import DenseHead, PooledHead
from mstasks.network import Network, build_network
from mstasks.recipe.model import Backbone, Decoder
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.space import Member
from mstasks.sparsity.spaces import Kind, Scope, Spaces, SpacesError

SIZE = (64, 64)


def times_covered(network: Network, spaces: Spaces) -> dict[str, Tensor]:
    """How many groups hold each entry of each parameter."""
    covered = {name: torch.zeros_like(value, dtype=torch.int) for name, value in network.named_parameters()}
    for space in spaces.spaces:
        for part in space.slices(covered):
            part += 1
    return covered


@pytest.mark.parametrize("kind", ["channel", "input-channel", "output-channel"])
def test_groups_never_overlap_and_heads_have_none(network: Network, kind: Kind) -> None:
    covered = times_covered(network, find_spaces(network, SIZE, kind=kind))
    assert max(int(value.max()) for value in covered.values()) == 1
    assert not any(value.any() for name, value in covered.items() if name.startswith("heads"))


@pytest.mark.parametrize("scope", ["shared", "backbone"])
def test_every_parameter_of_the_scope_is_in_a_group_or_excluded_with_a_reason(network: Network, scope: Scope) -> None:
    spaces = find_spaces(network, SIZE, scope)
    covered = times_covered(network, spaces)
    excluded = {name for layer in spaces.excluded for name in layer.parameters}
    parts = ("backbone.", "trunk.") if scope == "shared" else ("backbone.",)
    assert any(name.startswith(parts) for name in covered)
    for name, value in covered.items():
        assert value.all() == (name.startswith(parts) and name not in excluded), name
        assert value.any() == value.all(), name
    assert all(layer.name in layer.reason for layer in spaces.excluded)


def test_only_a_layer_norm_keeps_channels_in_the_standard_backbones(network: Network) -> None:
    excluded = find_spaces(network, SIZE).excluded
    norms = {name for name, module in network.named_modules() if isinstance(module, nn.LayerNorm)}
    assert bool(excluded) == bool(norms)
    for layer in excluded:
        assert any(f"`{name}` normalises over them" in layer.reason for name in norms)


def test_spaces_of_convnext_are_its_hidden_units_and_the_trunk(network_of: Callable[[str], Network]) -> None:
    spaces = find_spaces(network_of("convnext_atto"), SIZE, "backbone")
    assert all(name.endswith(".mlp.fc1") for name in spaces.names)
    assert len(spaces.names) == 12
    hidden = spaces.spaces[0]
    assert hidden.members == (Member(f"{hidden.name}.weight"), Member(f"{hidden.name}.bias"))
    assert spaces.consumers[hidden.name] == (Member(f"{hidden.name[:-1]}2.weight", 1),)


def test_a_gate_belongs_to_the_channels_that_it_scales(network_of: Callable[[str], Network]) -> None:
    spaces = find_spaces(network_of("mobilenetv3_small_050"), SIZE)
    block = "backbone.model.blocks.1.0"
    expanded = next(space for space in spaces.spaces if Member(f"{block}.conv_pw.weight") in space.members)
    tied = {"conv_pw.weight", "bn1.weight", "bn1.bias", "conv_dw.weight", "bn2.weight", "bn2.bias"}
    assert {member.parameter for member in expanded.members} == {f"{block}.{name}" for name in tied}
    gated = next(s for s in spaces.spaces if any("se.conv_expand.weight" in m.parameter for m in s.members))
    assert any(member.parameter.endswith("conv_dw.weight") for member in gated.members)
    assert any(name.endswith("se.conv_reduce") for name in spaces.names)


def test_a_residual_stream_is_one_space_with_hand_counted_members(
    toy: Callable[..., Network], layers: SimpleNamespace
) -> None:
    branch = nn.Sequential(nn.Conv2d(8, 5, 1), nn.ReLU(), nn.Conv2d(5, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
    spaces = find_spaces(toy(layers.Residual(branch), channels=8), SIZE)
    layer = "backbone.layers.0.branch"
    found = {space.name: {(m.parameter, m.dim, m.start) for m in space.members} for space in spaces.spaces}
    stem = ["backbone.stem.weight", "backbone.stem.bias", f"{layer}.2.weight", f"{layer}.3.weight", f"{layer}.3.bias"]
    lateral = [f"trunk.laterals.0.{part}" for part in ("0.weight", "1.weight", "1.bias")] + ["trunk.smooth.0.0.weight"]
    smooth = [f"trunk.smooth.0.{part}" for part in ("1.weight", "2.weight", "2.bias")]
    assert found == {
        "backbone.stem": {(name, 0, 0) for name in stem},
        f"{layer}.0": {(f"{layer}.0.weight", 0, 0), (f"{layer}.0.bias", 0, 0)},
        "trunk.laterals.0.0": {(name, 0, 0) for name in lateral},
        "trunk.smooth.0.1": {(name, 0, 0) for name in smooth},
    }
    assert set(spaces.consumers["backbone.stem"]) == {
        Member(f"{layer}.0.weight", 1),
        Member("trunk.laterals.0.0.weight", 1),
    }
    assert set(spaces.consumers["trunk.smooth.0.1"]) == {
        Member("heads.depth.block.first.0.weight", 0),
        Member("heads.depth.block.first.1.weight", 1),
    }
    assert spaces.sizes.tolist() == [8, 5, 4, 4]
    assert spaces.floors.tolist() == [1, 1, 1, 1]


def test_a_layer_scale_is_tied_to_its_channels(toy: Callable[..., Network], layers: SimpleNamespace) -> None:
    spaces = find_spaces(toy(layers.Residual(nn.Conv2d(8, 8, 3, padding=1), channels=8), channels=8), SIZE)
    assert Member("backbone.layers.0.scale") in spaces.spaces[0].members
    assert spaces.excluded == ()


def test_channels_side_by_side_are_slices_of_what_follows(toy: Callable[..., Network], layers: SimpleNamespace) -> None:
    network = toy(layers.Grow(nn.Conv2d(8, 5, 1)), nn.BatchNorm2d(13), nn.ReLU(), channels=13)
    spaces = find_spaces(network, SIZE)
    stem, grown = spaces.spaces[:2]
    assert (stem.size, grown.size) == (8, 5)
    assert {Member("backbone.layers.1.weight", 0, 0), Member("backbone.layers.1.bias", 0, 0)} < set(stem.members)
    assert {Member("backbone.layers.1.weight", 0, 8), Member("backbone.layers.1.bias", 0, 8)} < set(grown.members)
    assert spaces.consumers[grown.name] == (Member("trunk.laterals.0.0.weight", 1, 8),)


def test_hidden_units_of_a_perceptron_count_in_any_layout(toy: Callable[..., Network], layers: SimpleNamespace) -> None:
    spaces = find_spaces(toy(layers.LinearMap(8, 6), channels=8), SIZE)
    assert Member("backbone.layers.0.rows.weight") in spaces.spaces[1].members
    assert spaces.consumers["backbone.layers.0.rows"] == (Member("backbone.layers.0.columns.weight", 1),)


@pytest.mark.parametrize("kind", ["input-channel", "output-channel"])
def test_uncoupled_groups_are_slices_of_single_convolutions(network: Network, kind: Kind) -> None:
    spaces = find_spaces(network, SIZE, kind=kind)
    weights = dict(network.named_parameters())
    assert spaces.spaces
    for space in spaces.spaces:
        layer = network.get_submodule(space.name)
        assert isinstance(layer, nn.Conv2d)
        if kind == "input-channel":
            assert layer.groups == 1
            assert space.members == (Member(f"{space.name}.weight", 1),)
            assert space.size == layer.in_channels == weights[f"{space.name}.weight"].shape[1]
        else:
            assert space.size == layer.out_channels
            assert [m.parameter for m in space.members] == [f"{space.name}.{n}" for n, _ in layer.named_parameters()]
    assert not spaces.consumers


def test_input_channel_groups_skip_the_stem_and_depthwise_convolutions(network: Network) -> None:
    spaces = find_spaces(network, SIZE, kind="input-channel")
    convolutions = [
        (n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d) and not n.startswith("heads")
    ]
    stem = convolutions[0][0]
    skipped = {name for name, layer in convolutions if layer.groups > 1} | {stem}
    assert {layer.name for layer in spaces.excluded} == skipped
    assert set(spaces.names) == {name for name, _ in convolutions} - skipped
    assert any(f"`{stem}` has no groups of input channels: it reads the image" in e.reason for e in spaces.excluded)


TROUBLES: dict[str, tuple[Callable[[Any], list[nn.Module]], str]] = {
    "a group norm": (lambda call: [nn.GroupNorm(2, 8)], r"`backbone\.layers\.1` normalises over them"),
    "a layer norm": (
        lambda call: [call(lambda x: x.permute(0, 2, 3, 1)), nn.LayerNorm(8), call(lambda x: x.permute(0, 3, 1, 2))],
        r"`backbone\.layers\.2` normalises over them",
    ),
    "a bare gate": (lambda call: [nn.Hardsigmoid()], r"at `trunk\.laterals\.0\.0`, .* a constant that is not zero"),
    "a shift": (lambda call: [call(lambda x: x + 1)], r"at `trunk\.laterals\.0\.0`, .* not zero"),
    "a norm without scale": (lambda call: [nn.BatchNorm2d(8, affine=False)], "a constant that is not zero"),
    "a clamp above zero": (lambda call: [nn.Hardtanh(0.5, 2.0)], "a constant that is not zero"),
    "a grouped convolution": (lambda call: [nn.Conv2d(8, 8, 1, groups=2)], r"`backbone\.layers\.1` is a grouped"),
    "a mean over channels": (
        lambda call: [call(lambda x: x - x.mean(1, keepdim=True))],
        r"at `backbone\.layers\.0`, Mean runs over the channels",
    ),
    "a softmax": (lambda call: [nn.Softmax(1)], "Softmax is not known to leave channels apart"),
    "a part cut off": (
        lambda call: [call(lambda x: torch.cat([x[:, 2:], x[:, :2]], 1))],
        "some of the channels are cut",
    ),
    "channels joined": (
        lambda call: [call(lambda x: x.reshape(len(x), 4, -1, x.shape[3])), nn.Conv2d(4, 8, 1)],
        "a reshape splits or joins the channels",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_cannot_be_removed_is_excluded_and_explained(
    trouble: str, toy: Callable[..., Network], layers: SimpleNamespace
) -> None:
    build, reason = TROUBLES[trouble]
    spaces = find_spaces(toy(nn.Conv2d(8, 8, 1), *build(layers.Call), channels=8), SIZE)
    found = next(layer for layer in spaces.excluded if layer.name == "backbone.layers.0")
    assert re.search(reason, found.reason), found.reason
    assert found.reason.startswith("`backbone.layers.0` keeps its 8 channels: ")
    assert "backbone.layers.0.weight" in found.parameters
    assert "backbone.stem" in spaces.names


def test_a_gate_of_one_channel_is_not_taken_for_a_channel(toy: Callable[..., Network], layers: SimpleNamespace) -> None:
    gated = layers.Gated(nn.Conv2d(8, 1, 1))
    spaces = find_spaces(toy(nn.Conv2d(8, 8, 1), gated, channels=8), SIZE)
    assert "a single channel is broadcast over several" in next(iter(spaces.excluded)).reason


def test_a_layer_that_runs_twice_is_excluded(toy: Callable[..., Network]) -> None:
    layer = nn.Conv2d(8, 8, 1)
    spaces = find_spaces(toy(layer, nn.ReLU(), layer, nn.ReLU(), channels=8), SIZE)
    assert any("`backbone.layers.0` runs more than once" in found.reason for found in spaces.excluded)


def test_a_network_that_reads_values_is_refused(toy: Callable[..., Network], layers: SimpleNamespace) -> None:
    network = toy(layers.Call(lambda x: x / x.max().item()), channels=8)
    with pytest.raises(SpacesError, match="cannot be traced without data"):
        find_spaces(network, SIZE)


def test_channels_that_are_a_prediction_stay(toy: Callable[..., Network]) -> None:
    class Bare(nn.Module):
        def forward(self, features: Features) -> Tensor:
            assert features.trunk is not None
            return features.trunk

    spaces = find_spaces(toy(channels=8, heads={"bare": lambda info: Bare()}), SIZE)
    assert [layer.name for layer in spaces.excluded] == ["trunk.smooth.0.1"]
    assert "its channels are part of the prediction of `bare`" in spaces.excluded[0].reason


def test_channels_that_a_head_adds_to_stay(toy: Callable[..., Network]) -> None:
    class Adding(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.mix = nn.Conv2d(channels, channels, 1)
            self.predict = nn.Conv2d(channels, 1, 1)

        def forward(self, features: Features) -> Tensor:
            assert features.trunk is not None
            out: Tensor = self.predict(features.trunk + self.mix(features.trunk))
            return out

    spaces = find_spaces(toy(channels=8, heads={"adding": lambda info: Adding(info.trunk_channels)}), SIZE)
    assert [layer.name for layer in spaces.excluded] == ["trunk.smooth.0.1"]
    assert "at `heads.adding.predict`, the channels arrive as a constant that is not zero" in spaces.excluded[0].reason


def test_layers_that_no_head_reads_are_excluded(toy: Callable[..., Network]) -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Conv2d(8, 8, 1)

        def forward(self, x: Tensor) -> Tensor:
            return x

    spaces = find_spaces(toy(Aside(), channels=8), SIZE)
    assert [(layer.name, "no head reads them" in layer.reason) for layer in spaces.excluded] == [
        ("backbone.layers.0.unused", True)
    ]


def test_attention_is_refused_with_the_layers_name() -> None:
    network = build_network(
        Backbone(model="vit_tiny_patch16_224"), Decoder(width=16), SIZE, {"depth": lambda info: DenseHead(info, 1)}
    )
    with pytest.raises(
        SpacesError, match=r"attention after `backbone\.model\.model\.blocks\.0\.attn\.qkv` and 11 more"
    ):
        find_spaces(network, SIZE)


def test_a_network_without_removable_channels_is_refused(toy: Callable[..., Network]) -> None:
    network = toy(nn.GroupNorm(2, 8), channels=8, heads={"attributes": lambda info: Pool(info.channels[0])})
    with pytest.raises(SpacesError, match=r"no channels that can be removed. `backbone\.stem` keeps its 8 channels"):
        find_spaces(network, SIZE)


class Pool(PooledHead):
    def __init__(self, channels: int) -> None:
        nn.Module.__init__(self)
        self.predict = nn.Linear(channels, 1)


def test_an_unknown_kind_or_scope_is_explained(toy: Callable[..., Network]) -> None:
    network = toy(channels=8)
    with pytest.raises(ValueError, match=r"`kind` must be 'channel', .* Found 'row'"):
        find_spaces(network, SIZE, kind="row")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"`scope` must be 'shared' or 'backbone'. Found 'heads'"):
        find_spaces(network, SIZE, scope="heads")  # type: ignore[arg-type]


def test_floors_are_a_sixteenth_unless_asked_otherwise(network: Network) -> None:
    spaces = find_spaces(network, SIZE)
    assert spaces.floors.tolist() == [max(1, -(-space.size // 16)) for space in spaces.spaces]
    halves = find_spaces(network, SIZE, floor=lambda size: size // 2)
    assert halves.floors.tolist() == [space.size // 2 for space in spaces.spaces]


def test_the_network_is_neither_run_nor_changed(network_of: Callable[[str], Network]) -> None:
    network = network_of("mobilenetv3_small_050")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    runs: list[int] = []
    hook = network.backbone.register_forward_hook(lambda *_: runs.append(1))
    frozen = next(network.parameters())
    frozen.requires_grad_(False)
    try:
        with torch.no_grad():
            first = find_spaces(network.train(), SIZE)
        assert all(module.training for module in network.modules())
        assert not runs
        assert not frozen.requires_grad
        assert first == find_spaces(network, (96, 160))
        torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)
    finally:
        frozen.requires_grad_(True)
        hook.remove()
        network.eval()
