from __future__ import annotations

import torch
from torch import nn

from mstasks.bench.memory import LiveMemory, peak_memory
from mstasks.network import Network

FLOAT = 4


def test_what_is_freed_no_longer_counts() -> None:
    with LiveMemory([]) as memory:
        first = torch.zeros(1000)
        second = first + 1  # both are held: 2000 numbers
        del first
        third = second * 2  # the peak stays
        assert memory.live == 2000 * FLOAT
        del second, third
    assert memory.live == 0
    assert memory.peak == 2000 * FLOAT


def test_views_and_writing_in_place_take_nothing() -> None:
    with LiveMemory([]) as memory:
        value = torch.zeros(10, 10)
        value.view(100).relu_().add_(1)
        value.t()[2:].mul_(2)
        assert memory.peak == 100 * FLOAT


def test_known_tensors_are_not_counted() -> None:
    weight = torch.zeros(100)
    with LiveMemory([weight]) as memory:
        weight.view(10, 10).mul_(2)
    assert memory.peak == 0


def test_a_chain_holds_two_neighbouring_maps() -> None:
    layers = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 16, 1), nn.Conv2d(16, 2, 1)).to("meta")
    with torch.no_grad(), LiveMemory(layers.parameters()) as memory:
        out = layers(torch.zeros(1, 3, 8, 8, device="meta"))
    assert out.shape[1] == 2
    # The image is held by whoever made it; then a layer's input and output at a time, 16 + 4 the widest pair.
    assert memory.peak in ((3 + 4 + 16) * 64 * FLOAT, (3 + 16 + 2) * 64 * FLOAT)


def test_memory_grows_with_the_batch_and_the_network_stays_as_it_is(network: Network) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    one, two = (peak_memory(network, (32, 32), batch) for batch in (1, 2))
    assert one < two <= 2 * one
    assert one >= 3 * 32 * 32 * FLOAT + 64 * 16 * 16 * FLOAT  # the image and the first map
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
