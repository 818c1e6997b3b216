from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.recipe.model import Optim
from mstasks.train.checkpoint import CheckpointError, find_checkpoint, load_weights, restore, save_checkpoint
from mstasks.train.objective import Objective, StepLosses
from mstasks.train.plain import PlainUpdate
from mstasks.train.state import TrainState
from mstasks.train.step import train_step
from mstasks.train.weighting import UncertaintyWeighting

Maker = Callable[..., TrainState]
OPTIM = Optim(lr=0.05, ema=0.8, steps=10)


def trained(
    make_state: Maker,
    tasks: dict[str, BoundTask],
    batch_maker: Callable[..., Batch],
    steps: range,
    state: TrainState | None = None,
) -> TrainState:
    state = state or make_state(OPTIM, UncertaintyWeighting(dict.fromkeys(tasks, 1.0)))
    for step in steps:
        train_step(state, batch_maker(seed=step), tasks, OPTIM)
    return state


def test_going_on_from_a_checkpoint_gives_the_same_bits(
    make_state: Maker, tasks: dict[str, BoundTask], batch_maker: Callable[..., Batch], tmp_path: Path
) -> None:
    straight = trained(make_state, tasks, batch_maker, range(7))
    save_checkpoint(tmp_path, trained(make_state, tasks, batch_maker, range(3)), best=True)
    resumed = make_state(OPTIM, UncertaintyWeighting(dict.fromkeys(tasks, 1.0)), seed=99)
    restore(find_checkpoint(tmp_path, "last"), resumed)
    assert resumed.step == 3
    trained(make_state, tasks, batch_maker, range(3, 7), resumed)
    for module in ("network", "weighting", "average"):
        ours, theirs = getattr(resumed, module).state_dict(), getattr(straight, module).state_dict()
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    rates = [[group["lr"] for group in state.optimizer.param_groups] for state in (resumed, straight)]
    assert rates[0] == rates[1]


def test_the_random_generator_goes_on_where_it_was(
    make_state: Maker, tasks: dict[str, BoundTask], tmp_path: Path
) -> None:
    state = make_state(Optim())
    save_checkpoint(tmp_path, state, best=True)
    expected = torch.rand(3)
    other = make_state(Optim(), seed=5)
    restore(find_checkpoint(tmp_path, "last"), other)
    assert torch.equal(torch.rand(3), expected)


def test_only_the_last_and_the_best_are_kept(
    make_state: Maker, tasks: dict[str, BoundTask], batch: Batch, tmp_path: Path
) -> None:
    state = make_state(Optim())
    for best in (False, True, False, False):
        train_step(state, batch, tasks, Optim())
        save_checkpoint(tmp_path, state, best=best)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.json", "step-000002", "step-000004"]
    assert json.loads((tmp_path / "index.json").read_text()) == {"last": "step-000004", "best": "step-000002"}


def test_evaluation_takes_the_averaged_weights(
    make_state: Maker, tasks: dict[str, BoundTask], batch_maker: Callable[..., Batch], tmp_path: Path
) -> None:
    state = trained(make_state, tasks, batch_maker, range(3))
    save_checkpoint(tmp_path, state, best=True)
    other = make_state(Optim(), seed=7).network
    load_weights(find_checkpoint(tmp_path, "best"), other)
    averaged, raw = state.evaluated.state_dict(), state.network.state_dict()
    assert all(torch.equal(value, averaged[key]) for key, value in other.state_dict().items())
    assert not torch.equal(averaged["backbone.weight"], raw["backbone.weight"])


def test_a_damaged_file_is_named(make_state: Maker, tmp_path: Path) -> None:
    saved = save_checkpoint(tmp_path, make_state(Optim()), best=True)
    path = saved / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model.safetensors: missing or not as it was written"):
        find_checkpoint(tmp_path, "last")


def test_a_run_without_a_checkpoint_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no best checkpoint\. The run was stopped before it saved one"):
        find_checkpoint(tmp_path, "best")


def test_weights_of_another_network_are_refused(make_state: Maker, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, make_state(Optim()), best=True)
    with pytest.raises(CheckpointError, match="does not fit the network of this recipe"):
        load_weights(find_checkpoint(tmp_path, "best"), torch.nn.Linear(2, 2))


def test_a_save_that_dies_half_way_leaves_the_previous_checkpoint(
    make_state: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = make_state(Optim())
    save_checkpoint(tmp_path, state, best=True)
    state.step = 1
    monkeypatch.setattr("mstasks.train.checkpoint._counters", lambda state: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_checkpoint(tmp_path, state, best=True)
    assert find_checkpoint(tmp_path, "last").name == "step-000000"


class Scaling(PlainUpdate):
    """An update with a parameter and a buffer of its own."""

    def __init__(self) -> None:
        super().__init__(None, ["one", "two"], 10, 0)
        self.scale = torch.nn.Parameter(torch.ones(2))
        self.register_buffer("seen", torch.tensor(0))

    def gradients(self, state: TrainState, batch: Batch, objective: Objective) -> StepLosses:
        self.seen += 1
        self.scale.grad = self.seen * torch.ones(2)
        return super().gradients(state, batch, objective)


def test_an_update_goes_on_with_its_own_parameters_moments_and_buffers(
    make_state: Maker, tasks: dict[str, BoundTask], batch_maker: Callable[..., Batch], tmp_path: Path
) -> None:
    def fresh() -> TrainState:
        plain = make_state(OPTIM)
        return TrainState.create(plain.network, plain.weighting, OPTIM, torch.device("cpu"), Scaling())

    straight = trained(make_state, tasks, batch_maker, range(5), fresh())
    save_checkpoint(tmp_path, trained(make_state, tasks, batch_maker, range(2), fresh()), best=True)
    resumed = fresh()
    restore(find_checkpoint(tmp_path, "last"), resumed)
    assert resumed.update.seen == 2
    trained(make_state, tasks, batch_maker, range(2, 5), resumed)
    for name, value in straight.update.state_dict().items():
        assert torch.equal(resumed.update.state_dict()[name], value), name
    assert not torch.equal(straight.update.scale, torch.ones(2))
