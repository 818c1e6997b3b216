"""The depth task: parametrisation, masks, precision, shapes."""

from __future__ import annotations

import math
from typing import Literal, cast

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from mstasks import Target, TargetInfo, TargetKind
from mstasks_depth.losses import berhu, l1, scale_invariant_log
from mstasks_depth.options import DepthOptions
from mstasks_depth.task import Depth

INFO = TargetInfo(TargetKind.DEPTH_MAP)
LOSSES = ("l1", "silog", "berhu")


def make(loss: str = "l1", **options: float) -> Depth:
    return Depth(INFO, DepthOptions(loss=cast(Literal["l1", "silog", "berhu"], loss), **options))


def random_batch() -> tuple[Tensor, Target]:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(4, 1, 5, 6, generator=generator)
    truth = 0.5 + 5 * torch.rand(4, 1, 5, 6, generator=generator)
    valid = torch.rand(4, 1, 5, 6, generator=generator) < 0.7
    valid[2] = False
    return raw, Target(truth, valid)


def loss_and_gradient(task: Depth, raw: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    raw = raw.clone().requires_grad_()
    value = task.loss(raw, target)
    (gradient,) = torch.autograd.grad(value.sum(), raw)
    return value.detach(), gradient


def test_defaults_are_l1_and_two_and_a_half_metres() -> None:
    assert Depth(INFO).options == DepthOptions(loss="l1", silog_lambda=0.5, typical=2.5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"loss": "l2"}, "'l1', 'silog' or 'berhu'"),
        ({"silog_lambda": 1.5}, "less than or equal to 1"),
        ({"typical": 0.0}, "greater than 0"),
        ({"lambda": 0.5}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_options_are_explained(options: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        DepthOptions.model_validate(options)


@pytest.mark.parametrize("typical", [0.4, 2.5, 30.0])
def test_an_untrained_head_predicts_the_typical_depth(typical: float) -> None:
    assert make(typical=typical).decode(torch.zeros(1, 1, 1, 1)).item() == pytest.approx(typical, abs=2e-3)


def test_decoded_depth_is_positive_finite_and_grows_with_the_raw_value() -> None:
    depth = make().decode(torch.linspace(-200, 200, 401).reshape(1, 1, 1, -1)).flatten()
    assert depth.isfinite().all()
    assert (depth > 0).all()
    assert (depth.diff() >= 0).all()
    assert (depth.diff()[190:] > 0).all()


def test_one_step_of_the_raw_value_never_moves_depth_by_more_than_the_typical_depth() -> None:
    raw = torch.linspace(-20, 20, 401, requires_grad=True)
    (slope,) = torch.autograd.grad(make(typical=2.5).decode(raw).sum(), raw)
    assert slope.max() <= 2.5
    assert slope.min() > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_that_of_decoded_metres(loss: str) -> None:
    raw, target = random_batch()
    task = make(loss, silog_lambda=0.3)
    depth = task.decode(raw)
    expected = {
        "l1": lambda: l1(depth, target.value, target.valid),
        "silog": lambda: scale_invariant_log(depth, target.value, target.valid, 0.3),
        "berhu": lambda: berhu(depth, target.value, target.valid),
    }[loss]()
    torch.testing.assert_close(task.loss(raw, target), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_descent_on_the_raw_value_finds_the_depth(loss: str) -> None:
    task, truth = make(loss), torch.tensor([0.6, 1.0, 2.5, 4.0, 9.0]).reshape(1, 1, 1, -1)
    target = Target(truth, torch.ones_like(truth, dtype=torch.bool))
    raw = torch.zeros_like(truth, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.1)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, 300)
    for _ in range(300):
        optimiser.zero_grad()
        (raw.grad,) = torch.autograd.grad(task.loss(raw, target).sum(), raw)
        optimiser.step()
        schedule.step()
    torch.testing.assert_close(task.decode(raw).detach(), truth, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf, 0.0, -5.0])
def test_what_is_not_valid_influences_nothing(loss: str, garbage: float) -> None:
    raw, target = random_batch()
    value, gradient = loss_and_gradient(make(loss), raw, target)
    spoilt = Target(target.value.masked_fill(~target.valid, garbage), target.valid)
    spoilt_value, spoilt_gradient = loss_and_gradient(make(loss), raw.masked_fill(~target.valid, garbage), spoilt)
    assert torch.equal(spoilt_value, value)
    assert torch.equal(spoilt_gradient, gradient)
    assert value[[0, 1, 3]].gt(0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_an_unlabelled_example_has_loss_and_gradient_exactly_zero(loss: str) -> None:
    raw, target = random_batch()
    value, gradient = loss_and_gradient(make(loss), raw, target)
    assert value[2] == 0
    assert (gradient[2] == 0).all()
    assert gradient[[0, 1, 3]].abs().amax((1, 2, 3)).gt(0).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_extreme_raw_values_give_finite_losses_and_gradients(loss: str, extreme: float) -> None:
    target = random_batch()[1]
    value, gradient = loss_and_gradient(make(loss), torch.full((4, 1, 5, 6), extreme), target)
    assert value.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_computed_in_float32_under_autocast(loss: str) -> None:
    raw, target = random_batch()
    raw = raw.bfloat16()
    expected = make(loss).loss(raw.float(), target)
    with torch.autocast("cpu", torch.bfloat16):
        found = make(loss).loss(raw, target)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_examples_loss_does_not_depend_on_its_batch(loss: str) -> None:
    raw, target = random_batch()
    alone = torch.cat([make(loss).loss(raw[i : i + 1], target[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(make(loss).loss(raw, target), alone)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_reads_nothing_back_from_the_device(loss: str) -> None:
    with torch.device("meta"):  # a tensor without data: reading a number from it raises
        raw, truth = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
        value = make(loss).loss(raw, Target(truth, truth.bool()))
    assert value.shape == (2,)


@pytest.mark.parametrize(
    ("prediction", "value", "valid", "text"),
    [
        ((2, 3, 8, 8), (2, 1, 8, 8), (2, 1, 8, 8), r"`prediction` must have shape .* Found \(2, 3, 8, 8\)"),
        ((2, 8, 8), (2, 8, 8), (2, 8, 8), r"`prediction` must have shape .* Found \(2, 8, 8\)"),
        ((2, 1, 8, 8), (2, 8, 8), (2, 8, 8), r"`target.value` must have shape .* Found \(2, 8, 8\)"),
        ((2, 1, 8, 8), (2, 3, 8, 8), (2, 1, 8, 8), r"`target.value` must have shape .* Found \(2, 3, 8, 8\)"),
        ((2, 1, 8, 8), (2, 1, 8, 8), (2, 1, 1, 1), r"`target.valid` must have shape .* Found \(2, 1, 1, 1\)"),
    ],
)
def test_wrong_shapes_are_explained(
    prediction: tuple[int, ...], value: tuple[int, ...], valid: tuple[int, ...], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        make().loss(torch.zeros(prediction), Target(torch.ones(value), torch.ones(valid, dtype=torch.bool)))


def test_the_metrics_lead_with_rmse() -> None:
    assert next(iter(make().metrics())) == "rmse"


@pytest.mark.parametrize("typical", [0.4, 2.5, 30.0])
def test_the_code_of_a_depth_decodes_to_it(typical: float) -> None:
    task = make(typical=typical)
    depth = torch.logspace(-4, 3, 200).reshape(1, 1, 1, -1)
    code = task.encode(Target(depth, torch.ones_like(depth, dtype=torch.bool)))
    assert code.dtype == torch.float32
    far = depth > 0.001 + 0.001 * typical
    torch.testing.assert_close(task.decode(code)[far], depth[far], rtol=1e-5, atol=1e-6)
    assert (task.decode(code) - depth)[~far].abs().max() < 0.001 + 0.001 * typical
    assert (code.flatten().diff() >= 0).all()


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -1.0])
def test_the_code_is_finite_where_there_is_no_label(garbage: float) -> None:
    _, target = random_batch()
    code = make().encode(Target(target.value.masked_fill(~target.valid, garbage), target.valid))
    assert code.isfinite().all()
    assert torch.equal(code[target.valid], make().encode(target)[target.valid])
