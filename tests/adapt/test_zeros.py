"""What is zero stays zero, whatever trains the network, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from mstasks.adapt.zeros import KeptZeros
from mstasks.heads import DenseHead, PooledHead
from mstasks.network import Network, build_network
from mstasks.recipe.model import Backbone, Decoder
from mstasks.sparsity.alive import alive_channels, zero_groups
from mstasks.sparsity.compact import compact
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.space import scale_groups
from mstasks.sparsity.spaces import Kind, SpacesError

SIZE = (64, 64)
KINDS = get_args(Kind)
Make = Callable[[Network], torch.optim.Optimizer]


def build(model: str, **heads: Any) -> Network:
    torch.manual_seed(0)
    ready = {"depth": lambda info: DenseHead(info, 1), "attributes": lambda info: PooledHead(info, 2)}
    return build_network(Backbone(model=model), Decoder(width=16), SIZE, heads or ready)


def masked(model: str, kind: Kind = "channel") -> Network:
    """Half of the groups zero, at random."""
    network, generator = build(model), torch.Generator().manual_seed(0)
    for space in find_spaces(network, SIZE, kind=kind).spaces:
        alive = torch.rand(space.size, generator=generator) < 0.5
        scale_groups(space, dict(network.named_parameters()), alive)
    return network


def train(network: Network, zeros: KeptZeros | None, make: Make, steps: int = 12) -> None:
    optimizer, generator = make(network), torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        predictions = network(torch.rand(2, 3, *SIZE, generator=generator))
        sum((value - 1).square().mean() for value in predictions.values()).backward()
        if zeros is not None:
            zeros.mask_gradients()
        optimizer.step()
        if zeros is not None:
            zeros.apply()


def adamw(network: Network) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1)


def sgd(network: Network) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=0.1)


def zero_by_space(network: Network, kind: Kind) -> dict[str, list[bool]]:
    parameters = dict(network.named_parameters())
    found = find_spaces(network, SIZE, kind=kind).spaces
    return {space.name: zero_groups(space, parameters).tolist() for space in found}


@pytest.mark.parametrize("make", [adamw, sgd])
@pytest.mark.parametrize("training", [True, False], ids=["batch statistics", "frozen statistics"])
def test_dead_channels_stay_dead(make: Make, training: bool) -> None:
    network = masked("mobilenetv3_small_050").train(training)
    spaces = find_spaces(network, SIZE)
    before = {name: alive.tolist() for name, alive in alive_channels(network, spaces).items()}
    assert any(not all(alive) for alive in before.values())
    train(network, KeptZeros(network, SIZE), make)
    assert {name: alive.tolist() for name, alive in alive_channels(network, spaces).items()} == before
    images = torch.rand(2, 3, *SIZE)
    network.eval()
    with torch.no_grad():  # whatever the running statistics of dead channels say
        for task, value in compact(network, spaces)(images).items():
            assert value.isfinite().all()
            torch.testing.assert_close(value, network(images)[task], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_groups_of_every_kind_are_kept_and_all_others_learn(kind: Kind) -> None:
    network = masked("test_resnet", kind).train()
    before, weights = zero_by_space(network, kind), {n: p.detach().clone() for n, p in network.named_parameters()}
    train(network, KeptZeros(network, SIZE, kind), adamw)
    assert zero_by_space(network, kind) == before
    for name, parameter in network.named_parameters():
        if parameter.dim() > 1:
            moved, held = parameter != weights[name], weights[name] == 0
            assert parameter[held & ~moved].eq(0).all()
            assert moved[~held].float().mean() > 0.95, name


@pytest.mark.parametrize(
    ("model", "kind"),
    [("test_resnet", "input-channel"), ("test_resnet", "output-channel"), ("mobilenetv3_small_050", "channel")],
)
def test_without_it_they_would_come_back(model: str, kind: Kind) -> None:
    network = masked(model, kind).train()
    before = zero_by_space(network, kind)
    train(network, None, adamw, steps=1)
    assert sum(map(sum, zero_by_space(network, kind).values())) < sum(map(sum, before.values()))


def test_a_gradient_that_would_revive_a_channel_is_masked() -> None:
    network = masked("test_resnet").train()
    zeros = KeptZeros(network, SIZE)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    zeros.mask_gradients()
    gradients: dict[str, Tensor] = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    assert gradients["heads.depth.predict.weight"].eq(1).all()
    for space in find_spaces(network, SIZE).spaces:
        assert torch.equal(zero_groups(space, gradients), zero_groups(space, dict(network.named_parameters())))


def test_what_is_held_is_counted_by_part() -> None:
    network = masked("test_resnet")
    held = KeptZeros(network, SIZE).held
    assert list(held) == ["backbone", "heads.depth", "heads.attributes", "trunk"]
    for part in ("backbone", "trunk"):
        own = network.shared[part]
        ones = [p for name, p in own.named_parameters() if p.dim() > 1]
        zeros = sum(int((p == 0).sum()) for p in ones)
        assert zeros < held[part] < zeros * 1.5  # norms lose their scale and shift with the channel
    assert held["heads.depth"] == held["heads.attributes"] == 0


@pytest.mark.parametrize("model", ["test_resnet", "vit_tiny_patch16_224"])
def test_nothing_is_held_where_nothing_is_zero(model: str) -> None:
    network = build(model)
    zeros = KeptZeros(network, SIZE)
    assert set(zeros.held.values()) == {0}
    before = {name: value.clone() for name, value in network.state_dict().items()}
    zeros.mask_gradients()
    zeros.apply()
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)


def test_a_compact_network_has_nothing_to_hold() -> None:
    network = masked("mobilenetv3_small_050")
    small = compact(network, find_spaces(network, SIZE))
    assert set(KeptZeros(small, SIZE).held.values()) == {0}
    train(small.train(), KeptZeros(small, SIZE), adamw, steps=1)


class Looks(DenseHead):
    """Depends on values, so it cannot be traced."""

    def forward(self, features: Any) -> Tensor:
        found = super().forward(features)
        return found if float(found.detach().sum()) > 0 else -found


class Tying(nn.Module):
    """Ties the channels of the last map to each other, as a removal of one of them cannot leave."""

    reads_trunk = False

    def __init__(self, info: Any) -> None:
        super().__init__()
        width = info.channels[-1]
        self.mix, self.predict = nn.Conv2d(width, width, 1), nn.Conv2d(width, 1, 1)

    def forward(self, features: Any) -> Tensor:
        last = features.backbone[-1]
        return self.predict(torch.sigmoid(self.mix(last)) + last)


def test_a_head_that_hides_what_is_zero_does_not_bring_it_back() -> None:
    before = masked("mobilenetv3_small_050")
    network = build("mobilenetv3_small_050", depth=lambda info: DenseHead(info, 1), tied=Tying)
    missing, unexpected = network.load_state_dict(before.state_dict(), strict=False)
    assert {name.split(".")[1] for name in missing} == {"tied"}
    assert all(name.startswith("heads.attributes") for name in unexpected)
    hidden = KeptZeros(network, SIZE)
    kept = KeptZeros(network, SIZE, beside=["tied"])
    assert sum(kept.held.values()) > sum(hidden.held.values())
    assert list(network.heads) == ["depth", "tied"]
    train(network, kept, adamw)
    alive = alive_channels(before, find_spaces(before, SIZE))
    for space in find_spaces(before, SIZE).spaces:
        for member in space.members:
            values = member.slice(network.get_parameter(member.parameter), space.size)
            assert not values[~alive[space.name]].any(), space.name


def test_zeros_are_not_let_go_silently() -> None:
    network = masked("test_resnet")
    network.heads["depth"] = Looks(network.info, 1)
    with pytest.raises(SpacesError, match="cannot be traced without data"):
        KeptZeros(network, SIZE)
    dense = build("test_resnet", depth=lambda info: Looks(info, 1))
    assert isinstance(dense.heads["depth"], nn.Module)
    assert set(KeptZeros(dense, SIZE).held.values()) == {0}
