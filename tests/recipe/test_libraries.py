"""The second pass: names that only timm and albumentations know, in the same words and with the same places."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_recipes import GOOD, changed
from recipe_fixtures import Load

from mstasks.recipe import RecipeErrors, check_names


def refusal(load: Load, text: str, *overrides: str) -> list[str]:
    loaded = load(text, overrides)
    with pytest.raises(RecipeErrors) as caught:
        check_names(loaded)
    return str(caught.value).split("\n")


def augmented(items: str) -> str:
    return changed("batch_size: 8", f"augment: [{items}]")


@pytest.mark.parametrize("model", ["resnet18", "resnet18.a1_in1k", "tf_efficientnet_lite0", "mobilenetv3_small_050"])
def test_timm_models_pass_with_and_without_a_tag(load: Load, model: str) -> None:
    check_names(load(GOOD.replace("resnet18", model)))


@pytest.mark.parametrize(
    ("model", "meant"),
    [("resnet_18", "resnet18"), ("ResNet50", "resnet50"), ("efficientnet_lite_0", "efficientnet_lite0")],
)
def test_an_unknown_model_is_named_with_the_nearest(load: Load, model: str, meant: str) -> None:
    (line,) = refusal(load, GOOD.replace("resnet18", model))
    assert line.startswith(f"r.yaml:6:19: unknown backbone '{model}'; allowed: one of the ")
    assert line.endswith(f" (`timm.list_models()`); did you mean '{meant}'?")


def test_an_unknown_tag_is_named_with_the_nearest(load: Load) -> None:
    (line,) = refusal(load, GOOD.replace("resnet18", "resnet18.a1_in2k"))
    assert line.startswith("r.yaml:6:19: unknown backbone 'resnet18.a1_in2k'; allowed: resnet18 alone, or with one of ")
    assert line.endswith("tags of weights; did you mean 'resnet18.a1_in1k'?")


@pytest.mark.parametrize("model", ["hf-hub:timm/resnet18", "local-dir:/x", "timm/resnet18"])
def test_models_from_elsewhere_are_not_fetched(load: Load, model: str) -> None:
    (line,) = refusal(load, GOOD.replace("{model: resnet18}", f"{{model: '{model}'}}"))
    assert line.startswith(f"r.yaml:6:19: unknown backbone '{model}'")


def test_a_weights_file_must_be_there(load: Load, folder: Path) -> None:
    text = GOOD.replace("resnet18}", "resnet18, weights: w.safetensors}")
    assert refusal(load, text) == [
        f"r.yaml:6:38: backbone.weights: {folder}/w.safetensors does not exist; "
        "name a .safetensors file, 'imagenet' or 'random'"
    ]
    (folder / "w.safetensors").write_bytes(b"")
    check_names(load(text))


def test_a_reference_is_the_folder_of_a_complete_run(load: Load, folder: Path) -> None:
    text = GOOD + "method: sparse\nsparsity: {target: {macs: 0.5}, reference: runs/dense}\n"
    remedy = "name the folder of a complete run"
    assert refusal(load, text) == [f"r.yaml:11:44: sparsity.reference: {folder}/runs/dense does not exist; {remedy}"]
    (folder / "runs" / "dense").mkdir(parents=True)
    assert refusal(load, text) == [
        f"r.yaml:11:44: sparsity.reference: {folder}/runs/dense has no summary.json; {remedy}"
    ]
    (folder / "runs" / "dense" / "summary.json").write_text("{}")
    check_names(load(text))


def test_good_augmentations_pass(load: Load) -> None:
    check_names(load(augmented("HorizontalFlip, {RandomResizedCrop: {scale: [0.5, 1.0]}}, {ColorJitter: {p: 0.5}}")))


@pytest.mark.parametrize(
    ("item", "column", "words"),
    [
        ("HorizontlFlip", 13, ["HorizontlFlip", "HorizontalFlip"]),
        ("{HorizontlFlip: {p: 0.5}}", 14, ["HorizontlFlip", "HorizontalFlip"]),
        ("{HorizontalFlip: {probability: 0.5}}", 31, ["probability"]),
        ("{HorizontalFlip: {p: 2}}", 31, ["p", "2"]),
        ("{HorizontalFlip: {p: often}}", 31, ["p", "often"]),
        ("{ColorJitter: {p: 0.5, brightness: bright}}", 36, ["brightness", "bright"]),
        ("{OneOf: {transforms: []}}", 14, ["OneOf"]),
        ("Compose", 13, ["Compose"]),
        ("'os'", 13, ["os"]),
    ],
)
def test_a_bad_augmentation_is_named_at_its_place(load: Load, item: str, column: int, words: list[str]) -> None:
    (line,) = refusal(load, augmented(item))
    assert line.startswith(f"r.yaml:5:{column}: ")
    for word in words:
        assert word in line


def test_a_misspelt_transform_and_a_misspelt_argument_in_full(load: Load) -> None:
    (line,) = refusal(load, augmented("HorizontlFlip"))
    assert line.startswith("r.yaml:5:13: unknown transform 'HorizontlFlip'; albumentations ")
    assert line.endswith(" has none; did you mean 'HorizontalFlip'?")
    (line,) = refusal(load, augmented("{HorizontalFlip: {pp: 0.5}}"))
    assert line == "r.yaml:5:31: HorizontalFlip has no argument 'pp'; it takes p; did you mean 'p'?"


def test_all_errors_come_at_once_in_order(load: Load) -> None:
    text = augmented("HorizontalFlip, Blurr, {HorizontalFlip: {q: 1}}").replace("resnet18", "resnet1")
    lines = refusal(load, text, "backbone.weights=w.safetensors")
    assert [line.split(": ")[0] for line in lines] == ["r.yaml:5:29", "r.yaml:5:54", "r.yaml:6:19", "command line"]


def test_a_structure_is_the_folder_of_a_complete_sparse_run(load: Load, folder: Path) -> None:
    text = GOOD.replace("resnet18}", "resnet18, structure: runs/thin}")
    remedy, run = "name the folder of a complete run", folder / "runs" / "thin"
    assert refusal(load, text) == [f"r.yaml:6:40: backbone.structure: {run} does not exist; {remedy}"]
    run.mkdir(parents=True)
    assert refusal(load, text) == [f"r.yaml:6:40: backbone.structure: {run} has no summary.json; {remedy}"]
    (run / "summary.json").write_text("{}")
    (run / "resolved.yaml").write_text(GOOD)
    assert refusal(load, text) == [
        f"r.yaml:6:40: backbone.structure: {run} has neither sparsity.json nor structure.json; name a complete run of "
        "method sparse or meta-sparsity, or one that `mstasks compact` made"
    ]
