"""A recipe made real: data set, tasks, pipeline and network. What `fit`, `eval`, `predict` and `check` start from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mstasks.bound import BoundTask, bind_tasks, target_infos
from mstasks.data.batch import Batch
from mstasks.data.cache.opening import Mode, with_cache
from mstasks.data.dataset import Dataset, Split
from mstasks.data.file_dataset import FileDataset
from mstasks.data.files import read_lines
from mstasks.data.loader import eval_batches, train_batches
from mstasks.data.pipeline import Pipeline
from mstasks.data.prepared import prepared
from mstasks.data.reduced import decoding_size
from mstasks.device import choose_device
from mstasks.distributed import rank, world
from mstasks.errors import UsageError
from mstasks.meta.update import Update
from mstasks.narrow import Channels, narrow
from mstasks.network import Network, build_network
from mstasks.plugins import resolve
from mstasks.sparse import build_part, build_strength
from mstasks.sparsity.spaces import SpacesError
from mstasks.sparsity.strength.base import Strength
from mstasks.train.plain import PlainUpdate
from mstasks.train.state import TrainState
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
        """The data set, read through the cache if the recipe wants that."""
        return self.through_cache(self.recipe.data.cache, silent=rank() != 0)

    def through_cache(self, mode: Mode, *, silent: bool) -> Dataset:
        """The data set, read through the cache; arguments as for `with_cache`."""
        data, kind = self.recipe.data, type(self.uncached)
        dataset = prepared(self.uncached, self.infos, data.size, data.augment)
        return with_cache(dataset, kind, mode, data.cache_gib, silent=silent)

    @cached_property
    def uncached(self) -> Dataset:
        """The data set as its plugin made it: whatever is asked for is read from its files."""
        data = self.recipe.data
        try:
            dataset: Dataset = resolve(self.loaded.registry.find("dataset", data.dataset).factory)(
                data.options, data.size
            )
        except (ValueError, OSError) as error:
            raise UsageError(f"{self.loaded.origins.get(('data',), self.loaded.path)}: {error}") from error
        if isinstance(dataset, FileDataset):
            dataset.at_least = decoding_size(data.augment, data.size)
        return dataset

    @cached_property
    def excluded(self) -> frozenset[str]:
        """Ids that the recipe leaves out."""
        listed = self.recipe.data.exclude
        if listed is None:
            return frozenset()
        try:
            return frozenset(line for line in read_lines(listed) if line and not line.startswith("#"))
        except ValueError as error:
            raise UsageError(f"{self.loaded.origins.get(('data', 'exclude'), self.loaded.path)}: {error}") from error

    def ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, without those that `data.exclude` lists.

        Raises:
            UsageError: If there are none.
        """
        ids = [id for id in self.dataset.ids(split) if id not in self.excluded]
        if not ids:
            left = " that `data.exclude` leaves in" if self.excluded else ""
            raise UsageError(f"data set {self.recipe.data.dataset!r} has no image in its {split} split{left}.")
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
        if recipe.meta is None or recipe.meta.query_split == "train":
            return self._train_batches("train", images, start)
        if images % (2 * world()):
            raise UsageError(
                f"data.batch_size is {images}, of which `meta.query_split: val` takes every second image from the "
                f"validation split. Choose a multiple of {2 * world()}."
            )
        halves = (self._train_batches(split, images // 2, start) for split in ("train", "val"))
        return map(Batch.interleave, *halves)

    def _train_batches(self, split: Split, batch_size: int, start: int) -> Iterator[Batch]:
        return train_batches(
            self.dataset,
            self.ids(split),
            self.pipeline,
            self.infos,
            batch_size=batch_size,
            seed=self.recipe.seed,
            start=start,
            steps=self.recipe.optim.steps,
            workers=self.recipe.data.workers,
            rank=rank(),
            world=world(),
        )

    def batches(
        self, split: Split, ids: Sequence[str] | None = None, targets: Collection[str] | None = None
    ) -> Iterator[Batch]:
        """Batches of a split, resized and otherwise as they are.

        Args:
            split: The split.
            ids: Which of it; all by default.
            targets: Names of the targets to read; all that the tasks read by default.
        """
        data = self.recipe.data
        chosen = self.ids(split) if ids is None else ids
        infos = {name: info for name, info in self.infos.items() if targets is None or name in targets}
        return eval_batches(self.dataset, chosen, self.pipeline, infos, data.batch_size, data.workers)

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
            network = build_network(backbone, self.recipe.decoder, self.recipe.data.size, heads)
        except ValueError as error:
            raise UsageError(f"{self.loaded.origins.get(('backbone',), self.loaded.path)}: {error}") from error
        return network if backbone.structure is None else self._narrow(network, backbone.structure)

    def _narrow(self, network: Network, structure: float | Channels | Path) -> Network:
        try:
            return narrow(network, self.recipe.data.size, structure)
        except (ValueError, SpacesError) as error:
            place = self.loaded.origins.get(("backbone", "structure"), self.loaded.path)
            raise UsageError(f"{place}: backbone.structure: {error}") from error

    def build_weighting(self) -> LossWeighting:
        """The recipe's loss weighting."""
        chosen = self.recipe.loss_weighting
        spec = self.loaded.registry.find("loss-weighting", chosen.name)
        weights = {name: bound.weight for name, bound in self.tasks.items()}
        weighting: LossWeighting = resolve(spec.factory)(weights, chosen.options)
        return weighting

    def build_update(self, network: Network) -> Update:
        """How the recipe's steps get their gradients."""
        recipe, tasks = self.recipe, tuple(self.tasks)
        if recipe.meta is None:
            return PlainUpdate(network, tasks, recipe.optim.steps, recipe.seed)
        chosen = recipe.meta.update
        factory = resolve(self.loaded.registry.find("update", chosen.name).factory)
        update: Update = factory(network, tasks, recipe.optim.steps, recipe.seed, chosen.options)
        return update

    def build_strength(self, network: Network) -> Strength | None:
        """What makes a network of this recipe sparse, None if nothing does.

        Raises:
            UsageError: If the network cannot be made sparse so, or the target cannot be reached.
        """
        recipe = self.recipe
        if recipe.sparsity is None:
            return None
        try:
            part = build_part(network, recipe.sparsity, recipe.data.size)
        except UsageError as error:
            raise UsageError(f"{self.loaded.origins.get(('sparsity',), self.loaded.path)}: {error}") from error
        return build_strength(part, recipe.sparsity, tuple(self.tasks), recipe.optim.steps, self.loaded.registry)

    def build_state(self, *, pretrained: bool = True) -> TrainState:
        """Everything that training changes, fresh, on the device; arguments as for `build_network`."""
        network = self.build_network(pretrained=pretrained)
        update, strength = self.build_update(network), self.build_strength(network)
        return TrainState.create(
            network, self.build_weighting(), self.recipe.optim, self.device, update=update, strength=strength
        )
