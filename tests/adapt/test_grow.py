"""Growth changes no prediction at the start, and training reaches everything that came back."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mstasks.adapt.grow import Grown, grow, refresh_norms
from mstasks.heads import DenseHead, PooledHead
from mstasks.network import Network, build_network
from mstasks.recipe.model import Backbone, Decoder
from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.space import scale_groups
from mstasks.sparsity.spaces import Spaces

SIZE = (64, 64)
HEADS: dict[str, Any] = {"depth": lambda info: DenseHead(info, 1), "attributes": lambda info: PooledHead(info, 2)}


class Scaled(nn.Module):
    """x + scale * branch(x), the scale one number per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Conv2d(channels, channels, 3, padding=1)
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, channels))

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.branch(x) * self.scale.view(-1, 1, 1)
        return torch.relu(x + added)


class ToyBackbone(nn.Module):
    """Has a layer scale on its residual stream, which no standard backbone has without a norm over channels."""

    mean, std, strides, channels = (0.5,) * 3, (0.25,) * 3, (4,), (8,)

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.ReLU(), Scaled(8))

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.layers(images)]


def build(model: str) -> Network:
    torch.manual_seed(0)
    if model == "toy":
        return Network(ToyBackbone(), {"depth": HEADS["depth"]}, width=8).eval()  # type: ignore[arg-type]
    return build_network(Backbone(model=model), Decoder(width=16), SIZE, HEADS).eval()


def randomise(network: Network) -> None:
    """Random norms with random statistics, so that every channel, and each of its statistics, matters."""
    generator = torch.Generator().manual_seed(3)
    for name, value in network.state_dict().items():
        if value.dim() == 1 and value.is_floating_point() and not name.startswith("heads"):
            low = -0.3 if name.endswith(("bias", "mean")) else 0.5
            value.copy_(low + torch.rand(value.shape, generator=generator))
    for task in network.heads:
        nn.init.normal_(network.get_parameter(f"heads.{task}.predict.weight"), std=0.3, generator=generator)


def masked(model: str) -> tuple[Network, Spaces]:
    """Half of the channels zero, at random; a space that is all dead among them."""
    network, generator = build(model), torch.Generator().manual_seed(0)
    randomise(network)
    spaces = find_spaces(network, SIZE)
    for index, space in enumerate(spaces.spaces):
        alive = torch.rand(space.size, generator=generator) < (0 if index == 1 else 0.5)
        scale_groups(space, dict(network.named_parameters()), alive)
    return network, spaces


def dead_groups(network: Network, spaces: Spaces) -> dict[str, Tensor]:
    parameters = dict(network.named_parameters())
    return {space.name: zero_groups(space, parameters) for space in spaces.spaces}


def images(batch: int = 3) -> Tensor:
    return torch.rand(batch, 3, *SIZE, generator=torch.Generator().manual_seed(5))


def grown(network: Network, seed: int = 0) -> Grown:
    return grow(network, SIZE, torch.Generator().manual_seed(seed))


MODELS = ["test_resnet", "mobilenetv3_small_050", "tf_efficientnet_lite0", "convnext_atto", "toy"]


@pytest.mark.parametrize("model", MODELS)
def test_predictions_stay_while_every_dead_channel_comes_back(model: str) -> None:
    network, spaces = masked(model)
    network.double()
    dead = dead_groups(network, spaces)
    with torch.no_grad():
        before = network(images().double())
        found = grown(network)
        after = network(images().double())
        refresh_norms(network, found.norms, images().double())
        refreshed = network(images().double())
    for task, value in before.items():
        assert value.abs().max() > 1e-2
        torch.testing.assert_close(after[task], value, rtol=1e-5, atol=1e-9)
        torch.testing.assert_close(refreshed[task], value, rtol=1e-5, atol=1e-9)
    assert not any(bool(zero.any()) for zero in dead_groups(network, spaces).values())
    assert sum(found.channels.values()) == sum(int(zero.sum()) for zero in dead.values()) > 0


def step(network: Network, steps: int) -> None:
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-3, weight_decay=0)
    for _ in range(steps):
        optimizer.zero_grad()
        sum((value - 1).square().mean() for value in network(images()).values()).backward()
        optimizer.step()


def read_by_the_living(network: Network, spaces: Spaces, dead: dict[str, Tensor]) -> Tensor:
    """Of every channel that came back, whether a row that was alive all the time reads it with a weight."""
    living = {name: torch.ones(len(p), dtype=torch.bool) for name, p in network.named_parameters()}
    for space in spaces.spaces:
        for member in space.members:
            member.slice(living[member.parameter], space.size)[dead[space.name]] &= member.dim != 0
    found = []
    for space in spaces.spaces:
        read = torch.zeros(space.size, dtype=torch.bool)
        for column in (member for member in spaces.consumers[space.name] if member.dim == 1):
            weight = column.slice(network.get_parameter(column.parameter), space.size)[living[column.parameter]]
            read |= weight.movedim(1, 0).flatten(1).any(dim=1)
        found.append(read[dead[space.name]])
    return torch.cat(found)


@pytest.mark.parametrize("model", MODELS)
def test_training_reaches_what_came_back(model: str) -> None:
    network, spaces = masked(model)
    dead = dead_groups(network, spaces)
    found = grown(network)
    refresh_norms(network, found.norms, images())
    assert not read_by_the_living(network, spaces, dead).any()
    fresh = {name: p.detach().clone() for name, p in network.named_parameters()}
    step(network, 3)
    assert read_by_the_living(network, spaces, dead).float().mean() > 0.95
    moved = []
    for space in spaces.spaces:
        rows = next(member for member in space.members if fresh[member.parameter].dim() > 1)
        entries = rows.slice(network.get_parameter(rows.parameter) != fresh[rows.parameter], space.size)
        moved.append(entries.movedim(rows.dim, 0)[dead[space.name]].flatten(1).any(dim=1))
    assert torch.cat(moved).float().mean() > 0.95  # a ReLU may be off at each of the few positions of a last map


def test_living_channels_are_left_alone_but_for_what_they_read() -> None:
    network, spaces = masked("mobilenetv3_small_050")
    before, dead = copy.deepcopy(network), dead_groups(network, spaces)
    found = grown(network)
    untouched = {name: torch.ones_like(value, dtype=torch.bool) for name, value in network.named_parameters()}
    for space in spaces.spaces:
        for member in (*space.members, *spaces.consumers[space.name]):
            member.slice(untouched[member.parameter], space.size).movedim(member.dim, 0)[dead[space.name]] = False
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter[untouched[name]], before.get_parameter(name)[untouched[name]]), name
    refresh_norms(network, found.norms, images())
    for name, buffer in network.named_buffers():
        norm, _, leaf = name.rpartition(".")
        if leaf in ("running_mean", "running_var"):
            old = before.get_buffer(name)
            kept = ~found.norms.get(norm, torch.zeros_like(old, dtype=torch.bool))
            assert torch.equal(buffer[kept], old[kept])
            assert (buffer[~kept] != old[~kept]).all()


def test_refreshed_statistics_are_those_of_the_images() -> None:
    """Each norm makes mean 0 and variance 1 of every channel that came back, the second norm in a channel too."""
    network, _ = masked("mobilenetv3_small_050")
    found = grown(network)
    refresh_norms(network, found.norms, images(6))
    seen: list[tuple[Tensor, Tensor]] = []

    def look(norm: Any, inputs: Sequence[Tensor], _: Tensor, channels: Tensor) -> None:
        mean, var = (buffer[channels].view(-1, 1, 1) for buffer in (norm.running_mean, norm.running_var))
        values = (inputs[0][:, channels] - mean) / var.sqrt()
        seen.append((values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3))))

    for name, channels in found.norms.items():
        hook: Any = lambda norm, inputs, out, channels=channels: look(norm, inputs, out, channels)  # noqa: E731
        network.get_submodule(name).register_forward_hook(hook)
    with torch.no_grad():
        network(images(6))
    assert len(seen) == len(found.norms) > 20
    means, variances = (torch.cat(values) for values in zip(*seen, strict=True))
    assert means.abs().max() < 1e-3
    assert (variances - 1).abs().max() < 1e-3


def test_fresh_weights_have_the_spread_of_a_standard_initialisation() -> None:
    network, spaces = masked("tf_efficientnet_lite0")
    dead = dead_groups(network, spaces)
    grown(network)
    name = next(name for name in spaces.names if name.endswith("conv_pw") and int(dead[name].sum()) > 60)
    convolution: Any = network.get_submodule(name)
    columns = next(s for s in spaces.spaces if f"{name}.weight" in {m.parameter for m in spaces.consumers[s.name]})
    alive = ~dead[columns.name]
    rows = convolution.weight[dead[name]][:, alive]
    assert float(rows.detach().std()) == pytest.approx((2 / convolution.out_channels) ** 0.5, rel=0.1)
    depthwise: Any = network.get_submodule(name.replace("conv_pw", "conv_dw"))
    assert float(depthwise.weight.detach()[dead[name]].std()) == pytest.approx(
        (2 / depthwise.kernel_size[0] ** 2) ** 0.5, rel=0.1
    )


def test_a_layer_scale_comes_back_as_the_mean_of_the_living_ones() -> None:
    network, _ = masked("toy")
    scale = network.get_parameter("backbone.layers.2.scale").data
    scale[:4], scale[4:] = torch.tensor([0.0, 0.25, 0.75, 0.5]), 0
    for name, parameter in network.backbone.named_parameters():
        if name != "layers.2.scale":
            parameter.data[0], parameter.data[4:] = 0, 0
            parameter.data[1:4] = 1
    grown(network)
    assert torch.equal(scale, torch.tensor([0.5, 0.25, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5]))


def test_the_same_generator_grows_the_same() -> None:
    networks = [masked("test_resnet")[0] for _ in range(3)]
    for network, seed in zip(networks, (0, 0, 1), strict=True):
        grown(network, seed)
    first, same, other = (network.state_dict() for network in networks)
    assert all(torch.equal(value, same[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


def test_what_came_back_is_counted_by_part() -> None:
    network, spaces = masked("test_resnet")
    zero = {name: int((p == 0).sum()) for name, p in network.named_parameters()}
    dead = dead_groups(network, spaces)
    found = grown(network)
    assert list(found.channels) == list(found.parameters) == ["backbone", "trunk"]
    for part in found.channels:
        assert found.channels[part] == sum(int(z.sum()) for name, z in dead.items() if name.startswith(part)) > 0
        assert found.parameters[part] == sum(count for name, count in zero.items() if name.startswith(part))


@pytest.mark.parametrize("model", ["test_resnet", "vit_tiny_patch16_224"])
def test_a_network_without_zeros_does_not_grow(model: str) -> None:
    network = build(model)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert grown(network) == Grown({"backbone": 0, "trunk": 0}, {"backbone": 0, "trunk": 0}, {})
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
