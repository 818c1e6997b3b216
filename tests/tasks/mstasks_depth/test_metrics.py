"""Depth metrics against hand-computed cases and torchmetrics."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchmetrics.regression import MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError

from mstasks import Target, TaskMetric
from mstasks_depth.metrics import depth_metrics

Batch = tuple[Tensor, Target]


def random_batches() -> list[Batch]:
    generator = torch.Generator().manual_seed(0)

    def draw() -> Tensor:
        return 0.5 + 5 * torch.rand(2, 1, 6, 7, generator=generator)

    # Validity differs much between batches, so that an average of averages would show.
    return [(draw(), Target(draw(), torch.rand(2, 1, 6, 7, generator=generator) < share)) for share in (0.1, 0.9, 0.5)]


def number(metric: TaskMetric) -> float:
    value = metric.compute()
    assert isinstance(value, Tensor)
    return value.item()


def scores(batches: list[Batch]) -> dict[str, float]:
    result = {}
    for name, metric in depth_metrics().items():
        for depth, target in batches:
            metric.update(depth, target)
        result[name] = number(metric)
    return result


def as_batch(depth: list[float], truth: list[float]) -> Batch:
    maps = torch.tensor([depth, truth]).reshape(2, 1, 1, 1, -1)
    return maps[0], Target(maps[1], torch.ones_like(maps[1], dtype=torch.bool))


def test_names_directions_and_order() -> None:
    metrics = depth_metrics()
    assert list(metrics) == ["rmse", "abs", "abs_rel", "delta1", "delta2", "delta3"]
    assert [(m.higher_is_better, m.best_value) for m in metrics.values()] == [(False, 0.0)] * 3 + [(True, 1.0)] * 3


def test_by_hand() -> None:
    # Ratios 1.2, 1.5, 1.9, 2: one within 1.25, two within 1.5625, three within 1.953125.
    found = scores([as_batch([1.2, 3.0, 1.9, 2.0], [1.0, 2.0, 1.0, 4.0])])
    assert found == pytest.approx(
        {
            "rmse": math.sqrt((0.2**2 + 1 + 0.9**2 + 2**2) / 4),
            "abs": (0.2 + 1 + 0.9 + 2) / 4,
            "abs_rel": (0.2 + 0.5 + 0.9 + 0.5) / 4,
            "delta1": 0.25,
            "delta2": 0.5,
            "delta3": 0.75,
        },
        rel=1e-6,
    )


def test_a_ratio_at_the_threshold_is_not_within_it() -> None:
    assert scores([as_batch([1.25, 4.0], [1.0, 5.0])])["delta1"] == 0
    assert scores([as_batch([1.2499, 4.001], [1.0, 5.0])])["delta1"] == 1


def test_errors_are_those_of_torchmetrics_over_all_valid_pixels() -> None:
    batches, found = random_batches(), scores(random_batches())
    depth = torch.cat([depth[target.valid] for depth, target in batches])
    truth = torch.cat([target.value[target.valid] for _, target in batches])
    assert found["rmse"] == pytest.approx(float(MeanSquaredError(squared=False)(depth, truth)), rel=1e-5)
    assert found["abs"] == pytest.approx(float(MeanAbsoluteError()(depth, truth)), rel=1e-5)
    assert found["abs_rel"] == pytest.approx(float(MeanAbsolutePercentageError()(depth, truth)), rel=1e-5)


def test_rmse_is_the_root_of_the_pooled_mean_not_the_mean_of_roots() -> None:
    assert scores([as_batch([2.0], [1.0]), as_batch([8.0], [1.0])])["rmse"] == pytest.approx(5.0)


def test_a_perfect_prediction_scores_the_best_value() -> None:
    for metric in depth_metrics().values():
        depth, target = random_batches()[0]
        metric.update(target.value, Target(target.value, target.valid))
        assert number(metric) == metric.best_value
        assert depth.shape == target.value.shape


@pytest.mark.parametrize("garbage", [0.0, -1.0, math.nan, math.inf])
def test_what_is_not_valid_changes_nothing(garbage: float) -> None:
    batches = random_batches()
    spoilt = [
        (
            depth.masked_fill(~target.valid, garbage),
            Target(target.value.masked_fill(~target.valid, garbage), target.valid),
        )
        for depth, target in batches
    ]
    nothing = Target(torch.full((2, 1, 6, 7), garbage), torch.zeros(2, 1, 6, 7, dtype=torch.bool))
    assert scores([*spoilt, (torch.ones(2, 1, 6, 7), nothing)]) == scores(batches)


@pytest.mark.parametrize("name", depth_metrics())
def test_wrong_shapes_are_explained(name: str) -> None:
    target = Target(torch.ones(2, 1, 4, 4), torch.ones(2, 1, 4, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"`prediction` must have shape .* Found \(2, 4, 4\)"):
        depth_metrics()[name].update(torch.ones(2, 4, 4), target)


def test_a_prediction_that_is_not_a_number_shows() -> None:
    found = scores([as_batch([math.nan, 1.0], [1.0, 1.0])])
    assert math.isnan(found["rmse"])
    assert found["delta1"] == 0.5
