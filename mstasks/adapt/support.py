"""The support set: which k labelled images of the train split a task is learned from, and batches of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mstasks.data.batch import Batch
from mstasks.data.loader import eval_batches, train_batches
from mstasks.errors import UsageError

if TYPE_CHECKING:
    from mstasks.bound import BoundTask
    from mstasks.data.dataset import Dataset, Split
    from mstasks.data.pipeline import Pipeline
    from mstasks.data.sample import Sample
    from mstasks.experiment import Experiment
    from mstasks.targets import TargetInfo

_SUPPORT, _ORDER = 31, 32  # keep these draws apart from all others of the same seed


def draw_support(experiment: Experiment, bound: BoundTask, shots: int, draw: int) -> tuple[str, ...]:
    """Ids of k train images that have a label of the task, fixed by the recipe's seed and the number of the draw.

    They are the first k labelled ones of one random order, so that the support of 5 images is part of that of 10.

    Args:
        experiment: Where images come from.
        bound: The task.
        shots: k.
        draw: Number of the draw, from 0.

    Raises:
        UsageError: If fewer images have a label.
    """
    ids = experiment.ids("train")
    generator = np.random.default_rng([experiment.recipe.seed, _SUPPORT, draw])
    order = [ids[index] for index in generator.permutation(len(ids))]
    chosen: list[str] = []
    for start in range(0, len(order), shots):
        some = order[start : start + shots]
        for batch in _labels(experiment, bound, some):
            labelled = bound.labels(batch.targets).labelled().tolist()
            chosen += [id for id, has in zip(batch.ids, labelled, strict=True) if has]
        if len(chosen) >= shots:
            return tuple(chosen[:shots])
    raise UsageError(
        f"task {bound.name!r}: only {len(chosen)} of {len(ids)} train images of data set "
        f"{experiment.recipe.data.dataset!r} have a label of {bound.target!r}, and {shots} were asked for. "
        f"Try `--shots {len(chosen)}`."
        if chosen
        else f"task {bound.name!r}: none of {len(ids)} train images of data set {experiment.recipe.data.dataset!r} "
        f"has a label of {bound.target!r}, so there is nothing to adapt to."
    )


def _labels(experiment: Experiment, bound: BoundTask, ids: Sequence[str]) -> Iterator[Batch]:
    infos = {bound.target: experiment.infos[bound.target]}
    data = experiment.recipe.data
    return eval_batches(experiment.dataset, ids, experiment.pipeline, infos, data.batch_size)


@dataclass(frozen=True, slots=True)
class Support:
    """The support set of one draw.

    Attributes:
        ids: All k images.
        held_out: Those of them that choose the best step and are not trained on.
        dataset: Where they come from; each is read once.
        pipeline: Augments them and brings them to one size.
        infos: Targets that batches hold.
        seed: Of the order and of the augmentation.
    """

    ids: tuple[str, ...]
    held_out: tuple[str, ...]
    dataset: Dataset
    pipeline: Pipeline
    infos: Mapping[str, TargetInfo]
    seed: int

    @classmethod
    def of(
        cls, experiment: Experiment, ids: Sequence[str], targets: Collection[str], draw: int, hold_out: float = 0.0
    ) -> Support:
        """The support set of some images.

        Args:
            experiment: Where they come from.
            ids: The images.
            targets: Names of the targets that batches hold.
            draw: Number of the draw.
            hold_out: Fraction of the images to hold out, rounded up; at least one is left to train on.
        """
        # Rounded first: 0.14 of 50 is a hair above 7 in binary, and not 8.
        held = min(math.ceil(round(hold_out * len(ids), 6)), len(ids) - 1)
        seed = int(np.random.SeedSequence([experiment.recipe.seed, _ORDER, draw]).generate_state(1)[0])
        infos = {name: info for name, info in experiment.infos.items() if name in targets}
        dataset = _Remembered(experiment.dataset)
        return cls(tuple(ids), tuple(ids[len(ids) - held :]), dataset, experiment.pipeline, infos, seed)

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The images that are not held out."""
        return self.ids[: len(self.ids) - len(self.held_out)]

    def stream(self, batch_size: int, steps: int) -> Iterator[Batch]:
        """So many augmented batches of the images that are trained on, in one random order after another.

        Args:
            batch_size: Images in a batch, or as many as there are.
            steps: Batches.
        """
        ids = self.trained_on
        size = min(batch_size, len(ids))
        return train_batches(self.dataset, ids, self.pipeline, self.infos, size, self.seed, start=0, steps=steps)

    def plain(self, ids: Sequence[str] | None = None, batch_size: int = 8) -> list[Batch]:
        """All images once, or some of them, not augmented."""
        chosen = self.ids if ids is None else ids
        return list(eval_batches(self.dataset, chosen, self.pipeline, self.infos, batch_size))


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A data set that reads each sample once: a support set is small, and passed through many times."""

    dataset: Dataset
    samples: dict[tuple[str, tuple[str, ...]], Sample] = field(default_factory=dict)

    def ids(self, split: Split) -> Sequence[str]:
        return self.dataset.ids(split)

    def load(self, id: str, targets: Collection[str]) -> Sample:
        key = (id, tuple(targets))
        if key not in self.samples:
            self.samples[key] = self.dataset.load(id, targets)
        return self.samples[key]
