"""The short formula pads as timm does."""

from __future__ import annotations

from itertools import product

import torch
from timm.layers import padding

from mstasks.same_padding import same_padding, short_same_padding


def test_amounts_are_those_of_timm() -> None:
    seen = set()
    for length, kernel, stride, dilation in product(range(1, 40), (1, 2, 3, 5, 7), (1, 2, 3, 4), (1, 2)):
        expected = padding.get_same_padding(length, kernel, stride, dilation)
        assert same_padding(length, kernel, stride, dilation) == expected, (length, kernel, stride, dilation)
        seen.add(expected)
    assert len(seen) > 10


def test_timm_uses_it_inside_the_context_only() -> None:
    original = padding.get_same_padding
    image = torch.rand(1, 1, 7, 8)
    with short_same_padding():
        assert padding.get_same_padding is same_padding
        inside = padding.pad_same(image, [3, 3], [2, 2])
    assert padding.get_same_padding is original
    assert torch.equal(inside, padding.pad_same(image, [3, 3], [2, 2]))
