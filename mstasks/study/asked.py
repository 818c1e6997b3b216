"""What a job was asked to do, comparable with what it would be asked now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mstasks.recipe.load import DEFAULT
from mstasks.recipe.resolved import document
from mstasks.recipe.tree import TreePath, dotted
from mstasks.recipe.wording import describe, listing
from mstasks.study.arms import StudyArm
from mstasks.study.job import Job, Plan

_MOST_SHOWN = 4
_HARMLESS = frozenset(
    {
        ("device",),
        ("data", "root"),
        ("data", "workers"),
        ("data", "cache"),
        ("data", "cache_gib"),
        ("run", "pictures"),
    }
)
"""Keys of a recipe that say where and how fast a network is trained, not what comes out."""
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job is asked to do.

    Attributes:
        content: JSON: the resolved recipe, the seed, task, shots and draws of an adaptation, and the same of each arm
            that it builds on. Paths of the study itself are not in it, so that a study may be moved.
        defaults: Paths of values that nobody wrote.
    """

    content: Mapping[str, Any]
    defaults: frozenset[TreePath]

    def differences(self, before: Mapping[str, Any]) -> list[str]:
        """What was asked before and is not asked now, a phrase each.

        A value that nobody wrote and that was not there before is the default of a key that is newer than the run.
        """
        return list(_differences(before, self.content, self.defaults, ()))


def ask(plan: Plan, job: Job, chosen: Mapping[str, tuple[str, ...]]) -> Asked:
    """What a job is asked to do now.

    Args:
        plan: The study.
        job: One of its jobs.
        chosen: By arm, the values that its tuning has chosen.
    """
    arm = plan.arm(job)
    about = _arm(plan, arm, chosen, job.trial)
    extra = {} if job.shots is None else {"shots": job.shots}
    return Asked({"seed": job.seed, **about.content, **extra}, about.defaults)


def _arm(plan: Plan, arm: StudyArm, chosen: Mapping[str, tuple[str, ...]], trial: tuple[str, ...]) -> Asked:
    values = trial or chosen.get(arm.tuned or "", ())
    loaded = plan.loaded.recipes.load(arm, values)
    recipe = document(loaded.recipe)
    recipe.pop("seed")
    defaults = {("recipe", *path) for path, origin in loaded.origins.items() if origin == DEFAULT}
    content: dict[str, Any] = {"recipe": recipe}
    if arm.adapts is not None:
        content |= {"adapts": arm.adapts, "task": arm.task, "draws": arm.draws}
    needs = {name: _arm(plan, plan.loaded.arms[name], chosen, ()) for name in arm.needs}
    for name, need in needs.items():
        defaults |= {("needs", name, *path) for path in need.defaults}
    if needs:
        content["needs"] = {name: need.content for name, need in needs.items()}
    return Asked(content, frozenset(defaults))


def in_short(differences: list[str]) -> str:
    """The first few differences in a row."""
    more = f" and {len(differences) - _MOST_SHOWN} more" if len(differences) > _MOST_SHOWN else ""
    return listing(differences[:_MOST_SHOWN]) + more


def _differences(before: Any, now: Any, defaults: frozenset[TreePath], path: TreePath) -> Iterator[str]:
    if _recipe_path(path) in _HARMLESS:
        return
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*before, *now]):
            yield from _differences(before.get(key, _NOTHING), now.get(key, _NOTHING), defaults, (*path, key))
    elif before is _NOTHING:
        if path not in defaults:
            yield f"{_name(path)} was not there, is {describe(now)}"
    elif now is _NOTHING:
        yield f"{_name(path)} was {describe(before)}, is gone"
    elif before != now:
        yield f"{_name(path)} was {_shown(before)}, is {_shown(now)}"


def _recipe_path(path: TreePath) -> TreePath:
    """The path within the recipe of the job, or of an arm that it builds on; empty outside of recipes."""
    while path[:1] == ("needs",):
        path = path[2:]
    return path[1:] if path[:1] == ("recipe",) else ()


def _name(path: TreePath) -> str:
    return dotted(path[1:] if path[0] == "recipe" else path)


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, list) else describe(value)
