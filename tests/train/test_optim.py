from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from mstasks.recipe.model import Optim
from mstasks.train.optim import named_parameters, set_rates, warmup_cosine
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
    names = dict(named_parameters(state.network, state.weighting))
    assert len(decays) == len(names) > 0
    for parameter in names.values():
        assert decays[id(parameter)] == (0.1 if parameter.dim() > 1 else 0.0)


def test_the_backbone_may_have_its_own_rate(make_state: Callable[..., TrainState]) -> None:
    state = make_state(Optim(lr=1e-2, backbone_lr=1e-4))
    rates = {id(p): group["peak_lr"] for group in state.optimizer.param_groups for p in group["params"]}
    set_rates(state.optimizer, 0.5)
    halved = {id(p): group["lr"] for group in state.optimizer.param_groups for p in group["params"]}
    assert halved == {key: rate / 2 for key, rate in rates.items()}
    for name, parameter in named_parameters(state.network, state.weighting):
        assert rates[id(parameter)] == (1e-4 if name.startswith("network.backbone.") else 1e-2)
