"""What each operation does to zero channels, one rule per operation of autograd."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

from mstasks.sparsity.zero_step import Channels, State, Step

# f(0) = 0, and no channel sees another.
KEEP_ZERO = {
    *("Abs", "Elu", "Gelu", "Hardswish", "LeakyRelu", "Mish", "Neg", "Relu", "Silu", "Sqrt", "Tanh"),
    *("AdaptiveAvgPool2D", "AvgPool2D", "MaxPool2DWithIndices"),
    *("ConstantPadNd", "ReflectionPad2D", "ReplicationPad2D"),
    *("UpsampleBicubic2D", "UpsampleBilinear2D", "UpsampleNearest2D"),
    *("Alias", "Clone", "ToCopy"),
}
# f(0) is something else: what a gate is made of.
LOSE_ZERO = {"Cos", "Exp", "Hardsigmoid", "Rsqrt", "Sigmoid", "Softplus"}


def after(step: Step) -> State:
    """What the result of an operation carries.

    Raises:
        NotRemovable: If the operation mixes channels, or might.
    """
    rule = RULES.get(step.op.name)
    if rule is not None:
        return rule(step)
    carried = step.only()
    if step.op.name in KEEP_ZERO:
        return carried
    if step.op.name in LOSE_ZERO:
        return Channels(carried.axis, zero=False)
    raise step.refusal(f"{step.op.name} is not known to leave channels apart and zeros zero")


def _convolution(step: Step) -> State:
    map_, weight = step.inputs[0], step.inputs[1]
    axis = 1 - len(step.op.shape)
    groups = step.op.node._saved_groups
    if groups == 1:
        if map_ is not None:
            step.reads(map_, axis, weight=1)
        return None if weight is None else Channels(axis, weight.zero and not step.stays(2))
    if step.shape(1)[:2] != (groups, 1):
        raise step.refusal("a grouped convolution needs equally many channels in each of its groups")
    zero = (weight is not None and weight.zero) or (map_ is not None and map_.zero)
    return Channels(axis, zero and not step.stays(2))


def _matrix_product(step: Step, first: int) -> State:
    map_, weight = step.inputs[first], step.inputs[first + 1]
    if map_ is not None:
        step.reads(map_, -1, weight=first + 1)
    if weight is None:
        return None
    if weight.axis != -1:
        raise step.refusal("the channels are not the rows of the linear layer")
    return Channels(-1, weight.zero and not (first == 1 and step.stays(0)))


def _batch_norm(step: Step) -> State:
    map_ = step.inputs[0]
    affine = len(step.inputs) > 2 and not step.stays(1) and not step.stays(2) and None not in step.op.inputs[1:3]
    axis = 1 - len(step.op.shape)
    if map_ is not None and map_.axis != axis:
        raise step.refusal("a batch norm runs over another axis")
    return Channels(axis, affine)


def _mixing_norm(step: Step) -> State:
    raise step.refusal("a norm takes its mean over the channels, so that removing one changes the others")


def _sum(step: Step) -> State:
    carried = _aligned(step)
    return Channels(carried.axis, all(state is not None and state.zero for state in step.inputs))


def _product(step: Step) -> State:
    carried = _aligned(step)
    return Channels(carried.axis, any(state is not None and state.zero for state in step.inputs))


def _quotient(step: Step) -> State:
    if len(step.inputs) > 1 and step.inputs[1] is not None:
        raise step.refusal("it divides by the channels")
    return _aligned(step)


def _aligned(step: Step) -> Channels:
    """The channels of elementwise operands; a single channel that is broadcast to several is not a channel of them."""
    carried = step.only()
    for argument, state in enumerate(step.inputs):
        if state is not None and step.shape(argument)[carried.axis] != step.op.shape[carried.axis]:
            raise step.refusal("a single channel is broadcast over several")
    return carried


def _clamp(step: Step) -> State:
    carried = step.only()
    names = ("_saved_min_val", "_saved_max_val") if step.op.name == "Hardtanh" else ("_saved_min", "_saved_max")
    low, high = (getattr(step.op.node, name) for name in names)
    return Channels(carried.axis, carried.zero and (low is None or low <= 0) and (high is None or high >= 0))


def _reduction(step: Step) -> State:
    carried = step.only()
    rank = len(step.shape(0))
    dims = {_signed(dim) % rank - rank for dim in _tuple(getattr(step.op.node, "_saved_dim", ()))}
    if not dims or carried.axis in dims:
        raise step.refusal(f"{step.op.name} runs over the channels")
    gone = 0 if step.op.node._saved_keepdim else sum(dim > carried.axis for dim in dims)
    return Channels(carried.axis + gone, carried.zero)


def _reshape(step: Step) -> State:
    """An axis survives a reshape if as many entries as before lie to its left, and its length is the same."""
    carried, before, after = step.only(), step.shape(0), step.op.shape
    axis = len(before) + carried.axis
    for candidate, length in enumerate(after):
        if length == before[axis] and math.prod(after[:candidate]) == math.prod(before[:axis]):
            return Channels(candidate - len(after), carried.zero)
    raise step.refusal("a reshape splits or joins the channels")


def _permute(step: Step) -> State:
    carried, rank = step.only(), len(step.op.shape)
    order = list(range(rank))
    if step.op.name == "Permute":
        order = [_signed(dim) % rank for dim in step.op.node._saved_dims]
    elif step.op.name == "Transpose":
        first, second = (_signed(dim) % rank for dim in (step.op.node._saved_dim0, step.op.node._saved_dim1))
        order[first], order[second] = second, first
    else:
        order.reverse()
    return Channels(order.index(rank + carried.axis) - rank, carried.zero)


def _expand(step: Step) -> State:
    return _aligned(step)


def _slice(step: Step) -> State:
    carried, rank = step.only(), len(step.op.shape)
    if _signed(step.op.node._saved_dim) % rank - rank == carried.axis:
        raise step.refusal("some of the channels are cut off")
    return carried


def _concatenation(step: Step) -> State:
    carried, rank = step.only(), len(step.op.shape)
    if _signed(step.op.node._saved_dim) % rank - rank == carried.axis:
        return carried
    return _sum(step)


def _signed(value: int) -> int:
    """A dimension as autograd saves it: negative ones as unsigned 64-bit numbers."""
    return value - 2**64 if value >= 2**63 else value


def _tuple(value: int | Collection[int]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


RULES: dict[str, Callable[[Step], State]] = {
    "Convolution": _convolution,
    "Addmm": lambda step: _matrix_product(step, first=1),
    "Mm": lambda step: _matrix_product(step, first=0),
    "NativeBatchNorm": _batch_norm,
    "CudnnBatchNorm": _batch_norm,
    "NativeLayerNorm": _mixing_norm,
    "NativeGroupNorm": _mixing_norm,
    "Add": _sum,
    "Sub": _sum,
    "Mul": _product,
    "Div": _quotient,
    "Hardtanh": _clamp,
    "Clamp": _clamp,
    "Mean": _reduction,
    "Sum": _reduction,
    "View": _reshape,
    "UnsafeView": _reshape,
    "ReshapeAlias": _reshape,
    "Unsqueeze": _reshape,
    "Squeeze": _reshape,
    "Permute": _permute,
    "Transpose": _permute,
    "T": _permute,
    "Expand": _expand,
    "Slice": _slice,
    "Cat": _concatenation,
}
