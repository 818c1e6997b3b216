"""ODS-F, OIS-F and mean absolute error on hand-made predictions."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from mstasks import Target
from mstasks_edges.metrics import EdgeMatches, OptimalDatasetScale, OptimalImageScale, edge_metrics

HEIGHT, WIDTH = 60, 80
DISTANCE = 0.02  # of a diagonal of 100 pixels: two pixels
both = pytest.mark.parametrize("metric_class", [OptimalDatasetScale, OptimalImageScale])


def cross(row: int = 20, column: int = 25) -> Tensor:
    """A horizontal and a vertical line through an image, shape (1, 1, height, width)."""
    edges = torch.zeros(1, 1, HEIGHT, WIDTH)
    edges[..., row, 8:72] = 1
    edges[..., 6:54, column] = 1
    return edges


def labelled(value: Tensor) -> Target:
    return Target(value, torch.ones_like(value, dtype=torch.bool))


def blurred(edges: Tensor, sigma: float = 1.5) -> Tensor:
    soft = np.stack([cv2.GaussianBlur(image, (0, 0), sigma) for image in edges[:, 0].numpy()])
    return torch.from_numpy(soft)[:, None]


def f_of(metric: EdgeMatches, *batches: tuple[Tensor, Target]) -> float:
    for prediction, target in batches:
        metric.update(prediction, target)
    value = metric.compute()
    return float(value["mean"] if isinstance(value, dict) else value)


@both
def test_the_label_itself_scores_one(metric_class: type[EdgeMatches]) -> None:
    metric = metric_class(0.0075)
    assert f_of(metric, (cross(), labelled(cross()))) == metric.best_value == 1.0
    assert metric.higher_is_better


@both
def test_any_label_scores_one_as_its_own_prediction(metric_class: type[EdgeMatches]) -> None:
    soft = torch.rand(2, 1, 24, 32, generator=torch.Generator().manual_seed(0))
    thick = torch.nn.functional.max_pool2d(cross(), 5, 1, 2)
    for label in (soft, thick):
        assert f_of(metric_class(0.0075), (label, labelled(label))) == 1.0


@both
def test_a_shift_within_the_tolerance_costs_nothing_and_beyond_it_everything(metric_class: type[EdgeMatches]) -> None:
    line = torch.zeros(1, 1, HEIGHT, WIDTH)
    line[..., 30, :] = 1
    for shift, expected in ((1, 1.0), (2, 1.0), (3, 0.0), (-2, 1.0), (-3, 0.0)):
        assert f_of(metric_class(DISTANCE), (line.roll(shift, 2), labelled(line))) == expected


@both
def test_a_blurred_label_scores_nearly_one(metric_class: type[EdgeMatches]) -> None:
    assert f_of(metric_class(DISTANCE), (blurred(cross()), labelled(cross()))) > 0.97


@both
def test_a_thick_label_is_not_held_against_a_thin_prediction(metric_class: type[EdgeMatches]) -> None:
    thick = torch.nn.functional.max_pool2d(cross(), 3, 1, 1)
    assert f_of(metric_class(DISTANCE), (cross(), labelled(thick))) > 0.97


@both
@pytest.mark.parametrize("level", [0.0, 0.05, 0.5, 1.0])
def test_a_constant_prediction_scores_low(metric_class: type[EdgeMatches], level: float) -> None:
    assert f_of(metric_class(DISTANCE), (torch.full((1, 1, HEIGHT, WIDTH), level), labelled(cross()))) < 0.2


def test_precision_recall_and_threshold_by_hand() -> None:
    # The true line is found at 0.8, a false one of the same length appears at 0.3.
    truth, prediction = torch.zeros(1, 1, HEIGHT, WIDTH), torch.zeros(1, 1, HEIGHT, WIDTH)
    truth[..., 10, 10:70] = 1
    prediction[..., 10, 10:40] = 0.8
    prediction[..., 50, 10:40] = 0.3
    metric = OptimalDatasetScale(0.0)
    metric.update(prediction, labelled(truth))
    values = metric.compute()
    assert values["precision"] == 1
    assert values["recall"] == 0.5
    assert values["mean"].item() == pytest.approx(2 / 3)
    assert 0.3 < values["threshold"] <= 0.8


def two_images() -> Sequence[tuple[Tensor, Target]]:
    """Images that need different thresholds: 40 true pixels at 0.9 beside 40 false at 0.6; 40 true at 0.4."""
    truth, first, second = (torch.zeros(1, 1, HEIGHT, WIDTH) for _ in range(3))
    truth[..., 10, 10:50] = 1
    first[..., 10, 10:50] = 0.9
    first[..., 50, 10:50] = 0.6
    second[..., 10, 10:50] = 0.4
    return [(first, labelled(truth)), (second, labelled(truth))]


def test_the_best_threshold_of_the_set_is_a_compromise() -> None:
    # At 0.9: 40 of 40 predicted right, 80 true: F = 2 * 40 / 120. At 0.4: 80 of 120, 80 true: F = 160 / 200.
    assert f_of(OptimalDatasetScale(0.0), *two_images()) == pytest.approx(0.8)


def test_each_image_at_its_own_best_threshold_is_better() -> None:
    assert f_of(OptimalImageScale(0.0), *two_images()) == 1.0


def test_images_are_pooled_by_pixels_not_averaged() -> None:
    # The first image is perfect with 40 pixels, the second misses all of its 20: F = 2 * 40 / (40 + 60).
    prediction, target = two_images()[1]
    missed = torch.zeros(1, 1, HEIGHT, WIDTH)
    missed[..., 20, 10:30] = 1
    batches = [(prediction, target), (torch.zeros_like(missed), labelled(missed))]
    for metric in (OptimalDatasetScale(0.0), OptimalImageScale(0.0)):
        assert f_of(metric, *batches) == pytest.approx(0.8)


def test_an_image_without_edges_is_best_where_least_is_predicted() -> None:
    prediction, target = two_images()[0]
    empty = (0.3 * cross(), labelled(torch.zeros(1, 1, HEIGHT, WIDTH)))
    assert f_of(OptimalImageScale(0.0), (prediction, target), empty) == 1.0


@both
def test_batches_of_any_size_give_the_same_as_all_at_once(metric_class: type[EdgeMatches]) -> None:
    generator = torch.Generator().manual_seed(0)
    prediction = blurred(torch.rand(4, 1, 24, 32, generator=generator), 1.0)
    target = Target(torch.cat([cross()[..., :24, 20:52]] * 4), torch.rand(4, 1, 24, 32, generator=generator) < 0.9)
    whole, parts = metric_class(DISTANCE), metric_class(DISTANCE)
    whole.update(prediction, target)
    for part in (slice(0, 1), slice(1, 4)):
        parts.update(prediction[part], target[part])
    for state in ("counts", "best", "images"):
        assert torch.equal(getattr(whole, state), getattr(parts, state))
        assert getattr(whole, state).dtype == torch.int64


@both
def test_images_without_a_valid_pixel_change_nothing(metric_class: type[EdgeMatches]) -> None:
    metric = metric_class(DISTANCE)
    metric.update(blurred(cross()), labelled(cross()))
    before = {state: getattr(metric, state).clone() for state in ("counts", "best", "images")}
    metric.update(cross(), Target(cross(), torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)))
    for state, value in before.items():
        assert torch.equal(getattr(metric, state), value)


@both
def test_without_a_valid_pixel_the_value_is_not_a_number(metric_class: type[EdgeMatches]) -> None:
    nowhere = Target(cross(), torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool))
    assert np.isnan(f_of(metric_class(DISTANCE), (cross(), nowhere)))


@both
def test_without_any_edge_the_value_is_zero(metric_class: type[EdgeMatches]) -> None:
    assert f_of(metric_class(DISTANCE), (cross(), labelled(torch.zeros(1, 1, HEIGHT, WIDTH)))) == 0


def test_both_f_share_one_count() -> None:
    names = ["ods_f", "ois_f"]
    metrics = edge_metrics(0.0)
    together = MetricCollection({name: metrics[name] for name in names}, compute_groups=[names])
    for prediction, target in two_images():
        together.update(prediction, target)
    assert together["ods_f"].compute()["mean"].item() == pytest.approx(0.8)
    assert together["ois_f"].compute() == 1
    assert metrics["ods_f"].state_group == metrics["ois_f"].state_group != metrics["mae"].state_group


def test_mae_is_the_mean_absolute_difference_over_valid_pixels() -> None:
    metric = edge_metrics(DISTANCE)["mae"]
    prediction, value = torch.tensor([[[[0.25, 1.0, 0.5]]]]), torch.tensor([[[[1.0, 1.0, 0.0]]]])
    metric.update(prediction, Target(value, torch.tensor([[[[True, True, False]]]])))
    assert metric.compute() == 0.375
    assert (metric.higher_is_better, metric.best_value) == (False, 0.0)


@pytest.mark.parametrize("name", ["ods_f", "ois_f", "mae"])
def test_a_wrong_shape_is_explained(name: str) -> None:
    target = Target(torch.zeros(1, HEIGHT, WIDTH), torch.ones(1, HEIGHT, WIDTH, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"`target.value` must have shape \(batch, 1, .* Found \(1, 60, 80\)"):
        edge_metrics(DISTANCE)[name].update(cross(), target)
