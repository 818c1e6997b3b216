"""What a task does without saying so: the code of its labels."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric, logit_code


class Plain(Task):
    """Overrides nothing that it need not."""

    def __init__(self, kind: TargetKind, channels: int, names: int = 0) -> None:
        super().__init__(TargetInfo(kind, tuple(f"n{index}" for index in range(names))))
        self.kind, self.channels = kind, channels

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return prediction.flatten(1).mean(1)

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {"x": PooledMean(lambda p, t: p, higher_is_better=True, best_value=1.0)}


class Softmax(Plain):
    def decode(self, prediction: Tensor) -> Tensor:
        return prediction.softmax(1)


KINDS = {
    TargetKind.DEPTH_MAP: (1, 0),
    TargetKind.VECTOR_MAP: (3, 0),
    TargetKind.SCALAR_MAP: (1, 0),
    TargetKind.ATTRIBUTES: (4, 4),
}


def labels(kind: TargetKind, channels: int) -> Target:
    generator = torch.Generator().manual_seed(0)
    if kind is TargetKind.ATTRIBUTES:
        value, shape = torch.rand(2, channels, generator=generator), (2, channels)
    else:
        value, shape = torch.randn(2, channels, 3, 5, generator=generator), (2, 1, 3, 5)
    valid = torch.rand(shape, generator=generator) < 0.7
    return Target(value.masked_fill(~valid, math.nan), valid)


@pytest.mark.parametrize(("kind", "channels", "names"), [(kind, *rest) for kind, rest in KINDS.items()])
def test_a_prediction_that_means_itself_is_encoded_as_the_label(kind: TargetKind, channels: int, names: int) -> None:
    task, target = Plain(kind, channels, names), labels(kind, channels)
    code = task.encode(target)
    assert code is not None
    assert (code.shape, code.dtype) == (target.value.shape, torch.float32)
    assert code.isfinite().all()
    kept = target.valid.expand_as(target.value)
    assert torch.equal(task.decode(code)[kept], target.value[kept])


@pytest.mark.parametrize("of", [Plain, Softmax])
def test_classes_are_encoded_one_against_the_rest(of: type[Plain]) -> None:
    task = of(TargetKind.LABEL_MAP, 40, names=40)
    value = torch.randint(0, 40, (2, 6, 7), generator=torch.Generator().manual_seed(0))
    valid = torch.rand(2, 6, 7, generator=torch.Generator().manual_seed(1)) < 0.7
    code = task.encode(Target(value.masked_fill(~valid, -1), valid))
    assert code is not None
    assert (code.shape, code.dtype) == ((2, 40, 6, 7), torch.float32)
    assert torch.equal(task.decode(code).argmax(1)[valid], value[valid])
    assert set(code.unique().tolist()) == {-4.0, 4.0}
    assert code.softmax(1).amax(1).min() > 0.98


def test_what_cannot_be_encoded_without_the_task_is_not() -> None:
    for kind, (channels, names) in KINDS.items():
        assert Softmax(kind, channels, names).encode(labels(kind, channels)) is None
    target = Target(torch.zeros(1, 2, 2, dtype=torch.int64), torch.ones(1, 2, 2, dtype=torch.bool))
    assert Plain(TargetKind.LABEL_MAP, 2, names=3).encode(target) is None
    assert Plain(TargetKind.DEPTH_MAP, 2).encode(labels(TargetKind.DEPTH_MAP, 1)) is None


def test_the_code_of_a_yes_or_no_is_a_logit_that_is_linear_in_the_label() -> None:
    value = torch.tensor([[0.0, 1.0, 0.5, 0.25, math.nan]])
    code = logit_code(Target(value.to(torch.float64), value.isfinite()))
    assert code.dtype == torch.float32
    assert code.tolist() == [[-4.0, 4.0, 0.0, -2.0, 0.0]]
    found = code.sigmoid()[0]
    assert (found - value[0])[:3].abs().max() < 0.02
