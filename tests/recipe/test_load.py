"""A loaded recipe is typed, immutable, knows where each value is from, and costs no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bad_recipes import GOOD, changed
from pydantic import ValidationError
from recipe_fixtures import Load, Write
from recipe_kitchen.options import DepthOptions, LabelsOptions, ToyOptions

from mstasks.recipe import RecipeErrors, load_recipe
from mstasks.recipe.resolved import document


def test_defaults_fill_what_is_not_written(load: Load) -> None:
    recipe = load().recipe
    assert (recipe.method, recipe.device, recipe.seed) == ("multi-task", "auto", 0)
    assert (recipe.backbone.weights, recipe.decoder.width) == ("random", 64)
    assert (recipe.tasks["labels"].task, recipe.tasks["labels"].target) == ("labels", "labels")
    assert (recipe.loss_weighting.name, recipe.loss_weighting.options) == ("fixed", None)


def test_options_are_instances_of_what_the_plugins_declare(load: Load) -> None:
    recipe = load().recipe
    assert recipe.data.options == ToyOptions()
    assert recipe.tasks["labels"].options == LabelsOptions()
    assert recipe.tasks["depth"].options == DepthOptions(loss="berhu")


def test_a_recipe_cannot_be_changed(load: Load) -> None:
    recipe = load().recipe
    with pytest.raises(ValidationError, match="frozen"):
        recipe.seed = 3
    with pytest.raises(ValidationError, match="frozen"):
        recipe.data.options.gamma = 3.0


def test_whole_numbers_are_numbers(load: Load) -> None:
    lr = load(overrides=["optim.lr=1"]).recipe.optim.lr
    assert lr == 1.0
    assert isinstance(lr, float)


@pytest.mark.parametrize("number", ["1e-3", "3e-4", "3.0e-4", "1E-3"])
def test_numbers_with_an_exponent_are_numbers(load: Load, good: str, number: str) -> None:
    assert load(good + f"optim: {{lr: {number}}}\n").recipe.optim.lr == float(number)


def test_no_and_yes_are_texts(load: Load) -> None:
    loaded = load(changed("labels: {}", "no: {task: labels, target: labels}").replace("toy-run", "yes"))
    assert loaded.recipe.name == "yes"
    assert "no" in loaded.recipe.tasks


@pytest.mark.parametrize("entry", ["{}", "null", "", "~", "{task: labels}", "{target: labels}"])
def test_a_task_without_anything_is_the_plugin_of_that_name(load: Load, entry: str) -> None:
    assert load(changed("labels: {}", f"labels: {entry}")).recipe == load().recipe


@pytest.mark.parametrize("head", ["aspp", "{name: aspp}"])
def test_a_head_by_its_name_alone(load: Load, head: str) -> None:
    found = load(changed("labels: {}", f"labels: {{head: {head}}}")).recipe.tasks["labels"].head
    assert found is not None
    assert (found.name, found.block) == ("aspp", "separable")


@pytest.mark.parametrize("weighting", ["learned", "{name: learned}", "{name: learned, temperature: 1}"])
def test_a_loss_weighting_by_its_name_alone(load: Load, good: str, weighting: str) -> None:
    found = document(load(good + f"loss_weighting: {weighting}\n").recipe)["loss_weighting"]
    assert found == {"name": "learned", "temperature": 1.0}


@pytest.mark.parametrize(
    "item", ["HorizontalFlip", "{HorizontalFlip: null}", "{HorizontalFlip: {}}", "{HorizontalFlip: }"]
)
def test_an_augmentation_by_its_name_alone(load: Load, item: str) -> None:
    assert load(changed("batch_size: 8", f"augment: [{item}]")).recipe.data.augment == ({"HorizontalFlip": {}},)


def test_every_value_has_an_origin(load: Load, good: str) -> None:
    loaded = load(good + "optim: {lr: 0.5}\n", ["optim.steps=7", "tasks.depth.weight=2"])
    origins = loaded.origins
    expected = {
        ("name",): "r.yaml:1:7",
        ("data", "size"): "r.yaml:4:9",
        ("data", "size", 1): "r.yaml:4:14",
        ("data", "classes"): "default",
        ("tasks", "labels", "task"): "default",
        ("tasks", "depth", "loss"): "r.yaml:9:17",
        ("tasks", "depth", "weight"): "command line",
        ("optim", "lr"): "r.yaml:10:13",
        ("optim", "steps"): "command line",
        ("optim", "clip"): "default",
        ("loss_weighting", "name"): "default",
        ("plugins", 0): "command line",
    }
    assert {path: origins[path] for path in expected} == expected

    def paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [path, *(found for key, inner in items for found in paths(inner, (*path, key)))]

    assert set(origins) == set(paths(document(loaded.recipe)))


def test_paths_resolve_against_the_recipes_folder_then_the_working_directory(write: Write, folder: Path) -> None:
    for name in ("sub/images", "sub/both", "both", "only_here"):
        (folder / name).mkdir(parents=True)
    for written, found in [
        ("images", "sub/images"),
        ("both", "sub/both"),
        ("only_here", "only_here"),
        ("none", "none"),
    ]:
        write(GOOD.replace("dataset: toy", f"dataset: toy\n  root: {written}"), "sub/r.yaml")
        recipe = load_recipe("sub/r.yaml", plugins=["recipe_kitchen"]).recipe
        assert recipe.data.options.root == folder / found


def test_weights_may_be_a_path(load: Load, folder: Path) -> None:
    recipe = load(changed("resnet18}", "resnet18, weights: w.safetensors}")).recipe
    assert recipe.backbone.weights == folder / "w.safetensors"


def test_plugin_files_become_absolute(write: Write, folder: Path) -> None:
    plugin = write(
        "from mstasks import TaskSpec, hookimpl\n\n\n@hookimpl\ndef register_tasks():\n"
        "    return [TaskSpec('extra_task', 'An extra one.', 'extra_plugin:Task')]\n",
        "extra_plugin.py",
    )
    write(GOOD + "  extra_task: {target: plain}\nplugins: [extra_plugin.py, recipe_kitchen]\n")
    assert load_recipe("r.yaml").recipe.plugins == (str(plugin), "recipe_kitchen")


@pytest.mark.parametrize(
    "name", ["~nobody-of-that-name/x.py", "~nobody", "", ".", "..", "a" * 5000, "/", "x y", "os.nothing"]
)
def test_plugins_that_nothing_is_called_are_refused(load: Load, good: str, name: str) -> None:
    with pytest.raises(RecipeErrors, match=r"^r.yaml:10:11: "):
        load(good + f"plugins: ['{name}']\n")


def test_a_broken_plugin_that_the_recipe_does_not_name_is_no_error(write: Write) -> None:
    write("raise RuntimeError('no')\n", "bad_plugin.py")
    write()
    assert load_recipe("r.yaml", plugins=["recipe_kitchen"]).recipe.name == "toy-run"
    with pytest.raises(RecipeErrors, match=r"^command line: --plugin bad_plugin.py: plugin 'bad_plugin' is broken"):
        load_recipe("r.yaml", plugins=["recipe_kitchen", "bad_plugin.py"])


def test_weights_are_read_by_fixed_weighting_and_one_is_always_allowed(load: Load) -> None:
    weighted = changed("labels: {}", "labels: {weight: 2.5}")
    assert load(weighted).recipe.tasks["labels"].weight == 2.5
    assert load(changed("labels: {}", "labels: {weight: 1}") + "loss_weighting: learned\n").recipe


HEAVY = ("torch", "timm", "albumentations", "torchmetrics", "torchvision", "matplotlib", "cv2")


def imported(statement: str) -> set[str]:
    """Which heavy modules a fresh interpreter has imported after a statement."""
    code = f"import sys\n{statement}\nprint(*({HEAVY!r} & sys.modules.keys()))".replace(f"{HEAVY!r}", f"set({HEAVY!r})")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_loading_a_recipe_imports_nothing_heavy(write: Write) -> None:
    write()
    support = str(Path(__file__).parent / "support")
    start = f"sys.path.insert(0, {support!r})\nfrom mstasks.recipe import load_recipe, dump_resolved, recipe_schema\n"
    statement = start + "found = load_recipe('r.yaml', ['seed=3'], ['recipe_kitchen'])\n"
    assert imported(statement + "dump_resolved(found.recipe); recipe_schema(found.registry)") == set()


def test_the_check_itself_works() -> None:
    assert imported("import cv2") == {"cv2"}


def test_importing_the_package_imports_neither_pydantic_nor_yaml() -> None:
    code = "import sys, mstasks.recipe; print(*({'pydantic', 'yaml'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_every_public_name_is_there() -> None:
    import mstasks.recipe

    for name in mstasks.recipe.__all__:
        assert getattr(mstasks.recipe, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'load_recipes'"):
        mstasks.recipe.load_recipes  # noqa: B018
