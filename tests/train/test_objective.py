"""The objective of a batch and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.recipe.model import Optim
from mstasks.train.objective import Objective
from mstasks.train.state import TrainState
from mstasks.train.weighting import UncertaintyWeighting

Maker = Callable[..., TrainState]


def objective_of(state: TrainState, tasks: dict[str, BoundTask], accumulate: int = 1) -> Objective:
    return Objective(state.network, state.weighting, tasks, Optim(accumulate=accumulate))


def gradients(state: TrainState) -> list[Tensor]:
    modules = (state.network, state.weighting)
    found = [p.grad.clone() for module in modules for p in module.parameters() if p.grad is not None]
    state.optimizer.zero_grad(set_to_none=True)
    return found


def by_hand(state: TrainState, batch: Batch, weights: dict[str, float]) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum over tasks of the mean over labelled examples of the mean over valid pixels."""
    predictions = state.network(batch.images.float() / 255)
    means = {}
    for name in weights:
        examples = []
        for index in range(len(batch)):
            valid = batch.targets[name].valid[index]
            if valid.any():
                error = (predictions[name][index] - batch.targets[name].value[index])[valid]
                examples.append(error.square().mean())
        means[name] = torch.stack(examples).mean()
    return torch.stack([weight * means[name] for name, weight in weights.items()]).sum(), means


def test_the_gradient_is_that_of_the_weighted_sum_of_means(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    state = make_state(Optim())
    total, means = by_hand(state, batch, {"one": 1.0, "two": 3.0})
    expected = torch.autograd.grad(total, list(state.network.parameters()))
    found = objective_of(state, tasks).backward(batch)
    torch.testing.assert_close(gradients(state), list(expected))
    torch.testing.assert_close(dict(found.losses), {name: mean.detach() for name, mean in means.items()})
    assert {name: int(count) for name, count in found.counts.items()} == {"one": 6, "two": 3}


@pytest.mark.parametrize("parts", [1, 3])
def test_scale_multiplies_the_gradient_and_gradients_add_up(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch, parts: int
) -> None:
    state = make_state(Optim(), UncertaintyWeighting(dict.fromkeys(tasks, 1.0)))
    objective = objective_of(state, tasks, parts)
    losses = objective.backward(batch).losses
    whole = gradients(state)
    scaled = objective.backward(batch, 0.25)
    objective.backward(batch, 0.75)
    torch.testing.assert_close(gradients(state), whole)
    assert scaled.losses == losses, "losses are not scaled"
    assert len(whole) == 7  # the log-variances too


def test_more_micro_batches_than_images_are_as_many_as_there_are(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    state = make_state(Optim())
    watcher: Any = SimpleNamespace(watch=nullcontext, seen=[])
    watcher.observe = lambda losses: watcher.seen.append(int(losses["one"].count))
    objective_of(state, tasks, 9).backward(batch, watcher=watcher)
    assert watcher.seen == [1] * 6
    objective_of(state, tasks, 9).backward(batch, watcher=watcher, accumulate=2)
    assert watcher.seen[6:] == [3, 3]


def test_counts_add_up_over_parts(make_state: Maker, tasks: dict[str, BoundTask], batch: Batch) -> None:
    counts = objective_of(make_state(Optim()), tasks).counts(batch.split(4))
    assert {name: int(count) for name, count in counts.items()} == {"one": 6, "two": 3}


def test_losses_at_other_weights_leave_the_network_alone(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    state, other = make_state(Optim()), make_state(Optim(), seed=1)
    weights = {name: p.detach().clone() for name, p in other.network.named_parameters()}
    found = objective_of(state, tasks).sums(batch, weights)
    expected = objective_of(other, tasks).sums(batch)
    before = objective_of(state, tasks).sums(batch)
    for name in tasks:
        assert torch.equal(found[name].total, expected[name].total)
        assert not torch.equal(found[name].total, before[name].total)


def test_chosen_tasks_alone_are_scored(make_state: Maker, tasks: dict[str, BoundTask], batch: Batch) -> None:
    objective = objective_of(make_state(Optim()), tasks)
    assert list(objective.sums(batch, tasks=["two"])) == ["two"]
    assert list(objective.sums(batch)) == ["one", "two"]
