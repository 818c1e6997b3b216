"""Per-example means over valid elements."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mstasks import per_example_mean


def random_case() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    valid = torch.rand(5, 2, 3, 4, generator=generator) < 0.5
    valid[1] = False
    return torch.randn(5, 2, 3, 4, generator=generator, dtype=torch.float64), valid


def value_and_gradient(values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    values = values.clone().requires_grad_()
    means = per_example_mean(values, valid)
    (gradient,) = torch.autograd.grad(means.sum(), values)
    return means.detach(), gradient


def test_each_example_is_averaged_over_its_own_valid_elements() -> None:
    values, valid = random_case()
    means = per_example_mean(values, valid)
    assert means.shape == (5,)
    for index in (0, 2, 3, 4):
        assert means[index].item() == pytest.approx(values[index][valid[index]].mean().item())


def test_an_example_without_a_valid_element_has_mean_and_gradient_exactly_zero() -> None:
    means, gradient = value_and_gradient(*random_case())
    assert means[1] == 0
    assert (gradient[1] == 0).all()


def test_the_gradient_is_one_over_the_count_where_valid_and_zero_elsewhere() -> None:
    values, valid = random_case()
    count = valid.flatten(1).sum(1).clamp(min=1)[:, None, None, None]
    torch.testing.assert_close(value_and_gradient(values, valid)[1], valid / count.double())


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf])
def test_what_is_not_valid_leaks_into_neither_value_nor_gradient(garbage: float) -> None:
    values, valid = random_case()
    expected = value_and_gradient(values, valid)
    found = value_and_gradient(values.masked_fill(~valid, garbage), valid)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_what_is_valid_and_not_a_number_shows() -> None:
    values, valid = random_case()
    values[0][valid[0]] = math.nan
    assert per_example_mean(values, valid).isnan().tolist() == [True, False, False, False, False]


def test_a_mask_of_one_channel_serves_all() -> None:
    values, valid = random_case()
    one = valid[:, :1]
    assert torch.equal(per_example_mean(values, one), per_example_mean(values, one.expand(-1, 2, -1, -1)))


def test_vectors_are_reduced_too() -> None:
    values = torch.tensor([[1.0, 2.0, 30.0], [4.0, 5.0, 6.0]])
    valid = torch.tensor([[True, True, False], [False, False, False]])
    assert per_example_mean(values, valid).tolist() == [1.5, 0.0]


def test_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(RuntimeError, match="expanded size"):
        per_example_mean(torch.zeros(2, 3, 4), torch.ones(2, 3, 5, dtype=torch.bool))
