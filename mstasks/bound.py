"""Tasks bound to the targets of a data set: what training, evaluation and prediction work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from mstasks.errors import UsageError
from mstasks.features import FeatureInfo
from mstasks.heads import ASPPHead, DecoderHead, DenseHead, LinearHead, PooledHead
from mstasks.metrics import TaskMetric
from mstasks.plugins import PluginError, resolve
from mstasks.target import Target
from mstasks.targets import TargetInfo
from mstasks.task import Task

if TYPE_CHECKING:
    from mstasks.recipe import LoadedRecipe
    from mstasks.recipe.model import Head, TaskEntry
    from mstasks.specs import TaskSpec


_RESERVED = frozenset({"image", "overview", "predictions"})
"""Names of files and columns beside those of the tasks."""


@dataclass(frozen=True, slots=True)
class BoundTask:
    """A task of a recipe, built for one target of its data set.

    Attributes:
        name: The recipe's key.
        task: The task itself.
        target: Name of the data set's target.
        weight: Factor of its loss.
        head_choice: The recipe's replacement for the task's own head, or None.
    """

    name: str
    task: Task
    target: str
    weight: float = 1.0
    head_choice: Head | None = None

    def head(self, features: FeatureInfo) -> nn.Module:
        """The head that the recipe chose, else the task's own."""
        choice = self.head_choice
        if choice is None:
            return self.task.head(features)
        channels = self.task.channels
        if choice.name == "trunk":
            return DenseHead(features, channels, block=choice.block)
        if choice.name == "decoder":
            return DecoderHead(features, channels, block=choice.block)
        return {"linear": LinearHead, "aspp": ASPPHead, "pooled": PooledHead}[choice.name](features, channels)

    def decoded(self, raw: Tensor, size: tuple[int, int]) -> Tensor:
        """A raw prediction, resized bilinearly to a height and width if it is dense, then decoded.

        Args:
            raw: Shape (batch, channels, ...).
            size: Height and width.
        """
        if raw.dim() == 4:
            raw = functional.interpolate(raw, size=size, mode="bilinear", align_corners=False)
        return self.task.decode(raw)

    def labels(self, targets: Mapping[str, Target]) -> Target:
        """The part of a batch's targets that this task is about."""
        return self.task.prepare(targets[self.target])


def target_infos(loaded: LoadedRecipe) -> dict[str, TargetInfo]:
    """What the recipe's data set declares, by target name, restricted to what the recipe's tasks read."""
    data = loaded.recipe.data
    spec = loaded.registry.find("dataset", data.dataset)
    declared: Mapping[str, TargetInfo] = resolve(spec.targets)(data.options)
    wanted = {entry.target for entry in loaded.recipe.tasks.values()}
    return {name: info for name, info in declared.items() if name in wanted}


def bind_tasks(loaded: LoadedRecipe) -> dict[str, BoundTask]:
    """Build the recipe's tasks.

    Raises:
        UsageError: If a task reads another kind of target, refuses its options, or is given a head that does not fit.
    """
    infos = target_infos(loaded)
    bound = {}
    for name, entry in loaded.recipe.tasks.items():
        try:
            bound[name] = _bind(name, entry, loaded.registry.find("task", entry.task), infos[entry.target])
        except ValueError as error:
            place = loaded.origins.get(("tasks", name), loaded.path)
            raise UsageError(f"{place}: task {name!r}: {error}") from error
    return bound


def _build(spec: TaskSpec, info: TargetInfo, entry: TaskEntry) -> Task:
    """Call the plugin's factory; whatever is wrong with what it gives is the plugin author's to know.

    Raises:
        ValueError: Says what.
    """
    try:
        task = resolve(spec.factory)(info, entry.options)
    except (ValueError, PluginError):
        raise
    except Exception as error:
        raise ValueError(f"{spec.factory} failed: {type(error).__name__}: {error}") from error
    if not isinstance(task, Task):
        raise ValueError(f"{spec.factory} must give a subclass of mstasks.Task. Found {type(task).__name__}.")
    missing = [name for name in ("kind", "channels", "info", "options") if not hasattr(task, name)]
    if missing:
        raise ValueError(
            f"{spec.factory} lacks `{missing[0]}`: set `kind` and `channels` in the class; a constructor of its own "
            "must call `super().__init__(info, options)`."
        )
    metrics = task.metrics()
    if not isinstance(metrics, Mapping) or not all(isinstance(metric, TaskMetric) for metric in metrics.values()):
        raise ValueError(f"`metrics` of {spec.factory} must give a mapping of names to TaskMetric. Found {metrics!r}.")
    if not metrics:
        raise ValueError(f"`metrics` of {spec.factory} gives none; the first one chooses the best checkpoint.")
    return task


def _bind(name: str, entry: TaskEntry, spec: TaskSpec, info: TargetInfo) -> BoundTask:
    if name in _RESERVED or hasattr(nn.ModuleDict(), name):
        raise ValueError("that name is taken. Choose another key, and name the plugin with `task`.")
    task = _build(spec, info, entry)
    if task.kind != info.kind:
        raise ValueError(f"it reads a {task.kind} target. Found target {entry.target!r}, a {info.kind}.")
    head = entry.head
    if head and (head.name == "pooled") == task.kind.dense:
        fitting = "'trunk', 'linear', 'decoder' or 'aspp'" if task.kind.dense else "'pooled'"
        raise ValueError(f"{task.kind} tasks take head {fitting}. Found {head.name!r}.")
    if (
        head and head.name not in ("trunk", "decoder") and head.block != "separable"
    ):  # a resolved recipe has the default
        raise ValueError(f"`block` belongs to heads 'trunk' and 'decoder'. Found it with {head.name!r}.")
    return BoundTask(name, task, entry.target, entry.weight, head)
