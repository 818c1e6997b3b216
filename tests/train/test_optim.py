from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from mstasks.recipe.model import Optim
from mstasks.train.optim import build_optimizer, named_parameters, set_rates, warmup_cosine
from mstasks.train.state import TrainState


def test_the_rate_rises_linearly_then_falls_to_zero() -> None:
    factors = [warmup_cosine(step, steps=100, warmup=0.1) for step in range(101)]
    assert factors[:10] == pytest.approx([0.1 * (k + 1) for k in range(10)])
    assert factors[10] == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0.0)
    assert all(a >= b for a, b in pairwise(factors[10:]))


def test_without_warm_up_the_first_step_has_the_full_rate() -> None:
    assert warmup_cosine(0, steps=10, warmup=0.0) == 1.0


def test_only_matrices_and_filters_decay(make_state: Callable[..., TrainState]) -> None:
    state = make_state(Optim(weight_decay=0.1))
    decays = {id(p): group["weight_decay"] for group in state.optimizer.param_groups for p in group["params"]}
    names = dict(named_parameters({"network": state.network, **state.extras}))
    assert len(decays) == len(names) > 0
    for parameter in names.values():
        assert decays[id(parameter)] == (0.1 if parameter.dim() > 1 else 0.0)


def test_the_backbone_may_have_its_own_rate(make_state: Callable[..., TrainState]) -> None:
    state = make_state(Optim(lr=1e-2, backbone_lr=1e-4))
    rates = {id(p): group["peak_lr"] for group in state.optimizer.param_groups for p in group["params"]}
    set_rates(state.optimizer, 0.5)
    halved = {id(p): group["lr"] for group in state.optimizer.param_groups for p in group["params"]}
    assert halved == {key: rate / 2 for key, rate in rates.items()}
    for name, parameter in named_parameters({"network": state.network, **state.extras}):
        assert rates[id(parameter)] == (1e-4 if name.startswith("network.backbone.") else 1e-2)


class Owner(nn.Module):
    """An update or a strength with a parameter of its own."""

    def __init__(self, rate: float | None) -> None:
        super().__init__()
        self.rate = rate
        self.own = nn.Parameter(torch.ones(2, 2))


def test_an_update_and_a_strength_have_groups_of_their_own_without_decay(
    make_state: Callable[..., TrainState],
) -> None:
    state = make_state(Optim())
    update: Any = Owner(None)
    strength: Any = Owner(0.03)
    optimizer = build_optimizer(state.network, state.weighting, Optim(lr=0.2, weight_decay=0.1), update, strength)
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    set_rates(optimizer, 0.5)
    assert groups[id(update.own)]["weight_decay"] == groups[id(strength.own)]["weight_decay"] == 0
    assert groups[id(update.own)]["lr"] == pytest.approx(0.1)  # the recipe's, as scheduled
    assert groups[id(strength.own)]["lr"] == 0.03  # its own, constant
    assert groups[id(state.network.backbone.weight)]["lr"] == pytest.approx(0.1)
