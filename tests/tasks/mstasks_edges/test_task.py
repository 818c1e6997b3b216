"""The edges task: loss, decoding, masks, precision, shapes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mstasks import Target, TargetInfo, TargetKind
from mstasks_edges.metrics import EdgeMatches
from mstasks_edges.options import EdgesOptions
from mstasks_edges.task import Edges

INFO = TargetInfo(TargetKind.SCALAR_MAP)
FIXED = EdgesOptions(positive_weight=0.95)
every_option = pytest.mark.parametrize("options", [None, FIXED], ids=["balanced", "fixed"])


def random_batch() -> tuple[Tensor, Target]:
    """Four examples, the third without a valid pixel."""
    generator = torch.Generator().manual_seed(0)
    value = (torch.rand(4, 1, 6, 7, generator=generator) < 0.2).float()
    valid = torch.rand(4, 1, 6, 7, generator=generator) < 0.8
    valid[2] = False
    return torch.randn(4, 1, 6, 7, generator=generator), Target(value, valid)


def loss_and_gradient(task: Edges, logits: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    logits = logits.clone().requires_grad_()
    value = task.loss(logits, target)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return value.detach(), gradient


def row(*values: float) -> Tensor:
    return torch.tensor(values).reshape(1, 1, 1, -1)


def test_the_balanced_loss_by_hand() -> None:
    # One edge in four valid pixels: the edge has weight 3/4, the others 1/4. A fifth pixel is not valid.
    logits = row(0.0, math.log(3.0), 0.0, 0.0, 50.0)
    target = Target(row(1, 0, 0, 0, 0), row(1, 1, 1, 1, 0).bool())
    expected = (3 / 4 * math.log(2) + 1 / 4 * (math.log(4) + 2 * math.log(2))) / 4
    assert Edges(INFO).loss(logits, target).item() == pytest.approx(expected)


def test_the_fixed_weight_by_hand() -> None:
    target = Target(row(1, 0, 0, 0), row(1, 1, 1, 1).bool())
    expected = (0.95 + 3 * 0.05) / 4 * math.log(2)
    assert Edges(INFO, FIXED).loss(row(0, 0, 0, 0), target).item() == pytest.approx(expected)


@every_option
def test_the_loss_is_torchs_with_a_weight_for_each_pixel(options: EdgesOptions | None) -> None:
    logits, target = random_batch()
    losses = Edges(INFO, options).loss(logits, target)
    for index in (0, 1, 3):
        valid = target.valid[index]
        truth = target.value[index][valid]
        positive = 0.95 if options else (truth == 0).float().mean().item()
        weight = torch.where(truth == 1, positive, 1 - positive)
        expected = functional.binary_cross_entropy_with_logits(logits[index][valid], truth, weight)
        torch.testing.assert_close(losses[index], expected)


def test_edges_and_the_rest_weigh_the_same_however_rare_edges_are() -> None:
    _, target = random_batch()
    _, gradient = loss_and_gradient(Edges(INFO), torch.zeros(4, 1, 6, 7), target)
    for index in (0, 1, 3):
        edge = target.value[index] == 1
        assert gradient[index][edge].sum().item() == pytest.approx(-gradient[index][~edge].sum().item(), rel=1e-5)
        assert gradient[index][edge].sum() < 0


def test_an_image_without_edges_has_no_balanced_loss_but_a_fixed_one() -> None:
    target = Target(row(0, 0, 0), row(1, 1, 1).bool())
    assert Edges(INFO).loss(row(1, 2, 3), target) == 0
    assert Edges(INFO, FIXED).loss(row(1, 2, 3), target) > 0


@every_option
def test_without_a_valid_pixel_loss_and_gradient_are_exactly_zero(options: EdgesOptions | None) -> None:
    logits, target = random_batch()
    logits[2] = torch.inf  # what the network says there must not matter either
    value, gradient = loss_and_gradient(Edges(INFO, options), logits, target)
    assert value[2] == 0
    assert (gradient[2] == 0).all()
    assert value.isfinite().all()
    assert gradient.isfinite().all()
    assert (value[[0, 1, 3]] > 0).all()


@every_option
def test_what_stands_where_not_valid_changes_nothing(options: EdgesOptions | None) -> None:
    task = Edges(INFO, options)
    logits, target = random_batch()
    garbage = Target(target.value.where(target.valid, 1 - target.value), target.valid)
    for before, after in zip(
        loss_and_gradient(task, logits, target), loss_and_gradient(task, logits, garbage), strict=True
    ):
        assert torch.equal(before, after)


@every_option
def test_an_example_has_the_same_loss_whatever_stands_beside_it(options: EdgesOptions | None) -> None:
    task = Edges(INFO, options)
    logits, target = random_batch()
    alone = torch.cat([task.loss(logits[i : i + 1], target[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(task.loss(logits, target), alone)


def test_large_logits_give_finite_losses_and_gradients() -> None:
    target = Target(row(1, 0, 1, 0), row(1, 1, 1, 1).bool())
    value, gradient = loss_and_gradient(Edges(INFO), row(-1e4, 1e4, 1e4, -1e4), target)
    assert value.item() == pytest.approx(0.5 * 2e4 / 4)
    assert gradient.isfinite().all()


def test_a_bfloat16_prediction_under_autocast_is_compared_in_float32() -> None:
    task = Edges(INFO)
    logits, target = random_batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = task.loss(logits.bfloat16(), target)
        decoded = task.decode(logits.bfloat16())
    assert value.dtype == decoded.dtype == torch.float32
    assert torch.equal(value, task.loss(logits.bfloat16().float(), target))


@every_option
def test_the_loss_reads_nothing_back_from_the_device(options: EdgesOptions | None) -> None:
    # Tensors on the meta device have no values: whatever asks for one fails.
    logits, target = random_batch()
    assert Edges(INFO, options).loss(logits.to("meta"), target.to("meta")).shape == (4,)


def test_decoding_gives_probabilities() -> None:
    assert Edges(INFO).decode(row(0.0, math.log(3.0))).flatten().tolist() == pytest.approx([0.5, 0.75])


def test_the_metrics_are_named_and_ods_f_is_primary() -> None:
    assert list(Edges(INFO).metrics()) == ["ods_f", "ois_f", "mae"]


def test_the_tolerance_of_the_recipe_reaches_the_metrics() -> None:
    for options, expected in ((None, 0.0075), (EdgesOptions(max_distance=0.011), 0.011)):
        metrics = Edges(INFO, options).metrics()
        for name in ("ods_f", "ois_f"):
            metric = metrics[name]
            assert isinstance(metric, EdgeMatches)
            assert metric.max_distance == expected


def test_wrong_shapes_are_explained() -> None:
    task = Edges(INFO)
    logits, target = random_batch()
    with pytest.raises(ValueError, match=r"`target.value` must have shape \(batch, 1, .* Found \(4, 6, 7\)"):
        task.loss(logits, Target(target.value[:, 0], target.valid[:, 0]))
    with pytest.raises(ValueError, match=r"`target.valid` must have shape .* Found \(4, 1, 1, 7\)"):
        task.loss(logits, Target(target.value, target.valid[:, :, :1]))
    with pytest.raises(ValueError, match=r"`prediction` must have shape \(batch, 1, .* Found \(4, 2, 6, 7\)"):
        task.loss(logits.expand(4, 2, 6, 7), target)


def test_the_code_of_an_edge_decodes_to_nearly_it() -> None:
    task = Edges(INFO)
    labels = torch.linspace(0, 1, 101)
    code = task.encode(Target(row(*labels.tolist()), torch.ones(1, 1, 1, 101, dtype=torch.bool)))
    found = task.decode(code).flatten()
    assert (found - labels)[[0, 50, 100]].abs().max() < 0.02
    assert (found - labels).abs().max() < 0.14
    assert (found.diff() > 0).all()
    torch.testing.assert_close(code.flatten(), 8 * labels - 4)  # the mean's code is the mean of the codes


def test_the_code_is_finite_where_there_is_no_label() -> None:
    code = Edges(INFO).encode(Target(row(math.nan, 1.0), torch.tensor([False, True]).reshape(1, 1, 1, 2)))
    assert code.flatten().tolist() == [0.0, 4.0]
