"""The arms of a study as they are run: those of the file, and those that `hold_out` adds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mstasks.recipe.tree import Node, Place, TreePath, at, plain, value_place
from mstasks.study.model import Arm, HoldOut, Study
from mstasks.study.references import referenced, rename


@dataclass(frozen=True, slots=True)
class Override:
    """A text ``key.path=value`` and where it was written."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class StudyArm:
    """One arm.

    Attributes:
        name: Its name.
        given: What the file says about it; of an arm that `hold_out` adds, about the one that it is made from.
        recipe: The recipe that is trained, as it was written; of an adapted arm, its parent's.
        place: Where the recipe is named.
        overrides: All of them in order, without those of the command line.
        own: Of an adapted arm, those that its parent does not have.
        adapts: The arm whose networks are adapted; None if a recipe is trained.
        task: The task that they are adapted to.
        shots: Numbers of images; empty if a recipe is trained.
        draws: How often they are drawn.
        tuned: The arm whose trials choose the values of `tune`; None if nothing is tuned.
        held_out: The task that `hold_out` left out; it is in `unseen` as the recipe has it in `tasks`.
        origin: The trained arm of the file that it comes from: itself, the one that it is the variant of, or that of
            the arm whose networks it adapts.
    """

    name: str
    given: Arm
    recipe: str
    place: Place
    overrides: tuple[Override, ...]
    own: tuple[Override, ...] = ()
    adapts: str | None = None
    task: str | None = None
    shots: tuple[int, ...] = ()
    draws: int = 0
    tuned: str | None = None
    held_out: str | None = None
    origin: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Arms whose run of the same seed has to be there first: the one adapted, and those that overrides name."""
        named = [name for override in self.overrides for name in referenced(override.text)]
        return tuple(dict.fromkeys([*([self.adapts] if self.adapts else []), *named]))


def arms_of(study: Study, tree: Node) -> dict[str, StudyArm]:
    """The arms that the file writes out, adapted ones with the recipe and overrides of the arm that they adapt."""
    trained = {name: _trained(name, study, tree) for name, arm in study.arms.items() if arm.adapt is None}
    return {
        name: trained[name] if arm.adapt is None else adapted(name, arm, trained[arm.adapt], _own(tree, name))
        for name, arm in study.arms.items()
    }


def adapted(name: str, arm: Arm, parent: StudyArm, own: tuple[Override, ...] = ()) -> StudyArm:
    """An arm that adapts the networks of another."""
    return StudyArm(
        name=name,
        given=arm,
        recipe=parent.recipe,
        place=parent.place,
        overrides=(*parent.overrides, *own),
        own=own,
        adapts=parent.name,
        task=arm.task,
        shots=arm.shots,
        draws=arm.draws,
        tuned=parent.tuned,
        held_out=parent.held_out,
        origin=parent.origin,
    )


def held_out_arms(
    hold_out: HoldOut, task: str, arms: Mapping[str, StudyArm], written: Mapping[str, Node | None], place: Place
) -> list[StudyArm]:
    """Arms trained without a task, and those networks adapted to it.

    Args:
        hold_out: The study's.
        task: The task.
        arms: The arms of the file.
        written: What each arm's recipe says about the task, overrides included: that is what moves.
        place: Where the task is named.
    """

    def without(name: str) -> str:
        return f"{name}-without-{task}" if name in hold_out.arms else name

    made = []
    for name in hold_out.arms:
        arm, entry = arms[name], written[name]
        moved = Override(f"unseen.{task}={json.dumps({} if entry is None else plain(entry) or {})}", place)
        overrides = tuple(replace(override, text=rename(override.text, without)) for override in arm.overrides)
        # What `against` names is trained with the task: its counterpart is compared with, or nothing if there is none.
        other = arm.given.against
        given = arm.given.model_copy(update={"against": other and f"{other}-without-{task}"})
        variant = replace(arm, name=without(name), given=given, overrides=(*overrides, moved), held_out=task)
        shots, draws, against = hold_out.shots, hold_out.draws, other and f"{other}-to-{task}"
        given = Arm(adapt=variant.name, task=task, shots=shots, draws=draws, against=against)
        made += [variant, adapted(f"{name}-to-{task}", given, variant)]
    return made


def _trained(name: str, study: Study, tree: Node) -> StudyArm:
    arm = study.arms[name]
    path: TreePath = ("recipe",) if arm.recipe is None else ("arms", name, "recipe")
    general = _written(tree, ("overrides",))
    return StudyArm(
        name=name,
        given=arm,
        recipe=arm.recipe or study.recipe or "",
        place=value_place(tree, path if at(tree, path) is not None else ("arms", name)),
        overrides=(*general, *_own(tree, name)),
        tuned=name if arm.tune else None,
        origin=name,
    )


def _own(tree: Node, name: str) -> tuple[Override, ...]:
    return _written(tree, ("arms", name, "overrides"))


def _written(tree: Node, path: TreePath) -> tuple[Override, ...]:
    node = at(tree, path)
    items = node.value if node is not None and isinstance(node.value, tuple) else ()
    return tuple(Override(str(item.value), item.place) for item in items)
