"""The normals task: loss, decoding, masks, precision, shapes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mstasks import Target, TargetInfo, TargetKind
from mstasks_normals.task import Normals

TASK = Normals(TargetInfo(TargetKind.VECTOR_MAP))


def unit(*shape: int, seed: int = 0) -> Tensor:
    vectors = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=1)


def random_batch() -> tuple[Tensor, Target]:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(4, 3, 5, 6, generator=generator)
    valid = torch.rand(4, 1, 5, 6, generator=generator) < 0.7
    valid[2] = False
    return raw, Target(unit(4, 3, 5, 6, seed=1), valid)


def loss_and_gradient(raw: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    raw = raw.clone().requires_grad_()
    value = TASK.loss(raw, target)
    (gradient,) = torch.autograd.grad(value.sum(), raw)
    return value.detach(), gradient


def one_pixel(prediction: list[float], truth: list[float]) -> float:
    target = Target(torch.tensor(truth).reshape(1, 3, 1, 1), torch.ones(1, 1, 1, 1, dtype=torch.bool))
    return TASK.loss(torch.tensor(prediction).reshape(1, 3, 1, 1), target).item()


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ([0.0, 0.0, -3.0], 0.0),
        ([0.0, 0.0, 0.5], 2.0),
        ([0.0, 7.0, 0.0], 1.0),
        ([1.0, 0.0, -1.0], 1 - math.sqrt(0.5)),
        ([math.sqrt(3.0), 0.0, -1.0], 0.5),
        ([0.0, 0.0, 0.0], 1.0),
    ],
)
def test_the_loss_of_one_pixel_by_hand(prediction: list[float], expected: float) -> None:
    assert one_pixel(prediction, [0.0, 0.0, -1.0]) == pytest.approx(expected, abs=1e-5)


def test_the_loss_is_torchs_cosine_distance_over_valid_pixels() -> None:
    raw, target = random_batch()
    distance = 1 - torch.cosine_similarity(raw.double(), target.value.double(), dim=1)
    expected = torch.stack(
        [d[v[0]].mean() if v.any() else d.sum() * 0 for d, v in zip(distance, target.valid, strict=True)]
    )
    torch.testing.assert_close(TASK.loss(raw, target).double(), expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_is_that_of_torchs_cosine_distance() -> None:
    raw, target = random_batch()
    copy = raw.double().requires_grad_()
    distance = 1 - torch.cosine_similarity(copy, target.value.double(), dim=1)
    sum((d[v[0]].mean() for d, v in zip(distance, target.valid, strict=True) if v.any()), torch.zeros(())).backward()
    assert copy.grad is not None
    torch.testing.assert_close(loss_and_gradient(raw, target)[1].double(), copy.grad, rtol=1e-3, atol=1e-5)


def test_a_head_that_starts_at_zero_learns() -> None:
    target = random_batch()[1]
    value, gradient = loss_and_gradient(torch.zeros(4, 3, 5, 6), target)
    assert value.tolist() == [1, 1, 0, 1]
    assert gradient.isfinite().all()
    downhill = torch.cosine_similarity(-gradient, target.value, dim=1)[target.valid[:, 0]]
    torch.testing.assert_close(downhill, torch.ones_like(downhill))
    assert gradient.abs().max() < 1e3


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf, 0.0, 1e30])
def test_what_is_not_valid_influences_nothing(garbage: float) -> None:
    raw, target = random_batch()
    value, gradient = loss_and_gradient(raw, target)
    spoilt = Target(target.value.masked_fill(~target.valid, garbage), target.valid)
    spoilt_value, spoilt_gradient = loss_and_gradient(raw.masked_fill(~target.valid, garbage), spoilt)
    assert torch.equal(spoilt_value, value)
    assert torch.equal(spoilt_gradient, gradient)
    assert value[[0, 1, 3]].gt(0).all()


def test_an_unlabelled_example_has_loss_and_gradient_exactly_zero() -> None:
    value, gradient = loss_and_gradient(*random_batch())
    assert value[2] == 0
    assert (gradient[2] == 0).all()
    assert gradient[[0, 1, 3]].abs().amax((1, 2, 3)).gt(0).all()


def test_the_loss_is_computed_in_float32_under_autocast() -> None:
    raw, target = random_batch()
    raw = raw.bfloat16()
    expected = TASK.loss(raw.float(), target)
    with torch.autocast("cpu", torch.bfloat16):
        found = TASK.loss(raw, target)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_an_examples_loss_does_not_depend_on_its_batch() -> None:
    raw, target = random_batch()
    alone = torch.cat([TASK.loss(raw[i : i + 1], target[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(TASK.loss(raw, target), alone)


def test_the_loss_reads_nothing_back_from_the_device() -> None:
    with torch.device("meta"):  # a tensor without data: reading a number from it raises
        raw, valid = torch.zeros(2, 3, 4, 4), torch.ones(2, 1, 4, 4, dtype=torch.bool)
        value = TASK.loss(raw, Target(raw, valid))
    assert value.shape == (2,)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_decoded_normals_are_unit_and_keep_their_direction(scale: float) -> None:
    raw = unit(2, 3, 5, 6)
    decoded = TASK.decode((scale * raw).double() if scale == 1.0 else scale * raw)
    assert decoded.dtype == torch.float32
    torch.testing.assert_close(decoded, raw)


def test_a_zero_vector_decodes_to_one_that_faces_the_camera() -> None:
    raw = torch.zeros(1, 3, 1, 2)
    raw[0, 0, 0, 1] = 2.0
    assert TASK.decode(raw)[0, :, 0].T.tolist() == [[0, 0, -1], [1, 0, 0]]


def test_the_gradient_of_decoding_is_finite_everywhere() -> None:
    raw = torch.zeros(1, 3, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(TASK.decode(raw).sum(), raw)
    assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("prediction", "value", "valid", "text"),
    [
        ((2, 1, 8, 8), (2, 3, 8, 8), (2, 1, 8, 8), r"`prediction` must have shape .* Found \(2, 1, 8, 8\)"),
        ((2, 3, 8), (2, 3, 8), (2, 1, 8), r"`prediction` must have shape .* Found \(2, 3, 8\)"),
        ((2, 3, 8, 8), (2, 1, 8, 8), (2, 1, 8, 8), r"`target.value` must have shape .* Found \(2, 1, 8, 8\)"),
        ((2, 3, 8, 8), (2, 3, 8, 8), (2, 3, 8, 8), r"`target.valid` must have shape .* Found \(2, 3, 8, 8\)"),
    ],
)
def test_wrong_shapes_are_explained(
    prediction: tuple[int, ...], value: tuple[int, ...], valid: tuple[int, ...], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        TASK.loss(torch.zeros(prediction), Target(torch.ones(value), torch.ones(valid, dtype=torch.bool)))


def test_the_metrics_lead_with_the_mean() -> None:
    assert next(iter(TASK.metrics())) == "mean"


def test_the_code_of_a_normal_decodes_to_it_and_is_finite_where_there_is_none() -> None:
    _, target = random_batch()
    code = TASK.encode(Target(target.value.masked_fill(~target.valid, math.nan), target.valid))
    assert code.dtype == torch.float32
    assert code.isfinite().all()
    kept = target.valid.expand_as(code)
    torch.testing.assert_close(TASK.decode(code)[kept], target.value[kept], rtol=0, atol=1e-6)
