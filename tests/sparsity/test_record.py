"""sparsity.json says what the weights say, and reads back as it was written."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mstasks.network import Network
from mstasks.runfolder import RunFolder
from mstasks.sparsity.record import make_record, read_record, write_record


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.fixture
def small(toy: Callable[..., Network]) -> Network:
    """Stem 3 -> 8, 1x1 8 -> 6, ReLU, trunk of width 4; channel 1 of the 1x1 is zero."""
    network = toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6)
    with torch.no_grad():
        network.get_parameter("backbone.layers.0.weight")[1] = 0
        network.get_parameter("backbone.layers.0.bias")[1] = 0
    return network


def test_each_group_has_a_character(small: Network, stand_in: Callable[..., Any], run: RunFolder) -> None:
    write_record(run, stand_in(small, target=0.5), small)
    content = json.loads((run.path / "sparsity.json").read_text())
    assert (content["scope"], content["groups"], content["target"]) == ("shared", "channel", {"macs": 0.5})
    assert [(space["name"], space["size"], space["floor"], space["groups"]) for space in content["spaces"]] == [
        ("backbone.stem", 8, 1, "########"),
        ("backbone.layers.0", 6, 1, "#.####"),
        ("trunk.laterals.0.0", 4, 1, "####"),
        ("trunk.smooth.0.1", 4, 1, "####"),
    ]
    assert [space["serves"] for space in content["spaces"]] == [None] * 4


def test_zero_groups_that_stay_are_told_apart(toy: Callable[..., Network], stand_in: Callable[..., Any]) -> None:
    network = toy(nn.Conv2d(8, 6, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), channels=6)
    with torch.no_grad():
        network.get_parameter("backbone.layers.0.weight")[2] = 0
    record = make_record(stand_in(network, kind="output-channel"), network)
    space = next(space for space in record.spaces if space.name == "backbone.layers.0")
    assert (space.groups, space.alive) == ("##o###", 5)
    assert record.target is None


def test_the_network_that_is_given_is_described(small: Network, stand_in: Callable[..., Any]) -> None:
    """Averaged weights may have other zeros than those that are trained."""
    averaged = copy.deepcopy(small)
    with torch.no_grad():
        averaged.get_parameter("backbone.layers.0.weight")[1] = 1e-20
    strength = stand_in(small)
    assert [make_record(strength, network).spaces[1].alive for network in (small, averaged)] == [5, 6]


def test_excluded_layers_are_listed_with_their_place(
    network_of: Callable[[str], Network], stand_in: Callable[..., Any]
) -> None:
    network = network_of("convnext_atto")
    record = make_record(stand_in(network), network)
    stem = record.excluded[0]
    assert (stem.name, stem.size) == ("backbone.model.stem_0", 40)
    assert "stem_0" in stem.reason
    assert stem.position < record.spaces[0].position
    positions = [space.position for space in record.spaces]
    assert positions == sorted(positions)


def test_what_is_written_is_read_back(small: Network, stand_in: Callable[..., Any], run: RunFolder) -> None:
    strength = stand_in(small, target=0.5)
    strength.served = {
        "backbone.layers.0": torch.tensor([[0.123456, 0, 0.5, 0, 0, 0], [0, 0, float("nan"), 1e-9, 0, 0]])
    }
    write_record(run, strength, small)
    write_record(run, strength, small)  # over the one that is there
    record = read_record(run)
    assert record == make_record(strength, small)
    assert record.spaces[1].serves == {
        "depth": [0.1235, 0, 0.5, 0, 0, 0],
        "edges": [0, 0, 0, pytest.approx(1e-9), 0, 0],
    }
    assert record.spaces[0].serves is None
    assert [path.name for path in run.path.iterdir()] == ["sparsity.json"]


def test_a_run_without_sparsity_has_no_record(run: RunFolder) -> None:
    assert read_record(run) is None
