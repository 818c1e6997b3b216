"""Uncoupled groups: one per input or output channel of each convolution by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import nn

from mstasks.sparsity.space import Member, Space
from mstasks.sparsity.spaces import Excluded, Scope, in_scope
from mstasks.sparsity.trace import Trace


def input_spaces(trace: Trace, scope: Scope, floor: Callable[[int], int]) -> tuple[list[Space], list[Excluded]]:
    """One group per input channel of each convolution's weight.

    The convolution that reads the image, depthwise and grouped ones have none. A zero group saves compute only where
    nothing else reads the channel.
    """
    spaces: list[Space] = []
    excluded: list[Excluded] = []
    stems = _image_readers(trace)
    for name, layer in _convolutions(trace, scope):
        weight = f"{name}.weight"
        if name in stems or layer.groups > 1:
            kind = "reads the image" if name in stems else "does not mix all of its input channels"
            reason = f"`{name}` has no groups of input channels: it {kind}."
            excluded.append(Excluded(name, layer.in_channels, (weight,), reason))
        else:
            size = layer.in_channels
            spaces.append(Space(name, size, (Member(weight, 1),), floor(size)))
    return spaces, excluded


def output_spaces(trace: Trace, scope: Scope, floor: Callable[[int], int]) -> list[Space]:
    """One group per output channel of each convolution: its row and its bias, depthwise filters included.

    A zero group saves nothing by itself: a norm that follows may still shift the channel.
    """
    spaces = []
    for name, layer in _convolutions(trace, scope):
        members = [Member(f"{name}.weight")] + ([] if layer.bias is None else [Member(f"{name}.bias")])
        spaces.append(Space(name, layer.out_channels, tuple(members), floor(layer.out_channels)))
    return spaces


def _convolutions(trace: Trace, scope: Scope) -> Iterator[tuple[str, nn.Conv2d]]:
    for name, module in trace.twin.named_modules():
        if isinstance(module, nn.Conv2d) and in_scope(name, scope):
            yield name, module


def _image_readers(trace: Trace) -> set[str]:
    """Convolutions whose input depends on no parameter."""
    return {op.layer for op in trace.ops if op.name == "Convolution" and op.inputs[0] is None}
