"""The `sparsity` block of a summary: what surgery and torch's counter say, and what the log remembers."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from mstasks.macs import count_macs
from mstasks.network import Network
from mstasks.sparsity.compact import compact
from mstasks.sparsity.space import scale_groups
from mstasks.sparsity.strength.base import Readings
from mstasks.sparsity.summary import sparsity_summary

SIZE = (32, 32)


@pytest.fixture
def small(toy: Callable[..., Network]) -> Network:
    """Stem 3 -> 8, 1x1 8 -> 6, ReLU, trunk of width 4; two channels of the 1x1 are zero."""
    network = toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6)
    with torch.no_grad():
        network.get_parameter("backbone.layers.0.weight")[[1, 4]] = 0
        network.get_parameter("backbone.layers.0.bias")[[1, 4]] = 0
    return network


def row(**values: float | None) -> dict[str, Any]:
    return {"step": 1, "sparsity": {"strength": {"name": "price", "values": values}}}


def test_counts_by_hand(small: Network, stand_in: Callable[..., Any]) -> None:
    summary = sparsity_summary(small, stand_in(small, target=0.95), SIZE, name="fixed")
    parameters = 8 * 48 + 8 + 8 * 6 + 6 + (6 * 4 + 8) + (4 * 9 + 4 * 4 + 8)
    macs = 64 * (8 * 48 + 8 * 6 + 6 * 4 + 4 * 9 + 4 * 4)
    assert (summary["scope"], summary["groups"], summary["target"]) == ("shared", "channel", {"macs": 0.95})
    assert summary["zero_groups"] == 2 / 22
    assert (summary["parameters_dense"], summary["parameters_compact"]) == (parameters, parameters - 2 * (8 + 1 + 4))
    assert summary["removable_parameters"] == pytest.approx(26 / parameters)
    assert summary["zero_parameters"] == 16 / (8 * 48 + 8 * 6 + 6 * 4 + 4 * 9 + 4 * 4)
    assert (summary["macs_dense"], summary["macs_compact"]) == (macs, macs - 64 * 2 * (8 + 4))
    assert summary["reached"] == {"macs": summary["macs_compact"] / macs}
    json.dumps(summary, allow_nan=False)


@pytest.mark.parametrize("scope", ["shared", "backbone"])
def test_costs_are_those_of_the_network_without_its_dead_channels(
    network_of: Callable[[str], Network], stand_in: Callable[..., Any], scope: str
) -> None:
    network = copy.deepcopy(network_of("mobilenetv3_small_050"))
    strength = stand_in(network, scope=scope)
    generator = torch.Generator().manual_seed(0)
    for space in strength.part.groups.spaces:
        keep = torch.rand(space.size, generator=generator) < 0.6
        scale_groups(space, strength.part.parameters, keep.float())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    summary = sparsity_summary(network, strength, SIZE, name="fixed")
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)
    small = compact(network, strength.part.costs.spaces)
    for key, own in (("dense", network), ("compact", small)):
        assert summary[f"network_macs_{key}"] == count_macs(own, SIZE)
        assert summary[f"network_parameters_{key}"] == sum(p.numel() for p in own.parameters())
        parts = ("backbone.",) if scope == "backbone" else ("backbone.", "trunk.")
        counted = sum(p.numel() for name, p in own.named_parameters() if name.startswith(parts))
        assert summary[f"parameters_{key}"] == counted
    assert summary["macs_compact"] < 0.7 * summary["macs_dense"]
    assert summary["reached"] is None


def test_zero_groups_that_stay_save_nothing(toy: Callable[..., Network], stand_in: Callable[..., Any]) -> None:
    network = toy(nn.Conv2d(8, 6, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), channels=6)
    with torch.no_grad():
        network.get_parameter("backbone.layers.0.weight")[2] = 0
    summary = sparsity_summary(network, stand_in(network, kind="output-channel"), SIZE, name="fixed")
    assert summary["zero_groups"] > 0
    assert summary["zero_parameters"] > 0
    assert summary["removable_parameters"] == 0
    assert summary["macs_compact"] == summary["macs_dense"]


def test_the_largest_value_on_the_way_is_kept(small: Network, stand_in: Callable[..., Any]) -> None:
    strength = stand_in(small)
    strength.shown = Readings("price", {"all": 0.0})
    rows = [{"step": 0, "event": "resumed"}, row(all=1e-9), row(all=3e-8), row(all=None), row(all=2e-9)]
    assert sparsity_summary(small, strength, SIZE, name="priced", rows=rows)["strength"] == {
        "name": "priced",
        "reading": "price",
        "final": {"all": 0.0},
        "max": {"all": 3e-8},
    }


def test_without_a_log_the_last_value_is_the_largest_known(small: Network, stand_in: Callable[..., Any]) -> None:
    found = sparsity_summary(small, stand_in(small), SIZE, name="fixed")["strength"]
    assert found["max"] == found["final"] == {"all": 1e-3}
