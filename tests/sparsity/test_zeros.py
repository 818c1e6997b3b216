"""The table of operations that keep a zero zero, against what they do to a zero."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mstasks.sparsity.zero_rules import KEEP_ZERO, LOSE_ZERO, RULES

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    **{f.__name__: f for f in (torch.abs, torch.neg, torch.sqrt, torch.tanh, torch.sigmoid, torch.exp, torch.cos)},
    **{f.__name__: f() for f in (nn.ReLU, nn.SiLU, nn.GELU, nn.Hardswish, nn.LeakyReLU, nn.ELU, nn.Mish, nn.Softplus)},
    "rsqrt": torch.rsqrt,
    "hardsigmoid": nn.Hardsigmoid(),
    "max pool": nn.MaxPool2d(2),
    "average pool": nn.AvgPool2d(2),
    "adaptive pool": nn.AdaptiveAvgPool2d(2),
    "zero padding": nn.ZeroPad2d(1),
    "reflection": nn.ReflectionPad2d(1),
    "replication": nn.ReplicationPad2d(1),
    "bicubic": nn.Upsample(scale_factor=2, mode="bicubic"),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "nearest": nn.Upsample(scale_factor=2, mode="nearest"),
    "clone": torch.clone,
    "double": lambda x: x.double(),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_table_says_whether_zero_stays_zero_and_channels_apart(function: str) -> None:
    x = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0)).abs()
    x[:, 0] = 0
    y = FUNCTIONS[function](x.requires_grad_())
    assert y.grad_fn is not None
    name = re.sub(r"Backward\d*$", "", y.grad_fn.name())
    assert name in KEEP_ZERO | LOSE_ZERO
    assert (name in KEEP_ZERO) == bool((y[:, 0] == 0).all())
    other = FUNCTIONS[function](x.detach().clone().index_fill_(1, torch.tensor([1]), 7.0))
    assert torch.equal(y[:, 0], other[:, 0])


def test_every_entry_of_the_table_was_tried() -> None:
    x = torch.rand(1, 2, 4, 4, requires_grad=True)
    tried = {re.sub(r"Backward\d*$", "", f(x).grad_fn.name()) for f in FUNCTIONS.values()}  # type: ignore[union-attr]
    assert tried | {"Alias"} == KEEP_ZERO | LOSE_ZERO


def test_no_operation_has_two_answers() -> None:
    assert not KEEP_ZERO & LOSE_ZERO
    assert not (KEEP_ZERO | LOSE_ZERO) & set(RULES)
