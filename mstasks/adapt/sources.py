"""What an adaptation may start from: the run itself, and the baselines that it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mstasks.adapt.attach import Attached, attach
from mstasks.errors import UsageError
from mstasks.experiment import Experiment
from mstasks.recipe import load_recipe
from mstasks.recipe.model import Head
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

    A task that the run does already goes on from its trained head, unless the strategy gives it a head of its own, or
    its labels are others. Starting raises a UsageError if the strategy leaves features as they are, and the task would
    read a trunk that nobody has trained.
    """
    experiment = Experiment(plan.loaded)
    fresh = {plan.task} if plan.fresh else set()
    return Source("adapted", experiment, lambda: _attached(plan, experiment, run, fresh))


def reference_start(plan: Plan, run: RunFolder, started: Attached) -> Attached:
    """What the references of a run read: its features before they were adapted.

    That is the network that is adapted itself, unless none of its heads reads the trunk, which it lacks then: a network
    with the trunk of the run, and a head for the task that reads it, takes its place.

    Args:
        plan: What is to be done.
        run: The run that is adapted.
        started: From its `own_source`.
    """
    experiment = Experiment(plan.loaded)
    if started.network.trunk is not None or not experiment.tasks[plan.task].task.kind.dense:
        return started
    entry = plan.recipe.tasks[plan.task].model_copy(update={"head": Head(name="linear")})
    recipe = plan.recipe.model_copy(update={"tasks": {plan.task: entry}})
    return attach(Experiment(replace(plan.loaded, recipe=recipe)), run, fresh={plan.task})


def baseline(plan: Plan, name: str | Path) -> Source:
    """A baseline, which does the task alone, with the same kind of head.

    Args:
        plan: What is to be done.
        name: ``scratch`` for random weights, ``imagenet`` for a pretrained backbone (the plan's, the recipe's or timm's
            own, the first that there is), else the folder of another run, whose backbone and trunk are taken.

    Returns:
        A source that is called like the baseline; pretrained weights from a file by the name of the file, too, which
        need not be those of ImageNet.

    Raises:
        UsageError: If the folder is not a run with one network.
    """
    alone = plan.recipe.model_copy(update={"tasks": {plan.task: plan.recipe.tasks[plan.task]}})
    return _fresh(plan, alone, str(name)) if name in ("scratch", "imagenet") else _of_run(plan, alone, Path(name))


def _fresh(plan: Plan, alone: Recipe, name: str) -> Source:
    weights = plan.pretrained or alone.backbone.weights
    chosen = "random" if name == "scratch" else "imagenet" if weights == "random" else weights
    changed: dict[str, object] = {"weights": chosen}
    if name == "imagenet":
        changed["structure"] = None  # pretrained weights are for all channels together
    recipe = alone.model_copy(update={"backbone": alone.backbone.model_copy(update=changed)})
    experiment = Experiment(replace(plan.loaded, recipe=recipe))
    trained = {"backbone"} if name == "imagenet" else set()

    def start() -> Attached:
        network = experiment.build_network().eval()
        return Attached(network, frozenset({*network.shared, f"heads.{plan.task}"} - trained))

    called = f"{name} ({chosen.name})" if isinstance(chosen, Path) else name
    return Source(called, experiment, start)


def _of_run(plan: Plan, alone: Recipe, path: Path) -> Source:
    other = RunFolder.open(path)
    other.require_one_network("adapt")
    theirs = load_recipe(other.recipe).recipe
    made_it = {"backbone": theirs.backbone, "decoder": theirs.decoder, "sparsity": theirs.sparsity}
    experiment = Experiment(replace(plan.loaded, recipe=alone.model_copy(update=made_it)))
    return Source(_called(plan, path), experiment, lambda: _attached(plan, experiment, other, {plan.task}))


def _attached(plan: Plan, experiment: Experiment, run: RunFolder, fresh: set[str]) -> Attached:
    """Attach the task, unless the strategy has no features to fit its head to."""
    attached = attach(experiment, run, fresh=fresh)
    if plan.strategy.keeps_features and "trunk" in attached.new:
        raise UsageError(
            f"{run.path}: strategy {plan.recipe.adapt.strategy.name!r} fits a head to features that stay as they are, "
            f"and the run has no trained trunk for task {plan.task!r}, as none of its tasks reads one. Take a strategy "
            "that trains a trunk or needs none: head-first, all-at-once, fast, bitfit or new-decoder."
        )
    return attached


def _called(plan: Plan, path: Path) -> str:
    """The last two parts of a run's path, or as many as tell it from the other baselines."""
    others = [other for other in plan.recipe.adapt.baselines if isinstance(other, Path) and other != path]
    ends = ("/".join(path.parts[-count:]) for count in range(2, len(path.parts)))
    return next((end for end in ends if not any(other.as_posix().endswith(f"/{end}") for other in others)), str(path))
