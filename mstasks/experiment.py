"""A recipe made real: data set, tasks, pipeline and network. What `fit`, `eval`, `predict` and `check` start from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from mstasks.bound import BoundTask, bind_tasks, target_infos
from mstasks.data.batch import Batch
from mstasks.data.dataset import Dataset, Split
from mstasks.data.loader import eval_batches, train_batches
from mstasks.data.pipeline import Pipeline
from mstasks.device import choose_device
from mstasks.distributed import rank, world
from mstasks.errors import UsageError
from mstasks.network import Network, build_network
from mstasks.plugins import resolve
from mstasks.train.weighting import LossWeighting

if TYPE_CHECKING:
    from mstasks.recipe import LoadedRecipe
    from mstasks.recipe.model import Recipe
    from mstasks.targets import TargetInfo


@dataclass(frozen=True)
class Experiment:
    """Everything that a recipe names, built on first use.

    Attributes:
        loaded: The validated recipe with its plugins.
    """

    loaded: LoadedRecipe

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        return self.loaded.recipe

    @cached_property
    def device(self) -> torch.device:
        """Where to compute."""
        return choose_device(self.recipe.device)

    @cached_property
    def infos(self) -> dict[str, TargetInfo]:
        """Targets that the tasks read."""
        return target_infos(self.loaded)

    @cached_property
    def tasks(self) -> dict[str, BoundTask]:
        """Tasks by name."""
        return bind_tasks(self.loaded)

    @cached_property
    def pipeline(self) -> Pipeline:
        """Augmentation and resizing."""
        data = self.recipe.data
        try:
            return Pipeline(data.augment, self.infos, data.size)
        except ValueError as error:
            raise UsageError(f"{self.loaded.origins.get(('data', 'augment'), self.loaded.path)}: {error}") from error

    @cached_property
    def dataset(self) -> Dataset:
        """The data set."""
        data = self.recipe.data
        try:
            dataset: Dataset = resolve(self.loaded.registry.find("dataset", data.dataset).factory)(
                data.options, data.size
            )
        except (ValueError, OSError) as error:
            raise UsageError(f"{self.loaded.origins.get(('data',), self.loaded.path)}: {error}") from error
        return dataset

    def ids(self, split: Split) -> Sequence[str]:
        """Ids of a split.

        Raises:
            UsageError: If it is empty.
        """
        ids = self.dataset.ids(split)
        if not ids:
            raise UsageError(f"data set {self.recipe.data.dataset!r} has no image in its {split} split.")
        return ids

    def train_batches(self, start: int) -> Iterator[Batch]:
        """The rank's part of the augmented train batches, from step `start` to the recipe's last step.

        Raises:
            UsageError: If the batch cannot be shared evenly.
        """
        recipe = self.recipe
        images, parts = recipe.data.batch_size, world() * recipe.optim.accumulate
        if images % parts:
            raise UsageError(
                f"data.batch_size is {images}, which {world()} processes x {recipe.optim.accumulate} micro-batches "
                f"cannot share evenly. Choose a multiple of {parts}."
            )
        return train_batches(
            self.dataset,
            self.ids("train"),
            self.pipeline,
            self.infos,
            batch_size=recipe.data.batch_size,
            seed=recipe.seed,
            start=start,
            steps=recipe.optim.steps,
            workers=recipe.data.workers,
            rank=rank(),
            world=world(),
        )

    def batches(self, split: Split, ids: Sequence[str] | None = None) -> Iterator[Batch]:
        """Batches of a split, or of chosen ids of it, resized and otherwise as they are."""
        data = self.recipe.data
        chosen = self.ids(split) if ids is None else ids
        return eval_batches(self.dataset, chosen, self.pipeline, self.infos, data.batch_size, data.workers)

    def build_network(self, *, pretrained: bool = True) -> Network:
        """A fresh network, the same for the same seed.

        Args:
            pretrained: Whether to load the recipe's backbone weights; not needed if a checkpoint follows.
        """
        torch.manual_seed(self.recipe.seed)
        backbone = self.recipe.backbone
        if not pretrained:
            backbone = backbone.model_copy(update={"weights": "random"})
        heads = {name: bound.head for name, bound in self.tasks.items()}
        try:
            return build_network(backbone, self.recipe.decoder, self.recipe.data.size, heads)
        except ValueError as error:
            raise UsageError(f"{self.loaded.origins.get(('backbone',), self.loaded.path)}: {error}") from error

    def build_weighting(self) -> LossWeighting:
        """The recipe's loss weighting."""
        chosen = self.recipe.loss_weighting
        spec = self.loaded.registry.find("loss-weighting", chosen.name)
        weights = {name: bound.weight for name, bound in self.tasks.items()}
        weighting: LossWeighting = resolve(spec.factory)(weights, chosen.options)
        return weighting
