"""Angular metrics against constructed angles, torch.median and pooled brute force."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from mstasks import Target, TaskMetric
from mstasks_normals.metrics import RESOLUTION, angles, normal_metrics

Batch = tuple[Tensor, Target]


def unit(*shape: int, seed: int = 0) -> Tensor:
    vectors = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=1)


def turned(degrees: list[float]) -> Batch:
    """Predictions that differ from their truth by the given angles, all valid."""
    angle = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    zero = torch.zeros_like(angle)
    prediction = torch.stack([angle.sin(), zero, angle.cos()])[None, :, None]
    truth = torch.stack([zero, zero, zero + 1])[None, :, None]
    return prediction, Target(truth, torch.ones(1, 1, 1, len(degrees), dtype=torch.bool))


def random_batches() -> list[Batch]:
    batches = []
    for seed, (share, noise) in enumerate([(0.1, 0.1), (0.9, 0.4), (0.5, 2.0)]):
        truth = unit(2, 3, 9, 8, seed=seed)
        valid = torch.rand(2, 1, 9, 8, generator=torch.Generator().manual_seed(seed)) < share
        batches.append((truth + noise * unit(2, 3, 9, 8, seed=seed + 10), Target(truth, valid)))
    return batches


def number(metric: TaskMetric) -> float:
    value = metric.compute()
    assert isinstance(value, Tensor)
    return value.item()


def scores(batches: list[Batch]) -> dict[str, float]:
    result = {}
    for name, metric in normal_metrics().items():
        for prediction, target in batches:
            metric.update(prediction, target)
        result[name] = number(metric)
    return result


def valid_angles(batches: list[Batch]) -> Tensor:
    """All angles from float64 acos: accurate enough away from 0 and 180 degrees."""
    cosines = [
        torch.cosine_similarity(prediction.double(), target.value.double(), dim=1)[target.valid[:, 0]]
        for prediction, target in batches
    ]
    return torch.cat(cosines).acos().rad2deg()


def test_names_directions_and_order() -> None:
    metrics = normal_metrics()
    assert list(metrics) == ["mean", "median", "within_11.25", "within_22.5", "within_30"]
    assert [(m.higher_is_better, m.best_value) for m in metrics.values()] == [(False, 0.0)] * 2 + [(True, 1.0)] * 3


def test_by_hand() -> None:
    found = scores([turned([0.0, 10.0, 20.0, 25.0, 95.0])])
    expected = {"mean": 30.0, "median": 20.0, "within_11.25": 0.4, "within_22.5": 0.6, "within_30": 0.8}
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 1e-5, 1e-3, 0.1, 45.0, 90.0, 179.9, 179.99999, 180.0])
def test_small_and_flat_angles_are_measured_exactly(degrees: float) -> None:
    prediction, target = turned([degrees])
    assert angles(prediction, target.value).item() == pytest.approx(degrees, abs=1e-9)


def test_angles_do_not_depend_on_length() -> None:
    prediction, truth = unit(2, 3, 4, 4), unit(2, 3, 4, 4, seed=1)
    torch.testing.assert_close(angles(7 * prediction, 0.01 * truth), angles(prediction, truth), rtol=1e-6, atol=1e-6)


def test_a_perfect_float32_prediction_scores_within_a_thousandth_of_a_degree() -> None:
    truth = unit(4, 3, 30, 30)
    found = scores([(truth.clone(), Target(truth, torch.ones(4, 1, 30, 30, dtype=torch.bool)))])
    assert found["mean"] < 1e-3
    assert found["median"] < 1e-3
    assert [found[name] for name in ("within_11.25", "within_22.5", "within_30")] == [1, 1, 1]


def test_acos_of_a_float32_cosine_would_not() -> None:
    truth = unit(4, 3, 30, 30)
    assert (truth * truth).sum(1).clamp(-1, 1).acos().rad2deg().mean() > 1e-3


def test_all_are_pooled_over_valid_pixels() -> None:
    batches = random_batches()
    found, truth = scores(batches), valid_angles(batches)
    assert len(truth) > 200
    assert found["mean"] == pytest.approx(float(truth.mean()), abs=1e-6)
    for threshold in (11.25, 22.5, 30):
        assert found[f"within_{threshold}"] == pytest.approx(float((truth < threshold).double().mean()), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_the_median_is_within_half_a_bin_of_torchs(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    count = int(torch.randint(1, 60, (), generator=generator))
    degrees = 180 * torch.rand(count, generator=generator, dtype=torch.float64) ** 3
    assert scores([turned(degrees.tolist())])["median"] == pytest.approx(
        float(degrees.median()), abs=RESOLUTION / 2 + 1e-9
    )


@pytest.mark.parametrize("threshold", [11.25, 22.5, 30.0])
def test_thresholds_are_exclusive(threshold: float) -> None:
    assert scores([turned([threshold - 1e-6])])[f"within_{threshold:g}"] == 1
    assert scores([turned([threshold + 1e-6])])[f"within_{threshold:g}"] == 0


@pytest.mark.parametrize("garbage", [0.0, math.nan, math.inf])
def test_what_is_not_valid_changes_nothing(garbage: float) -> None:
    batches = random_batches()
    spoilt = [
        (
            vectors.masked_fill(~target.valid, garbage),
            Target(target.value.masked_fill(~target.valid, garbage), target.valid),
        )
        for vectors, target in batches
    ]
    nothing = Target(torch.full((2, 3, 9, 8), garbage), torch.zeros(2, 1, 9, 8, dtype=torch.bool))
    assert scores([*spoilt, (torch.ones(2, 3, 9, 8), nothing)]) == scores(batches)


def test_nothing_valid_gives_not_a_number() -> None:
    nothing = Target(unit(1, 3, 2, 2), torch.zeros(1, 1, 2, 2, dtype=torch.bool))
    assert all(math.isnan(value) for value in scores([(unit(1, 3, 2, 2), nothing)]).values())


def test_wrong_shapes_are_explained() -> None:
    target = Target(torch.ones(2, 3, 4, 4), torch.ones(2, 1, 4, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"`prediction` must have shape .* Found \(2, 1, 4, 4\)"):
        normal_metrics()["mean"].update(torch.ones(2, 1, 4, 4), target)


def test_a_prediction_that_is_not_a_number_makes_the_mean_one_and_counts_as_the_worst() -> None:
    prediction, target = turned([5.0, 5.0, 5.0, 5.0])
    prediction[..., :2] = math.nan
    found = scores([(prediction, target)])
    assert math.isnan(found["mean"])
    assert found["within_11.25"] == 0.5
    assert found["median"] == pytest.approx(5)


def test_updating_one_metric_of_the_group_serves_all() -> None:
    batches = random_batches()
    metrics = normal_metrics()
    assert {metric.state_group for metric in metrics.values()} == {"angles"}
    names = {f"m{index}": name for index, name in enumerate(metrics)}  # a collection refuses names with a point
    collection = MetricCollection({key: metrics[name] for key, name in names.items()}, compute_groups=[list(names)])
    for prediction, target in batches:
        collection.update(prediction, target)
    assert {names[key]: float(value) for key, value in collection.compute().items()} == scores(batches)


def test_states_of_two_ranks_add_up() -> None:
    first, *rest = random_batches()
    for name, metric in normal_metrics().items():
        metric.update(*first)
        other = normal_metrics()[name]
        for batch in rest:
            other.update(*batch)
        for state in metric._defaults:
            merge = metric._reductions[state]
            assert callable(merge)
            setattr(metric, state, merge(torch.stack([getattr(metric, state), getattr(other, state)])))
        metric._computed = None
        assert number(metric) == pytest.approx(scores([first, *rest])[name], abs=1e-12)
