"""Labels of one image by kind, and what is measured of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mstasks.scan.statistics import Statistics, measure
from mstasks.target import Target
from mstasks.targets import TargetInfo, TargetKind

Measured = Callable[..., Statistics]


@pytest.fixture
def measured() -> Measured:
    """Measure an array as a data set gives it, channels last; valid everywhere unless told."""

    def run(
        kind: TargetKind, value: Any, valid: NDArray[np.bool_] | None = None, names: tuple[str, ...] = ()
    ) -> Statistics:
        array = np.asarray(value)
        mask = np.ones(array.shape[: 1 if kind is TargetKind.ATTRIBUTES else 2], bool) if valid is None else valid
        if kind is TargetKind.VECTOR_MAP:
            array = array.transpose(2, 0, 1)
        elif kind in (TargetKind.DEPTH_MAP, TargetKind.SCALAR_MAP):
            array = array[None]
        if kind in (TargetKind.DEPTH_MAP, TargetKind.SCALAR_MAP, TargetKind.VECTOR_MAP):
            mask = mask[None]
        dtype = np.int64 if kind is TargetKind.LABEL_MAP else np.float32
        label = Target(torch.from_numpy(array.astype(dtype))[None], torch.from_numpy(mask)[None])
        return measure(TargetInfo(kind, names), label)

    return run
