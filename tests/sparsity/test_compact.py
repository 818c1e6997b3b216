"""Removing dead channels: equal predictions of every head, whatever is dead, for every kind of backbone."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from mstasks.heads import ASPPHead, DecoderHead, DenseHead, LinearHead, PooledHead
from mstasks.network import HeadFactory, Network, build_network
from mstasks.recipe.model import Backbone, Decoder
from mstasks.sparsity.alive import alive_channels
from mstasks.sparsity.compact import compact, rebuild, structure
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.space import scale_groups
from mstasks.sparsity.spaces import Scope, Spaces

SIZE = (64, 64)
Same = Callable[..., None]
Alive = dict[str, Tensor]


def random_masks(spaces: Spaces, share: float = 0.5, seed: int = 0) -> Alive:
    """Each channel alive with this probability; in each space at least its floor."""
    generator = torch.Generator().manual_seed(seed)
    masks = {}
    for space in spaces.spaces:
        order = torch.rand(space.size, generator=generator)
        keep = max(space.floor, int((order < share).sum()))
        masks[space.name] = order <= order.sort().values[keep - 1]
    return masks


def masked(network: Network, spaces: Spaces, alive: Alive) -> Network:
    """A copy with the dead channels' groups set to zero."""
    zeroed = copy.deepcopy(network)
    tensors = dict(zeroed.named_parameters())
    for space in spaces.spaces:
        scale_groups(space, tensors, alive[space.name].float())
    return zeroed


def all_alive(spaces: Spaces) -> Alive:
    return {space.name: torch.ones(space.size, dtype=torch.bool) for space in spaces.spaces}


def size_of(network: Network, scope: Scope = "shared") -> int:
    return sum(p.numel() for name, p in network.named_parameters() if scope == "shared" or name.startswith("backbone"))


@pytest.mark.parametrize("scope", ["shared", "backbone"])
def test_random_sparsity_everywhere_at_once(
    network: Network, scope: Scope, assert_same_predictions: Same, spaces_of: Callable[..., Spaces]
) -> None:
    spaces = spaces_of(network, scope)
    alive = random_masks(spaces)
    zeroed = masked(network, spaces, alive)
    small = compact(zeroed, spaces)
    assert_same_predictions(zeroed, small)
    assert structure(spaces, alive_channels(zeroed, spaces)) == structure(spaces, alive)
    assert size_of(small) < 0.8 * size_of(network)


@pytest.mark.parametrize("model", ["resnet18", "tf_efficientnet_lite0"])
def test_a_linear_head_and_one_with_its_own_decoder_lose_what_they_read(
    model: str, randomised: Callable[..., None], assert_same_predictions: Same
) -> None:
    heads: dict[str, HeadFactory] = {
        "depth": lambda info: DenseHead(info, 2),
        "linear": lambda info: LinearHead(info, 3),
        "decoder": lambda info: DecoderHead(info, 1),
    }
    torch.manual_seed(0)
    network = build_network(Backbone(model=model), Decoder(width=16), SIZE, heads).eval()
    randomised(network)
    spaces = find_spaces(network, SIZE)
    assert {name.partition(".")[0] for name in spaces.names} == {"backbone", "trunk"}
    zeroed = masked(network, spaces, random_masks(spaces))
    small = compact(zeroed, spaces)
    assert_same_predictions(zeroed, small)
    decoder = small.heads["decoder"]
    assert isinstance(decoder, DecoderHead)
    assert decoder.trunk.width == decoder.predict.in_channels == 16  # its own channels are nobody else's
    read = tuple(lateral[0].in_channels for lateral in decoder.trunk.laterals)  # type: ignore[index]
    assert read == tuple(small.info.channels[index] for index in decoder.trunk.reads)
    assert small.heads["linear"].predict.in_channels == small.info.trunk_channels < 16  # type: ignore[union-attr]
    again = rebuild(network, spaces, structure(spaces, alive_channels(zeroed, spaces)))
    again.load_state_dict(small.state_dict(), strict=True)
    assert_same_predictions(zeroed, again)


def test_a_network_with_no_other_decoder_is_compacted_too(
    randomised: Callable[..., None], assert_same_predictions: Same
) -> None:
    torch.manual_seed(0)
    heads: dict[str, HeadFactory] = {"decoder": lambda info: DecoderHead(info, 1)}
    network = build_network(Backbone(model="resnet18"), Decoder(width=16), SIZE, heads).eval()
    assert network.trunk is None
    randomised(network)
    spaces = find_spaces(network, SIZE)
    zeroed = masked(network, spaces, random_masks(spaces))
    assert_same_predictions(zeroed, compact(zeroed, spaces))


def test_a_single_channel_of_each_of_several_spaces(
    network: Network, assert_same_predictions: Same, spaces_of: Callable[..., Spaces]
) -> None:
    spaces = spaces_of(network)
    for position in range(0, len(spaces.spaces), -(-len(spaces.spaces) // 3)):
        space = spaces.spaces[position]
        alive = all_alive(spaces)
        alive[space.name][space.size // 2] = False
        zeroed = masked(network, spaces, alive)
        small = compact(zeroed, spaces)
        assert_same_predictions(zeroed, small, [(1, 64, 64)])
        assert size_of(small) < size_of(network)


def test_the_comparison_would_notice_a_wrong_channel(
    network_of: Callable[[str], Network], assert_same_predictions: Same, spaces_of: Callable[..., Spaces]
) -> None:
    network = network_of("mobilenetv3_small_050")
    spaces = spaces_of(network)
    for name in (spaces.names[0], "trunk.smooth.0.1"):
        alive = all_alive(spaces)
        alive[name][0] = False
        wrong = copy.deepcopy(alive)
        wrong[name] = wrong[name].flip(0)
        with pytest.raises(AssertionError):
            assert_same_predictions(masked(network, spaces, alive), compact(network, spaces, wrong), [(1, 64, 64)])


def test_layers_that_the_standard_backbones_lack(
    toy: Callable[..., Network], layers: SimpleNamespace, assert_same_predictions: Same
) -> None:
    inverted = nn.Sequential(
        *(nn.Conv2d(8, 12, 1), nn.BatchNorm2d(12), nn.SiLU(), nn.Conv2d(12, 12, 3, padding=1, groups=12)),
        *(nn.BatchNorm2d(12), layers.Gated(nn.Conv2d(12, 12, 1)), nn.Conv2d(12, 8, 1), nn.BatchNorm2d(8)),
    )
    body = [
        *(layers.Residual(inverted, channels=8), layers.LinearMap(8, 6), layers.Grow(nn.Conv2d(8, 5, 3, padding=1))),
        *(layers.Grow(nn.Conv2d(13, 3, 1, bias=False)), nn.BatchNorm2d(16), nn.Hardswish(), nn.AvgPool2d(2)),
        *(nn.Upsample(scale_factor=2, mode="bilinear"), nn.ZeroPad2d(1), nn.Conv2d(16, 7, 3), nn.LeakyReLU()),
    ]
    network = toy(*body, channels=7)
    spaces = find_spaces(network, SIZE)
    assert [layer.name for layer in spaces.excluded] == []
    for seed in range(5):
        alive = random_masks(spaces, 0.6, seed)
        zeroed = masked(network, spaces, alive)
        small = compact(zeroed, spaces)
        assert_same_predictions(zeroed, small)
        assert structure(spaces, alive_channels(zeroed, spaces)) == structure(spaces, alive)


def test_a_channel_that_nobody_reads_goes_too(
    network_of: Callable[[str], Network], assert_same_predictions: Same
) -> None:
    network = copy.deepcopy(network_of("resnet18"))
    spaces = find_spaces(network, SIZE)
    space = next(space for space in spaces.spaces if space.name.endswith("layer2.0.conv1"))
    (reader,) = spaces.consumers[space.name]
    with torch.no_grad():
        network.get_parameter(reader.parameter)[:, 3] = 0
    assert alive_channels(network, spaces)[space.name].nonzero().flatten().tolist() == [
        channel for channel in range(space.size) if channel != 3
    ]
    assert_same_predictions(network, compact(network, spaces))


def test_a_space_that_is_dead_keeps_one_channel(
    network_of: Callable[[str], Network], assert_same_predictions: Same, spaces_of: Callable[..., Spaces]
) -> None:
    network = network_of("tf_efficientnet_lite0")
    spaces = spaces_of(network)
    alive = all_alive(spaces)
    alive[spaces.names[5]][:] = False
    zeroed = masked(network, spaces, alive)
    small = compact(zeroed, spaces)
    assert structure(spaces, alive)[spaces.names[5]] == 1
    assert_same_predictions(zeroed, small)


def test_nothing_to_remove_leaves_the_network_alone(network: Network, spaces_of: Callable[..., Spaces]) -> None:
    spaces = spaces_of(network)
    same = compact(network, spaces)
    torch.testing.assert_close(dict(same.state_dict()), dict(network.state_dict()), rtol=0, atol=0)
    assert same is not network
    assert same.info == network.info


def test_the_network_that_is_given_stays_as_it_is(
    network_of: Callable[[str], Network], spaces_of: Callable[..., Spaces]
) -> None:
    network = network_of("mobilenetv3_small_050")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    spaces = spaces_of(network)
    compact(network, spaces, random_masks(spaces))
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


def test_the_same_structure_is_rebuilt_from_json_and_loaded_strictly(
    network: Network, spaces_of: Callable[..., Spaces]
) -> None:
    spaces = spaces_of(network)
    alive = random_masks(spaces)
    small = compact(network, spaces, alive)
    text = json.dumps(structure(spaces, alive))
    again = rebuild(network, spaces, json.loads(text))
    again.load_state_dict(small.state_dict(), strict=True)
    images = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(again(images), small(images), rtol=0, atol=0)


@pytest.mark.parametrize("model", ["resnet18", "mobilenetv3_small_050"])
def test_new_heads_fit_a_compact_network(
    model: str, network_of: Callable[[str], Network], spaces_of: Callable[..., Spaces]
) -> None:
    network = network_of(model)
    spaces = spaces_of(network)
    small = compact(network, spaces, random_masks(spaces))
    images = torch.rand(2, 3, *SIZE)
    features = small.features(images)
    assert features.trunk is not None
    assert small.info.channels == tuple(level.shape[1] for level in features.backbone) == small.backbone.channels
    assert small.info.trunk_channels == features.trunk.shape[1] < network.info.trunk_channels
    for head in (DenseHead, LinearHead, DecoderHead, ASPPHead, PooledHead):
        assert head(small.info, 1).eval()(features).shape[1] == 1


def test_a_compact_network_trains_and_frozen_parameters_stay_frozen(network_of: Callable[[str], Network]) -> None:
    network = copy.deepcopy(network_of("mobilenetv3_small_050"))
    network.backbone.requires_grad_(False)
    spaces = find_spaces(network, SIZE)
    small = compact(network, spaces, random_masks(spaces)).train()
    assert not any(parameter.requires_grad for parameter in small.backbone.parameters())
    sum(value.square().mean() for value in small(torch.rand(2, 3, 64, 96)).values()).backward()  # type: ignore[union-attr]
    trained = [parameter for parameter in small.parameters() if parameter.requires_grad]
    assert trained
    assert all(parameter.grad is not None and parameter.grad.shape == parameter.shape for parameter in trained)


def test_wrong_masks_kinds_and_structures_are_explained(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 8, 1), nn.ReLU(), channels=8)
    spaces = find_spaces(network, SIZE)
    first, alive = spaces.names[0], all_alive(spaces)
    with pytest.raises(
        ValueError, match=rf"`alive` of space `{first}` must be bool, shape \(8,\). Found torch.float32"
    ):
        compact(network, spaces, alive | {first: torch.ones(8)})
    with pytest.raises(ValueError, match=rf"`alive` of space `{first}` must be bool, shape \(8,\). Found none"):
        compact(network, spaces, {})
    with pytest.raises(ValueError, match=r"Only spaces of kind 'channel' .* Found 'input-channel'"):
        compact(network, find_spaces(network, SIZE, kind="input-channel"))
    counts = structure(spaces, alive)
    with pytest.raises(ValueError, match=rf"Space `{first}` must have 1 to 8 channels. Found 9"):
        rebuild(network, spaces, counts | {first: 9})
    with pytest.raises(ValueError, match="belongs to another network or scope: `neck` is in only one"):
        rebuild(network, spaces, counts | {"neck": 1})
