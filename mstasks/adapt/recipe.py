"""The recipe of an adapted run: that of the run that it comes from, with the new task among its tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mstasks.adapt.strategy import Adaptation
from mstasks.errors import UsageError
from mstasks.plugins import resolve
from mstasks.recipe import load_recipe
from mstasks.recipe.resolved import document

if TYPE_CHECKING:
    from mstasks.plugins import Registry
    from mstasks.recipe import LoadedRecipe
    from mstasks.recipe.model import Head, Recipe, TaskEntry
    from mstasks.runfolder import RunFolder
    from mstasks.targets import TargetInfo

_OPEN = ("adapt", "unseen", "data", "device", "run")
"""Sections that may be changed; the others made the network what it is."""
_WEIGHTS = "backbone.weights"
"""May be given, for a baseline: those of the run itself are trained."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        loaded: The recipe of the adapted run.
        task: The task that is adapted to, one of the recipe's.
        strategy: How.
        fresh: Whether the task's head starts afresh even if the run has one: the strategy chose another, or the run's
            was trained on other labels.
        released: Seen tasks that are left out, since another data set has been chosen.
        pretrained: Weights of the baseline ``imagenet``, a file or ``imagenet`` for timm's own; None for the recipe's.
    """

    loaded: LoadedRecipe
    task: str
    strategy: Adaptation
    fresh: bool
    released: tuple[str, ...] = ()
    pretrained: str | Path | None = None

    @property
    def recipe(self) -> Recipe:
        """The recipe of the adapted run."""
        return self.loaded.recipe


def tasks_to_adapt(
    run: RunFolder, task: str | None, overrides: Sequence[str] = (), plugins: Sequence[str] = ()
) -> tuple[str, ...]:
    """The task that was asked for, else all `unseen` ones of the run's recipe and of the overrides.

    Raises:
        UsageError: If none was asked for, and there is none, or another data set was chosen.
    """
    if task is not None:
        return (task,)
    chosen = _choosing_data(overrides)
    if chosen is not None:
        raise UsageError(f"{chosen!r}: which of its labels is to be learned? Say --task NAME.")
    own = [text for text in overrides if _section(text) in ("unseen", "data")]
    unseen = tuple(load_recipe(run.recipe, own, plugins).recipe.unseen)
    if not unseen:
        raise UsageError(
            f"{run.path}: which task? Its recipe names none under `unseen`. Say --task NAME; `mstasks ls tasks` lists "
            "them."
        )
    return unseen


def plan(run: RunFolder, task: str, overrides: Sequence[str], plugins: Sequence[str] = ()) -> Plan:
    """Read a run's recipe for the adaptation to a task.

    A task that the recipe does not know gets an entry of its own, as ``unseen: {NAME: {}}`` would. ``data.dataset=...``
    chooses other images, also if it names the data set of the run again: the seen tasks are left out, as these images
    have no labels of theirs, and the data set's options start from their defaults.

    Args:
        run: The run.
        task: Name of the task, in the recipe or of a plugin.
        overrides: Texts ``key.path=value``.
        plugins: Files or modules to load besides those of the recipe.

    Raises:
        UsageError: If an override would change the network, or the recipe with them is not valid.
    """
    moved = _choosing_data(overrides) is not None
    for text in overrides:
        _refuse_override(text, task, moved=moved)
    before = load_recipe(run.recipe, plugins=plugins).recipe
    loaded = load_recipe(run.recipe, [*_prepared(before, task, overrides, moved=moved)], plugins)
    pretrained = _pretrained(loaded.recipe, overrides)
    recipe = loaded.recipe.model_copy(update={"backbone": before.backbone})
    chosen = recipe.adapt.strategy
    strategy: Adaptation = resolve(loaded.registry.find("adaptation", chosen.name).factory)(chosen.options)
    entry = {**recipe.unseen, **recipe.tasks}[task]
    head = strategy.head(_declared(recipe, loaded.registry)[entry.target].kind.dense)
    return Plan(
        replace(loaded, recipe=_with_task(recipe, task, entry, head)),
        task,
        strategy,
        fresh=head is not None or moved or _has_other_labels(before, recipe, task, loaded.registry),
        released=tuple(name for name in before.tasks if moved and name != task),
        pretrained=pretrained,
    )


def _key(text: str) -> str:
    return ".".join(part.strip() for part in text.partition("=")[0].split("."))


def _section(text: str) -> str:
    return _key(text).partition(".")[0]


def _choosing_data(overrides: Sequence[str]) -> str | None:
    """The override that chooses the data set, if there is one."""
    return next((text for text in overrides if _key(text) == "data.dataset"), None)


def _refuse_override(text: str, task: str, *, moved: bool) -> None:
    if _key(text) == "data":  # a data set chosen in there would go unnoticed
        raise UsageError(f"{text!r}: name the keys of `data` one by one, such as data.dataset=NAME data.root=FOLDER.")
    if moved and _key(text) == "unseen":  # so would the task
        raise UsageError(
            f"{text!r}: with another data set, name the keys of the task one by one, such as unseen.{task}.task=NAME."
        )
    if _section(text) not in _OPEN and _key(text) not in ("optim.precision", _WEIGHTS):
        raise UsageError(
            f"{text!r}: `{_section(text)}` cannot be changed here, since the trained network depends on it. Allowed: "
            f"{', '.join(f'{name}.…' for name in _OPEN)}, optim.precision and, for the baseline imagenet, {_WEIGHTS}; "
            "train another run for anything else."
        )


def _prepared(before: Recipe, task: str, overrides: Sequence[str], *, moved: bool) -> Iterator[str]:
    """All overrides of the run's recipe, with those that make room for the task."""
    if any(_key(text) == _WEIGHTS for text in overrides):
        yield "backbone.structure=null"  # pretrained weights are for all channels; the run's own backbone comes back
    if moved:
        # The options of the former data set go with its name, also if the new one has the same.
        yield from ("data.dataset=another", "data.exclude=null")
        yield from _without_seen(before, task)
        yield from (_renamed(text, task) for text in overrides)
    else:
        yield from () if task in {**before.unseen, **before.tasks} else (f"unseen.{task}={{}}",)
        yield from overrides


def _without_seen(recipe: Recipe, task: str) -> Iterator[str]:
    """Overrides that leave the task alone in the recipe."""
    written = document(recipe)
    entry = {**written["unseen"], **written["tasks"]}.get(task, {})
    yield f"tasks.{task}={json.dumps(entry)}"
    yield from (f"tasks.{name}=null" for name in recipe.tasks if name != task)
    yield from (f"unseen.{name}=null" for name in recipe.unseen)


def _renamed(text: str, task: str) -> str:
    first, *rest = _key(text).split(".")
    if first != "unseen" or rest[:1] != [task]:
        return text
    return f"{'.'.join(('tasks', *rest))}={text.partition('=')[2]}"


def _pretrained(recipe: Recipe, overrides: Sequence[str]) -> str | Path | None:
    text = next((text for text in overrides if _key(text) == _WEIGHTS), None)
    if text is None:
        return None
    if "imagenet" not in recipe.adapt.baselines:
        raise UsageError(
            f"{text!r}: only the baseline imagenet reads it, since the run has weights of its own. Add --baseline "
            "imagenet, or leave it out."
        )
    if recipe.backbone.weights == "random":
        raise UsageError(f"{text!r}: the baseline imagenet has pretrained weights; random ones are those of `scratch`.")
    return recipe.backbone.weights


def _declared(recipe: Recipe, registry: Registry) -> Mapping[str, TargetInfo]:
    """What the recipe's data set says of its targets."""
    declared: Mapping[str, TargetInfo] = resolve(registry.find("dataset", recipe.data.dataset).targets)(
        recipe.data.options
    )
    return declared


def _has_other_labels(before: Recipe, after: Recipe, task: str, registry: Registry) -> bool:
    """Whether the data set, the same as before, now says something else of the labels of a seen task."""
    if task not in before.tasks:
        return False
    old, new = (_declared(recipe, registry)[recipe.tasks[task].target] for recipe in (before, after))
    return (old.kind, old.names) != (new.kind, new.names)


def _with_task(recipe: Recipe, task: str, entry: TaskEntry, head: Head | None) -> Recipe:
    """The recipe with a task, unseen or not, among its tasks, and with the strategy's head if it chose one."""
    entry = entry if head is None else entry.model_copy(update={"head": head})
    unseen = {name: other for name, other in recipe.unseen.items() if name != task}
    return recipe.model_copy(update={"tasks": {**recipe.tasks, task: entry}, "unseen": unseen})
