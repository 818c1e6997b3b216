"""The pooled mean, base of most metrics."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from torch import Tensor

from mstasks import PooledMean, Target

Batch = tuple[Tensor, Target]


def absolute_error(prediction: Tensor, target: Target) -> Tensor:
    return torch.abs(prediction - target.value)


def squared_error(prediction: Tensor, target: Target) -> Tensor:
    return (prediction - target.value).square()


def length(prediction: Tensor, target: Target) -> Tensor:
    return prediction.square().sum(1, keepdim=True).sqrt()


def make() -> PooledMean:
    return PooledMean(absolute_error, higher_is_better=False, best_value=0.0)


def random_batches() -> list[Batch]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(3, 1, 4, 5, generator=generator),
            Target(torch.randn(3, 1, 4, 5, generator=generator), torch.rand(3, 1, 4, 5, generator=generator) < share),
        )
        for share in (0.05, 0.95, 0.4)  # so different that an average of averages would show
    ]


def value(metric: PooledMean, batches: list[Batch]) -> float:
    for batch in batches:
        metric.update(*batch)
    return float(metric.compute())


def test_batches_give_what_all_at_once_gives() -> None:
    batches = random_batches()
    errors = torch.cat([absolute_error(p, t)[t.valid] for p, t in batches])
    assert value(make(), batches) == pytest.approx(errors.double().mean().item(), rel=1e-12)


def test_the_direction_is_each_metrics_own() -> None:
    error = make()
    score = PooledMean(absolute_error, higher_is_better=True, best_value=1.0)
    assert (error.higher_is_better, error.best_value) == (False, 0.0)
    assert (score.higher_is_better, score.best_value) == (True, 1.0)


def test_the_final_function_sees_the_pooled_mean() -> None:
    metric = PooledMean(squared_error, higher_is_better=False, best_value=0.0, final=torch.sqrt)
    batches = random_batches()
    errors = torch.cat([squared_error(p, t)[t.valid] for p, t in batches])
    assert value(metric, batches) == pytest.approx(errors.mean().sqrt().item())


@pytest.mark.parametrize("garbage", [math.nan, math.inf])
def test_what_is_not_valid_changes_nothing(garbage: float) -> None:
    batches = random_batches()
    spoilt = [(p.masked_fill(~t.valid, garbage), t) for p, t in batches]
    nothing = (torch.full((3, 1, 4, 5), garbage), Target(torch.zeros(3, 1, 4, 5), torch.zeros(3, 1, 4, 5).bool()))
    assert value(make(), [*spoilt, nothing]) == value(make(), batches)


def test_nothing_valid_gives_not_a_number() -> None:
    nothing = Target(torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.bool))
    assert math.isnan(value(make(), [(torch.zeros(1, 2), nothing)]))


def test_a_mask_of_one_channel_counts_every_value_it_covers() -> None:
    prediction = torch.tensor([3.0, 4.0, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 1, 2)
    target = Target(torch.zeros(1, 3, 1, 2), torch.tensor([True, False]).reshape(1, 1, 1, 2))
    assert value(make(), [(prediction, target)]) == pytest.approx(7 / 3)
    assert value(PooledMean(length, higher_is_better=False, best_value=0.0), [(prediction, target)]) == pytest.approx(5)


def test_small_values_are_not_lost_beside_a_large_sum() -> None:
    # 2^24 + 1 is not a float32: a float32 sum would stand still.
    valid = torch.ones(1, 1, dtype=torch.bool)
    batches = [(torch.tensor([[2.0**24]]), Target(torch.zeros(1, 1), valid))]
    batches += [(torch.ones(1, 1), Target(torch.zeros(1, 1), valid))] * 8
    assert value(make(), batches) * 9 == 2.0**24 + 8


def test_half_precision_values_are_summed_in_double() -> None:
    prediction, valid = torch.full((1, 100_000), 1.0, dtype=torch.bfloat16), torch.ones(1, 100_000, dtype=torch.bool)
    assert value(make(), [(prediction, Target(torch.zeros(1, 100_000, dtype=torch.bfloat16), valid))]) == 1.0


def test_states_of_ranks_are_added() -> None:
    ranks = [make(), make()]
    batches = random_batches()
    for index, batch in enumerate(batches):
        ranks[index % 2].update(*batch)
    merged = make()
    for name, reduction in merged._reductions.items():
        assert callable(reduction)
        setattr(merged, name, reduction(torch.stack([getattr(rank, name) for rank in ranks])))
    merged._update_count = 1
    assert float(merged.compute()) == pytest.approx(value(make(), batches), rel=1e-12)


def test_reset_forgets() -> None:
    first, *rest = random_batches()
    metric = make()
    metric.update(*first)
    metric.reset()
    assert value(metric, rest) == value(make(), rest)


def test_copies_and_pickles_keep_direction_and_sums() -> None:
    metric, batches = make(), random_batches()
    expected = value(metric, batches)
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert other.higher_is_better is False
        assert float(other.compute()) == expected
