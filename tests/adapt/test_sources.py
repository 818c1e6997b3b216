"""What an adaptation starts from: the run, random weights, a pretrained backbone, another run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from mstasks.adapt.attach import Attached
from mstasks.adapt.recipe import Plan, plan
from mstasks.adapt.sources import Source, baseline, own_source, reference_start
from mstasks.errors import UsageError
from mstasks.heads import DenseHead
from mstasks.recipe import dump_resolved, load_recipe
from mstasks.runfolder import RunFolder
from mstasks.trained import open_trained

Runs = Callable[[str], RunFolder]


def part(attached: Attached, name: str) -> dict[str, Tensor]:
    return dict(attached.network.get_submodule(name).state_dict())


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[name]) for name, value in one.items())


def planned(run: RunFolder, *overrides: str, task: str = "depth") -> Plan:
    return plan(run, task, overrides)


def assert_starts_the_same_each_time(source: Source) -> None:
    one, two = source.start(), source.start()
    assert one.network is not two.network
    assert not one.network.training
    assert same(dict(one.network.state_dict()), dict(two.network.state_dict()))


def test_the_run_itself_gets_a_head_for_the_task(runs: Runs) -> None:
    source = own_source(planned(runs("dense")), runs("dense"))
    assert source.name == "adapted"
    assert_starts_the_same_each_time(source)
    started = source.start()
    assert started.new == {"heads.depth"}
    trained = open_trained(runs("dense"))[1]
    for name in ("backbone", "trunk", "heads.segmentation"):
        assert same(part(started, name), dict(trained.get_submodule(name).state_dict()))


@pytest.mark.parametrize(("strategy", "new"), [("all-at-once", set()), ("new-decoder", {"heads.segmentation"})])
def test_a_seen_task_goes_on_from_its_head_unless_the_strategy_brings_one(
    runs: Runs, strategy: str, new: set[str]
) -> None:
    chosen = planned(runs("dense"), f"adapt.strategy={strategy}", task="segmentation")
    started = own_source(chosen, runs("dense")).start()
    assert started.new == new
    if not new:
        head = open_trained(runs("dense"))[1].get_submodule("heads.segmentation")
        assert same(part(started, "heads.segmentation"), dict(head.state_dict()))


FOLDER = (
    "data.dataset=folder", "data.root=mine", "data.targets.segmentation={kind: label-map, names: [soil, wheat]}",
    "data.targets.depth={kind: depth-map, unit: metres}",
)  # fmt: skip


@pytest.mark.parametrize("classes", ["[soil, wheat]", "[a, b, c, d, e, f, g, h, i, j, k, l, m]"])
def test_the_head_of_a_task_that_only_shares_the_name_is_not_taken(runs: Runs, classes: str) -> None:
    other = planned(runs("dense"), *FOLDER, f"data.targets.segmentation.names={classes}", task="segmentation")
    started = own_source(other, runs("dense")).start()
    assert started.new == {"heads.segmentation"}
    trained = dict(open_trained(runs("dense"))[1].get_submodule("trunk").state_dict())
    assert same(part(started, "trunk"), trained)


@pytest.mark.parametrize("strategy", ["ridge", "probe"])
def test_features_that_nobody_trained_are_not_taken_as_they_are(runs: Runs, strategy: str) -> None:
    chosen = planned(runs("image-level"), f"adapt.strategy={strategy}")
    with pytest.raises(UsageError) as caught:
        own_source(chosen, runs("image-level")).start()
    assert str(caught.value) == (
        f"{runs('image-level').path}: strategy {strategy!r} fits a head to features that stay as they are, and the run "
        "has no trained trunk for task 'depth', as none of its tasks reads one. Take a strategy that trains a trunk or "
        "needs none: head-first, all-at-once, fast, bitfit or new-decoder."
    )
    other = baseline(planned(runs("dense"), f"adapt.strategy={strategy}"), runs("image-level").path)
    with pytest.raises(UsageError, match=r"has no trained trunk for task 'depth'"):
        other.start()


@pytest.mark.parametrize(
    ("strategy", "task", "new"),
    [
        ("fast", "depth", {"trunk", "heads.depth"}),
        ("new-decoder", "depth", {"heads.depth"}),
        ("ridge", "attributes", {"heads.attributes"}),
        ("probe", "attributes", {"heads.attributes"}),
    ],
)
def test_what_needs_no_trained_trunk_is_done(runs: Runs, strategy: str, task: str, new: set[str]) -> None:
    chosen = planned(runs("image-level"), f"adapt.strategy={strategy}", task=task)
    assert own_source(chosen, runs("image-level")).start().new == new


def test_references_read_the_network_that_is_adapted(runs: Runs) -> None:
    for run, task in (("dense", "depth"), ("image-level", "attributes"), ("compact", "depth")):
        chosen = planned(runs(run), task=task)
        started = own_source(chosen, runs(run)).start()
        assert reference_start(chosen, runs(run), started) is started


@pytest.mark.parametrize("run", ["dense", "masked", "compact"])
@pytest.mark.parametrize("chosen", ["adapt.strategy=new-decoder", "unseen.depth.head=aspp"])
def test_references_keep_the_trunk_that_no_head_reads(runs: Runs, run: str, chosen: str) -> None:
    moved = planned(runs(run), *FOLDER, chosen)
    started = own_source(moved, runs(run)).start()
    assert started.network.trunk is None
    reference = reference_start(moved, runs(run), started)
    assert reference.new == {"heads.depth"}
    for name in ("backbone", "trunk"):
        assert same(part(reference, name), dict(open_trained(runs(run))[1].get_submodule(name).state_dict()))


def test_references_make_no_trunk_of_their_own(runs: Runs) -> None:
    chosen = planned(runs("image-level"), "adapt.strategy=new-decoder")
    started: Any = own_source(chosen, runs("image-level")).start()
    reference = reference_start(chosen, runs("image-level"), started)
    assert "trunk" in reference.new
    assert not same(part(reference, "trunk"), part(own_source(planned(runs("dense")), runs("dense")).start(), "trunk"))


def test_scratch_is_random_in_every_part_and_does_the_task_alone(runs: Runs) -> None:
    chosen = planned(runs("masked"))
    source = baseline(chosen, "scratch")
    assert source.name == "scratch"
    assert_starts_the_same_each_time(source)
    started = source.start()
    assert started.new == {"backbone", "trunk", "heads.depth"}
    assert list(started.network.heads) == ["depth"]
    own = own_source(chosen, runs("masked")).start()
    for name in ("backbone", "trunk"):
        assert not same(part(started, name), part(own, name))
        assert all(bool(value.any()) for key, value in part(started, name).items() if value.dim() > 1), name
    assert type(started.network.heads["depth"]) is DenseHead


def test_a_pretrained_backbone_is_the_recipe_s(recipe_file: Path, tmp_path: Path) -> None:
    torch.manual_seed(7)
    model = timm.create_model("test_resnet")
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    made = RunFolder(tmp_path)
    weights = f"backbone.weights={tmp_path / 'weights.safetensors'}"
    made.recipe.write_text(dump_resolved(load_recipe(recipe_file, [weights]).recipe))
    chosen = planned(made)
    sources = [baseline(chosen, name) for name in ("imagenet", "scratch")]
    assert [source.name for source in sources] == ["imagenet (weights.safetensors)", "scratch"]
    pretrained, scratch = (source.start() for source in sources)
    assert pretrained.new == {"trunk", "heads.depth"}
    found, known = part(pretrained, "backbone"), dict(model.state_dict())
    shared = {name.removeprefix("model."): value for name, value in found.items()}
    assert shared.keys() <= known.keys()
    assert all(torch.equal(value, known[name]) for name, value in shared.items())
    assert not same(found, part(scratch, "backbone"))
    for name in ("trunk", "heads.depth"):
        assert part(pretrained, name).keys() == part(scratch, name).keys()


def test_without_one_it_is_timm_s(runs: Runs) -> None:
    source = baseline(planned(runs("dense")), "imagenet")
    assert (source.name, source.experiment.recipe.backbone.weights) == ("imagenet", "imagenet")


def test_a_pretrained_backbone_has_all_channels_of_its_weights(runs: Runs, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "narrow")
    shutil.copytree(runs("dense").path, run.path)
    recipe = load_recipe(run.recipe).recipe
    backbone = recipe.backbone.model_copy(update={"structure": 0.5})
    run.recipe.write_text(dump_resolved(recipe.model_copy(update={"backbone": backbone})))
    chosen = planned(run, f"backbone.weights={tmp_path / 'w.safetensors'}", "adapt.baselines=[imagenet, scratch]")
    sources = [baseline(chosen, name) for name in ("imagenet", "scratch")]
    assert [source.experiment.recipe.backbone.structure for source in sources] == [None, 0.5]


def test_the_pretrained_backbone_may_be_a_file(runs: Runs, tmp_path: Path) -> None:
    torch.manual_seed(7)
    model = timm.create_model("test_resnet")
    save_file(model.state_dict(), tmp_path / "fetched.safetensors")
    given = [f"backbone.weights={tmp_path / 'fetched.safetensors'}", "adapt.baselines=[imagenet, scratch]"]
    chosen = planned(runs("dense"), *given)
    source = baseline(chosen, "imagenet")
    assert source.name == "imagenet (fetched.safetensors)"
    started = source.start()
    assert started.new == {"trunk", "heads.depth"}
    assert torch.equal(
        started.network.get_parameter("backbone.model.conv1.0.weight"), model.state_dict()["conv1.0.weight"]
    )
    scratch = baseline(chosen, "scratch").start()
    assert not same(part(scratch, "backbone"), part(started, "backbone"))
    own = own_source(chosen, runs("dense")).start()
    assert same(part(own, "backbone"), dict(open_trained(runs("dense"))[1].get_submodule("backbone").state_dict()))


def test_another_run_lends_backbone_and_trunk_and_gets_the_same_kind_of_head(runs: Runs) -> None:
    chosen = planned(runs("masked"), "unseen.depth.head={name: trunk, block: full}")
    source = baseline(chosen, runs("dense").path)
    assert_starts_the_same_each_time(source)
    started, trained = source.start(), open_trained(runs("dense"))[1]
    assert started.new == {"heads.depth"}
    assert list(started.network.heads) == ["depth"]
    for name in ("backbone", "trunk"):
        assert same(part(started, name), dict(trained.get_submodule(name).state_dict()))
    own = own_source(chosen, runs("masked")).start()
    assert part(started, "heads.depth").keys() == part(own, "heads.depth").keys()


def test_what_is_zero_in_another_run_is_found_by_its_own_groups(runs: Runs, tmp_path: Path) -> None:
    other = tmp_path / "tiny" / "001"
    shutil.copytree(runs("masked").path, other)
    groups = ["sparsity.groups=input-channel", "sparsity.strength=controller"]
    RunFolder(other).recipe.write_text(dump_resolved(load_recipe(RunFolder(other).recipe, groups).recipe))
    sparsity = baseline(planned(runs("dense")), other).experiment.recipe.sparsity
    assert sparsity is not None
    assert sparsity.groups == "input-channel"


def test_a_seen_task_of_another_run_starts_afresh(runs: Runs) -> None:
    source = baseline(planned(runs("masked"), task="segmentation"), runs("dense").path)
    assert source.start().new == {"heads.segmentation"}


def test_runs_are_called_by_as_much_of_their_path_as_tells_them_apart(runs: Runs, tmp_path: Path) -> None:
    paths = [tmp_path / folder / "tiny" / "001" for folder in ("a", "b")] + [tmp_path / "a" / "other" / "001"]
    for path in paths:
        shutil.copytree(runs("dense").path, path)
    chosen = planned(runs("masked"), f"adapt.baselines=[scratch, {', '.join(map(str, paths))}]")
    names = [baseline(chosen, name).name for name in chosen.recipe.adapt.baselines]
    assert names == ["scratch", "a/tiny/001", "b/tiny/001", "other/001"]


def test_a_folder_that_is_no_run_is_said_so(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: not a run folder: it does not exist"):
        baseline(planned(runs("dense")), tmp_path / "nowhere")


def test_a_run_with_several_networks_is_refused(runs: Runs) -> None:
    with pytest.raises(UsageError, match=r"a single-task run holds 2 networks\. .*tasks/attributes"):
        baseline(planned(runs("dense")), runs("single-task").path)
