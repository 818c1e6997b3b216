"""Where the gates of channels are: the tensors at which multiplying a channel by one number switches all of it.

The gate of a channel is a factor a = 1 behind the activation that closes its space, so the input of a layer that mixes
channels is where it can be read, and the derivative with respect to it is the sum over positions of x * dL/dx, with the
total gradient of x. Several such tensors of one space share the gate and are added, unless one is computed from another
by nothing but operations that let a factor through: its path is in the other's total gradient already.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mstasks.network import Network
from mstasks.sparsity.alive import require_coupled
from mstasks.sparsity.space import Space
from mstasks.sparsity.spaces import Spaces, SpacesError
from mstasks.sparsity.trace import IMAGES, meta_twin


@dataclass(frozen=True, slots=True)
class Gate:
    """Where the channels of a space can be read.

    Attributes:
        space: The space's name.
        layer: A convolution or linear layer, as in `named_modules()`: the channels are in its input, whose first
            dimension is the batch.
        start: Position of channel 0.
        dim: Dimension that runs over the channels: 1 for convolutions, -1 for linear layers.
    """

    space: str
    layer: str
    start: int
    dim: int


def find_gates(network: Network, spaces: Spaces, size: tuple[int, int]) -> tuple[Gate, ...]:
    """The gates of every space, found without data; the network is neither run nor changed.

    - A residual stream has one behind each addition.
    - A chain of layers that act on each channel apart (expand, depthwise) has one, in front of the layer that mixes.
    - Layers that read the same tensor share one. A pooled, resized, concatenated or reshaped copy of a tensor that
      another layer reads has none, since that tensor's gradient includes the copy's.
    - Where a squeeze-excite layer s reads a map x, its pooled input and the product x * s have one each: their
      derivatives add up to that of a gate on x.

    They are those of the network in training mode, where dropout lies between a map and its readers.

    Args:
        network: The network that the spaces were found in.
        spaces: Its spaces of kind ``channel``.
        size: Height and width of the images.

    Returns:
        At least one gate a space, in the order of the spaces.

    Raises:
        SpacesError: If no layer reads a space, or one reads it with images side by side in another dimension.
        ValueError: If the spaces are of another kind.
    """
    require_coupled(spaces)
    twin = meta_twin(network).train()
    readers = {space.name: _readers(twin, space, spaces) for space in spaces.spaces}
    inputs = _inputs(twin, {gate.layer for gates in readers.values() for gate in gates}, size)
    return tuple(gate for gates in readers.values() for gate in _closing(gates, inputs))


def _readers(twin: nn.Module, space: Space, spaces: Spaces) -> list[Gate]:
    """A gate for each layer with columns that read the space."""
    found = []
    for member in spaces.consumers[space.name]:
        layer, _, parameter = member.parameter.rpartition(".")
        module = twin.get_submodule(layer)
        if member.dim == 1 and parameter == "weight" and isinstance(module, nn.Conv2d | nn.Linear):
            found.append(Gate(space.name, layer, member.start, 1 if isinstance(module, nn.Conv2d) else -1))
    if not found:
        raise SpacesError(
            f"Space `{space.name}` has no gate: no convolution or linear layer reads its channels, so what they matter "
            "to a task cannot be measured. Choose a strength that needs no saliency, or another `sparsity.scope`."
        )
    return found


def _inputs(twin: nn.Module, layers: Collection[str], size: tuple[int, int]) -> dict[str, list[Tensor]]:
    """The inputs of each layer in one pass over the twin, one a call."""
    inputs: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    for layer, calls in inputs.items():
        twin.get_submodule(layer).register_forward_pre_hook(lambda _, args, calls=calls: calls.append(args[0]))
    like = next(twin.parameters())
    with torch.enable_grad():
        twin(torch.zeros(IMAGES, 3, *size, device="meta", dtype=like.dtype))
    return inputs


@dataclass(frozen=True, slots=True)
class _Read:
    """A tensor that carries the channels: the result `output` of `node`, channel 0 at `start` of `axis` (< 0)."""

    node: Any
    output: int
    axis: int
    start: int


def _closing(gates: list[Gate], inputs: dict[str, list[Tensor]]) -> Iterator[Gate]:
    """The gates of one space without those whose tensor is another's, or lets through what happens to another's."""
    reads: dict[_Read, Gate] = {}
    for gate in gates:
        for tensor in inputs[gate.layer]:
            if tensor.shape[0] != IMAGES:
                raise SpacesError(
                    f"`{gate.layer}` reads the channels of `{gate.space}` from a tensor of shape {tuple(tensor.shape)} "
                    f"for {IMAGES} images: the first dimension must be the batch to tell what each image contributes."
                )
            axis = gate.dim if gate.dim < 0 else gate.dim - tensor.dim()
            reads.setdefault(_Read(tensor.grad_fn, tensor.output_nr, axis, gate.start), gate)
    kept = [gate for read, gate in reads.items() if not any(source in reads for source in _sources(read))]
    yield from dict.fromkeys(kept)


def _sources(read: _Read) -> Iterator[_Read]:
    """The tensors that a factor on the channels passes through before it reaches the read, nearest first."""
    source = _source(read)
    while source is not None:
        yield source
        source = _source(source)


def _source(read: _Read) -> _Read | None:
    """The argument that the read's operation multiplies by what the result is multiplied by, if there is one."""
    name = re.sub(r"Backward\d*$", "", read.node.name())
    if name == "Cat":
        return _part(read)
    if not _lets_factors_through(name, read.node):
        return None
    node, output = read.node.next_functions[0]
    before, after = _shape(node, output), _shape(read.node, read.output)
    axis = _axis_before(name, read, before, after)
    if axis is None or axis < -len(before) or before[axis] != after[read.axis]:
        return None
    return _Read(node, output, axis, read.start)


# f(a x) = a f(x) for a > 0, and no channel sees another.
_HOMOGENEOUS = {
    *("AdaptiveAvgPool2D", "AdaptiveMaxPool2D", "AvgPool2D", "MaxPool2DWithIndices", "Mean", "Sum", "Amax"),
    *("UpsampleBicubic2D", "UpsampleBilinear2D", "UpsampleNearest2D", "UpsampleNearestExact2D"),
    *("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Expand", "Slice", "Permute", "Transpose"),
    *("Alias", "Clone", "ToCopy", "ConstantPadNd", "ReflectionPad2D", "ReplicationPad2D"),
    *("LeakyRelu", "NativeDropout", "Relu"),
}
_RESHAPING = {"View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze"}


def _lets_factors_through(name: str, node: Any) -> bool:
    arguments = [function for function, _ in node.next_functions]
    if name in ("Mul", "Div"):  # by a constant, such as dropout's mask
        return arguments[0] is not None and all(other is None for other in arguments[1:])
    if name == "Convolution":  # depthwise and without bias
        channels = node._input_metadata[0].shape[1]
        weight = _shape(*node.next_functions[1]) if arguments[1] is not None else ()
        return (
            arguments[0] is not None
            and weight[:2] == (channels, 1)
            and node._saved_groups == channels
            and arguments[2] is None
        )
    return name in _HOMOGENEOUS


def _axis_before(name: str, read: _Read, before: tuple[int, ...], after: tuple[int, ...]) -> int | None:
    """Axis of the channels in the argument, counted from the right; None if the operation runs over them."""
    rank, place = len(before), len(after) + read.axis
    if name in _RESHAPING:  # the axis has as many entries to its left as before
        left = math.prod(after[:place])
        same = [axis for axis in range(rank) if before[axis] == after[place] and math.prod(before[:axis]) == left]
        return same[0] - rank if same else None
    order = list(range(rank - len(after), rank))  # broadcasting adds dimensions on the left
    if name in ("Mean", "Sum", "Amax"):
        dims = getattr(read.node, "_saved_dim", range(rank))
        gone = set() if getattr(read.node, "_saved_keepdim", False) else {_signed(dim) % rank for dim in dims}
        order = [axis for axis in range(rank) if axis not in gone]
    elif name == "Permute":
        order = [_signed(dim) % rank for dim in read.node._saved_dims]
    elif name == "Transpose":
        first, second = (_signed(dim) % rank for dim in (read.node._saved_dim0, read.node._saved_dim1))
        order[first], order[second] = second, first
    return order[place] - rank


def _part(read: _Read) -> _Read | None:
    """The tensor of a concatenation that holds the channels; None if it is not along them."""
    rank = len(read.node._input_metadata[0].shape)
    if _signed(read.node._saved_dim) % rank - rank != read.axis:
        return None
    start = read.start
    for node, output in read.node.next_functions:
        if node is None:  # a constant, of unknown length
            return None
        length = _shape(node, output)[read.axis]
        if start < length:
            return _Read(node, output, read.axis, start)
        start -= length
    return None


def _shape(node: Any, output: int) -> tuple[int, ...]:
    return tuple(node._input_metadata[output].shape)


def _signed(value: int) -> int:
    """A dimension as autograd saves it: negative ones as unsigned 64-bit numbers."""
    return value - 2**64 if value >= 2**63 else value
