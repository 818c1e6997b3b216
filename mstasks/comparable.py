"""Whether runs can be compared: what differs in their data, the size and choice of images, and what is measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mstasks.errors import MstasksError
from mstasks.recipe.errors import Problems
from mstasks.recipe.extends import load_tree
from mstasks.recipe.tree import plain
from mstasks.runfolder import RunFolder

_FEEDING = frozenset({"batch_size", "augment", "workers", "cache", "cache_gib"})
"""Keys of `data` that change how a network is trained or how fast it is fed, but not what it is scored on."""
_CORE = ("dataset", "size", "exclude")
"""The other keys of `data`; what is left are options of one data set, which say nothing beside those of another."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Scored:
    """What the scores of a run are scores of.

    Attributes:
        split: Which images.
        ids: Theirs; None if they are not written down, as those of ``train`` are not.
        data: The recipe's `data` without what only feeds training; the data set's own options included.
        targets: By task, the task plugin and the target that it reads.
        metrics: By task, the names of its metrics, parts such as ``accuracy/Male`` included.
    """

    split: str
    ids: frozenset[str] | None
    data: Mapping[str, Any]
    targets: Mapping[str, tuple[Any, Any]]
    metrics: Mapping[str, frozenset[str]]


def read_scored(run: RunFolder, tasks: Mapping[str, Mapping[str, Any]], split: str) -> Scored:
    """What a run was scored on, from its resolved.yaml and splits.json alone: no plugin is needed.

    Args:
        run: The run; of a `single-task` parent, the images of all its networks.
        tasks: Its scores, as `tasks` of a summary.
        split: Which ones.

    Raises:
        RecipeErrors: If resolved.yaml is damaged.
        MstasksError: If splits.json is damaged.
    """
    recipe = _read_recipe(run)
    entries = recipe.get("tasks") or {}
    return Scored(
        split=split,
        ids=_ids(run, split),
        data={key: value for key, value in (recipe.get("data") or {}).items() if key not in _FEEDING},
        targets={name: (entry.get("task", name), entry.get("target", name)) for name, entry in entries.items()},
        metrics={name: frozenset(task[split]) for name, task in tasks.items()},
    )


def differences(own: Scored, other: Scored) -> list[str]:
    """What makes the scores of two runs hard to compare, a clause each; none if nothing does.

    Args:
        own: Of the run that the clauses are about: "data.size is [64, 64], not [96, 96]".
        other: Of the run that it is compared with.
    """
    return [*_data(own, other), *_images(own, other), *_measured(own, other)]


def _data(own: Scored, other: Scored) -> Iterator[str]:
    another = own.data.get("dataset") != other.data.get("dataset")
    for key in _CORE if another else dict.fromkeys([*other.data, *own.data]):
        here, there = own.data.get(key), other.data.get(key)
        if here != there:
            yield f"data.{key} is {_shown(here)}, not {_shown(there)}"


def _images(own: Scored, other: Scored) -> Iterator[str]:
    if own.ids is None or other.ids is None:
        if own.ids is not other.ids:
            yield f"one of them does not say which {own.split} images it has"
    elif len(own.ids) != len(other.ids):
        yield f"it has {len(own.ids)} {own.split} images, not {len(other.ids)}"
    elif own.ids != other.ids:
        yield f"{len(own.ids - other.ids)} of its {len(own.ids)} {own.split} images are others"


def _measured(own: Scored, other: Scored) -> Iterator[str]:
    for task in (task for task in own.metrics if task in other.metrics):
        plugin, target = own.targets.get(task, (task, task))
        plugin_there, target_there = other.targets.get(task, (task, task))
        if plugin != plugin_there:
            yield f"{task} is the task {plugin}, not {plugin_there}"
        if target != target_there:
            yield f"{task} reads the target {target}, not {target_there}"
        odd = sorted(own.metrics[task] ^ other.metrics[task])
        if odd:
            more = f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
            yield f"{task} has other metrics: only one of them has {', '.join(odd[:_NAMED])}{more}"


def _read_recipe(run: RunFolder) -> dict[str, Any]:
    problems = Problems()
    tree = load_tree(run.recipe, str(run.recipe), problems)
    problems.raise_if_any()
    assert tree is not None  # else there was a problem
    recipe: dict[str, Any] = plain(tree)
    return recipe


def _ids(run: RunFolder, split: str) -> frozenset[str] | None:
    found: frozenset[str] | None = None
    for part in run.children().values() or [run]:
        path = part.path / "splits.json"
        if not path.is_file():
            continue
        try:
            ids = json.loads(path.read_text(encoding="utf-8")).get(split)
        except (ValueError, AttributeError) as error:
            raise MstasksError(f"{path}: damaged: {error}.") from error
        if ids is not None:
            found = frozenset(ids) | (found or frozenset())
    return found


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
