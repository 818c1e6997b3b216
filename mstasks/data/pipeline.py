"""From a data set's sample to one of the recipe's size, augmented by a seed or not at all."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks.data.augment import build_steps
from mstasks.data.contract import check_label, check_upright, image_shape
from mstasks.data.geometry import IDENTITY, Similarity, mirror, moved_values, similarity, swaps
from mstasks.data.sample import RawTarget, Sample
from mstasks.data.sampling import Sampler, resized
from mstasks.data.step import Step, View
from mstasks.targets import TargetInfo


class Pipeline:
    """Brings samples to one size, and augments them for training.

    Images are resized linearly, without aliases when shrinking. Dense labels are fetched at the nearest label, once,
    from their own resolution, so valid and invalid never mix; what comes from outside the image is invalid. Then each
    target's kind decides what the move does to its values (`mstasks.data.geometry`).

    Args:
        transforms: albumentations transforms by class name with their arguments, applied in order.
        infos: The targets that are read; others are dropped.
        size: Height and width.

    Attributes:
        size: As above.

    Raises:
        AugmentationError: If a transform is unknown, wrongly set, or dishonest to one of the targets.
    """

    def __init__(
        self,
        transforms: Sequence[Mapping[str, Mapping[str, Any]]],
        infos: Mapping[str, TargetInfo],
        size: tuple[int, int],
    ) -> None:
        self._arguments = (tuple(transforms), dict(infos), (size[0], size[1]))
        self._infos = dict(infos)
        self.size = (size[0], size[1])
        self._steps = build_steps(transforms, infos, self.size)
        self._swaps = {name: swaps(info) for name, info in infos.items()}

    def __reduce__(self) -> tuple[type[Pipeline], tuple[Any, ...]]:
        # Loader processes build their own: albumentations' instances carry state that need not be picklable.
        return Pipeline, self._arguments

    def __call__(self, sample: Sample, seed: int | None) -> Sample:
        """The sample at the pipeline's size.

        Args:
            sample: As `mstasks.Dataset.load` gives it.
            seed: Of the augmentation: the same seed gives the same sample in any process. None for evaluation: only the
                resize.

        Returns:
            The image, uint8 (H, W, 3), and those of the pipeline's targets that the sample has.

        Raises:
            ValueError: If the sample breaks the contract of its targets, or a transform fails on it.
        """
        before = image_shape(sample.id, sample.image)
        for name in self._infos.keys() & sample.targets.keys():
            check_label(sample.id, name, self._infos[name], sample.targets[name])
            check_upright(sample.id, name, self._infos[name], sample.targets[name], before)
        if seed is None or not self._steps:
            return self._assembled(sample, resized(sample.image, self.size), Sampler(None, before, self.size), IDENTITY)
        view = self._augmented(sample, seed)
        if view.track is None:
            source, move = None, mirror(*view.mirrored)
        else:
            source = resized(view.track.source, self.size, smooth=False)
            move = similarity(view.track.linear, before, (view.image.shape[0], view.image.shape[1]))
        sampler = Sampler(source, before, self.size, view.mirrored)
        return self._assembled(sample, resized(view.image, self.size), sampler, move)

    def _augmented(self, sample: Sample, seed: int) -> View:
        generator, py_random = np.random.default_rng(seed), random.Random(seed)
        view = View(sample.image)
        for step in self._steps:
            view = _applied(step, view, generator, py_random, sample.id)
        return view

    def _assembled(self, sample: Sample, image: NDArray[np.uint8], sampler: Sampler, move: Similarity) -> Sample:
        targets = {}
        for name, info in self._infos.items():
            raw = sample.targets.get(name)
            if raw is not None and info.kind.dense:
                raw = self._moved(name, raw, sampler, move)
            if raw is not None:
                targets[name] = raw
        return Sample(sample.id, np.ascontiguousarray(image), targets)

    def _moved(self, name: str, raw: RawTarget, sampler: Sampler, move: Similarity) -> RawTarget:
        value = moved_values(self._infos[name].kind, sampler(raw.value), move, self._swaps[name])
        valid = sampler(raw.valid)
        return RawTarget(value, valid if sampler.inside is None else valid & sampler.inside)


def _applied(step: Step, view: View, generator: np.random.Generator, py_random: random.Random, id: str) -> View:
    try:
        return step(view, generator, py_random)
    except Exception as error:
        height, width = view.image.shape[:2]
        raise ValueError(f"{step.name} failed on '{id}' at {height} x {width}: {error}") from error
