from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from episode_lab import TASKS, Lab, Network, make_batch, make_lab, make_network
from torch import Tensor
from written_out import combined, part_of, unroll

from mstasks.errors import UsageError
from mstasks.meta.options import SimulatedUnseenOptions
from mstasks.meta.simulated_unseen import SimulatedUnseen

BATCH = make_batch(8)
CHANNELS = {"one": 1, "two": 1, "three": 2}


def unseen_lab(network: Network | None = None, **options: Any) -> Lab:
    chosen = SimulatedUnseenOptions(**{"shots": 2, "share": 0.999999, "rate": 0.3, **options})
    return make_lab(lambda built: SimulatedUnseen(built, TASKS, 100, 0, chosen), network)


def initial(lab: Lab) -> dict[str, Tensor]:
    """What the heads start from, by name within a head: a leaf of the same value."""
    weight, bias = (lab.state.update.get_parameter(f"initial_{i}") for i in (0, 1))
    return {"weight": weight.detach().clone().requires_grad_(), "bias": bias.detach().clone().requires_grad_()}


@pytest.mark.parametrize("order", ["first", "second"])
@pytest.mark.parametrize("channels", [None, CHANNELS])
@pytest.mark.parametrize("step", [0, 3])
def test_an_episode_adapts_a_fresh_head_and_moves_the_shared_part_and_the_start(
    order: str, channels: Mapping[str, int] | None, step: int
) -> None:
    lab = unseen_lab(make_network(channels=channels), order=order, steps=2)
    lab.state.step = step
    (task,) = lab.state.update.draw(step, 0)
    result = lab.gradients(BATCH)
    start = initial(lab)
    theta = {name: own.detach().clone().requires_grad_() for name, own in lab.state.network.named_parameters()}
    fresh = {
        f"heads.{task}.{name}": value
        if value.shape == theta[f"heads.{task}.{name}"].shape
        else torch.cat([value] * rows)
        for name, value in start.items()
        for rows in (theta[f"heads.{task}.{name}"].shape[0],)
    }
    variance = dict(zip(TASKS, lab.state.weighting.log_variance.detach(), strict=True))
    support = part_of(BATCH, slice(0, 3, 2))
    query = part_of(BATCH.split(1)[0], torch.tensor([1, 3, 4, 5, 6, 7]))  # type: ignore[arg-type]
    end = unroll({**theta, **fresh}, support, [task], variance, 0.3, 2, second=order == "second", only=f"heads.{task}.")
    combined(end, query, [task], variance).backward()
    for name, ours in lab.grads().items():
        truth = theta[name].grad
        torch.testing.assert_close(ours, torch.zeros_like(ours) if truth is None else truth, rtol=1e-10, atol=1e-12)
        assert name.startswith("heads.") == (truth is None)
    for index, value in enumerate(start.values()):
        ours = lab.state.update.get_parameter(f"initial_{index}").grad
        torch.testing.assert_close(ours, value.grad, rtol=1e-10, atol=1e-12)
    assert [name for name in TASKS if result.counts[name] > 0] == [task]


def test_the_start_is_the_mean_of_the_heads() -> None:
    network = make_network()
    lab = unseen_lab(network)
    for index, name in enumerate(("weight", "bias")):
        mean = sum(getattr(network.heads[task], name) for task in TASKS) / 3
        torch.testing.assert_close(lab.state.update.get_parameter(f"initial_{index}"), mean)


def test_heads_that_differ_in_their_rows_share_the_mean_row() -> None:
    network = make_network(channels=CHANNELS)
    lab = unseen_lab(network)
    rows = torch.cat([network.heads[task].weight for task in TASKS])
    assert rows.shape[0] == 4
    torch.testing.assert_close(lab.state.update.initial_0, rows.mean(0, keepdim=True))
    start = lab.state.update.start(network, ["three"])
    assert start["heads.three.weight"].shape == network.heads["three"].weight.shape
    assert start["heads.one.weight"] is network.heads["one"].weight


def test_heads_of_another_build_start_by_themselves() -> None:
    network = make_network()
    network.heads["three"] = torch.nn.Sequential(torch.nn.Conv2d(4, 5, 1), torch.nn.Conv2d(5, 1, 1)).double()
    lab = unseen_lab(network)
    shapes = [tuple(own.shape) for own in lab.state.update.parameters()]
    assert shapes == [(1, 4, 1, 1), (1,), (5, 4, 1, 1), (5,), (1, 5, 1, 1), (1,)]
    torch.testing.assert_close(lab.state.update.initial_2, network.heads["three"][0].weight)


def test_other_steps_are_plain_ones() -> None:
    lab = unseen_lab(share=0.0)
    lab.gradients(BATCH)
    theta = {name: own.detach().clone().requires_grad_() for name, own in lab.state.network.named_parameters()}
    variance = dict(zip(TASKS, lab.state.weighting.log_variance.detach(), strict=True))
    combined(theta, part_of(BATCH, slice(None)), TASKS, variance).backward()
    for name, ours in lab.grads().items():
        torch.testing.assert_close(ours, theta[name].grad, rtol=1e-10, atol=1e-12)


def test_the_share_of_episodes_and_their_tasks_follow_the_seed() -> None:
    lab = unseen_lab(share=0.3)
    episodes = 0
    for step in range(200):
        lab.state.step = step
        counts = lab.gradients(make_batch(4)).counts
        episodes += sum(int(count) > 0 for count in counts.values()) < 2
    assert episodes == pytest.approx(60, abs=20)
    drawn = Counter(lab.state.update.draw(step, 0) for step in range(600))
    assert {task for (task,) in drawn} == set(TASKS)
    assert min(drawn.values()) > 150


def test_learned_rates_of_other_heads_stay() -> None:
    lab = unseen_lab(learn_rates=True)
    (task,) = lab.state.update.draw(0, 0)
    lab.gradients(BATCH)
    moved = {
        name for name, slope in zip(lab.state.update.adapted, lab.state.update.log_rates.grad, strict=True) if slope
    }
    assert moved == {f"heads.{task}.weight", f"heads.{task}.bias"}


def test_too_few_images_are_explained() -> None:
    with pytest.raises(UsageError, match=r"8 images has fewer than 5 at even positions.*lower `meta.update.shots`"):
        unseen_lab(shots=5).gradients(BATCH)
