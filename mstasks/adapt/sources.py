"""What an adaptation may start from: the run itself, and the baselines that it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mstasks.adapt.attach import Attached, attach
from mstasks.experiment import Experiment
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder

if TYPE_CHECKING:
    from mstasks.adapt.recipe import Plan
    from mstasks.recipe.model import Recipe


@dataclass(frozen=True, slots=True)
class Source:
    """A network to start from, made anew for each draw.

    Attributes:
        name: What tables call it.
        experiment: Of its recipe.
        start: Makes the network, in evaluation mode on the CPU; the same each time.
    """

    name: str
    experiment: Experiment
    start: Callable[[], Attached]


def own_source(plan: Plan, run: RunFolder) -> Source:
    """The run that is adapted, with a head for the task.

    A task that the run does already goes on from its trained head, unless the strategy gives it a head of its own.
    """
    experiment = Experiment(plan.loaded)
    fresh = {plan.task} if plan.own_head else set()
    return Source("adapted", experiment, lambda: attach(experiment, run, fresh=fresh))


def baseline(plan: Plan, name: str | Path) -> Source:
    """A baseline, which does the task alone, with the same kind of head.

    Args:
        plan: What is to be done.
        name: ``scratch`` for random weights, ``imagenet`` for the recipe's pretrained backbone (timm's own if the
            recipe's is random), else the folder of another run, whose backbone and trunk are taken.

    Raises:
        UsageError: If the folder is not a run with one network.
    """
    alone = plan.recipe.model_copy(update={"tasks": {plan.task: plan.recipe.tasks[plan.task]}})
    return _fresh(plan, alone, str(name)) if name in ("scratch", "imagenet") else _of_run(plan, alone, Path(name))


def _fresh(plan: Plan, alone: Recipe, name: str) -> Source:
    weights = alone.backbone.weights
    chosen = "random" if name == "scratch" else "imagenet" if weights == "random" else weights
    recipe = alone.model_copy(update={"backbone": alone.backbone.model_copy(update={"weights": chosen})})
    experiment = Experiment(replace(plan.loaded, recipe=recipe))
    trained = {"backbone"} if name == "imagenet" else set()

    def start() -> Attached:
        network = experiment.build_network().eval()
        return Attached(network, frozenset({*network.shared, f"heads.{plan.task}"} - trained))

    return Source(name, experiment, start)


def _of_run(plan: Plan, alone: Recipe, path: Path) -> Source:
    other = RunFolder.open(path)
    other.require_one_network("adapt")
    theirs = load_recipe(other.recipe).recipe
    made_it = {"backbone": theirs.backbone, "decoder": theirs.decoder, "sparsity": theirs.sparsity}
    experiment = Experiment(replace(plan.loaded, recipe=alone.model_copy(update=made_it)))
    return Source(_called(plan, path), experiment, lambda: attach(experiment, other, fresh={plan.task}))


def _called(plan: Plan, path: Path) -> str:
    """The last two parts of a run's path, or as many as tell it from the other baselines."""
    others = [other for other in plan.recipe.adapt.baselines if isinstance(other, Path) and other != path]
    ends = ("/".join(path.parts[-count:]) for count in range(2, len(path.parts)))
    return next((end for end in ends if not any(other.as_posix().endswith(f"/{end}") for other in others)), str(path))
