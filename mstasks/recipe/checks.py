"""What must fit together across the sections of a recipe, as far as it is known without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mstasks.errors import PluginError
from mstasks.plugins import resolve
from mstasks.recipe.core_keys import ENTRIES
from mstasks.recipe.entries import Plugged
from mstasks.recipe.errors import Problems
from mstasks.recipe.model import Data
from mstasks.recipe.tree import Node, TreePath, at, count, key_place, mapping, text, value_place
from mstasks.recipe.wording import describe, did_you_mean, listing, quote
from mstasks.specs import DatasetSpec, LossWeightingSpec
from mstasks.targets import TargetInfo

_NAMED_WEIGHTS = ("imagenet", "random")


def check_together(root: Node, plugged: Mapping[TreePath, Plugged], problems: Problems) -> None:
    """Check targets, weights and sizes against each other.

    Args:
        root: The recipe.
        plugged: Its open sections that are valid by themselves.
        problems: Gets what does not fit.
    """
    _check_targets(root, plugged, problems)
    _check_weights(root, plugged.get(("loss_weighting",)), problems)
    _check_accumulation(root, problems)
    _check_backbone_weights(root, problems)
    _check_structure(root, problems)


def _check_targets(root: Node, plugged: Mapping[TreePath, Plugged], problems: Problems) -> None:
    data = plugged.get(("data",))
    declared = None if data is None else _targets(root, data, problems)
    if data is None or declared is None:
        return
    for section, name in _entries(root):
        path: TreePath = (section, name, "target")
        written = at(root, path)
        if written is None and path[:-1] not in plugged:
            continue  # a misspelt key is an unknown task already
        target = name if written is None else text(written)
        if target is not None and target not in declared:
            place = key_place(root, path[:-1]) if written is None else written.place
            found = f"data set {quote(data.spec.name)} has no target {quote(target)}"
            problems.add(place, found, f"targets: {listing(sorted(declared))}", did_you_mean(target, declared))


def _entries(root: Node) -> list[tuple[str, str]]:
    """Section and name of each task, unseen ones too."""
    return [(section, name) for section in ENTRIES for name in mapping(at(root, (section,)))]


def _targets(root: Node, data: Plugged, problems: Problems) -> Mapping[str, TargetInfo] | None:
    """What the data set declares under these options; None, and a problem, if it fails to."""
    assert isinstance(data.spec, DatasetSpec)
    place = value_place(root, ("data", "dataset"))
    found = f"data set {quote(data.spec.name)} cannot say which targets it has"
    try:
        declared: Any = resolve(data.spec.targets)(data.options)
    except PluginError as error:
        problems.add(place, found, str(error).rstrip("."))
        return None
    except Exception as error:
        problems.add(place, found, f"{type(error).__name__}: {' '.join(str(error).split())}")
        return None
    if not isinstance(declared, Mapping) or not all(isinstance(info, TargetInfo) for info in declared.values()):
        problems.add(place, found, f"{data.spec.targets} must return a mapping of TargetInfo by name")
        return None
    return declared


def _check_weights(root: Node, weighting: Plugged | None, problems: Problems) -> None:
    if weighting is None:
        return
    assert isinstance(weighting.spec, LossWeightingSpec)
    if weighting.spec.uses_weights:
        return
    for section, name in _entries(root):
        weight = at(root, (section, name, "weight"))
        if weight is not None and isinstance(weight.value, int | float) and weight.value != 1:
            reader = f"loss weighting {quote(weighting.spec.name)}"
            found = f"{section}.{name}.weight is {describe(weight.value)}, and {reader} reads none"
            problems.add(weight.place, found, "weights belong to loss_weighting: fixed; remove one of the two")


def _check_accumulation(root: Node, problems: Problems) -> None:
    written = at(root, ("optim", "accumulate"))
    size = count(at(root, ("data", "batch_size")), Data.model_fields["batch_size"].default)
    parts = count(written, 1)
    if written is None or size is None or parts is None:
        return
    if size % parts:
        found = f"optim.accumulate is {parts}, which does not divide data.batch_size, {describe(size)}"
        divisors = [str(part) for part in range(1, min(size, 10_000) + 1) if size % part == 0]
        problems.add(written.place, found, f"allowed: {listing(divisors)}")


def _check_backbone_weights(root: Node, problems: Problems) -> None:
    node = at(root, ("backbone", "weights"))
    weights = text(node)
    if node is None or weights is None or weights in _NAMED_WEIGHTS or weights.endswith(".safetensors"):
        return
    allowed = "allowed: 'imagenet', 'random' or the path of a .safetensors file"
    found = f"backbone.weights is the text {quote(weights)}"
    problems.add(node.place, found, allowed, did_you_mean(weights, _NAMED_WEIGHTS))


def _check_structure(root: Node, problems: Problems) -> None:
    """A network with fewer channels starts from random weights: pretrained ones are for all channels together."""
    structure, weights = at(root, ("backbone", "structure")), at(root, ("backbone", "weights"))
    if structure is None or structure.value is None or weights is None or weights.value in (None, "random"):
        return
    found = f"backbone.structure is given, and backbone.weights is {describe(weights.value)}"
    allowed = "a structure is trained from scratch: write weights: random, or remove one of the two"
    problems.add(weights.place, found, allowed)
