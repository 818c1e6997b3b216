"""Accuracy and F1 per attribute against hand-computed cases and torchmetrics."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import MultilabelAccuracy, MultilabelF1Score

from mstasks import Target
from mstasks_attributes.metrics import F1, Accuracy, AttributeCounts

NAMES = ("indoor", "lamp", "door")
both = pytest.mark.parametrize("metric_class", [Accuracy, F1])


def hand_case() -> tuple[Tensor, Target]:
    """Four images; `indoor` has 1 tp, 1 fp, 1 fn, 1 tn; `lamp` 1 tp, 1 fn, two not valid; `door` nothing valid."""
    probability = torch.tensor([[0.9, 0.6, 0.1], [0.8, 0.1, 0.9], [0.2, 0.9, 0.1], [0.1, 0.1, 0.1]])
    value = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    valid = torch.tensor([[True, True, False], [True, True, False], [True, False, False], [True, False, False]])
    return probability, Target(value, valid)


def random_case(seed: int = 0) -> tuple[Tensor, Target]:
    generator = torch.Generator().manual_seed(seed)
    value = (torch.rand(40, 3, generator=generator) < torch.tensor([0.5, 0.1, 0.8])).float()
    return torch.rand(40, 3, generator=generator), Target(value, torch.rand(40, 3, generator=generator) < 0.8)


def value_of(metric: AttributeCounts, prediction: Tensor, target: Target) -> dict[str, float]:
    metric.update(prediction, target)
    return {name: value.item() for name, value in metric.compute().items()}


def test_accuracy_by_hand() -> None:
    values = value_of(Accuracy(NAMES), *hand_case())
    assert values == pytest.approx({"mean": 0.5, "indoor": 2 / 4, "lamp": 1 / 2, "door": torch.nan}, nan_ok=True)


def test_f1_by_hand() -> None:
    values = value_of(F1(NAMES), *hand_case())
    mean = (1 / 2 + 2 / 3) / 2
    assert values == pytest.approx({"mean": mean, "indoor": 2 / 4, "lamp": 2 / 3, "door": torch.nan}, nan_ok=True)


def test_f1_is_zero_where_nothing_is_present_and_nothing_predicted() -> None:
    prediction, value = torch.zeros(3, 1), torch.zeros(3, 1)
    target = Target(value, torch.ones(3, 1, dtype=torch.bool))
    assert value_of(F1(("lamp",)), prediction, target) == {"mean": 0.0, "lamp": 0.0}
    assert value_of(Accuracy(("lamp",)), prediction, target) == {"mean": 1.0, "lamp": 1.0}


def test_a_half_is_not_a_prediction() -> None:
    target = Target(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool))
    assert value_of(Accuracy(("lamp",)), torch.full((1, 1), 0.5), target)["mean"] == 1


@pytest.mark.parametrize(
    ("metric_class", "library"), [(Accuracy, MultilabelAccuracy), (F1, MultilabelF1Score)], ids=["accuracy", "f1"]
)
def test_values_are_those_of_torchmetrics(
    metric_class: type[AttributeCounts], library: type[MultilabelAccuracy] | type[MultilabelF1Score]
) -> None:
    prediction, target = random_case()
    truth = target.value.long().masked_fill(~target.valid, -1)
    values = value_of(metric_class(NAMES), prediction, target)
    expected = library(3, average="none", ignore_index=-1)(prediction, truth)
    assert [values[name] for name in NAMES] == pytest.approx(expected.tolist())
    assert values["mean"] == pytest.approx(expected.mean().item())


def test_counts_are_pooled_over_batches_not_averaged() -> None:
    prediction, target = random_case()
    whole, parts = F1(NAMES), F1(NAMES)
    whole.update(prediction, target)
    for part in (slice(0, 1), slice(1, 30), slice(30, 40)):
        parts.update(prediction[part], target[part])
    assert torch.equal(whole.counts, parts.counts)
    assert whole.counts.dtype == torch.int64


def test_both_metrics_share_one_count() -> None:
    together = MetricCollection({"accuracy": Accuracy(NAMES), "f1": F1(NAMES)}, compute_groups=[["accuracy", "f1"]])
    together.update(*hand_case())
    together.update(*hand_case())
    assert together["f1"].compute()["lamp"].item() == pytest.approx(2 / 3)
    assert Accuracy.state_group == F1.state_group != ""


@both
def test_a_perfect_prediction_reaches_the_best_value(metric_class: type[AttributeCounts]) -> None:
    _, target = random_case()
    metric = metric_class(NAMES)
    assert value_of(metric, target.value, target)["mean"] == metric.best_value
    assert metric.higher_is_better


@both
def test_a_batch_without_a_valid_label_changes_nothing(metric_class: type[AttributeCounts]) -> None:
    prediction, target = random_case()
    metric = metric_class(NAMES)
    metric.update(prediction, target)
    before = metric.counts.clone()
    metric.update(prediction, Target(target.value, torch.zeros_like(target.valid)))
    assert torch.equal(metric.counts, before)


@both
def test_without_any_valid_label_the_mean_is_not_a_number(metric_class: type[AttributeCounts]) -> None:
    prediction, target = random_case()
    values = value_of(metric_class(NAMES), prediction, Target(target.value, torch.zeros_like(target.valid)))
    assert values == pytest.approx(dict.fromkeys(("mean", *NAMES), torch.nan), nan_ok=True)


@both
def test_labels_where_not_valid_change_nothing(metric_class: type[AttributeCounts]) -> None:
    prediction, target = random_case()
    garbage = Target(target.value.where(target.valid, 1 - target.value), target.valid)
    assert value_of(metric_class(NAMES), prediction, target) == value_of(metric_class(NAMES), prediction, garbage)


def test_a_wrong_shape_is_explained() -> None:
    prediction, target = random_case()
    with pytest.raises(ValueError, match=r"`prediction` must have shape \(batch, 3\). Found \(40, 2\)"):
        Accuracy(NAMES).update(prediction[:, :2], target)
