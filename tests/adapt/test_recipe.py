"""The recipe of an adapted run: the parent's with the task among its tasks, and nothing else that made the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mstasks.adapt.recipe import Plan, plan, tasks_to_adapt
from mstasks.adapt.strategies import Fast, HeadFirst, NewDecoder
from mstasks.errors import UsageError
from mstasks.recipe import dump_resolved, load_recipe
from mstasks.recipe.errors import RecipeErrors
from mstasks.runfolder import RunFolder

Make = Callable[..., RunFolder]


@pytest.fixture
def run(recipe_file: Path, tmp_path: Path) -> Make:
    """Makes a run folder that holds a recipe and nothing else: more is not needed here. Takes overrides."""

    def make(*overrides: str) -> RunFolder:
        made = RunFolder(tmp_path)
        made.recipe.write_text(dump_resolved(load_recipe(recipe_file, overrides).recipe))
        return made

    return make


def test_the_unseen_tasks_are_adapted_to_if_none_is_named(run: Make) -> None:
    assert tasks_to_adapt(run("unseen.normals={}"), None) == ("depth", "normals")
    assert tasks_to_adapt(run(), "edges") == ("edges",)
    assert tasks_to_adapt(run("unseen=null"), None, ["unseen.edges={}", "adapt.shots=3"]) == ("edges",)


def test_without_any_the_person_is_asked(run: Make) -> None:
    made = run("unseen=null")
    with pytest.raises(UsageError) as caught:
        tasks_to_adapt(made, None)
    assert str(caught.value) == (
        f"{made.path}: which task? Its recipe names none under `unseen`. Say --task NAME; `mstasks ls tasks` lists them."
    )


def test_an_unseen_task_becomes_one_of_the_tasks(run: Make) -> None:
    made = run("unseen.depth.loss=l1", "unseen.normals={}")
    planned = plan(made, "depth", [])
    before = load_recipe(made.recipe).recipe
    assert list(planned.recipe.tasks) == ["segmentation", "attributes", "depth"]
    assert planned.recipe.tasks["depth"] == before.unseen["depth"]
    assert list(planned.recipe.unseen) == ["normals"]
    assert planned.recipe.model_copy(update={"tasks": before.tasks, "unseen": before.unseen}) == before
    assert (planned.task, planned.fresh, planned.released) == ("depth", False, ())
    assert isinstance(planned.strategy, HeadFirst)


def test_it_can_be_read_back(run: Make, tmp_path: Path) -> None:
    planned = plan(run(), "depth", ["adapt.strategy=probe", "adapt.seen=distill"])
    (tmp_path / "again.yaml").write_text(dump_resolved(planned.recipe))
    assert load_recipe(tmp_path / "again.yaml").recipe == planned.recipe


def test_a_task_that_the_recipe_does_not_know_gets_an_entry(run: Make) -> None:
    planned = plan(run(), "edges", ["unseen.edges.head=aspp"])
    assert planned.recipe.tasks["edges"].task == "edges"
    assert planned.recipe.tasks["edges"].head is not None
    assert planned.recipe.tasks["edges"].head.name == "aspp"
    assert list(planned.recipe.unseen) == ["depth"]


def test_it_may_have_a_name_of_its_own(run: Make) -> None:
    own = [
        "unseen.cluttered.task=attributes",
        "unseen.cluttered.target=attributes",
        "unseen.cluttered.names=[cluttered]",
    ]
    entry = plan(run(), "cluttered", own).recipe.tasks["cluttered"]
    assert (entry.task, entry.target) == ("attributes", "attributes")
    assert entry.options is not None
    assert entry.options.model_dump()["names"] == ("cluttered",)


def test_a_seen_task_stays_where_it_is(run: Make) -> None:
    made = run()
    before = load_recipe(made.recipe).recipe
    planned = plan(made, "segmentation", [])
    assert planned.recipe == before
    assert not planned.fresh


@pytest.mark.parametrize(("task", "fresh", "head"), [("depth", True, "decoder"), ("attributes", False, None)])
def test_the_strategy_may_choose_the_head(run: Make, task: str, fresh: bool, head: str | None) -> None:
    planned = plan(run(), task, ["adapt.strategy={name: new-decoder, steps: 2}"])
    chosen = planned.recipe.tasks[task].head
    assert planned.fresh == fresh
    assert (None if chosen is None else chosen.name) == head
    assert isinstance(planned.strategy, NewDecoder)
    assert planned.strategy.phases(10)[0].steps == 2


def test_a_strategy_by_name_drops_the_options_of_the_former_one(run: Make) -> None:
    strategy = plan(run(), "depth", ["adapt.strategy=fast"]).strategy
    assert isinstance(strategy, Fast)
    assert strategy.options.steps is None


@pytest.mark.parametrize("text", ["optim.lr=1", "backbone.model=resnet18", "seed=3", "tasks.edges={}", "nonsense=1"])
def test_what_made_the_network_cannot_be_changed(run: Make, text: str) -> None:
    section = text.partition("=")[0].partition(".")[0]
    with pytest.raises(UsageError) as caught:
        plan(run(), "depth", [text])
    assert str(caught.value) == (
        f"'{text}': `{section}` cannot be changed here, since the trained network depends on it. Allowed: adapt.…, "
        "unseen.…, data.…, device.…, run.…, optim.precision and, for the baseline imagenet, backbone.weights; train "
        "another run for anything else."
    )


@pytest.mark.parametrize("text", ["data.batch_size=2", "device=auto", "run.pictures=1", "optim.precision=bfloat16"])
def test_what_does_not_change_the_network_may_be_changed(run: Make, text: str) -> None:
    assert plan(run(), "depth", [text]).recipe != plan(run(), "depth", []).recipe


def test_an_unknown_task_is_a_suggestion(run: Make) -> None:
    with pytest.raises(RecipeErrors, match=r"unknown task 'normal'.*[Dd]id you mean 'normals'\?"):
        plan(run(), "normal", [])


def test_an_unknown_strategy_is_a_suggestion(run: Make) -> None:
    with pytest.raises(RecipeErrors, match=r"'bitfitt'.*[Dd]id you mean 'bitfit'\?"):
        plan(run(), "depth", ["adapt.strategy=bitfitt"])


FOLDER = (
    "data.root={root}",
    "data.targets.depth={{kind: depth-map, scale: 0.001}}",
    "data.split={{val: 0.2, test: 0.2}}",
)


@pytest.fixture
def moved(tmp_path: Path) -> list[str]:
    """Overrides that choose a folder of photographs with depth maps."""
    for part in ("images", "depth"):
        (tmp_path / "mine" / part).mkdir(parents=True)
    for index in range(10):
        Image.new("RGB", (48, 32)).save(tmp_path / "mine/images" / f"{index}.png")
        Image.fromarray(np.full((32, 48), 1000, np.uint16)).save(tmp_path / "mine/depth" / f"{index}.png")
    return [text.format(root=tmp_path / "mine") for text in FOLDER]


def assert_moved(planned: Plan, released: tuple[str, ...]) -> None:
    assert planned.recipe.data.dataset == "folder"
    assert list(planned.recipe.tasks) == ["depth"]
    assert not planned.recipe.unseen
    assert planned.released == released


@pytest.mark.parametrize("chosen", ["data.dataset=folder", "data.dataset = folder"])
def test_another_data_set_leaves_the_seen_tasks_out(run: Make, moved: list[str], chosen: str) -> None:
    own = [chosen, *moved, "unseen.depth.loss=l1"]
    planned = plan(run("unseen.normals={}"), "depth", own)
    assert_moved(planned, ("segmentation", "attributes"))
    options = planned.recipe.tasks["depth"].options
    assert options is not None
    assert options.model_dump()["loss"] == "l1"


def test_options_of_the_task_move_along(run: Make, moved: list[str]) -> None:
    made = run("unseen.depth={typical: 7.5, head: {name: trunk, block: full}}")
    planned = plan(made, "depth", ["data.dataset=folder", *moved])
    assert planned.recipe.tasks["depth"] == load_recipe(made.recipe).recipe.unseen["depth"]


def test_a_seen_task_can_move_too(run: Make, moved: list[str]) -> None:
    made = run("unseen=null", "tasks.depth={}")
    assert_moved(plan(made, "depth", ["data.dataset=folder", *moved]), ("segmentation", "attributes"))


@pytest.fixture
def folder_run(run: Make, moved: list[str], tmp_path: Path) -> RunFolder:
    """A run whose images come from a folder, with classes and depths, and some of them left out."""
    (tmp_path / "bad.txt").write_text("3\n")
    masks = "data.targets.masks={kind: label-map, names: [floor, wall]}"
    tasks = ["tasks.attributes=null", "tasks.segmentation.target=masks", "unseen=null", "tasks.depth={}"]
    return run("data.dataset=folder", *moved, masks, *tasks, f"data.exclude={tmp_path / 'bad.txt'}")


def test_a_data_set_that_is_named_again_has_other_images(folder_run: RunFolder, moved: list[str]) -> None:
    planned = plan(folder_run, "depth", ["data.dataset=folder", *moved])
    assert_moved(planned, ("segmentation",))
    assert planned.fresh
    options = planned.recipe.data.options
    assert options is not None
    assert list(options.model_dump()["targets"]) == ["depth"], "nothing of the former folder is left"
    assert planned.recipe.data.exclude is None


def test_another_place_of_the_same_data_leaves_nothing_out(folder_run: RunFolder, tmp_path: Path) -> None:
    planned = plan(folder_run, "depth", [f"data.root={tmp_path / 'moved'}"])
    assert list(planned.recipe.tasks) == ["segmentation", "depth"]
    assert (planned.fresh, planned.released) == (False, ())
    assert planned.recipe.data.exclude is not None


@pytest.mark.parametrize(
    ("names", "fresh"), [("[wall, floor]", True), ("[floor, wall, sofa]", True), ("[floor, wall]", False)]
)
def test_a_head_that_was_trained_for_other_labels_starts_afresh(folder_run: RunFolder, names: str, fresh: bool) -> None:
    planned = plan(folder_run, "segmentation", [f"data.targets.masks.names={names}"])
    assert (planned.fresh, planned.released) == (fresh, ())


def test_what_a_flip_swaps_is_no_other_label(folder_run: RunFolder) -> None:
    assert not plan(folder_run, "segmentation", ["data.targets.masks.pairs=[[floor, wall]]"]).fresh


@pytest.mark.parametrize("text", ["data={dataset: folder}", " data = {dataset: folder}"])
def test_a_data_set_cannot_hide_in_a_mapping(run: Make, text: str) -> None:
    with pytest.raises(UsageError, match=r"'.*': name the keys of `data` one by one, such as data\.dataset=NAME"):
        plan(run(), "depth", [text])


def test_nor_can_the_task_with_another_data_set(run: Make, moved: list[str]) -> None:
    whole = "unseen={depth: {loss: l1}}"
    assert plan(run(), "depth", [whole]).recipe.tasks["depth"].options is not None
    with pytest.raises(UsageError) as caught:
        plan(run(), "depth", ["data.dataset=folder", *moved, whole])
    assert str(caught.value) == (
        f"'{whole}': with another data set, name the keys of the task one by one, such as unseen.depth.task=NAME."
    )


@pytest.mark.parametrize("text", ["unseen.depth.loss=l1", " unseen . depth . loss = l1", "unseen.depth ={loss: l1}"])
def test_spaces_do_not_hide_an_option_of_the_task(run: Make, moved: list[str], text: str) -> None:
    options = plan(run(), "depth", ["data.dataset=folder", *moved, text]).recipe.tasks["depth"].options
    assert options is not None
    assert options.model_dump()["loss"] == "l1"


def test_another_data_set_needs_to_hear_of_the_task(run: Make) -> None:
    chosen = ["data.dataset=folder", "data.root=mine"]
    assert tasks_to_adapt(run(), "depth", chosen) == ("depth",)
    with pytest.raises(UsageError) as caught:
        tasks_to_adapt(run(), None, chosen)
    assert str(caught.value) == "'data.dataset=folder': which of its labels is to be learned? Say --task NAME."


def test_an_unseen_task_may_be_about_a_target_of_the_command_line(folder_run: RunFolder) -> None:
    own = ["data.targets.far={kind: depth-map, folder: depth, unit: metres}", "unseen.far.task=depth"]
    assert tasks_to_adapt(folder_run, None, own) == ("far",)


WEIGHTS = "backbone.weights=other.safetensors"


def test_pretrained_weights_are_those_of_the_baseline_alone(run: Make) -> None:
    assert plan(run(), "depth", ["adapt.baselines=[imagenet]"]).pretrained is None
    planned = plan(run(), "depth", ["adapt.baselines=[imagenet]", WEIGHTS])
    assert planned.pretrained == Path("other.safetensors").absolute()
    assert planned.recipe.backbone.weights == "random", "the run was not trained from them"


def test_pretrained_weights_that_nothing_would_read_are_refused(run: Make) -> None:
    with pytest.raises(UsageError) as caught:
        plan(run(), "depth", [WEIGHTS, "adapt.baselines=[scratch]"])
    assert str(caught.value) == (
        f"'{WEIGHTS}': only the baseline imagenet reads it, since the run has weights of its own. Add --baseline "
        "imagenet, or leave it out."
    )
    with pytest.raises(UsageError, match=r"'backbone.weights=random': the baseline imagenet has pretrained weights"):
        plan(run(), "depth", ["backbone.weights=random", "adapt.baselines=[imagenet]"])
