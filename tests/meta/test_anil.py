from __future__ import annotations

from typing import Any

import pytest
import torch
from episode_lab import TASKS, Lab, make_batch, make_lab
from written_out import combined, part_of, unroll

from mstasks.meta.anil import Anil
from mstasks.meta.options import AnilOptions

BATCH = make_batch(8)


def anil_lab(**options: Any) -> Lab:
    return make_lab(lambda network: Anil(network, TASKS, 100, 0, AnilOptions(**options)))


@pytest.mark.parametrize("order", ["first", "second"])
def test_only_heads_adapt_and_everything_learns(order: str) -> None:
    lab = anil_lab(order=order, steps=2, rate=0.3)
    lab.gradients(BATCH)
    theta = {name: own.detach().clone().requires_grad_() for name, own in lab.state.network.named_parameters()}
    variance = dict(zip(TASKS, lab.state.weighting.log_variance.detach(), strict=True))
    support, query = part_of(BATCH, slice(0, 8, 2)), part_of(BATCH, slice(1, 8, 2))
    end = unroll(theta, support, TASKS, variance, 0.3, 2, second=order == "second", only="heads.")
    assert all((end[name] is theta[name]) == (not name.startswith("heads.")) for name in theta)
    combined(end, query, TASKS, variance).backward()
    for name, ours in lab.grads().items():
        torch.testing.assert_close(ours, theta[name].grad, rtol=1e-10, atol=1e-12)


def test_inner_rates_are_those_of_the_heads() -> None:
    lab = anil_lab(learn_rates=True)
    lab.gradients(BATCH)
    assert lab.state.update.adapted == tuple(f"heads.{name}.{part}" for name in TASKS for part in ("weight", "bias"))
    assert lab.state.update.log_rates.grad.shape == (6,)
    assert (lab.state.update.log_rates.grad != 0).all()


def test_every_episode_is_about_all_tasks() -> None:
    result = anil_lab(episodes=2).gradients(BATCH)
    assert all(int(count) > 0 for count in result.counts.values())
    assert len(result.counts) == 3
