"""Reading a study file: YAML with places, validated like a recipe, then every arm's recipe with its overrides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mstasks.recipe.compose import compose
from mstasks.recipe.environment import substitute
from mstasks.recipe.errors import Problems
from mstasks.recipe.source import read_text
from mstasks.recipe.tree import Node, Place, at, child, is_mapping, mapping, value_place, with_child
from mstasks.recipe.validate import Part, validate
from mstasks.recipe.wording import listing, quote
from mstasks.study.arms import StudyArm, arms_of, held_out_arms
from mstasks.study.checks import check_methods, check_names_of_arms, check_order
from mstasks.study.find import look_up_study
from mstasks.study.model import Study
from mstasks.study.recipes import ArmRecipes


@dataclass(frozen=True, slots=True)
class LoadedStudy:
    """A valid study file, all of whose arms load as recipes.

    Attributes:
        study: What it says.
        path: Its file.
        text: What the file held when it was read; it may change or go while the study runs.
        arms: What is run, by name: arms of the file, then those that `hold_out` adds.
        recipes: Loads the recipe of an arm.
    """

    study: Study
    path: Path
    text: str
    arms: dict[str, StudyArm]
    recipes: ArmRecipes = field(repr=False)


def load_study(path: str | Path, overrides: Sequence[str] = (), plugins: Sequence[str] = ()) -> LoadedStudy:
    """Read and validate a study file and the recipe of every arm, without importing torch.

    Args:
        path: A file, or the name of a shipped study.
        overrides: Texts ``key.path=value`` on top of the recipe of every arm.
        plugins: Files or modules to load besides the installed plugins and those of the recipes.

    Raises:
        RecipeErrors: Everything that is wrong, sorted by position.
    """
    problems = Problems()
    file = look_up_study(str(path), problems)
    problems.raise_if_any()
    assert file is not None  # else there was a problem
    problems.register(source := str(path) if Path(path) == file else str(file))
    text = read_text(file, source, problems)
    problems.raise_if_any()
    assert text is not None  # likewise
    study, tree = _validated(text, file, source, problems)
    arms = arms_of(study, tree)
    check_order(arms, tree, problems)
    problems.raise_if_any()
    recipes = ArmRecipes(file.parent, tuple(overrides), tuple(plugins))
    for arm in arms.values():
        recipes.check(arm, arms.get(arm.tuned or ""), problems)
    problems.raise_if_any()
    check_methods(study, arms, recipes, tree, problems)
    problems.raise_if_any()
    arms |= _held_out(study, tree, arms, recipes, problems)
    problems.raise_if_any()
    return LoadedStudy(study, file, text, arms, recipes)


def _validated(text: str, file: Path, source: str, problems: Problems) -> tuple[Study, Node]:
    """The file by itself: its keys, and the arms that it names."""
    tree = _tree(text, file, source, problems)
    problems.raise_if_any()
    assert tree is not None  # else there was a problem
    study = validate(Study, Part(tree, tree, subject="a study file"), file.parent.absolute(), problems)
    problems.raise_if_any()
    assert study is not None  # likewise
    check_names_of_arms(study, tree, problems)
    problems.raise_if_any()
    return study, tree


def _tree(text: str, file: Path, source: str, problems: Problems) -> Node | None:
    folder = file.parent.absolute()
    node = compose(text, lambda line, column: Place(source, line + 1, column + 1, folder=folder), problems)
    if node is None:
        if not problems:  # else it breaks off, and that has been said
            problems.add(Place(source), "the file is empty", "a study has at least name, recipe, arms and compare")
        return None
    if not is_mapping(node):
        problems.add(node.place, "the file holds no mapping", "a study is a mapping of keys")
        return None
    return _filled(substitute(node, problems))


def _filled(tree: Node) -> Node:
    """Arms that are written without anything are empty ones."""
    arms = child(tree, "arms")
    if arms is None:
        return tree
    for name, entry in mapping(arms).items():
        if entry.node.value is None:
            arms = with_child(arms, name, replace(entry.node, value={}))
    return with_child(tree, "arms", arms)


def _held_out(
    study: Study, tree: Node, arms: dict[str, StudyArm], recipes: ArmRecipes, problems: Problems
) -> dict[str, StudyArm]:
    """The arms that `hold_out` adds, checked."""
    made = {arm.name: arm for arm in _without_each(study, tree, arms, recipes, problems)}
    problems.raise_if_any()
    for name in made.keys() & arms.keys():
        place = value_place(tree, ("arms", name))
        problems.add(place, f"hold_out makes an arm {quote(name)} too", "give this one another name")
    for arm in made.values():
        recipes.check(arm, arms.get(arm.tuned or ""), problems)
    return made


def _without_each(
    study: Study, tree: Node, arms: dict[str, StudyArm], recipes: ArmRecipes, problems: Problems
) -> Iterator[StudyArm]:
    hold_out = study.hold_out
    for index, task in enumerate(() if hold_out is None else hold_out.tasks):
        assert hold_out is not None  # else there is no task
        place = value_place(tree, ("hold_out", "tasks", index))
        written = {}
        for name in hold_out.arms:
            recipe = recipes.load(arms[name])
            if task not in recipe.recipe.tasks:
                allowed = f"its tasks are {listing(recipe.recipe.tasks)}"
                problems.add(place, f"the recipe of arm {quote(name)} trains no task {quote(task)}", allowed)
            elif len(recipe.recipe.tasks) < 2:
                problems.add(place, f"without {quote(task)} the recipe of arm {quote(name)} has no task", "leave it in")
            written[name] = at(recipe.tree, ("tasks", task))
        if not problems:
            yield from held_out_arms(hold_out, task, arms, written, place)
