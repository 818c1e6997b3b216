"""The recipe of an adapted run: that of the run that it comes from, with the new task among its tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mstasks.adapt.strategy import Adaptation
from mstasks.errors import UsageError
from mstasks.plugins import resolve
from mstasks.recipe import load_recipe
from mstasks.recipe.resolved import document

if TYPE_CHECKING:
    from mstasks.recipe import LoadedRecipe
    from mstasks.recipe.model import Recipe, TaskEntry
    from mstasks.runfolder import RunFolder

_OPEN = ("adapt", "unseen", "data", "device", "run")
"""Sections that may be changed; the others made the network what it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        loaded: The recipe of the adapted run.
        task: The task that is adapted to, one of the recipe's.
        strategy: How.
        own_head: Whether the strategy chose the head, so that one which the run has for the task is of no use.
        released: Seen tasks that are left out, since another data set has been chosen.
    """

    loaded: LoadedRecipe
    task: str
    strategy: Adaptation
    own_head: bool
    released: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """The recipe of the adapted run."""
        return self.loaded.recipe


def tasks_to_adapt(
    run: RunFolder, task: str | None, overrides: Sequence[str] = (), plugins: Sequence[str] = ()
) -> tuple[str, ...]:
    """The task that was asked for, else all `unseen` ones of the run's recipe and of the overrides.

    Raises:
        UsageError: If none was asked for, and there is none.
    """
    if task is not None:
        return (task,)
    own = [text for text in overrides if _key(text).partition(".")[0] == "unseen"]
    unseen = tuple(load_recipe(run.recipe, own, plugins).recipe.unseen)
    if not unseen:
        raise UsageError(
            f"{run.path}: which task? Its recipe names none under `unseen`. Say --task NAME; `mstasks ls tasks` lists "
            "them."
        )
    return unseen


def plan(run: RunFolder, task: str, overrides: Sequence[str], plugins: Sequence[str] = ()) -> Plan:
    """Read a run's recipe for the adaptation to a task.

    A task that the recipe does not know gets an entry of its own, as ``unseen: {NAME: {}}`` would. With another data
    set (``data.dataset=...``) the seen tasks are left out: its images have no labels of theirs.

    Args:
        run: The run.
        task: Name of the task, in the recipe or of a plugin.
        overrides: Texts ``key.path=value``.
        plugins: Files or modules to load besides those of the recipe.

    Raises:
        UsageError: If an override would change the network, or the recipe with them is not valid.
    """
    for text in overrides:
        _refuse_override(text)
    before = load_recipe(run.recipe, plugins=plugins).recipe
    moved = any(_key(text) == "data.dataset" and _value(text) != before.data.dataset for text in overrides)
    known = task in before.unseen or task in before.tasks
    if moved:
        own, released = (
            [*_without_seen(before, task), *(_renamed(text, task) for text in overrides)],
            tuple(before.tasks),
        )
    else:
        own, released = [*([] if known else [f"unseen.{task}={{}}"]), *overrides], ()
    loaded = load_recipe(run.recipe, own, plugins)
    recipe = loaded.recipe
    chosen = recipe.adapt.strategy
    strategy: Adaptation = resolve(loaded.registry.find("adaptation", chosen.name).factory)(chosen.options)
    info = resolve(loaded.registry.find("dataset", recipe.data.dataset).targets)(recipe.data.options)
    entry = {**recipe.unseen, **recipe.tasks}[task]
    head = strategy.head(info[entry.target].kind.dense)
    adapted = _with_task(recipe, task, entry if head is None else entry.model_copy(update={"head": head}))
    left_out = tuple(name for name in released if name != task)
    return Plan(replace(loaded, recipe=adapted), task, strategy, head is not None, left_out)


def _key(text: str) -> str:
    return ".".join(part.strip() for part in text.partition("=")[0].split("."))


def _value(text: str) -> str:
    return text.partition("=")[2].strip()


def _refuse_override(text: str) -> None:
    section = _key(text).partition(".")[0]
    if _key(text) == "data":  # a data set chosen in there would go unnoticed
        raise UsageError(f"{text!r}: name the keys of `data` one by one, such as data.dataset=NAME data.root=FOLDER.")
    if section not in _OPEN and _key(text) != "optim.precision":
        raise UsageError(
            f"{text!r}: `{section}` cannot be changed here, since the trained network depends on it. Allowed: "
            f"{', '.join(f'{name}.…' for name in _OPEN)} and optim.precision; train another run for anything else."
        )


def _without_seen(recipe: Recipe, task: str) -> Iterator[str]:
    """Overrides that leave the task alone in the recipe."""
    written = document(recipe)
    entry = {**written["unseen"], **written["tasks"]}.get(task, {})
    yield f"tasks.{task}={json.dumps(entry)}"
    yield from (f"tasks.{name}=null" for name in recipe.tasks if name != task)
    yield from (f"unseen.{name}=null" for name in recipe.unseen)


def _renamed(text: str, task: str) -> str:
    prefix = f"unseen.{task}"
    return f"tasks.{task}{text.removeprefix(prefix)}" if text.startswith((f"{prefix}.", f"{prefix}=")) else text


def _with_task(recipe: Recipe, task: str, entry: TaskEntry) -> Recipe:
    """The recipe with a task, unseen or not, among its tasks."""
    unseen = {name: other for name, other in recipe.unseen.items() if name != task}
    return recipe.model_copy(update={"tasks": {**recipe.tasks, task: entry}, "unseen": unseen})
