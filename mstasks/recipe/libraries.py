"""The second pass: names that only timm and albumentations know, and files that must be there. Imports torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mstasks.plugins import resolve
from mstasks.recipe.errors import Problems
from mstasks.recipe.load import LoadedRecipe
from mstasks.recipe.tree import Place, TreePath, at, key_place, mapping, value_place
from mstasks.recipe.wording import did_you_mean, quote


def check_names(loaded: LoadedRecipe) -> None:
    """Check the backbone's name, its weights file and every augmentation.

    Args:
        loaded: A recipe that passed the first pass.

    Raises:
        RecipeErrors: Unknown timm models and tags, a weights file or a run that is not there, unknown transforms,
            wrong arguments, and transforms that cannot be applied honestly to a target of the recipe.
    """
    problems = Problems()
    _check_backbone(loaded, problems)
    _check_weights_file(loaded, problems)
    _check_structure(loaded, problems)
    _check_augmentations(loaded, problems)
    _check_reference(loaded, problems)
    problems.raise_if_any()


def _check_backbone(loaded: LoadedRecipe, problems: Problems) -> None:
    import timm
    from timm.models import get_pretrained_cfg, list_pretrained

    name = loaded.recipe.backbone.model
    place = value_place(loaded.tree, ("backbone", "model"))
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture) or ":" in name or "/" in name:
        names = timm.list_models()
        allowed = f"allowed: one of the {len(names)} models of timm {timm.__version__} (`timm.list_models()`)"
        problems.add(place, f"unknown backbone {quote(name)}", allowed, did_you_mean(architecture, names))
        return
    try:
        get_pretrained_cfg(name)
    except RuntimeError:
        names = [*list_pretrained(f"{architecture}.*"), architecture]
        allowed = f"allowed: {architecture} alone, or with one of {len(names) - 1} tags of weights"
        problems.add(place, f"unknown backbone {quote(name)}", allowed, did_you_mean(name, names))


def _check_weights_file(loaded: LoadedRecipe, problems: Problems) -> None:
    weights = loaded.recipe.backbone.weights
    if isinstance(weights, Path) and not weights.is_file():
        place = value_place(loaded.tree, ("backbone", "weights"))
        state = "is a folder" if weights.is_dir() else "does not exist"
        problems.add(place, f"backbone.weights: {weights} {state}", "name a .safetensors file, 'imagenet' or 'random'")


def _check_structure(loaded: LoadedRecipe, problems: Problems) -> None:
    from mstasks.narrow import surviving_channels
    from mstasks.runfolder import RunFolder

    structure = loaded.recipe.backbone.structure
    if not isinstance(structure, Path):
        return
    place = value_place(loaded.tree, ("backbone", "structure"))
    if not (structure / "summary.json").is_file():
        state = "has no summary.json" if structure.is_dir() else "does not exist"
        problems.add(place, f"backbone.structure: {structure} {state}", "name the folder of a complete run")
        return
    try:
        surviving_channels(RunFolder(structure))
    except ValueError as error:
        found, _, allowed = str(error).partition("; ")
        problems.add(place, f"backbone.structure: {found}", allowed)


def _check_reference(loaded: LoadedRecipe, problems: Problems) -> None:
    reference = None if loaded.recipe.sparsity is None else loaded.recipe.sparsity.reference
    if reference is not None and not (reference / "summary.json").is_file():
        state = "has no summary.json" if reference.is_dir() else "does not exist"
        place = value_place(loaded.tree, ("sparsity", "reference"))
        problems.add(place, f"sparsity.reference: {reference} {state}", "name the folder of a complete run")


def _check_augmentations(loaded: LoadedRecipe, problems: Problems) -> None:
    from mstasks.data.augment import check_transforms

    recipe = loaded.recipe
    declared: Any = resolve(loaded.registry.find("dataset", recipe.data.dataset).targets)(recipe.data.options)
    infos = {entry.target: declared[entry.target] for entry in recipe.tasks.values()}
    for error in check_transforms(recipe.data.augment, infos):
        problems.add(_place(loaded, error.index, error.reason), *_in_parts(error.reason))


def _in_parts(reason: str) -> tuple[str, str, str]:
    """Sentences as what was found, what is allowed, and what may have been meant."""
    found, *rest = re.split(r"(?<=\?) |(?<=\.) (?=[A-Z])", reason)
    spoken = [sentence[0].lower() + sentence[1:].rstrip(".") for sentence in rest]
    hints = [sentence for sentence in spoken if sentence.startswith("did you mean")]
    return found.rstrip("."), "; ".join(part for part in spoken if part not in hints), "; ".join(hints)


def _place(loaded: LoadedRecipe, index: int, reason: str) -> Place:
    """Where the argument is that a reason names, else the transform itself."""
    path: TreePath = ("data", "augment", index)
    name = next(iter(mapping(at(loaded.tree, path))), "")
    for argument in mapping(at(loaded.tree, (*path, name))):
        if re.search(rf"['`]{re.escape(argument)}\b", reason):
            return key_place(loaded.tree, (*path, name, argument))
    return key_place(loaded.tree, (*path, name))
