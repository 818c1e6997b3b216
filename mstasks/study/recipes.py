"""The recipe of each arm, with overrides, and errors told where the study file has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mstasks.recipe.errors import Problems, RecipeError, RecipeErrors
from mstasks.recipe.find import look_up
from mstasks.recipe.tree import COMMAND_LINE, Place, at
from mstasks.recipe.wording import listing, quote, shorten
from mstasks.study.arms import Override, StudyArm
from mstasks.study.model import Value
from mstasks.study.references import fill

if TYPE_CHECKING:
    from mstasks.recipe import LoadedRecipe

ANYWHERE = "/study/{arm}/seed"
"""Stands for the run of an arm where it does not matter which: paths of a study may change, what is asked does not."""


@dataclass(frozen=True, slots=True)
class ArmRecipes:
    """Loads recipes of arms, each once.

    Attributes:
        folder: The study's, from which recipes are looked up.
        overrides: Of the command line, on top of everything.
        plugins: Given on the command line.
    """

    folder: Path
    overrides: tuple[str, ...]
    plugins: tuple[str, ...]
    _cache: dict[tuple[str, ...], LoadedRecipe] = field(default_factory=dict, repr=False, compare=False)

    def path(self, arm: StudyArm) -> Path:
        """The arm's recipe file.

        Raises:
            RecipeErrors: If it is not there.
        """
        problems = Problems()
        found = look_up(arm.recipe, self.folder, problems, arm.place, f"recipe {quote(arm.recipe)}: ")
        problems.raise_if_any()
        assert found is not None  # else there was a problem
        return found

    def texts(self, arm: StudyArm, values: Iterable[str], place_of: Callable[[str], str]) -> list[str]:
        """All overrides of the arm as the command line takes them.

        Args:
            arm: The arm.
            values: Overrides that tuning tries or has chosen.
            place_of: The run of another arm.
        """
        written = [fill(override.text, place_of) for override in arm.overrides]
        trained = len(written) - len(arm.own)  # tuned values belong to the arm that is adapted, its own come after
        return _without([*written[:trained], *values, *written[trained:], *self.overrides], arm.held_out)

    def load(self, arm: StudyArm, values: Iterable[str] = ()) -> LoadedRecipe:
        """The arm's recipe, with the first of all seeds and `ANYWHERE` for other arms' runs.

        Raises:
            RecipeErrors: What is wrong, at its place in the study file where an override is.
        """
        from mstasks.recipe import load_recipe

        texts = self.texts(arm, values, anywhere)
        key = (arm.recipe, *texts)
        if key not in self._cache:
            try:
                self._cache[key] = load_recipe(self.path(arm), texts, self.plugins)
            except RecipeErrors as errors:
                raise RecipeErrors(tuple(_placed(error, arm.overrides) for error in errors.errors)) from None
        return self._cache[key]

    def check(self, arm: StudyArm, tuned: StudyArm | None, problems: Problems) -> None:
        """Load the arm's recipe with every value that tuning tries, and look for the task that it is adapted to.

        From then on the study keeps to what it has read, whatever becomes of the files.

        Args:
            arm: The arm.
            tuned: The arm whose trials choose its values.
            problems: Gets what is wrong.
        """
        for values in [(), *([] if tuned is None else trials(tuned))]:
            try:
                loaded = self.load(arm, values)
                self._check_effective(arm, values, loaded)
            except RecipeErrors as errors:
                for error in errors.errors:
                    problems.add(error.place, error.found, error.allowed, error.hint)
                return
        known = [*loaded.recipe.tasks, *loaded.recipe.unseen]
        if arm.task is not None and arm.task not in known:
            found = f"arm {quote(arm.name)} is adapted to {quote(arm.task)}, which its recipe does not name"
            problems.add(arm.place, found, f"allowed: one of {listing(known)}; `unseen.{arm.task}={{}}` adds it")

    def _check_effective(self, arm: StudyArm, values: Iterable[str], loaded: LoadedRecipe) -> None:
        """Seeds are the study's, and what a tuning tries is not overridden."""
        seed = at(loaded.tree, ("seed",))
        if seed is not None and seed.place.source == COMMAND_LINE:
            allowed = "`seeds` of the study file and --seeds say which seeds are run"
            error = RecipeError(seed.place, "the seed of a study cannot be overridden", allowed)
            raise RecipeErrors((_placed(error, arm.overrides),))
        for value in values:
            key = value.partition("=")[0]
            node = at(loaded.tree, tuple(key.split(".")))
            culprit = [text for text in self.overrides if node is not None and _spot(text) == node.place.detail]
            if culprit and culprit[0] != value:
                place = Place(COMMAND_LINE, detail=_spot(culprit[0]))
                found = f"it overrides {key}, which arm {quote(arm.tuned or '')} tunes"
                raise RecipeErrors((RecipeError(place, found, "leave it out, or take the key out of `tune`"),))

    def check_names(self, arms: Iterable[StudyArm]) -> None:
        """The second pass over the recipes of trained arms, which asks libraries; imports torch.

        Raises:
            RecipeErrors: Everything that is wrong.
        """
        from mstasks.recipe import check_names

        problems = Problems()
        for arm in arms:
            # What other arms have yet to make cannot be looked at; `fit` will.
            if not arm.needs:
                try:
                    check_names(self.load(arm))
                except RecipeErrors as errors:
                    for error in (_placed(error, arm.overrides) for error in errors.errors):
                        problems.add(error.place, error.found, error.allowed, error.hint)
        problems.raise_if_any()


def anywhere(arm: str) -> str:
    """What stands for the run of an arm."""
    return ANYWHERE.format(arm=arm)


def trials(arm: StudyArm) -> list[tuple[str, ...]]:
    """What tuning tries: each combination of values, as overrides; none if the arm tunes nothing itself."""
    combinations: list[tuple[str, ...]] = [()]
    for key, values in arm.given.tune.items() if arm.tuned == arm.name else ():
        combinations = [(*before, _written(key, value)) for before in combinations for value in values]
    return [combination for combination in combinations if combination]


def _written(key: str, value: Value) -> str:
    return f"{key}={json.dumps(value, ensure_ascii=False)}"


def _without(overrides: list[str], task: str | None) -> list[str]:
    """The overrides with one at the end that removes a task, and none that would bring it back by an option of it."""
    if task is None:
        return overrides
    return [*(text for text in overrides if not text.strip().startswith(f"tasks.{task}.")), f"tasks.{task}=null"]


def _placed(error: RecipeError, overrides: Iterable[Override]) -> RecipeError:
    """The error at the override's place in the study file, if it is one of these."""
    if error.place.source != COMMAND_LINE:
        return error
    for override in overrides:
        if _spot(fill(override.text, anywhere)) == error.place.detail:
            found = f"override {quote(override.text)}: {error.found}"
            return replace(error, place=_plain(override.place), found=found)
    return error


def _spot(override: str) -> str:
    """What the place of a value says of the override that it comes from."""
    return shorten(override, 80)


def _plain(place: Place) -> Place:
    return replace(place, variable="")
