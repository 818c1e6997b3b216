"""Attaching a task: everything that both networks have predicts as before, and a run of it opens as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from mstasks.adapt.attach import Attached, attach
from mstasks.adapt.grow import refuse_growth
from mstasks.blocks import resize
from mstasks.compaction import compact_run
from mstasks.errors import UsageError
from mstasks.experiment import Experiment
from mstasks.features import FeatureInfo, Features
from mstasks.fit import fit, start_run
from mstasks.macs import network_cost
from mstasks.network import Network
from mstasks.recipe import load_recipe
from mstasks.recipe.resolved import dump_resolved
from mstasks.runfolder import RunFolder
from mstasks.sibling import new_sibling
from mstasks.structure import StructureError, write_structure
from mstasks.train.checkpoint import find_checkpoint, save_network
from mstasks.trained import open_trained

RECIPE = """
name: tiny
method: sparse
data: {dataset: scenes, size: [32, 48], train: 12, val: 2, test: 3, batch_size: 4}
backbone: {model: test_resnet}
decoder: {width: 32}
tasks: {segmentation: {}, attributes: {}}
sparsity: {strength: one-shot, target: {macs: 0.5}}
optim: {lr: 1.0e-3, steps: 3, ema: 0.5}
run: {evaluate_every: 3, pictures: 0}
device: cpu
"""
SIZE = (32, 48)
EDGES = "tasks.edges={}"


def train(folder: Path, overrides: Sequence[str] = ()) -> RunFolder:
    (folder / "tiny.yaml").write_text(RECIPE)
    loaded = load_recipe(folder / "tiny.yaml", overrides)
    run = start_run(loaded, folder / "runs")
    fit(loaded, run, Console(quiet=True))
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RunFolder]:
    """Runs by name, made once; no test changes them."""
    made: dict[str, RunFolder] = {}
    dense = ["method=multi-task", "sparsity=null", "optim.steps=1"]
    overrides = {"masked": [], "dense": dense, "vector": ["tasks.segmentation=null"]}

    def make(name: str) -> RunFolder:
        if name not in made:
            parent, _, verb = name.rpartition(" ")
            if parent:
                made[name] = compact_run(make(parent), folded=verb == "folded").run
            else:
                made[name] = train(tmp_path_factory.mktemp(name), overrides[name])
        return made[name]

    return make


def experiment(run: RunFolder, *overrides: str) -> Experiment:
    return Experiment(load_recipe(run.recipe, overrides))


def predict(network: Network) -> dict[str, Tensor]:
    images = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return network(images)  # type: ignore[no-any-return]


def adapted_run(source: RunFolder, recipe: Experiment, attached: Attached, folder: Path) -> RunFolder:
    """A run folder that holds an attached network."""
    with new_sibling(source, folder) as made:
        made.recipe.write_text(dump_resolved(recipe.recipe))
        if attached.structure is not None:
            write_structure(made.structure, attached.structure)
        save_network(made.checkpoints, attached.network, find_checkpoint(source.checkpoints, "best"))
        made.summary.write_text(json.dumps({"parent": str(source.path.resolve())}))
    return made


@pytest.mark.parametrize("kind", ["dense", "masked", "masked compact"])
def test_tasks_that_both_have_are_predicted_as_before(runs: Callable[[str], RunFolder], kind: str) -> None:
    run = runs(kind)
    torch.manual_seed(12345)  # nothing may depend on it
    attached = attach(experiment(run, EDGES), run)
    assert attached.new == {"heads.edges"}
    assert not attached.network.training
    before, after = predict(open_trained(run)[1].eval()), predict(attached.network)
    assert after.keys() == {*before, "edges"}
    for task, value in before.items():
        assert torch.equal(value, after[task]), task
        assert value.std() > 0
    assert (attached.structure is None) == (attached.dense is None) == (kind != "masked compact")


def test_a_new_head_is_the_same_for_every_run_and_reads_what_is_left(runs: Callable[[str], RunFolder]) -> None:
    heads = {kind: attach(experiment(runs(kind), EDGES), runs(kind)) for kind in ("masked", "masked compact")}
    built = experiment(runs("masked"), EDGES).build_network(pretrained=False).heads["edges"]
    whole, small = (attached.network.heads["edges"].state_dict() for attached in heads.values())
    assert all(torch.equal(value, whole[name]) for name, value in built.state_dict().items())
    width = heads["masked compact"].network.info.trunk_channels
    assert width < 32
    assert len(small["block.first.0.weight"]) == width == small["block.first.1.weight"].shape[1]
    assert torch.equal(small["predict.weight"], whole["predict.weight"])


def test_the_costs_with_nothing_removed_are_those_of_the_dense_network(runs: Callable[[str], RunFolder]) -> None:
    recipe = experiment(runs("masked compact"), EDGES)
    attached = attach(recipe, runs("masked compact"))
    assert attached.dense == network_cost(recipe.build_network(pretrained=False), SIZE)
    assert attached.dense != network_cost(attached.network, SIZE)


@pytest.mark.parametrize(
    ("kind", "overrides", "new"),
    [
        ("masked", [EDGES], {"heads.edges"}),
        ("masked compact", [EDGES], {"heads.edges"}),
        ("masked compact", ["tasks.edges={head: decoder}"], {"heads.edges"}),
        ("masked compact", ["tasks.segmentation=null"], set()),
        ("masked compact", ["tasks.segmentation=null", "tasks.attributes=null", EDGES], {"heads.edges"}),
        ("vector", [EDGES], {"heads.edges", "trunk"}),
        ("vector compact", [EDGES], {"heads.edges", "trunk"}),
    ],
)
def test_a_run_of_it_opens_as_it_was(
    runs: Callable[[str], RunFolder], tmp_path: Path, kind: str, overrides: list[str], new: set[str]
) -> None:
    source = runs(kind)
    recipe = experiment(source, *overrides)
    attached = attach(recipe, source)
    assert attached.new == new
    made = adapted_run(source, recipe, attached, tmp_path)
    again = open_trained(made)[1].eval()
    torch.testing.assert_close(again.state_dict(), attached.network.state_dict(), rtol=0, atol=0)
    found = predict(again)
    assert found.keys() == recipe.tasks.keys()
    before = predict(open_trained(source)[1].eval())
    assert all(torch.equal(value, found[task]) for task, value in before.items() if task in found)
    assert made.structure.is_file() == kind.endswith("compact")
    if kind.endswith("compact"):
        _assert_channels(source, made)


def _assert_channels(source: RunFolder, made: RunFolder) -> None:
    """Spaces of the parent have its channels, new ones have all."""
    parent, own = (json.loads(run.structure.read_text()) for run in (source, made))
    assert any(own["channels"][name] < size for name, size in own["dense"].items())
    for name, size in own["dense"].items():
        assert own["channels"][name] == parent["channels"].get(name, size)


def test_without_a_reader_the_trunk_is_left_out(runs: Callable[[str], RunFolder]) -> None:
    attached = attach(experiment(runs("masked"), "tasks.segmentation=null"), runs("masked"))
    assert attached.network.trunk is None
    assert attached.new == set()


def test_a_head_can_start_afresh(runs: Callable[[str], RunFolder]) -> None:
    run = runs("masked")
    recipe = experiment(run)
    attached = attach(recipe, run, fresh={"segmentation"})
    assert attached.new == {"heads.segmentation"}
    networks = (attached.network, recipe.build_network(pretrained=False), open_trained(run)[1])
    head, built, trained = (network.get_parameter("heads.segmentation.predict.weight") for network in networks)
    assert torch.equal(head, built)
    assert not torch.equal(head, trained)


def test_a_run_that_was_adapted_from_a_compact_one_can_be_adapted_again(
    runs: Callable[[str], RunFolder], tmp_path: Path
) -> None:
    source = runs("masked compact")
    recipe = experiment(source, EDGES)
    first = attach(recipe, source)
    made = adapted_run(source, recipe, first, tmp_path)
    second = attach(experiment(made, "tasks.depth={}"), made)
    assert second.new == {"heads.depth"}
    assert torch.equal(predict(second.network)["edges"], predict(first.network)["edges"])
    with pytest.raises(
        UsageError, match=r"compact already: it was adapted from .*00\d, which is. .* compact .*001 with"
    ):
        compact_run(made)


def test_a_folded_run_is_refused(runs: Callable[[str], RunFolder]) -> None:
    run = runs("masked folded")
    with pytest.raises(UsageError, match=r"00\d: its norms were folded .* Compact .*001 again without --fold"):
        attach(experiment(run, EDGES), run)


def test_growth_is_refused_where_channels_are_gone(runs: Callable[[str], RunFolder]) -> None:
    refuse_growth(runs("masked"))
    with pytest.raises(
        UsageError, match=r"its channels are gone, not zero. Adapt the run that it was made from, .*001,"
    ):
        refuse_growth(runs("masked compact"))


@pytest.mark.parametrize("kind", ["masked", "masked compact"])
def test_weights_of_another_network_are_refused(runs: Callable[[str], RunFolder], kind: str) -> None:
    run = runs(kind)
    with pytest.raises(UsageError, match=r"00\d: its weights are of backbone 'test_resnet', and .*yaml has 'resnet18'"):
        attach(experiment(run, "backbone.model=resnet18"), run)
    width = {
        "masked": r"its `trunk` do not fit .*yaml: `laterals.0.0.weight` is \(32, 32, 1, 1\) in the run and \(16, 32, 1",
        "masked compact": r"structure.json: does not fit .* Space `trunk.\S+` has 16 channels in the network, 32 in the",
    }
    with pytest.raises((UsageError, StructureError), match=width[kind]):
        attach(experiment(run, "decoder.width=16"), run)
    with pytest.raises(UsageError, match=r"its `heads.segmentation` do not fit .* Leave `tasks.segmentation`"):
        attach(experiment(run, "tasks.segmentation.head=aspp"), run)


class Raw(nn.Module):
    """Predicts the trunk's map itself."""

    def forward(self, features: Features) -> Tensor:
        assert features.trunk is not None
        return features.trunk


class Tied(nn.Module):
    """Adds a map of the backbone to the trunk's, so that both have to lose the same channels."""

    def __init__(self, info: FeatureInfo) -> None:
        super().__init__()
        self.predict = nn.Conv2d(info.trunk_channels, 1, 1)

    def forward(self, features: Features) -> Tensor:
        assert features.trunk is not None
        found: Tensor = self.predict(
            torch.relu(
                features.trunk + resize(features.backbone[0], (features.trunk.shape[-2], features.trunk.shape[-1]))
            )
        )
        return found


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (
            lambda _: Raw(),
            "`trunk.smooth.0.1` keeps its 32 channels: its channels are part of the prediction of `edges`",
        ),
        (Tied, r"removed from `trunk\.smooth\.0\.1\.weight`: they are tied to those of `backbone\.\S+`"),
    ],
)
def test_a_head_that_ties_lost_channels_together_is_named(
    runs: Callable[[str], RunFolder], head: Any, reason: str
) -> None:
    run = runs("masked compact")
    recipe = experiment(run, EDGES)
    recipe.tasks["edges"] = SimpleNamespace(head=head)  # type: ignore[assignment]
    with pytest.raises(StructureError, match=rf"with the head of task 'edges' the channels .* {reason}"):
        attach(recipe, run)
    dense = experiment(runs("masked"), EDGES)
    dense.tasks["edges"] = SimpleNamespace(head=head)  # type: ignore[assignment]
    assert attach(dense, runs("masked")).new == {"heads.edges"}
