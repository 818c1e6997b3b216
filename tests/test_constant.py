from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric
from mstasks.bound import BoundTask
from mstasks.constant import expand_constant, fit_constants


class Anything(Task):
    channels = 1

    def __init__(self, info: TargetInfo) -> None:
        super().__init__(info)
        self.kind = info.kind

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return prediction.flatten(1).mean(1)

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {"x": PooledMean(lambda p, t: p, higher_is_better=True, best_value=1.0)}


def constant(kind: TargetKind, batches: list[Target], names: tuple[str, ...] = ()) -> Tensor:
    task = BoundTask("t", Anything(TargetInfo(kind, names)), "t")
    return fit_constants({"t": task}, ({"t": target} for target in batches))["t"]


def test_class_frequencies_count_valid_pixels_over_all_batches() -> None:
    first = Target(torch.tensor([[[0, 0], [1, 2]]]), torch.tensor([[[True, True], [True, False]]]))
    second = Target(torch.tensor([[[1, 1], [1, 1]]]), torch.tensor([[[True, False], [False, False]]]))
    found = constant(TargetKind.LABEL_MAP, [first, second], ("a", "b", "c"))
    assert found.tolist() == [0.5, 0.5, 0.0]


def test_the_mean_depth_pools_pixels_not_images() -> None:
    first = Target(torch.tensor([[[[1.0, 2.0, 3.0]]]]), torch.ones(1, 1, 1, 3, dtype=torch.bool))
    second = Target(torch.tensor([[[[10.0, 99.0, 99.0]]]]), torch.tensor([[[[True, False, False]]]]))
    assert constant(TargetKind.DEPTH_MAP, [first, second]).item() == pytest.approx(16 / 4)


def test_the_mean_vector_is_a_unit_vector() -> None:
    value = torch.zeros(1, 3, 1, 2)
    value[0, 0, 0, 0] = 1.0
    value[0, 1, 0, 1] = 1.0
    found = constant(TargetKind.VECTOR_MAP, [Target(value, torch.ones(1, 1, 1, 2, dtype=torch.bool))])
    assert found.tolist() == pytest.approx([math.sqrt(0.5), math.sqrt(0.5), 0.0])


def test_priors_leave_out_what_is_not_annotated() -> None:
    value = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    valid = torch.tensor([[True, False], [True, True], [True, True]])
    found = constant(TargetKind.ATTRIBUTES, [Target(value, valid)], ("m", "n"))
    assert found.tolist() == pytest.approx([2 / 3, 0.5])


def test_a_task_without_any_label_has_no_constant() -> None:
    nothing = Target(torch.zeros(1, 3, 2, 2), torch.zeros(1, 1, 2, 2, dtype=torch.bool))
    task = BoundTask("t", Anything(TargetInfo(TargetKind.VECTOR_MAP)), "t")
    assert fit_constants({"t": task}, [{"t": nothing}]) == {}


def test_vectors_that_cancel_out_give_the_one_towards_the_camera() -> None:
    value = torch.zeros(1, 3, 1, 2)
    value[0, 0, 0] = torch.tensor([1.0, -1.0])
    found = constant(TargetKind.VECTOR_MAP, [Target(value, torch.ones(1, 1, 1, 2, dtype=torch.bool))])
    assert found.tolist() == [0.0, 0.0, -1.0]


@pytest.mark.parametrize(
    ("value", "valid", "shape"),
    [
        (torch.zeros(2, 4, 5, dtype=torch.long), torch.ones(2, 4, 5, dtype=torch.bool), (2, 3, 4, 5)),
        (torch.zeros(2, 3, 4, 5), torch.ones(2, 1, 4, 5, dtype=torch.bool), (2, 3, 4, 5)),
        (torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool), (2, 3)),
    ],
)
def test_the_constant_expands_to_the_shape_of_a_decoded_prediction(
    value: Tensor, valid: Tensor, shape: tuple[int, ...]
) -> None:
    expanded = expand_constant(torch.tensor([1.0, 2.0, 3.0]), Target(value, valid))
    assert expanded.shape == shape
    assert expanded[:, 1].unique().item() == 2.0
