"""The plain update."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.recipe.model import Optim
from mstasks.train.objective import Objective
from mstasks.train.state import TrainState


def test_it_is_the_gradient_of_the_whole_batch(
    make_state: Callable[..., TrainState], tasks: dict[str, BoundTask], batch: Batch
) -> None:
    state = make_state(Optim())
    objective = Objective(state.network, state.weighting, tasks, Optim())
    expected = objective.backward(batch)
    gradients = [p.grad for p in state.network.parameters()]
    state.optimizer.zero_grad(set_to_none=True)
    found = state.update.gradients(state, batch, objective)
    assert found.losses == expected.losses
    assert found.counts == expected.counts
    assert len(gradients) == 6
    for parameter, gradient in zip(state.network.parameters(), gradients, strict=True):
        assert torch.equal(parameter.grad, gradient)


def test_a_strength_observes_every_micro_batch(
    make_state: Callable[..., TrainState], tasks: dict[str, BoundTask], batch: Batch
) -> None:
    class Watching:
        def __init__(self) -> None:
            self.seen: list[int] = []

        def watch(self) -> AbstractContextManager[None]:
            return nullcontext()

        def observe(self, losses: Any) -> None:
            assert losses["one"].total.requires_grad
            self.seen.append(int(losses["one"].count))

    state = make_state(Optim())
    strength: Any = Watching()
    state.strength = strength
    objective = Objective(state.network, state.weighting, tasks, Optim(accumulate=4))
    state.update.gradients(state, batch, objective)
    assert strength.seen == [1, 2, 1, 2]


def test_it_has_nothing_of_its_own(make_state: Callable[..., TrainState]) -> None:
    assert not make_state(Optim()).update.state_dict()
