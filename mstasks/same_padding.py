"""timm's "same" padding for tracing: lengths as whole-number formulas that stay short through a whole network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from timm.layers import padding

_NAME = "get_same_padding"
_original = padding.get_same_padding


@contextmanager
def short_same_padding() -> Iterator[None]:
    """Within it timm pads by the same amounts, computed without true division and maximum.

    Those make a symbolic length so long after a few strided layers that tracing tf_efficientnet_lite0 takes minutes
    instead of seconds.
    """
    setattr(padding, _NAME, same_padding)
    try:
        yield
    finally:
        setattr(padding, _NAME, _original)


def same_padding(length: Any, kernel_size: int, stride: int, dilation: int) -> Any:
    """Padding in all, before and after, with which a convolution gives ceil(length / stride) outputs.

    Args:
        length: Of the input, a number or a symbol.
        kernel_size: Of the convolution.
        stride: Alike.
        dilation: Alike.

    Returns:
        max((ceil(length / stride) - 1) stride + reach - length, 0) with reach = (kernel_size - 1) dilation + 1.
    """
    reach = (kernel_size - 1) * dilation + 1
    if reach < stride:  # only then can the difference be negative
        return _original(length, kernel_size, stride, dilation)
    return ((length + stride - 1) // stride - 1) * stride + reach - length
