"""mstasks: task plugins for multi-task vision, composed by a recipe.

This module is the public API. Everything a plugin needs is importable from here; what needs torch is imported on first
use, so that a plugin's entry module stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mstasks.hookspecs import hookimpl
from mstasks.specs import (
    AdaptationSpec,
    DatasetSpec,
    ExporterSpec,
    LossWeightingSpec,
    StrengthSpec,
    TaskSpec,
    UpdateSpec,
)
from mstasks.targets import TargetInfo, TargetKind

if TYPE_CHECKING:
    from mstasks.adapt.strategy import Adaptation
    from mstasks.data.arrays import read_array
    from mstasks.data.dataset import Dataset, Split
    from mstasks.data.file_dataset import IMAGE, FileDataset, Source
    from mstasks.data.files import open_file, quoted, read_ids, read_lines
    from mstasks.data.pictures import read_image, read_picture
    from mstasks.data.sample import RawTarget, Sample
    from mstasks.data.sampling import nearest
    from mstasks.data.splits import split_off
    from mstasks.data.threads import map_threads
    from mstasks.exporter import Exporter, ExportError, ExportModel, Runner
    from mstasks.features import FeatureInfo, Features
    from mstasks.heads import ASPPHead, DecoderHead, DenseHead, Head, LinearHead, PooledHead
    from mstasks.meta.update import Update
    from mstasks.metrics import PooledMean, TaskMetric
    from mstasks.options import Options, RecipePath, RecipeTask
    from mstasks.reduce import per_example_mean
    from mstasks.sparsity.part import SparsePart
    from mstasks.sparsity.strength.base import Readings, Strength
    from mstasks.target import Target
    from mstasks.task import Task, logit_code
    from mstasks.train.objective import Objective, StepLosses
    from mstasks.train.weighting import LossWeighting

_LAZY = {
    "ASPPHead": "mstasks.heads",
    "Adaptation": "mstasks.adapt.strategy",
    "Dataset": "mstasks.data.dataset",
    "DecoderHead": "mstasks.heads",
    "DenseHead": "mstasks.heads",
    "ExportError": "mstasks.exporter",
    "ExportModel": "mstasks.exporter",
    "Exporter": "mstasks.exporter",
    "FeatureInfo": "mstasks.features",
    "FileDataset": "mstasks.data.file_dataset",
    "Features": "mstasks.features",
    "Head": "mstasks.heads",
    "IMAGE": "mstasks.data.file_dataset",
    "LinearHead": "mstasks.heads",
    "LossWeighting": "mstasks.train.weighting",
    "Objective": "mstasks.train.objective",
    "Options": "mstasks.options",
    "PooledHead": "mstasks.heads",
    "PooledMean": "mstasks.metrics",
    "RawTarget": "mstasks.data.sample",
    "Readings": "mstasks.sparsity.strength.base",
    "RecipePath": "mstasks.options",
    "RecipeTask": "mstasks.options",
    "Runner": "mstasks.exporter",
    "Sample": "mstasks.data.sample",
    "Source": "mstasks.data.file_dataset",
    "SparsePart": "mstasks.sparsity.part",
    "Split": "mstasks.data.dataset",
    "StepLosses": "mstasks.train.objective",
    "Strength": "mstasks.sparsity.strength.base",
    "Target": "mstasks.target",
    "Task": "mstasks.task",
    "TaskMetric": "mstasks.metrics",
    "Update": "mstasks.meta.update",
    "logit_code": "mstasks.task",
    "map_threads": "mstasks.data.threads",
    "nearest": "mstasks.data.sampling",
    "open_file": "mstasks.data.files",
    "per_example_mean": "mstasks.reduce",
    "quoted": "mstasks.data.files",
    "read_array": "mstasks.data.arrays",
    "read_ids": "mstasks.data.files",
    "read_image": "mstasks.data.pictures",
    "read_lines": "mstasks.data.files",
    "read_picture": "mstasks.data.pictures",
    "split_off": "mstasks.data.splits",
}

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 - grouped: light names first, then what imports torch or pydantic on first use
    "AdaptationSpec",
    "DatasetSpec",
    "ExporterSpec",
    "LossWeightingSpec",
    "StrengthSpec",
    "TargetInfo",
    "TargetKind",
    "TaskSpec",
    "UpdateSpec",
    "hookimpl",
    "ASPPHead",
    "Adaptation",
    "Dataset",
    "DecoderHead",
    "DenseHead",
    "ExportError",
    "ExportModel",
    "Exporter",
    "FeatureInfo",
    "Features",
    "FileDataset",
    "Head",
    "IMAGE",
    "LinearHead",
    "LossWeighting",
    "Objective",
    "Options",
    "PooledHead",
    "PooledMean",
    "RawTarget",
    "Readings",
    "RecipePath",
    "RecipeTask",
    "Runner",
    "Sample",
    "Source",
    "SparsePart",
    "Split",
    "StepLosses",
    "Strength",
    "Target",
    "Task",
    "TaskMetric",
    "Update",
    "logit_code",
    "map_threads",
    "nearest",
    "open_file",
    "per_example_mean",
    "quoted",
    "read_array",
    "read_ids",
    "read_image",
    "read_lines",
    "read_picture",
    "split_off",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'mstasks' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
