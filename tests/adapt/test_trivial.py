"""The mean label map: of valid labels only, by kind, in what metrics are given."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric
from mstasks.adapt.trivial import expand_trivial, fit_trivial
from mstasks.bound import BoundTask
from mstasks.constant import fit_constants
from mstasks.data.batch import Batch


class Anything(Task):
    channels = 1

    def __init__(self, info: TargetInfo) -> None:
        super().__init__(info)
        self.kind = info.kind

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return prediction.flatten(1).mean(1)

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {"x": PooledMean(lambda p, t: p, higher_is_better=True, best_value=1.0)}


def task(kind: TargetKind, names: tuple[str, ...] = ()) -> BoundTask:
    return BoundTask("task", Anything(TargetInfo(kind, names)), "labels")


def batch(value: Tensor, valid: Tensor) -> Batch:
    ids = tuple(str(index) for index in range(len(value)))
    return Batch(ids, torch.zeros(len(value), 3, 4, 4, dtype=torch.uint8), {"labels": Target(value, valid)})


def fitted(bound: BoundTask, *batches: Batch) -> Tensor:
    found = fit_trivial(bound, iter(batches))
    assert found is not None
    assert found.dtype == torch.float32
    return found


def random_batch(kind: TargetKind, size: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    valid = torch.rand(size, 1, 3, 5, generator=generator) < 0.6
    valid[:, :, 0, 0] = False
    if kind is TargetKind.LABEL_MAP:
        return batch(torch.randint(0, 4, (size, 3, 5), generator=generator), valid[:, 0])
    channels = 3 if kind is TargetKind.VECTOR_MAP else 1
    value = torch.randn(size, channels, 3, 5, generator=generator)
    if kind is TargetKind.VECTOR_MAP:
        value = value / value.norm(dim=1, keepdim=True)
    return batch(value.masked_fill(~valid, 77.0), valid)


def test_each_pixel_gets_the_mean_of_its_own_valid_labels() -> None:
    bound = task(TargetKind.DEPTH_MAP)
    value = torch.tensor([[[[1.0, 4.0, 90.0]]], [[[3.0, 90.0, 90.0]]]])
    valid = torch.tensor([[[[True, True, False]]], [[[True, False, False]]]])
    found = fitted(bound, batch(value, valid))
    assert found.shape == (1, 1, 3)
    overall = (1 + 4 + 3) / 3  # of a pixel that no image labels
    assert found.flatten().tolist() == pytest.approx([2.0, 4.0, overall], rel=1e-4)


def test_class_frequencies_at_each_pixel() -> None:
    value = torch.tensor([[[0, 1, 2]], [[0, 2, 2]], [[1, 2, 1]]])
    valid = torch.tensor([[[True, True, False]], [[True, True, False]], [[True, False, False]]])
    found = fitted(task(TargetKind.LABEL_MAP, ("a", "b", "c")), batch(value, valid))
    assert found.shape == (3, 1, 3)
    expected = [[2 / 3, 1 / 3, 0], [0, 1 / 2, 1 / 2], [2 / 5, 2 / 5, 1 / 5]]
    torch.testing.assert_close(found[:, 0].T, torch.tensor(expected), rtol=0, atol=1e-4)
    assert found.sum(0).flatten().tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_of_classes_that_are_equally_frequent_at_a_pixel_the_one_that_is_so_elsewhere_wins() -> None:
    value = torch.tensor([[[0, 1, 1]], [[1, 1, 1]]])
    found = fitted(task(TargetKind.LABEL_MAP, ("a", "b")), batch(value, torch.ones(2, 1, 3, dtype=torch.bool)))
    assert found.argmax(0).flatten().tolist() == [1, 1, 1]


def test_mean_vectors_are_unit_vectors_and_opposite_ones_leave_the_overall_direction() -> None:
    value = torch.zeros(2, 3, 1, 3)
    value[:, 0, 0, 0] = torch.tensor([1.0, -1.0])
    value[0, 0, 0, 1] = value[1, 1, 0, 1] = 1.0
    value[:, 2, 0, 2] = -1.0
    found = fitted(task(TargetKind.VECTOR_MAP), batch(value, torch.ones(2, 1, 1, 3, dtype=torch.bool)))
    overall = torch.tensor([1.0, 1.0, -2.0]) / math.sqrt(6)
    torch.testing.assert_close(found[:, 0, 0], overall, rtol=0, atol=1e-5)
    half = math.sqrt(0.5)
    torch.testing.assert_close(found[:, 0, 1], torch.tensor([half, half, 0.0]), rtol=0, atol=1e-4)
    torch.testing.assert_close(found[:, 0, 2], torch.tensor([0.0, 0.0, -1.0]), rtol=0, atol=1e-4)


DENSE = [kind for kind in TargetKind if kind.dense]


@pytest.mark.parametrize("kind", DENSE)
def test_batches_add_up_and_what_is_not_valid_counts_nowhere(kind: TargetKind) -> None:
    bound = task(kind, ("a", "b", "c", "d") if kind is TargetKind.LABEL_MAP else ())
    one, other = random_batch(kind, 2, 0), random_batch(kind, 3, 1)
    labels = [each.targets["labels"] for each in (one, other)]
    joined = batch(torch.cat([each.value for each in labels]), torch.cat([each.valid for each in labels]))
    found = fitted(bound, one, other)
    torch.testing.assert_close(found, fitted(bound, joined))
    target = joined.targets["labels"]
    spoilt = target.value.masked_fill(~target.valid.expand_as(target.value), 3)
    torch.testing.assert_close(fitted(bound, batch(spoilt, target.valid)), found)


@pytest.mark.parametrize("kind", DENSE)
def test_a_pixel_that_no_image_labels_gets_the_constant_predictor_of_the_support_set(kind: TargetKind) -> None:
    bound = task(kind, ("a", "b", "c", "d") if kind is TargetKind.LABEL_MAP else ())
    one = random_batch(kind, 4, 3)
    constant = fit_constants({"task": bound}, [one.targets])["task"]
    torch.testing.assert_close(fitted(bound, one)[:, 0, 0], constant)


def test_attributes_get_their_share_of_the_images_that_label_them() -> None:
    value = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    valid = torch.tensor([[True, False], [True, False], [True, True]])
    found = fitted(task(TargetKind.ATTRIBUTES, ("m", "n")), batch(value, valid))
    assert found.tolist() == pytest.approx([2 / 3, 0.0])


@pytest.mark.parametrize("kind", TargetKind)
def test_without_any_label_there_is_none(kind: TargetKind) -> None:
    named = kind in (TargetKind.LABEL_MAP, TargetKind.ATTRIBUTES)
    bound = task(kind, ("a", "b", "c", "d") if named else ())
    if kind is TargetKind.ATTRIBUTES:
        nothing = batch(torch.zeros(2, 4), torch.zeros(2, 4, dtype=torch.bool))
    else:
        some = random_batch(kind, 2, 0).targets["labels"]
        nothing = batch(some.value, torch.zeros_like(some.valid))
    assert fit_trivial(bound, [nothing]) is None
    assert fit_trivial(bound, []) is None


@pytest.mark.parametrize(
    ("trivial", "valid", "shape"),
    [
        (torch.rand(4, 3, 5), (2, 3, 5), (2, 4, 3, 5)),
        (torch.rand(3, 3, 5), (2, 1, 3, 5), (2, 3, 3, 5)),
        (torch.rand(4), (2, 4), (2, 4)),
    ],
)
def test_it_is_the_same_for_every_image(trivial: Tensor, valid: tuple[int, ...], shape: tuple[int, ...]) -> None:
    labels = Target(torch.zeros(valid), torch.ones(valid, dtype=torch.bool))
    found = expand_trivial(trivial, labels)
    assert found.shape == shape
    assert all(torch.equal(each, trivial) for each in found)


def test_labels_of_another_size_are_refused() -> None:
    bound = task(TargetKind.DEPTH_MAP)
    one = batch(torch.ones(1, 1, 3, 5), torch.ones(1, 1, 3, 5, dtype=torch.bool))
    other = batch(torch.ones(1, 1, 5, 3), torch.ones(1, 1, 5, 3, dtype=torch.bool))
    message = r"Labels must all have one height and width, here \(3, 5\)\. Found \(5, 3\)"
    with pytest.raises(ValueError, match=message):
        fit_trivial(bound, [one, other])
    with pytest.raises(ValueError, match=message):
        expand_trivial(fitted(bound, one), other.targets["labels"])
