"""What is shown live and logged: counts by hand, and texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from mstasks.macs import network_cost
from mstasks.network import Network
from mstasks.sparsity.compact import compact
from mstasks.sparsity.snapshot import Snapshot, take_snapshot
from mstasks.sparsity.strength.base import Readings


def snapshot(values: dict[str, float], name: str = "lambda") -> Snapshot:
    return Snapshot(macs=0.7234, zero_groups=0.14, readings=Readings(name, values), channels={"a": 3})


@pytest.fixture
def small(toy: Callable[..., Network]) -> Network:
    """Stem 3 -> 8, 1x1 8 -> 6, ReLU, trunk of width 4: spaces of 8, 6, 4 and 4 channels."""
    return toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6)


def test_channels_zero_groups_and_macs_after_a_removal(small: Network, stand_in: Callable[..., Any]) -> None:
    strength = stand_in(small)
    dead = torch.tensor([False, True, False, False, True, True])
    strength.part.remove({"backbone.layers.0": dead})
    taken = take_snapshot(strength)
    assert taken.zero_groups == 3 / 22
    assert taken.channels == {
        "backbone.stem": 8, "backbone.layers.0": 3, "trunk.laterals.0.0": 4, "trunk.smooth.0.1": 4
    }  # fmt: skip
    dense, left = (
        sum(network_cost(network, (32, 32))[part].macs for part in ("backbone", "trunk"))
        for network in (small, compact(small, strength.part.costs.spaces))
    )
    assert taken.macs == left / dense < 1


def test_a_dense_network_has_all_its_macs(small: Network, stand_in: Callable[..., Any]) -> None:
    taken = take_snapshot(stand_in(small))
    assert (taken.macs, taken.zero_groups) == (1, 0)


def test_groups_of_other_kinds_count_without_saving_anything(
    toy: Callable[..., Network], stand_in: Callable[..., Any]
) -> None:
    network = toy(nn.Conv2d(8, 6, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), channels=6)
    strength = stand_in(network, kind="output-channel")
    strength.part.remove({"backbone.layers.0": torch.arange(6) < 4})
    taken = take_snapshot(strength)
    groups = strength.part.groups.sizes.sum()
    assert taken.zero_groups == pytest.approx(4 / int(groups))
    assert taken.macs == 1


def test_the_row_is_json_with_short_numbers() -> None:
    row = snapshot({"a": 1.23456789e-5, "b": 0.0}).row()
    assert json.loads(json.dumps(row)) == {
        "macs": 0.7234,
        "zero_groups": 0.14,
        "strength": {"name": "lambda", "values": {"a": 1.235e-05, "b": 0.0}},
        "channels": {"a": 3},
    }


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"all": 3.14e-9}, "MACs 72.3 %  zero 14.0 %  lambda 3.1e-09"),
        ({"all": 0.0}, "MACs 72.3 %  zero 14.0 %  lambda 0"),
        ({"a": 2e-2, "b": 1e-5, "c": 3e-4}, "MACs 72.3 %  zero 14.0 %  lambda 1e-05/3e-04/2e-02 (min/median/max)"),
        ({}, "MACs 72.3 %  zero 14.0 %"),
    ],
)
def test_the_live_text(values: dict[str, float], text: str) -> None:
    assert snapshot(values).live() == text


def test_taking_a_snapshot_changes_nothing(small: Network, stand_in: Callable[..., Any]) -> None:
    before = {name: value.clone() for name, value in small.state_dict().items()}
    take_snapshot(stand_in(small))
    torch.testing.assert_close(dict(small.state_dict()), before, rtol=0, atol=0)
