"""A structure from the start: as many channels as a run has left, as a fraction asks for, or as is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

from mstasks.cli import main
from mstasks.compaction import compact_run
from mstasks.errors import MstasksError, UsageError
from mstasks.experiment import Experiment
from mstasks.fit import fit, start_run
from mstasks.heads import DenseHead, PooledHead
from mstasks.macs import network_cost
from mstasks.narrow import narrow, surviving_channels
from mstasks.network import Network, build_network
from mstasks.recipe import load_recipe
from mstasks.recipe.model import Backbone, Decoder
from mstasks.runfolder import RunFolder
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.record import read_record
from mstasks.trained import open_trained

SIZE = (48, 64)
RECIPE = """
name: tiny
data: {dataset: scenes, size: [48, 64], train: 24, val: 4, test: 4, batch_size: 4}
backbone: {model: test_resnet}
decoder: {width: 16}
tasks: {segmentation: {}, attributes: {}}
optim: {lr: 1.0e-3, steps: 3}
run: {evaluate_every: 3, pictures: 0}
"""
SPARSE = ("method=sparse", "sparsity={strength: one-shot, target: {macs: 0.5}}")


def train(folder: Path, *overrides: str) -> RunFolder:
    (folder / "tiny.yaml").write_text(RECIPE)
    loaded = load_recipe(folder / "tiny.yaml", overrides)
    run = start_run(loaded, folder / "runs")
    fit(loaded, run, Console(quiet=True))
    return run


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(tmp_path_factory.mktemp("sparse"), *SPARSE)


def fresh(model: str) -> Network:
    torch.manual_seed(0)
    heads = {"depth": lambda info: DenseHead(info, 1), "attributes": lambda info: PooledHead(info, 2)}
    return build_network(Backbone(model=model), Decoder(width=16), SIZE, heads)


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def test_a_run_leaves_as_many_channels_as_its_compact_network_has(sparse: RunFolder, tmp_path: Path) -> None:
    compact = compact_run(sparse, tmp_path).run
    assert surviving_channels(sparse) == surviving_channels(compact)
    for source in (sparse, compact):
        run = train(tmp_path, f"backbone.structure={source.path}", "seed=1")
        network, theirs = open_trained(run)[1], open_trained(compact)[1]
        assert shapes(network) == shapes(theirs)


def test_the_new_run_needs_the_other_one_no_more_and_starts_from_scratch(sparse: RunFolder, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(sparse.path, source)
    run = train(tmp_path, f"backbone.structure={source}", "seed=1", "optim.lr=1.0e-9")
    shutil.rmtree(source)
    experiment, network = open_trained(run)
    start = experiment.build_network()
    # Hardly trained, it is what its own seed gave: nothing of the other run's weights.
    torch.testing.assert_close(
        dict(network.named_parameters()), dict(start.named_parameters()), rtol=0, atol=1e-6, check_stride=False
    )
    small, masked = (network_cost(each, SIZE)["backbone"].macs for each in (start, open_trained(sparse)[1]))
    assert 0 < small < masked


@pytest.mark.parametrize("model", ["test_resnet", "mobilenetv3_small_050"])
def test_a_fraction_narrows_each_space_of_the_backbone_alike_and_leaves_the_trunk(model: str) -> None:
    dense = fresh(model)
    small = narrow(dense, SIZE, 0.3)
    found = {space.name: space.size for space in find_spaces(small, SIZE, "backbone").spaces}
    expected = {space.name: max(1, round(0.3 * space.size)) for space in find_spaces(dense, SIZE, "backbone").spaces}
    assert found == expected
    assert small.trunk is not None
    assert small.trunk.width == 16
    assert small.backbone.channels == tuple(
        level.shape[1] for level in small.features(torch.rand(2, 3, 96, 96)).backbone
    )


def test_numbers_are_those_of_the_layers_and_others_keep_theirs() -> None:
    dense = fresh("test_resnet")
    small = narrow(dense, SIZE, {"backbone.model.layer2.0.conv1": 5, "trunk.smooth.0.1": 7})
    layer = small.get_submodule("backbone.model.layer2.0.conv1")
    assert isinstance(layer, nn.Conv2d)
    assert layer.out_channels == 5
    changed = {name for name, shape in shapes(small).items() if shape != shapes(dense)[name]}
    assert {name.split(".")[2] for name in changed if name.startswith("backbone")} == {"layer2"}
    assert small.trunk is not None
    assert small.trunk.width == 7
    assert all(torch.isfinite(value).all() for value in small.eval()(torch.rand(1, 3, *SIZE)).values())


@pytest.mark.parametrize(
    ("structure", "reason"),
    [
        (
            "{backbone.model.layer2.0.konv1: 5}",
            "the network has no space of channels 'backbone.model.layer2.0.konv1'; did you mean "
            "'backbone.model.layer2.0.conv1'?",
        ),
        (
            "{backbone.model.layer2.0.conv1: 500}",
            "Space `backbone.model.layer2.0.conv1` must have 1 to 48 channels. Found 500.",
        ),
    ],
)
def test_numbers_that_do_not_fit_are_refused_where_they_were_written(
    tmp_path: Path, structure: str, reason: str
) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE.replace("test_resnet", f"test_resnet, structure: {structure}"))
    with pytest.raises(UsageError) as caught:
        Experiment(load_recipe(tmp_path / "tiny.yaml")).build_network()
    assert str(caught.value) == f"{tmp_path}/tiny.yaml:4:43: backbone.structure: {reason}"


def test_a_run_that_is_not_sparse_is_refused(tmp_path: Path) -> None:
    run = train(tmp_path)
    with pytest.raises(ValueError, match=r"has neither sparsity\.json nor structure\.json; name a complete run of"):
        surviving_channels(run)


def copied(run: RunFolder, folder: Path, **changes: object) -> RunFolder:
    """A run with another record."""
    shutil.copytree(run.path, folder)
    record = json.loads((folder / "sparsity.json").read_text())
    (folder / "sparsity.json").write_text(json.dumps({**record, **changes}))
    return RunFolder(folder)


def test_groups_that_are_not_channels_are_refused(tmp_path: Path, sparse: RunFolder) -> None:
    run = copied(sparse, tmp_path / "run", groups="input-channel")
    with pytest.raises(ValueError, match=r"has groups of kind 'input-channel'; name a run with `sparsity.groups: chan"):
        surviving_channels(run)


def test_a_damaged_record_is_named(tmp_path: Path, sparse: RunFolder) -> None:
    run = copied(sparse, tmp_path / "run", spaces=[{"name": "x"}])
    with pytest.raises(
        MstasksError, match=rf"{run.path}/sparsity\.json: damaged, or of another version of mstasks \(TypeE"
    ):
        surviving_channels(run)


def test_without_a_trunk_its_channels_do_not_count(sparse: RunFolder, tmp_path: Path) -> None:
    assert any(name.startswith("trunk.") for name in surviving_channels(sparse))
    run = train(tmp_path, f"backbone.structure={sparse.path}", "method=single-task")
    alone = {name: open_trained(child)[1] for name, child in run.children().items()}
    assert alone["attributes"].trunk is None
    assert shapes(alone["attributes"].backbone) == shapes(alone["segmentation"].backbone)


def test_the_structure_of_a_run_that_was_narrow_itself_is_narrow_everywhere(tmp_path: Path) -> None:
    scope = ("sparsity.scope=backbone", "backbone.structure={backbone: 0.5, trunk: 0.25}")
    first = train(tmp_path, *SPARSE, *scope)
    again = train(tmp_path, f"backbone.structure={first.path}")
    experiment, network = open_trained(again)
    assert network.trunk is not None
    assert network.trunk.width == 4
    record = read_record(first)
    assert record is not None
    found = {space.name: space.size for space in find_spaces(network, experiment.recipe.data.size, "backbone").spaces}
    assert found == {space.name: max(1, space.size - space.groups.count(".")) for space in record.spaces}


def test_a_dense_run_that_was_narrow_can_be_named_too(tmp_path: Path) -> None:
    first = train(tmp_path, "backbone.structure=0.5")
    again = train(tmp_path, f"backbone.structure={first.path}")
    assert shapes(open_trained(first)[1]) == shapes(open_trained(again)[1])


def test_numbers_that_do_not_fit_are_refused_before_there_is_a_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE.replace("test_resnet", "test_resnet, structure: {backbone.nothing: 3}"))
    assert main(["fit", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "runs")]) == 2
    assert "backbone.structure: the network has no space of channels 'backbone.nothing'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
