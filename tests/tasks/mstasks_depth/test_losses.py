"""Depth losses between maps in metres, against hand-computed cases and finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from mstasks_depth.losses import berhu, l1, scale_invariant_log

LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "l1": l1,
    "silog": partial(scale_invariant_log, weight=0.5),
    "berhu": berhu,
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


def as_map(*values: float) -> Tensor:
    """One example of one row, float64."""
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1)


def all_valid(like: Tensor) -> Tensor:
    return torch.ones_like(like, dtype=torch.bool)


def random_maps(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    depth = 0.5 + 5 * torch.rand(3, 1, 4, 5, generator=generator, dtype=torch.float64)
    truth = 0.5 + 5 * torch.rand(3, 1, 4, 5, generator=generator, dtype=torch.float64)
    valid = torch.rand(3, 1, 4, 5, generator=generator) < 0.7
    return depth, truth, valid


def test_l1_is_the_mean_absolute_error() -> None:
    assert l1(as_map(1, 4), as_map(2, 2), all_valid(as_map(1, 4))).tolist() == [1.5]


def test_silog_by_hand() -> None:
    # d = (log 2, 0): mean of squares log(2)^2 / 2, square of the mean log(2)^2 / 4
    value = scale_invariant_log(as_map(2, 3), as_map(1, 3), all_valid(as_map(0, 0)), weight=0.5)
    assert value.item() == pytest.approx(math.log(2) ** 2 * (1 / 2 - 0.5 / 4))


def test_silog_of_one_pixel_by_hand() -> None:
    assert scale_invariant_log(as_map(3), as_map(1), all_valid(as_map(0)), weight=0.25).item() == pytest.approx(
        0.75 * math.log(3) ** 2
    )


def test_silog_with_full_weight_ignores_a_common_factor() -> None:
    depth, truth, valid = random_maps()
    full, half = (partial(scale_invariant_log, weight=weight) for weight in (1.0, 0.5))
    torch.testing.assert_close(full(7 * depth, truth, valid), full(depth, truth, valid))
    assert (half(7 * depth, truth, valid) > half(depth, truth, valid) + 0.1).all()


def test_silog_with_no_weight_is_the_mean_squared_error_of_log_depth() -> None:
    depth, truth, valid = random_maps()
    expected = [
        torch.nn.functional.mse_loss(d[v].log(), t[v].log()) for d, t, v in zip(depth, truth, valid, strict=True)
    ]
    torch.testing.assert_close(scale_invariant_log(depth, truth, valid, 0.0), torch.stack(expected))


def test_silog_of_a_pure_scale_error_does_not_cancel() -> None:
    truth = torch.full((1, 1, 8, 8), 3.0)
    assert scale_invariant_log(1e4 * truth, truth, all_valid(truth), 1.0).item() == pytest.approx(0, abs=1e-10)


def test_berhu_by_hand() -> None:
    # residuals 5, 0.5, 1: c = 0.2 * 5 = 1; (25 + 1) / 2 = 13, then 0.5 and 1 (at the threshold) as they are
    value = berhu(as_map(6, 1.5, 2), as_map(1, 2, 1), all_valid(as_map(0, 0, 0)))
    assert value.item() == pytest.approx((13 + 0.5 + 1) / 3)


def test_berhu_is_continuous_with_equal_slopes_at_its_threshold() -> None:
    outlier, step = 5.0, 1e-6  # c = 1

    def at(residual: float) -> float:
        return berhu(as_map(1 + outlier, 1 + residual), as_map(1, 1), all_valid(as_map(0, 0))).item()

    below, above = (at(1.0) - at(1.0 - step)) / step, (at(1.0 + step) - at(1.0)) / step
    assert below == pytest.approx(above, rel=1e-4)
    assert above == pytest.approx(0.5, rel=1e-4)  # a slope of 1, averaged over two pixels


def test_the_threshold_of_berhu_is_each_examples_own() -> None:
    depth, truth, valid = random_maps()
    depth[0] += 50
    alone = torch.cat([berhu(d[None], t[None], v[None]) for d, t, v in zip(depth, truth, valid, strict=True)])
    assert torch.equal(berhu(depth, truth, valid), alone)


def test_an_invalid_outlier_does_not_raise_the_threshold_of_berhu() -> None:
    valid = torch.tensor([True, True, False]).reshape(1, 1, 1, 3)
    assert berhu(as_map(2, 1.1, 99), as_map(1, 1, 1), valid).item() == pytest.approx((2.6 + 0.1) / 2)


def test_no_gradient_flows_through_the_threshold_of_berhu() -> None:
    # r = 5: (r^2 + c^2) / 2c with c = 1 held constant has slope r / c = 5; through c it would be 2.6
    depth = as_map(6).requires_grad_()
    (gradient,) = torch.autograd.grad(berhu(depth, as_map(1), all_valid(depth)).sum(), depth)
    assert gradient.item() == pytest.approx(5.0)


@every_loss
def test_a_perfect_prediction_has_loss_and_gradient_zero(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    truth = random_maps()[1]
    depth = truth.clone().requires_grad_()
    value = loss(depth, truth, all_valid(truth))
    (gradient,) = torch.autograd.grad(value.sum(), depth)
    assert value.tolist() == [0, 0, 0]
    assert (gradient == 0).all()


@every_loss
def test_the_gradient_is_that_of_finite_differences(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    depth, truth, valid = random_maps()
    # The largest residual moves berHu's threshold, which the gradient leaves out on purpose: give it to a pixel apart.
    depth[:, :, 0, 0], truth[:, :, 0, 0], valid[:, :, 0, 0] = 30, 2, True
    free = depth[:, :, 1:].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(torch.cat([depth[:, :, :1], x], 2), truth, valid), free)
