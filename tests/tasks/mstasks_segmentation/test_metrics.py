"""Mean IoU and pixel accuracy against hand-computed cases and torchmetrics."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix, MulticlassJaccardIndex

from mstasks import Target
from mstasks_segmentation.metrics import ConfusionMatrix, MeanIoU, PixelAccuracy

NAMES = ("floor", "wall", "chair")
BOTH = pytest.mark.parametrize("metric_class", [MeanIoU, PixelAccuracy])


def scores_of(classes: Tensor, count: int = 3) -> Tensor:
    """Class scores whose largest is the given class: (batch, h, w) to (batch, classes, h, w)."""
    return torch.nn.functional.one_hot(classes, count).movedim(-1, 1).float()


def hand_case() -> tuple[Tensor, Target]:
    predicted = torch.tensor([[[0, 0, 1, 1], [1, 1, 0, 2]]])
    truth = torch.tensor([[[0, 1, 1, 1], [1, 0, 0, 0]]])
    valid = torch.ones(1, 2, 4, dtype=torch.bool)
    valid[0, 1, 3] = False  # the only pixel that speaks of chairs
    return scores_of(predicted), Target(truth, valid)


def random_case(seed: int = 0) -> tuple[Tensor, Target]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(6, 3, 8, 9, generator=generator)
    truth = torch.randint(0, 3, (6, 8, 9), generator=generator)
    return scores, Target(truth, torch.rand(6, 8, 9, generator=generator) < 0.8)


def test_miou_by_hand() -> None:
    # floor: 2 right, 1 + 1 wrong: 2 / 4. wall: 3 right, 1 + 1 wrong: 3 / 5. chair: neither labelled nor predicted.
    metric = MeanIoU(NAMES)
    metric.update(*hand_case())
    values = metric.compute()
    assert values["floor"].item() == pytest.approx(2 / 4)
    assert values["wall"].item() == pytest.approx(3 / 5)
    assert values["chair"].isnan()
    assert values["mean"].item() == pytest.approx((2 / 4 + 3 / 5) / 2)
    assert values["left_out"] == 1


def test_pixel_accuracy_by_hand() -> None:
    metric = PixelAccuracy(NAMES)
    metric.update(*hand_case())
    assert metric.compute().item() == pytest.approx(5 / 7)


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    metric = MeanIoU(NAMES)
    metric.update(scores_of(torch.tensor([[[0, 2]]])), Target(torch.tensor([[[0, 0]]]), torch.ones(1, 1, 2).bool()))
    values = metric.compute()
    assert (values["chair"], values["left_out"]) == (0, 1)
    assert values["mean"].item() == pytest.approx((1 / 2 + 0) / 2)


def test_it_is_one_matrix_over_the_set_not_a_mean_over_images() -> None:
    metric = MeanIoU(("a", "b"))
    predicted, truth = torch.tensor([[[0, 0]], [[0, 0]]]), torch.tensor([[[0, 0]], [[1, 1]]])
    metric.update(scores_of(predicted, 2), Target(truth, torch.ones(2, 1, 2, dtype=torch.bool)))
    assert metric.compute()["mean"].item() == pytest.approx((2 / 4 + 0) / 2)


def test_values_are_those_of_torchmetrics() -> None:
    scores, target = random_case()
    truth = target.value.masked_fill(~target.valid, 255)
    ours, accuracy = MeanIoU(NAMES), PixelAccuracy(NAMES)
    ours.update(scores, target)
    accuracy.update(scores, target)
    expected = MulticlassConfusionMatrix(3, ignore_index=255)(scores, truth)
    assert torch.equal(ours.confusion, expected)
    torch.testing.assert_close(
        ours.compute()["mean"].float(), MulticlassJaccardIndex(3, average="macro", ignore_index=255)(scores, truth)
    )
    torch.testing.assert_close(
        accuracy.compute().float(), MulticlassAccuracy(3, average="micro", ignore_index=255)(scores, truth)
    )


def test_batches_of_any_size_give_the_same_as_all_at_once() -> None:
    scores, target = random_case()
    whole, parts = MeanIoU(NAMES), MeanIoU(NAMES)
    whole.update(scores, target)
    for part in (slice(0, 1), slice(1, 5), slice(5, 6)):
        parts.update(scores[part], target[part])
    assert torch.equal(whole.confusion, parts.confusion)


def test_counts_are_integers() -> None:
    assert MeanIoU(NAMES).confusion.dtype == torch.int64


def test_both_metrics_share_one_count() -> None:
    together = MetricCollection(
        {"miou": MeanIoU(NAMES), "pixel_accuracy": PixelAccuracy(NAMES)}, compute_groups=[["miou", "pixel_accuracy"]]
    )
    together.update(*hand_case())
    together.update(*hand_case())
    assert together["pixel_accuracy"].compute().item() == pytest.approx(5 / 7)
    assert MeanIoU.state_group == PixelAccuracy.state_group != ""


@BOTH
def test_a_perfect_prediction_reaches_the_best_value(metric_class: type[ConfusionMatrix]) -> None:
    _, target = random_case()
    metric = metric_class(NAMES)
    metric.update(scores_of(target.value), target)
    value = metric.compute()
    assert (value["mean"] if isinstance(value, dict) else value) == metric.best_value
    assert metric.higher_is_better


@BOTH
def test_a_batch_without_a_valid_pixel_changes_nothing(metric_class: type[ConfusionMatrix]) -> None:
    scores, target = random_case()
    metric = metric_class(NAMES)
    metric.update(scores, target)
    before = metric.confusion.clone()
    metric.update(scores, Target(target.value, torch.zeros_like(target.valid)))
    assert torch.equal(metric.confusion, before)


@BOTH
def test_without_any_valid_pixel_the_value_is_not_a_number(metric_class: type[ConfusionMatrix]) -> None:
    scores, target = random_case()
    metric = metric_class(NAMES)
    metric.update(scores, Target(target.value, torch.zeros_like(target.valid)))
    value = metric.compute()
    assert (value["mean"] if isinstance(value, dict) else value).isnan()


def test_labels_where_not_valid_change_nothing() -> None:
    scores, target = random_case()
    one, other = MeanIoU(NAMES), MeanIoU(NAMES)
    one.update(scores, target)
    other.update(scores, Target(target.value.where(target.valid, (target.value + 1) % 3), target.valid))
    assert torch.equal(one.confusion, other.confusion)


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_that_is_no_class_is_explained(label: int) -> None:
    scores, target = random_case()
    value = target.value.clone()
    value[0] = label
    with pytest.raises(ValueError, match=rf"`target.value` must lie in 0..2 where valid. Found {label}\."):
        MeanIoU(NAMES).update(scores, Target(value, target.valid))


def test_a_wrong_shape_is_explained() -> None:
    scores, target = random_case()
    with pytest.raises(ValueError, match=r"`target.value` must have shape .* here \(6, 8, 8\). Found \(6, 8, 9\)"):
        MeanIoU(NAMES).update(scores[..., :8], target)
