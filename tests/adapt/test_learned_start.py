"""A head takes values that were learned for heads of its build, all of them or none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mstasks.adapt.learned_start import start_head


def head(width: int = 4, outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(5, width, 1), nn.BatchNorm2d(width), nn.Conv2d(width, outputs, 1))


def learned(task: str = "one", width: int = 4, outputs: int = 1, shift: float = 0.0) -> dict[str, Tensor]:
    """Values for `head(width)` that no head has by itself."""
    own = head(width, outputs).named_parameters()
    return {f"{task}.{name}": torch.arange(value.numel()).reshape(value.shape) + 7.5 + shift for name, value in own}


def test_values_are_taken_and_a_row_is_repeated() -> None:
    values, started = learned(), head()
    assert start_head(started, values)
    for name, parameter in started.named_parameters():
        value = values[f"one.{name}"]
        assert all(torch.equal(row, value[i if len(value) > 1 else 0]) for i, row in enumerate(parameter)), name
    assert started[2].weight.shape == (3, 4, 1, 1)


def test_statistics_stay_and_what_is_taken_can_be_trained() -> None:
    started, before = head(), head()
    start_head(started, learned())
    assert torch.equal(started[1].running_mean, before[1].running_mean)
    assert torch.equal(started[1].running_var, before[1].running_var)
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in started.parameters())


def test_of_several_builds_the_one_that_fits_is_taken() -> None:
    several = {**learned("one", width=6), **learned("two", width=4, shift=100.0), **learned("three", width=2)}
    started = head(width=4)
    assert start_head(started, several)
    assert torch.equal(started[1].bias, several["two.1.bias"])


def without(name: str) -> dict[str, Tensor]:
    return {key: value for key, value in learned().items() if key != name}


@pytest.mark.parametrize(
    "values",
    [
        dict,
        lambda: without("one.2.bias"),
        lambda: {**learned(), "one.3.weight": torch.ones(1)},
        lambda: learned(outputs=2),
        lambda: learned(width=6),
        lambda: {**learned(), "one.1.bias": torch.ones(4, 1)},
        lambda: {**without("one.2.bias"), "two.2.bias": torch.ones(1)},
    ],
    ids=["nothing", "one is missing", "one is left over", "other outputs", "other width", "other dimensions", "mixed"],
)
def test_a_head_of_another_build_stays_as_it_is(values: Callable[[], dict[str, Tensor]]) -> None:
    started, before = head(), head().state_dict()
    assert not start_head(started, values())
    assert all(torch.equal(value, before[name]) for name, value in started.state_dict().items())


def test_a_parameter_that_is_not_trained_stays_and_needs_no_value() -> None:
    started = head()
    started[2].bias.requires_grad_(False)
    bias = started[2].bias.clone()
    assert not start_head(started, learned())
    assert start_head(started, without("one.2.bias"))
    assert torch.equal(started[2].bias, bias)
