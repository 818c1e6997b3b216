"""Names within a study file that have to fit together: arms, what they adapt, refer to and are compared with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from mstasks.recipe.errors import Problems
from mstasks.recipe.tree import Node, TreePath, key_place, value_place
from mstasks.recipe.wording import did_you_mean, listing, quote
from mstasks.study.arms import StudyArm
from mstasks.study.model import Study
from mstasks.study.recipes import ArmRecipes
from mstasks.study.references import referenced

_STRUCTURE = re.compile(r"backbone(\.structure\s*=|\s*=.*\bstructure[\"']?\s*:)")
"""Begins an override that sets the structure."""


def check_names_of_arms(study: Study, tree: Node, problems: Problems) -> None:
    """Every arm that is named exists and is of the kind that is wanted there; every trained arm has a recipe."""
    trained = [name for name, arm in study.arms.items() if arm.adapt is None]
    for name, arm in study.arms.items():
        if arm.adapt is not None:
            _check(arm.adapt, trained, ("arms", name, "adapt"), tree, problems)
        elif arm.recipe is None and study.recipe is None:
            place = key_place(tree, ("arms", name))
            problems.add(place, f"arms.{name} names no recipe", "write `recipe: PATH` there, or once for all arms")
        if arm.against is not None:
            _check(arm.against, study.arms, ("arms", name, "against"), tree, problems)
        _check_references(name, arm.overrides, trained, tree, problems)
    _check(study.compare.baseline, study.arms, ("compare", "baseline"), tree, problems)
    if study.compare.single_task is not None:
        _check(study.compare.single_task, trained, ("compare", "single_task"), tree, problems)
    for index, name in enumerate(() if study.hold_out is None else study.hold_out.arms):
        _check(name, trained, ("hold_out", "arms", index), tree, problems)
        if study.hold_out is not None and name in trained:
            _check_structures(name, study.arms[name].overrides, study.hold_out.arms, index, tree, problems)
    _check_seeds(study, tree, problems)


def check_order(arms: Mapping[str, StudyArm], tree: Node, problems: Problems) -> None:
    """No arm waits for itself."""
    try:
        TopologicalSorter({name: arm.needs for name, arm in arms.items()}).prepare()
    except CycleError as error:
        names = list(reversed(error.args[1]))
        found = f"arms wait for each other: {' -> '.join(names)}"
        problems.add(key_place(tree, ("arms", names[0])), found, "an arm runs after those that its overrides name")


def check_methods(
    study: Study, arms: Mapping[str, StudyArm], recipes: ArmRecipes, tree: Node, problems: Problems
) -> None:
    """What is adapted has one network, and what `compare.single_task` names has one a task."""
    for name, arm in arms.items():
        if arm.adapts is not None:
            _check_one_network(arms[arm.adapts], recipes, ("arms", name, "adapt"), tree, problems)
    for index, name in enumerate(() if study.hold_out is None else study.hold_out.arms):
        _check_one_network(arms[name], recipes, ("hold_out", "arms", index), tree, problems)
    single = study.compare.single_task
    if single is not None and (method := recipes.load(arms[single]).recipe.method) != "single-task":
        found = f"the recipe of arm {quote(single)} has method {method}"
        allowed = "an arm with `method: single-task`, which trains one network a task"
        problems.add(value_place(tree, ("compare", "single_task")), found, allowed)


def _check_one_network(arm: StudyArm, recipes: ArmRecipes, path: TreePath, tree: Node, problems: Problems) -> None:
    recipe = recipes.load(arm).recipe
    if recipe.method == "single-task" and len(recipe.tasks) > 1:
        found = f"arm {quote(arm.name)} trains {len(recipe.tasks)} networks, one a task"
        problems.add(value_place(tree, path), found, "what is adapted is one network; adapt an arm of another method")


def _check_references(name: str, overrides: Iterable[str], trained: list[str], tree: Node, problems: Problems) -> None:
    for index, text in enumerate(overrides):
        for other in referenced(text):
            path: TreePath = ("arms", name, "overrides", index)
            if other not in trained:
                _refuse(f"`{{arm.{other}}}`: ", other, trained, path, tree, problems)


def _check_structures(
    name: str, overrides: Iterable[str], held_out: Iterable[str], index: int, tree: Node, problems: Problems
) -> None:
    """A network that a task is held out of does not have the structure of one that has seen the task."""
    for text in overrides:
        for other in referenced(text) if _STRUCTURE.match(text) else ():
            if other not in held_out:
                found = (
                    f"arm {quote(name)} has the structure of arm {quote(other)}, which sees the tasks that are left out"
                )
                place = value_place(tree, ("hold_out", "arms", index))
                problems.add(place, found, f"add {quote(other)} to hold_out.arms, or remove {quote(name)}")


def _check(name: str, allowed: Iterable[str], path: TreePath, tree: Node, problems: Problems) -> None:
    names = list(allowed)
    if name not in names:
        _refuse("", name, names, path, tree, problems)


def _refuse(start: str, name: str, allowed: list[str], path: TreePath, tree: Node, problems: Problems) -> None:
    place = value_place(tree, path)
    problems.add(
        place, f"{start}no such arm {quote(name)}", f"allowed: {listing(allowed)}", did_you_mean(name, allowed)
    )


def _check_seeds(study: Study, tree: Node, problems: Problems) -> None:
    twice = sorted({seed for seed in study.seeds if study.seeds.count(seed) > 1})
    if twice:
        found = f"seeds holds {listing(map(str, twice))} more than once"
        problems.add(value_place(tree, ("seeds",)), found, "one run per seed; name each once")
