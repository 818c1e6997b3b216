from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch

from mstasks import Target
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.recipe.model import Optim
from mstasks.train.finite import NonFiniteError
from mstasks.train.state import TrainState
from mstasks.train.step import train_step
from mstasks.train.weighting import UncertaintyWeighting

Maker = Callable[..., TrainState]


def weights(state: TrainState) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in state.network.parameters()])


def gradients(state: TrainState) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in state.network.parameters() if p.grad is not None])


@pytest.mark.parametrize("parts", [2, 3, 6])
def test_micro_batches_give_the_gradient_of_the_whole_batch(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch, parts: int
) -> None:
    # The second task's labels are spread unevenly: averaging averages would be wrong.
    whole, cut = (
        make_state(Optim(accumulate=n, clip=None), UncertaintyWeighting(dict.fromkeys(tasks, 1.0))) for n in (1, parts)
    )
    first = train_step(whole, batch, tasks, Optim(clip=None))
    second = train_step(cut, batch, tasks, Optim(accumulate=parts, clip=None))
    torch.testing.assert_close(gradients(cut), gradients(whole), rtol=1e-5, atol=1e-7)
    for name in tasks:
        torch.testing.assert_close(second.losses[name], first.losses[name])
    torch.testing.assert_close(cut.weighting.log_variance.grad, whole.weighting.log_variance.grad)


def test_a_missing_task_gives_the_gradient_of_the_other_alone(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    nothing = Target(batch.targets["two"].value, torch.zeros_like(batch.targets["two"].valid))
    without = replace(batch, targets={**batch.targets, "two": nothing})
    both, alone = make_state(Optim(clip=None)), make_state(Optim(clip=None))
    train_step(both, without, tasks, Optim(clip=None))
    train_step(alone, batch, {"one": tasks["one"]}, Optim(clip=None))
    shared = [state.network.backbone.weight.grad for state in (both, alone)]
    torch.testing.assert_close(shared[0], shared[1], rtol=0, atol=0)
    assert both.network.heads["two"].weight.grad.abs().sum() == 0


def test_clipping_bounds_the_update_direction(make_state: Maker, tasks: dict[str, BoundTask], batch: Batch) -> None:
    state = make_state(Optim(clip=1e-3))
    result = train_step(state, batch, tasks, Optim(clip=1e-3))
    assert result.gradient_norm > 1e-3
    assert gradients(state).norm() == pytest.approx(1e-3, rel=1e-3)


def poisoned(batch: Batch, name: str) -> Batch:
    target = batch.targets[name]
    return replace(
        batch,
        targets={**batch.targets, name: Target(target.value.masked_fill(target.valid, float("nan")), target.valid)},
    )


def test_a_non_finite_loss_stops_before_the_update_and_names_task_and_step(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    state = make_state(Optim())
    train_step(state, batch, tasks, Optim())
    before = weights(state)
    with pytest.raises(
        NonFiniteError, match=r"step 2: the loss of task 'two' is not finite.*not updated.*non_finite: skip"
    ):
        train_step(state, poisoned(batch, "two"), tasks, Optim())
    assert torch.equal(weights(state), before)


def test_a_non_finite_gradient_names_the_head_it_is_in(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    state = make_state(Optim())
    state.network.heads["one"].weight.register_hook(lambda grad: grad * float("inf"))
    with pytest.raises(NonFiniteError, match=r"step 1: a gradient in the head of task 'one' is not finite"):
        train_step(state, batch, tasks, Optim())


def test_skipping_counts_and_leaves_weights_and_moments(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    optim = Optim(non_finite="skip", warmup=0.0)
    state = make_state(optim)
    train_step(state, batch, tasks, optim)
    before, moments = weights(state), copy.deepcopy(state.optimizer.state_dict()["state"])
    result = train_step(state, poisoned(batch, "one"), tasks, optim)
    assert result.skipped
    assert state.skipped == 1
    assert state.step == 2
    assert torch.equal(weights(state), before)
    for key, entry in state.optimizer.state_dict()["state"].items():
        assert torch.equal(entry["exp_avg"], moments[key]["exp_avg"])


def test_averaged_weights_follow_the_recursion(make_state: Maker, tasks: dict[str, BoundTask], batch: Batch) -> None:
    optim = Optim(ema=0.9, lr=0.05, warmup=0.0)
    state = make_state(optim)
    expected = None
    for _ in range(4):
        train_step(state, batch, tasks, optim)
        expected = weights(state) if expected is None else 0.9 * expected + 0.1 * weights(state)
    averaged = torch.cat([p.detach().flatten() for p in state.evaluated.parameters()])
    torch.testing.assert_close(averaged, expected)


def test_bfloat16_stays_close_to_float32(make_state: Maker, tasks: dict[str, BoundTask], batch: Batch) -> None:
    full, half = make_state(Optim(clip=None)), make_state(Optim(clip=None))
    train_step(full, batch, tasks, Optim(clip=None))
    train_step(half, batch, tasks, Optim(clip=None, precision="bfloat16"))
    cosine = torch.nn.functional.cosine_similarity(gradients(full), gradients(half), dim=0)
    assert cosine > 0.99
    assert not torch.equal(gradients(full), gradients(half))


def test_a_skipped_step_leaves_the_running_statistics(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    optim = Optim(non_finite="skip")
    state = make_state(optim)
    state.network.backbone = torch.nn.Sequential(state.network.backbone, torch.nn.BatchNorm2d(4))
    norm = state.network.backbone[1]
    train_step(state, batch, tasks, optim)
    before = norm.running_mean.clone()
    with torch.no_grad():
        state.network.backbone[0].weight[0, 0, 0, 0] = float("inf")
    assert train_step(state, batch, tasks, optim).skipped
    assert torch.equal(norm.running_mean, before)
    assert norm.num_batches_tracked == 1


def test_a_loss_that_is_not_finite_stops_even_if_its_gradient_is(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = type(tasks["one"].task)
    plain = task.loss
    monkeypatch.setattr(task, "loss", lambda self, p, t: plain(self, p, t) + float("nan"))
    with pytest.raises(NonFiniteError, match="step 1: the loss of tasks 'one', 'two' is not finite"):
        train_step(make_state(Optim()), batch, tasks, Optim())


class Diary:
    """A strength, and the part that it works on, that notes what is asked of it and when."""

    def __init__(self, state: TrainState) -> None:
        self.part, self._state, self.notes = self, state, []
        self._start = weights(state)

    def _note(self, what: str, *more: object) -> None:
        moved = not torch.equal(weights(self._state), self._start)
        self.notes.append((what, *more, "after" if moved else "before"))

    def begin(self, step: int) -> None:
        self._note("begin", step)

    def watch(self) -> AbstractContextManager[None]:
        self._note("watch")
        return nullcontext()

    def observe(self, losses: object) -> None:
        self._note("observe")

    def mask_gradients(self) -> None:
        self._note("mask", bool(gradients(self._state).any()))

    def act(self, step: int) -> None:
        self._note("act", step)

    def hold(self, averaged: object) -> None:
        self._note("hold", averaged is self._state.averaged)

    def parameters(self) -> list[Any]:
        return []


def test_a_strength_is_asked_in_order_around_the_update(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    optim = Optim(ema=0.9, accumulate=2)
    state = make_state(optim)
    diary: Any = Diary(state)
    state.strength = diary
    train_step(state, batch, tasks, optim)
    assert diary.notes == [
        ("begin", 0, "before"),
        ("watch", "before"),
        ("observe", "before"),
        ("watch", "before"),
        ("observe", "before"),
        ("mask", True, "before"),
        ("act", 0, "after"),
        ("hold", True, "after"),
    ]


def test_a_strength_does_not_act_on_a_skipped_step(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch
) -> None:
    optim = Optim(non_finite="skip")
    state = make_state(optim)
    diary: Any = Diary(state)
    state.strength = diary
    train_step(state, poisoned(batch, "one"), tasks, optim)
    assert [note[0] for note in diary.notes] == ["begin", "watch", "observe", "mask"]
    assert all(note[-1] == "before" for note in diary.notes)
