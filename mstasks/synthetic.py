"""Random labels of every kind: a batch to push through a recipe without any data set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mstasks.data.batch import Batch
from mstasks.data.collate import collate
from mstasks.data.pipeline import Pipeline
from mstasks.data.sample import RawTarget, Sample
from mstasks.targets import TargetInfo, TargetKind


def synthetic_batch(
    infos: Mapping[str, TargetInfo], pipeline: Pipeline, size: tuple[int, int], batch_size: int, seed: int = 0
) -> Batch:
    """Noise images with plausible random labels, put through the recipe's augmentation."""
    generator = np.random.default_rng(seed)
    samples = [pipeline(_sample(infos, size, index, generator), seed + index) for index in range(batch_size)]
    return collate(samples, infos)


def _sample(
    infos: Mapping[str, TargetInfo], size: tuple[int, int], index: int, generator: np.random.Generator
) -> Sample:
    image = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
    targets = {name: _target(info, size, generator) for name, info in infos.items()}
    return Sample(f"synthetic/{index}", image, targets)


def _target(info: TargetInfo, size: tuple[int, int], generator: np.random.Generator) -> RawTarget:
    value: NDArray[np.generic]
    if info.kind is TargetKind.ATTRIBUTES:
        value = generator.integers(0, 2, len(info.names)).astype(np.float32)
        return RawTarget(value, np.ones(len(info.names), bool))
    if info.kind is TargetKind.LABEL_MAP:
        value = generator.integers(0, len(info.names), size).astype(np.int32)
    elif info.kind is TargetKind.VECTOR_MAP:
        vectors = generator.normal(size=(*size, 3))
        value = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    elif info.kind is TargetKind.DEPTH_MAP:
        value = generator.uniform(0.5, 8.0, size).astype(np.float32)
    else:
        value = (generator.random(size) < 0.1).astype(np.float32)
    return RawTarget(value, generator.random(size) < 0.9)
