"""The attributes task: choosing columns, loss, decoding, masks, precision, shapes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mstasks import Target, TargetInfo, TargetKind
from mstasks_attributes.options import AttributesOptions
from mstasks_attributes.task import Attributes

NAMES = ("indoor", "lamp", "window", "door")
INFO = TargetInfo(TargetKind.ATTRIBUTES, names=NAMES)
CHOSEN = AttributesOptions(names=("door", "lamp"))
WEIGHTED = AttributesOptions(pos_weight={"lamp": 4.0})
every_option = pytest.mark.parametrize("options", [None, WEIGHTED], ids=["plain", "weighted"])


def random_batch() -> tuple[Tensor, Target]:
    """Five examples, the second without a valid attribute."""
    generator = torch.Generator().manual_seed(0)
    value = (torch.rand(5, 4, generator=generator) < 0.5).float()
    valid = torch.rand(5, 4, generator=generator) < 0.7
    valid[1] = False
    valid[0, 0] = valid[2, 1] = valid[3, 2] = valid[4, 3] = True
    return torch.randn(5, 4, generator=generator), Target(value, valid)


def loss_and_gradient(task: Attributes, logits: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    logits = logits.clone().requires_grad_()
    value = task.loss(logits, target)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return value.detach(), gradient


def test_all_attributes_are_predicted_by_default() -> None:
    task = Attributes(INFO)
    _, target = random_batch()
    assert (task.channels, task.info) == (4, INFO)
    assert torch.equal(task.prepare(target).value, target.value)
    assert torch.equal(task.prepare(target).valid, target.valid)


def test_chosen_attributes_come_in_the_chosen_order() -> None:
    task = Attributes(INFO, CHOSEN)
    _, target = random_batch()
    prepared = task.prepare(target)
    assert task.channels == 2
    assert task.info.names == ("door", "lamp")
    assert torch.equal(prepared.value, torch.stack([target.value[:, 3], target.value[:, 1]], 1))
    assert torch.equal(prepared.valid, torch.stack([target.valid[:, 3], target.valid[:, 1]], 1))


def test_the_declaration_shrinks_with_the_choice() -> None:
    colours = ((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0))
    info = TargetInfo(TargetKind.ATTRIBUTES, NAMES, pairs=(("lamp", "door"), ("indoor", "lamp")), colours=colours)
    chosen = Attributes(info, CHOSEN).info
    assert chosen.pairs == (("lamp", "door"),)
    assert chosen.colours == ((4, 0, 0), (2, 0, 0))


def test_an_example_whose_chosen_attributes_are_all_missing_has_no_label() -> None:
    target = Target(torch.ones(1, 4), torch.tensor([[True, False, True, False]]))
    assert target.labelled().tolist() == [True]
    assert Attributes(INFO, CHOSEN).prepare(target).labelled().tolist() == [False]


def test_the_loss_by_hand() -> None:
    # p = 3/4 for a present attribute, 1/2 for an absent one; the others are not valid.
    logits = torch.tensor([[math.log(3.0), 0.0, 9.0, -9.0]])
    target = Target(torch.tensor([[1.0, 0.0, 0.0, 1.0]]), torch.tensor([[True, True, False, False]]))
    assert Attributes(INFO).loss(logits, target).item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_the_positive_weight_counts_where_the_attribute_is_present() -> None:
    target = Target(torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]), torch.ones(2, 4, dtype=torch.bool))
    losses = Attributes(INFO, WEIGHTED).loss(torch.zeros(2, 4), target)
    assert losses.tolist() == pytest.approx([math.log(2) * (1 + 4 + 1 + 1) / 4, math.log(2)])


def test_the_positive_weight_goes_with_the_name_not_with_the_position() -> None:
    task = Attributes(INFO, AttributesOptions(names=("door", "lamp"), pos_weight={"lamp": 4.0}))
    target = Target(torch.tensor([[0.0, 1.0]]), torch.ones(1, 2, dtype=torch.bool))
    assert task.loss(torch.zeros(1, 2), target).item() == pytest.approx(math.log(2) * (1 + 4) / 2)


@every_option
def test_each_example_has_the_loss_that_torch_gives_its_valid_attributes(options: AttributesOptions | None) -> None:
    logits, target = random_batch()
    weight = torch.tensor([1.0, 4.0 if options else 1.0, 1.0, 1.0])
    losses = Attributes(INFO, options).loss(logits, target)
    for index in (0, 2, 3, 4):
        valid = target.valid[index]
        expected = functional.binary_cross_entropy_with_logits(
            logits[index, valid], target.value[index, valid], pos_weight=weight[valid]
        )
        torch.testing.assert_close(losses[index], expected)


@every_option
def test_without_a_valid_attribute_loss_and_gradient_are_exactly_zero(options: AttributesOptions | None) -> None:
    logits, target = random_batch()
    logits[1] = torch.inf  # what the network says there must not matter either
    value, gradient = loss_and_gradient(Attributes(INFO, options), logits, target)
    assert value[1] == 0
    assert (gradient[1] == 0).all()
    assert value.isfinite().all()
    assert gradient.isfinite().all()
    assert (value[[0, 2, 3, 4]] > 0).all()


@every_option
def test_what_stands_where_not_valid_changes_nothing(options: AttributesOptions | None) -> None:
    task = Attributes(INFO, options)
    logits, target = random_batch()
    garbage = Target(target.value.where(target.valid, 1 - target.value), target.valid)
    for before, after in zip(
        loss_and_gradient(task, logits, target), loss_and_gradient(task, logits, garbage), strict=True
    ):
        assert torch.equal(before, after)


def test_a_bfloat16_prediction_under_autocast_is_compared_in_float32() -> None:
    task = Attributes(INFO, WEIGHTED)
    logits, target = random_batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = task.loss(logits.bfloat16(), target)
        decoded = task.decode(logits.bfloat16())
    assert value.dtype == decoded.dtype == torch.float32
    assert torch.equal(value, task.loss(logits.bfloat16().float(), target))


def test_preparing_and_the_loss_read_nothing_back_from_the_device() -> None:
    # Tensors on the meta device have no values: whatever asks for one fails.
    task = Attributes(INFO, CHOSEN)
    logits, target = random_batch()
    prepared = task.prepare(target.to("meta"))
    assert task.loss(logits[:, :2].to("meta"), prepared).shape == (5,)


def test_decoding_gives_probabilities() -> None:
    logits = torch.tensor([[0.0, math.log(3.0), -math.log(3.0), 1000.0]])
    assert Attributes(INFO).decode(logits).tolist()[0] == pytest.approx([0.5, 0.75, 0.25, 1.0])


def test_the_metrics_are_named_and_accuracy_is_primary() -> None:
    metrics = Attributes(INFO, CHOSEN).metrics()
    assert list(metrics) == ["accuracy", "f1"]
    metrics["accuracy"].update(torch.rand(1, 2), Target(torch.ones(1, 2), torch.ones(1, 2, dtype=torch.bool)))
    assert set(metrics["accuracy"].compute()) == {"mean", "door", "lamp"}


def test_an_unknown_name_is_explained() -> None:
    with pytest.raises(
        ValueError, match=r"`names` names 'dor', which is no attribute of the data set. Did you mean 'door'\?"
    ):
        Attributes(INFO, AttributesOptions(names=("dor",)))


def test_an_unknown_name_in_the_weights_is_explained() -> None:
    with pytest.raises(
        ValueError, match=r"`pos_weight` names 'zzz', which is no attribute of this task. Attributes: indoor"
    ):
        Attributes(INFO, AttributesOptions(pos_weight={"zzz": 2.0}))


def test_a_weight_for_an_attribute_that_is_not_chosen_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"`pos_weight` names 'window', which is no attribute of this task\. .*door, lamp"
    ):
        Attributes(INFO, AttributesOptions(names=("door", "lamp"), pos_weight={"window": 2.0}))


def test_an_attribute_called_like_a_reported_key_is_refused() -> None:
    info = TargetInfo(TargetKind.ATTRIBUTES, names=("mean", "kind"))
    with pytest.raises(ValueError, match="An attribute may not be called 'mean'"):
        Attributes(info)
    assert Attributes(info, AttributesOptions(names=("kind",))).channels == 1


def test_wrong_shapes_are_explained() -> None:
    task = Attributes(INFO, CHOSEN)
    logits, target = random_batch()
    with pytest.raises(ValueError, match=r"`target.value` must have shape \(batch, 4\), a column .* Found \(5, 3\)"):
        task.prepare(Target(target.value[:, :3], target.valid[:, :3]))
    with pytest.raises(ValueError, match=r"`prediction` must have shape \(batch, 2\). Found \(5, 4\)"):
        task.loss(logits, task.prepare(target))
    with pytest.raises(ValueError, match=r"`target.value` must have shape \(batch, attributes\), .* Found \(5, 4\)"):
        task.loss(logits[:, :2], target)


@every_option
def test_the_code_of_attributes_decodes_to_nearly_them(options: AttributesOptions | None) -> None:
    task, (_, target) = Attributes(INFO, options), random_batch()
    code = task.encode(Target(target.value.masked_fill(~target.valid, math.nan), target.valid))
    assert code.dtype == torch.float32
    assert code.isfinite().all()
    assert (task.decode(code) - target.value)[target.valid].abs().max() < 0.02
    assert set(code[target.valid].tolist()) == {-4.0, 4.0}  # bounded, and as far on either side
