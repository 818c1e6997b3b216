"""Gradient steps: what moves, at which rate, and what does not move by a bit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import AdamW

from mstasks.adapt import tuning
from mstasks.adapt.options import TuneOptions
from mstasks.adapt.session import Session
from mstasks.adapt.strategy import Phase
from mstasks.adapt.tuning import tune
from mstasks.adapt.zeros import KeptZeros
from mstasks.experiment import Experiment
from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.space import scale_groups
from mstasks.train.finite import NonFiniteError
from mstasks.train.forward import forward
from mstasks.train.losses import task_losses

Make = Callable[..., Experiment]
ALL = {"new": 5e-3, "trunk": 3e-3, "backbone": 3e-4}
OPTIONS = TuneOptions(batch_size=2)
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[dict[int, float]]:
    """The learning rate of each parameter, by its id, step by step."""
    seen: list[dict[int, float]] = []

    class Watched(AdamW):
        def step(self, closure: Any = None) -> Any:
            seen.append({id(p): float(group["lr"]) for group in self.param_groups for p in group["params"]})
            return super().step(closure)

    monkeypatch.setattr(tuning, "AdamW", Watched)
    return seen


def of_part(names: set[str], part: str) -> set[str]:
    return {name for name in names if name.startswith(f"{part}.")}


def test_each_part_is_trained_at_its_own_rate(experiment: Make, session: Any, rates: list[dict[int, float]]) -> None:
    run = session(experiment())
    tune(run, (Phase(20, ALL),), TuneOptions(batch_size=2, warmup=0.0))
    assert len(rates) == 20
    for part, rate in (("heads.depth", 5e-3), ("trunk", 3e-3), ("backbone", 3e-4)):
        for name, parameter in run.network.named_parameters():
            if name.startswith(f"{part}."):
                own = [step[id(parameter)] for step in rates]
                assert own[0] == pytest.approx(rate)
                assert own == sorted(own, reverse=True)
                assert own[-1] < 0.02 * rate
    trained = {id(p) for name, p in run.network.named_parameters() if not name.startswith(("heads.s", "heads.a"))}
    assert set(rates[0]) == trained


def test_every_phase_warms_up_and_decays(experiment: Make, session: Any, rates: list[dict[int, float]]) -> None:
    run = session(experiment())
    head = id(run.network.heads["depth"].predict.weight)
    tune(run, (Phase(5, {"new": 1.0e-3}), Phase(10, ALL)), TuneOptions(batch_size=2, warmup=0.2))
    own = [step[head] for step in rates]
    assert own[0] == pytest.approx(1e-3)
    assert own[4] < 2e-4
    assert own[5:7] == pytest.approx([2.5e-3, 5e-3])
    assert own[6:] == sorted(own[6:], reverse=True)


def test_running_statistics_of_reused_parts_stay_bit_for_bit(experiment: Make, session: Any, watch: Any) -> None:
    run = session(experiment())
    moved = watch(run.network)
    tune(run, (Phase(4, ALL),), OPTIONS)
    statistics = {name for name in moved() if name.rpartition(".")[2] in STATISTICS}
    assert statistics, "the new head's norms learn theirs"
    assert statistics == of_part(statistics, "heads.depth")


def test_norms_of_what_starts_afresh_learn_their_statistics(experiment: Make, session: Any, watch: Any) -> None:
    run = session(experiment(), new=("backbone", "trunk"))
    moved = watch(run.network)
    tune(run, (Phase(4, ALL),), OPTIONS)
    statistics = {name for name in moved() if name.endswith("running_mean")}
    every = {name for name, _ in run.network.named_buffers() if name.endswith("running_mean")}
    assert statistics == {name for name in every if not name.startswith(("heads.s", "heads.a"))}


def test_the_shared_part_waits_for_the_head(experiment: Make, session: Any, watch: Any) -> None:
    moved_at: list[set[str]] = []
    run: Session = session(experiment(), log=lambda step, losses: moved_at.append(moved()))
    moved: Callable[[], set[str]] = watch(run.network)
    tune(run, (Phase(3, {"new": 5e-3}), Phase(3, ALL)), OPTIONS)
    assert [bool(of_part(names, "heads.depth")) for names in moved_at] == [True] * 6
    for part in ("backbone", "trunk"):
        assert [bool(of_part(names, part)) for names in moved_at] == [False] * 3 + [True] * 3


def test_frozen_parts_stay_bit_for_bit(experiment: Make, session: Any, watch: Any) -> None:
    run = session(experiment())
    moved = watch(run.network)
    tune(run, (Phase(4, {"new": 5e-3, "trunk": 3e-3}),), OPTIONS)
    names = moved()
    assert of_part(names, "trunk")
    assert of_part(names, "heads.depth")
    assert names == of_part(names, "trunk") | of_part(names, "heads.depth")


def test_norms_and_biases_alone_are_the_parameters_of_one_dimension(experiment: Make, session: Any, watch: Any) -> None:
    run = session(experiment())
    dimensions = {name: parameter.dim() for name, parameter in run.network.named_parameters()}
    moved = watch(run.network)
    tune(run, (Phase(4, ALL, norms_and_biases=True),), OPTIONS)
    names = moved()
    for part in ("backbone", "trunk"):
        assert of_part(names, part) == {name for name in of_part(set(dimensions), part) if dimensions[name] == 1}
    assert any(dimensions.get(name, 1) > 1 for name in of_part(names, "heads.depth"))


@pytest.mark.parametrize("rates", [ALL, {"new": 1e-3}])
def test_the_network_is_left_as_trainable_as_it_was_and_in_evaluation_mode(
    experiment: Make, session: Any, rates: Mapping[str, float]
) -> None:
    run = session(experiment())
    frozen = {"backbone.conv1.weight", "heads.depth.predict.bias"} & set(dict(run.network.named_parameters()))
    assert frozen
    for name in frozen:
        run.network.get_parameter(name).requires_grad_(False)
    tune(run, (Phase(2, rates),), OPTIONS)
    assert {name for name, p in run.network.named_parameters() if not p.requires_grad} == frozen
    assert all(parameter.grad is None for parameter in run.network.parameters())
    assert not any(module.training for module in run.network.modules())


def test_the_same_seed_gives_the_same_bits(experiment: Make, session: Any) -> None:
    networks = []
    for noise in (0, 1):
        run = session(experiment())
        torch.manual_seed(noise)  # nothing may depend on it
        tune(run, (Phase(4, ALL),), OPTIONS)
        networks.append(run.network.state_dict())
    assert all(torch.equal(value, networks[1][name]) for name, value in networks[0].items())


def test_the_task_is_learned_and_every_step_is_told(experiment: Make, session: Any) -> None:
    rows: list[tuple[int, float]] = []
    run = session(experiment(), log=lambda step, losses: rows.append((step, losses["depth"])))
    before = held_loss(run, run.network.state_dict(), run.support.ids)
    tune(run, (Phase(4, {"new": 0.05}), Phase(20, {"new": 0.05, "trunk": 0.05})), TuneOptions())
    assert [step for step, _ in rows] == list(range(1, 25))
    assert rows[0][1] == pytest.approx(before, rel=0.1)
    assert rows[-1][1] < 0.8 * rows[0][1]


def held_loss(run: Session, state: Mapping[str, Tensor], ids: tuple[str, ...]) -> float:
    """The task's mean loss on some images in evaluation mode."""
    network = copy.deepcopy(run.network).eval()
    network.load_state_dict(dict(state))
    (batch,) = run.support.plain(ids, batch_size=len(ids))
    with torch.no_grad():
        predictions = forward(network, batch.images, tasks=("depth",))
    sums = task_losses(predictions, batch.targets, {"depth": run.bound})["depth"]
    return float(sums.total / sums.count)


def test_images_held_out_choose_the_weights(experiment: Make, session: Any) -> None:
    states: list[Mapping[str, Tensor]] = []
    run: Session = session(experiment(), shots=6, hold_out=0.5, log=lambda step, losses: states.append(run.state()))
    tune(run, (Phase(5, {"new": 0.05}), Phase(3, {"new": 5.0})), OPTIONS)  # so high that it gets worse again
    losses = [held_loss(run, state, run.support.held_out) for state in states]
    best = losses.index(min(losses))
    assert best < len(losses) - 1, "the last weights would be the best anyway"
    found = run.network.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in states[best].items())


def test_with_many_steps_the_weights_are_judged_ten_times(
    experiment: Make, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = session(experiment(), shots=4, hold_out=0.25)
    judged: list[float] = []
    monkeypatch.setattr(tuning._Best, "_loss", lambda best: judged.append(0.0) or 0.0)  # type: ignore[func-returns-value]
    tune(run, (Phase(7, {"new": 1e-3}), Phase(23, {"new": 1e-3})), OPTIONS)
    assert len(judged) == 10


@pytest.mark.parametrize("held", [0.0, 0.5])
def test_a_loss_that_is_not_finite_stops_before_the_step(
    experiment: Make, session: Any, watch: Any, held: float
) -> None:
    run = session(experiment(), hold_out=held)
    with torch.no_grad():
        run.network.heads["depth"].predict.bias.fill_(torch.inf)
    moved = watch(run.network)
    with pytest.raises(NonFiniteError) as caught:
        tune(run, (Phase(3, ALL),), OPTIONS)
    assert str(caught.value) == (
        "step 1: the loss of task 'depth' is not finite. Lower the rates of the strategy, such as "
        "`adapt.strategy.new_lr=1e-3`."
    )
    assert not {name for name in moved() if name.rpartition(".")[2] not in STATISTICS}
    assert all(parameter.requires_grad for parameter in run.network.parameters())


@pytest.mark.parametrize("clip", [1.0, None])
def test_a_gradient_that_is_not_finite_stops_before_the_step(
    experiment: Make, session: Any, watch: Any, clip: float | None
) -> None:
    run = session(experiment())
    run.network.heads["depth"].predict.weight.register_hook(lambda gradient: gradient * torch.nan)
    moved = watch(run.network)
    with pytest.raises(NonFiniteError, match=r"step 1: a gradient of task 'depth' is not finite\. Lower the rates"):
        tune(run, (Phase(1, ALL),), TuneOptions(batch_size=2, clip=clip))
    assert not {name for name in moved() if name.rpartition(".")[2] not in STATISTICS}


def test_gradients_are_clipped(experiment: Make, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []

    class Watched(AdamW):
        def step(self, closure: Any = None) -> Any:
            gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
            norms.append(float(torch.stack([gradient.norm() for gradient in gradients]).norm()))
            return super().step(closure)

    monkeypatch.setattr(tuning, "AdamW", Watched)
    for clip in (None, 1e-3):
        tune(session(experiment()), (Phase(2, ALL),), TuneOptions(batch_size=2, clip=clip))
    assert min(norms[:2]) > 1e-3
    assert norms[2:] == pytest.approx([1e-3] * 2, rel=1e-2)


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_zero_stays_zero_unless_nothing_keeps_it(experiment: Make, session: Any, kept: bool) -> None:
    own = experiment()
    network = own.build_network(pretrained=False).eval()
    spaces = find_spaces(network, own.recipe.data.size, kind="input-channel")  # those get gradients while they are zero
    parameters = dict(network.named_parameters())
    for space in spaces.spaces:
        scale_groups(space, parameters, torch.arange(space.size) % 2 == 0)
    before = {space.name: zero_groups(space, parameters).tolist() for space in spaces.spaces}
    kept_zeros = KeptZeros(network, own.recipe.data.size, "input-channel") if kept else None
    tune(replace(session(own, network=network), zeros=kept_zeros), (Phase(3, ALL),), OPTIONS)
    after = {space.name: zero_groups(space, parameters).tolist() for space in spaces.spaces}
    assert (after == before) == kept
