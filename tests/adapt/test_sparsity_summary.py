"""The costs of an adapted run are those of its own network, and other commands take it like any run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mstasks.adapt.attach import Attached, attach
from mstasks.adapt.grow import grow
from mstasks.adapt.sparsity_summary import adapted_sparsity
from mstasks.adapt.zeros import KeptZeros
from mstasks.bench.networks import open_networks
from mstasks.compaction import compact_run
from mstasks.constant import fit_constants
from mstasks.equality import largest_difference
from mstasks.experiment import Experiment
from mstasks.export import export_run
from mstasks.fit import fit, start_run
from mstasks.network import Network
from mstasks.recipe import load_recipe
from mstasks.recipe.resolved import dump_resolved
from mstasks.runfolder import RunFolder, finite
from mstasks.sibling import new_sibling
from mstasks.structure import write_structure
from mstasks.train.checkpoint import find_checkpoint, save_network
from mstasks.trained import open_trained, score_network

RECIPE = """
name: tiny
method: sparse
data: {dataset: scenes, size: [48, 64], train: 12, val: 2, test: 3, batch_size: 4}
backbone: {model: test_resnet}
decoder: {width: 32}
tasks: {segmentation: {}, attributes: {}}
sparsity: {strength: one-shot, target: {macs: 0.5}}
optim: {lr: 1.0e-3, steps: 3}
run: {evaluate_every: 3, pictures: 0}
device: cpu
"""
SIZE = (48, 64)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("masked")
    (folder / "tiny.yaml").write_text(RECIPE)
    loaded = load_recipe(folder / "tiny.yaml")
    run = start_run(loaded, folder / "runs")
    fit(loaded, run, Console(quiet=True))
    return run


@pytest.fixture(scope="module")
def compact(masked: RunFolder) -> RunFolder:
    return compact_run(masked).run


def with_edges(run: RunFolder) -> tuple[Experiment, Attached]:
    experiment = Experiment(load_recipe(run.recipe, ["tasks.edges={}"]))
    return experiment, attach(experiment, run)


def tuned(network: Network) -> Network:
    """Some steps of AdamW on all weights."""
    zeros, generator = KeptZeros(network, SIZE), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        images = torch.rand(4, 3, *SIZE, generator=generator)
        sum((value - 1).square().mean() for value in network(images).values()).backward()
        zeros.mask_gradients()
        optimizer.step()
        zeros.apply()
    return network


def adapted(source: RunFolder, folder: Path) -> RunFolder:
    """A run that was adapted from a run to edges, as `mstasks adapt` leaves it."""
    experiment, attached = with_edges(source)
    network = tuned(attached.network)
    with new_sibling(source, folder) as made:
        made.recipe.write_text(dump_resolved(experiment.recipe))
        if attached.structure is not None:
            write_structure(made.structure, attached.structure)
        save_network(made.checkpoints, network, find_checkpoint(source.checkpoints, "best"))
        constants = fit_constants(experiment.tasks, (batch.targets for batch in experiment.batches("val")))
        (made.path / "constants.json").write_text(json.dumps({key: each.tolist() for key, each in constants.items()}))
        parent = source.read_summary()
        summary = {
            **{key: parent[key] for key in ("method", "seed", "steps", "images", "seconds")},
            "parent": str(source.path.resolve()),
            "tasks": score_network(experiment, network, made, "test"),
            "sparsity": adapted_sparsity(parent, network, SIZE, attached.dense),
            "adapt": {"task": "edges", "shots": 5},
        }
        made.summary.write_text(json.dumps(finite(summary)))
    return made


def counted(network: Network) -> tuple[int, int]:
    """MACs of a whole pass, and parameters."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, *SIZE))
    return counter.get_total_flops() // 2, sum(parameter.numel() for parameter in network.parameters())


def images() -> list[Tensor]:
    return [torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(4))]


def test_a_run_adapted_from_a_sparse_one_is_compacted_and_benched(masked: RunFolder, tmp_path: Path) -> None:
    made = adapted(masked, tmp_path)
    summary = made.read_summary()
    small = compact_run(made)
    assert small.summary["adapt"] == summary["adapt"]
    assert small.changed == ()
    opened, own = open_trained(small.run)[1].eval(), open_trained(made)[1].eval()
    found = largest_difference(own, opened, images())
    assert set(found) == {"segmentation", "attributes", "edges"}
    assert max(found.values()) < 1e-5
    section = summary["sparsity"]
    assert counted(own) == (section["network_macs_dense"], section["network_parameters_dense"])
    assert counted(opened) == (section["network_macs_compact"], section["network_parameters_compact"])
    assert small.summary["sparsity"] == section
    before = masked.read_summary()["sparsity"]
    assert section.keys() == before.keys()
    same = ("macs_dense", "macs_compact", "zero_groups", "zero_parameters", "reached", "target", "strength", "scope")
    assert {key: section[key] for key in same} == {key: before[key] for key in same}
    assert set(open_networks(made).networks) == {"dense", "masked", "compact"}


def test_a_run_adapted_from_a_compact_one_has_its_own_costs_and_is_exported(
    masked: RunFolder, compact: RunFolder, tmp_path: Path
) -> None:
    made = adapted(compact, tmp_path)
    section, network = made.read_summary()["sparsity"], open_trained(made)[1].eval()
    whole = Experiment(load_recipe(made.recipe)).build_network(pretrained=False).eval()
    assert counted(network) == (section["network_macs_compact"], section["network_parameters_compact"])
    assert counted(whole) == (section["network_macs_dense"], section["network_parameters_dense"])
    before = compact.read_summary()["sparsity"]
    for key in set(before) - {key for key in before if key.startswith("network_")}:
        assert section[key] == before[key], key
    networks = open_networks(made)
    assert set(networks.networks) == {"dense", "compact"}
    assert str(masked.path) in networks.left_out[0]  # that run has zero channels, the compact one has none
    assert export_run(made, "torch", tmp_path / "tiny.pt2").differences.keys() == {
        "segmentation",
        "attributes",
        "edges",
    }


def test_what_came_back_counts(masked: RunFolder) -> None:
    parent, (_, attached) = masked.read_summary(), with_edges(masked)
    grow(attached.network, SIZE, torch.Generator().manual_seed(0))
    section: Any = adapted_sparsity(parent, attached.network, SIZE)
    assert section["zero_groups"] == 0
    assert section["zero_parameters"] < parent["sparsity"]["zero_parameters"]
    assert section["target"] == {"macs": 0.5}
    assert section["reached"]["macs"] == section["macs_compact"] / section["macs_dense"] > 0.9  # some are not read yet
    assert section["macs_dense"] == parent["sparsity"]["macs_dense"]


def test_groups_that_no_channel_is_made_of_are_counted_as_such(masked: RunFolder) -> None:
    parent = masked.read_summary()
    parent["sparsity"] |= {"groups": "input-channel", "reached": None}
    network = with_edges(masked)[1].network
    section: Any = adapted_sparsity(parent, network, SIZE)
    assert section["reached"] is None
    columns = [
        ~module.weight.movedim(1, 0).flatten(1).any(dim=1)
        for part in network.shared.values()
        for module in part.modules()
        if isinstance(module, torch.nn.Conv2d) and module.groups == 1 and module.in_channels > 3
    ]
    assert section["zero_groups"] == pytest.approx(torch.cat(columns).float().mean().item())


def test_a_parent_that_was_never_sparse_has_no_section(masked: RunFolder) -> None:
    parent = {key: value for key, value in masked.read_summary().items() if key != "sparsity"}
    assert adapted_sparsity(parent, with_edges(masked)[1].network, SIZE) is None
