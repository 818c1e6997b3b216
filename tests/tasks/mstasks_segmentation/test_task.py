"""The segmentation task: loss, decoding, masks, precision, shapes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mstasks import Target, TargetInfo, TargetKind
from mstasks_segmentation.options import SegmentationOptions
from mstasks_segmentation.task import Segmentation

NAMES = ("floor", "wall", "chair", "table")
INFO = TargetInfo(TargetKind.LABEL_MAP, names=NAMES)
WEIGHTED = SegmentationOptions(class_weights={"chair": 3.0, "wall": 0.25})
SMOOTHED = SegmentationOptions(label_smoothing=0.2)
BOTH = SegmentationOptions(label_smoothing=0.2, class_weights={"chair": 3.0, "wall": 0.25})
every_option = pytest.mark.parametrize(
    "options", [None, WEIGHTED, SMOOTHED, BOTH], ids=["plain", "weighted", "smoothed", "both"]
)


def random_batch() -> tuple[Tensor, Target]:
    """Four examples, the third without a valid pixel."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 4, 5, 6, generator=generator)
    value = torch.randint(0, 4, (4, 5, 6), generator=generator)
    valid = torch.rand(4, 5, 6, generator=generator) < 0.7
    valid[2] = False
    return logits, Target(value, valid)


def loss_and_gradient(task: Segmentation, logits: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    logits = logits.clone().requires_grad_()
    value = task.loss(logits, target)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return value.detach(), gradient


def test_there_is_a_channel_for_each_class() -> None:
    assert Segmentation(INFO).channels == 4


def test_the_loss_by_hand() -> None:
    # Two pixels with p(label) = 3/4 and 1/2; a third one, all wrong, is not valid.
    logits = torch.tensor([[math.log(3.0), 0.0, 0.0], [0.0, 0.0, 50.0]]).reshape(1, 2, 1, 3)
    target = Target(torch.tensor([[[0, 1, 0]]]), torch.tensor([[[True, True, False]]]))
    task = Segmentation(TargetInfo(TargetKind.LABEL_MAP, names=("a", "b")))
    assert task.loss(logits, target).item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_the_weighted_loss_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]]).reshape(1, 2, 1, 2)
    target = Target(torch.tensor([[[0, 1]]]), torch.ones(1, 1, 2, dtype=torch.bool))
    task = Segmentation(
        TargetInfo(TargetKind.LABEL_MAP, names=("a", "b")), SegmentationOptions(class_weights={"b": 3.0})
    )
    assert task.loss(logits, target).item() == pytest.approx((math.log(4 / 3) + 3 * math.log(2)) / 4)


@every_option
def test_each_example_has_the_loss_that_torch_gives_it_alone(options: SegmentationOptions | None) -> None:
    logits, target = random_batch()
    chosen = options or SegmentationOptions()
    weight = torch.tensor([chosen.class_weights.get(name, 1.0) for name in NAMES])
    ignored = target.value.masked_fill(~target.valid, 255)
    losses = Segmentation(INFO, options).loss(logits, target)
    for index in (0, 1, 3):
        expected = functional.cross_entropy(
            logits[index : index + 1],
            ignored[index : index + 1],
            weight=weight,
            ignore_index=255,
            label_smoothing=chosen.label_smoothing,
        )
        torch.testing.assert_close(losses[index], expected)


@every_option
def test_without_a_valid_pixel_loss_and_gradient_are_exactly_zero(options: SegmentationOptions | None) -> None:
    logits, target = random_batch()
    logits[2] = torch.inf  # what the network says there must not matter either
    value, gradient = loss_and_gradient(Segmentation(INFO, options), logits, target)
    assert value[2] == 0
    assert (gradient[2] == 0).all()
    assert value.isfinite().all()
    assert gradient.isfinite().all()
    assert (value[[0, 1, 3]] > 0).all()
    assert (gradient[[0, 1, 3]] != 0).any()


@every_option
def test_what_stands_where_not_valid_changes_nothing(options: SegmentationOptions | None) -> None:
    task = Segmentation(INFO, options)
    logits, target = random_batch()
    garbage = Target(target.value.where(target.valid, (target.value + 1) % 4), target.valid)
    for before, after in zip(
        loss_and_gradient(task, logits, target), loss_and_gradient(task, logits, garbage), strict=True
    ):
        assert torch.equal(before, after)


def test_an_example_has_the_same_loss_whatever_stands_beside_it() -> None:
    task = Segmentation(INFO, BOTH)
    logits, target = random_batch()
    alone = torch.cat([task.loss(logits[i : i + 1], target[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(task.loss(logits, target), alone)


def test_the_gradient_is_that_of_finite_differences() -> None:
    # In float32, as the loss computes: central differences are good to about three digits.
    task = Segmentation(INFO, BOTH)
    logits, target = random_batch()
    _, gradient = loss_and_gradient(task, logits, target)
    direction = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
    step = 1e-2
    slope = (task.loss(logits + step * direction, target) - task.loss(logits - step * direction, target)) / (2 * step)
    torch.testing.assert_close((gradient * direction).sum((1, 2, 3)), slope, rtol=1e-3, atol=1e-4)


def test_a_bfloat16_prediction_under_autocast_is_compared_in_float32() -> None:
    task = Segmentation(INFO, BOTH)
    logits, target = random_batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = task.loss(logits.bfloat16(), target)
        decoded = task.decode(logits.bfloat16())
    assert value.dtype == decoded.dtype == torch.float32
    assert torch.equal(value, task.loss(logits.bfloat16().float(), target))


def test_the_loss_reads_nothing_back_from_the_device() -> None:
    # Tensors on the meta device have no values: whatever asks for one fails.
    logits, target = random_batch()
    assert Segmentation(INFO, BOTH).loss(logits.to("meta"), target.to("meta")).shape == (4,)


def test_decoding_gives_class_scores() -> None:
    logits, _ = random_batch()
    scores = Segmentation(INFO).decode(logits)
    torch.testing.assert_close(scores, logits.exp() / logits.exp().sum(1, keepdim=True))


def test_the_metrics_are_named_and_miou_is_primary() -> None:
    assert list(Segmentation(INFO).metrics()) == ["miou", "pixel_accuracy"]


def test_an_unknown_class_in_the_weights_is_explained() -> None:
    with pytest.raises(ValueError, match=r"`class_weights` names 'chiar', which is no class. Did you mean 'chair'\?"):
        Segmentation(INFO, SegmentationOptions(class_weights={"chiar": 2.0}))


def test_a_class_that_resembles_none_is_refused_without_a_guess() -> None:
    with pytest.raises(ValueError, match=r"'zzz', which is no class. Classes: floor, wall, chair, table\.$"):
        Segmentation(INFO, SegmentationOptions(class_weights={"zzz": 2.0}))


@pytest.mark.parametrize("name", ["mean", "left_out"])
def test_a_class_called_like_a_reported_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"A class may not be called '{name}'"):
        Segmentation(TargetInfo(TargetKind.LABEL_MAP, names=("floor", name)))


def test_wrong_shapes_and_types_are_explained() -> None:
    task = Segmentation(INFO)
    logits, target = random_batch()
    channelled = Target(target.value[:, None], target.valid[:, None])
    with pytest.raises(ValueError, match=r"`target.value` must have shape \(batch, height, width\), here \(4, 5, 6\)"):
        task.loss(logits, channelled)
    with pytest.raises(ValueError, match=r"Found \(4, 1, 5, 6\)"):
        task.loss(logits, channelled)
    with pytest.raises(ValueError, match=r"`target.valid` must have shape .* Found \(4, 1, 6\)"):
        task.loss(logits, Target(target.value, target.valid[:, :1]))
    with pytest.raises(ValueError, match=r"`prediction` must have shape \(batch, 4, .* Found \(4, 3, 5, 6\)"):
        task.loss(logits[:, :3], target)
    with pytest.raises(ValueError, match=r"must hold class indices, torch.int64. Found torch.float32"):
        task.loss(logits, Target(target.value.float(), target.valid))


@every_option
def test_the_code_of_classes_decodes_to_nearly_them(options: SegmentationOptions | None) -> None:
    task, (_, target) = Segmentation(INFO, options), random_batch()
    code = task.encode(Target(target.value.masked_fill(~target.valid, -1), target.valid))
    assert code is not None
    scores = task.decode(code)
    wanted = functional.one_hot(target.value, 4).movedim(-1, 1)
    kept = target.valid[:, None].expand_as(scores)
    assert (scores - wanted)[kept].abs().max() < 0.02
