"""The computation of a network as a list of operations, found on the meta device: without data and without memory."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_pruning import DependencyGraph  # type: ignore[import-untyped]

from mstasks.network import Network
from mstasks.sparsity.spaces import SpacesError

IMAGES = 2  # more than one, so that no reshape takes the batch for a dimension of size one


@dataclass(frozen=True, slots=True)
class Op:
    """One differentiable operation, or a parameter.

    Attributes:
        name: Its name in autograd without the word ``Backward`` and the overload's number: ``Convolution``, ``Relu``,
            ``Add``; ``Parameter`` for a parameter.
        shape: Shape of the result.
        inputs: For each differentiable input, in the order of its arguments, the index of the operation that gave it;
            None for one that does not depend on a parameter (the image, a constant, a missing bias).
        node: The autograd node, which keeps the arguments.
        layer: The layer that it belongs to, or that its first input comes from: for messages.
        parameter: The parameter's name, if it is one.
    """

    name: str
    shape: tuple[int, ...]
    inputs: tuple[int | None, ...]
    node: Any
    layer: str
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A traced network.

    Attributes:
        twin: A copy of the network on the meta device.
        graph: torch-pruning's dependency graph of the twin.
        ops: Each operation after its inputs.
        outputs: By task, the index of the operation that gave its prediction.
        calls: How often each module ran.
        positions: By convolution and linear layer, output positions of one image, summed over calls.
    """

    twin: Network
    graph: DependencyGraph
    ops: tuple[Op, ...]
    outputs: dict[str, int]
    calls: dict[str, int]
    positions: dict[str, int]


def meta_twin(network: Network) -> Network:
    """A copy on the meta device: same names and shapes, no values, no hooks, every parameter requiring gradients."""
    memo: dict[int, Any] = {}
    for parameter in network.parameters():
        memo[id(parameter)] = nn.Parameter(torch.empty_like(parameter, device="meta"))
    for buffer in network.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    for constant in (value for module in network.modules() for value in vars(module).values()):
        if isinstance(constant, Tensor):
            memo[id(constant)] = torch.empty_like(constant, device="meta")
    twin = copy.deepcopy(network, memo)
    for module in twin.modules():
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    return twin.eval()


def trace(network: Network, size: tuple[int, int]) -> Trace:
    """Trace a network in evaluation mode; the network itself is neither run nor changed.

    Args:
        network: Any network whose backbone is made of torch modules.
        size: Height and width of the images.

    Raises:
        SpacesError: If the forward pass depends on values or on tensors that are neither parameters nor buffers.
    """
    twin = meta_twin(network)
    predictions: dict[str, Tensor] = {}
    calls: dict[str, int] = {}
    positions: dict[str, int] = {}
    hooks = list(_count_calls(twin, calls, positions))

    def forward(model: nn.Module, images: Tensor) -> list[Tensor]:
        predictions.update(model(images))
        return list(predictions.values())

    like = next(twin.parameters())
    images = torch.zeros(IMAGES, 3, *size, device="meta", dtype=like.dtype)
    try:
        with torch.enable_grad():
            graph = DependencyGraph().build_dependency(twin, images, forward_fn=forward, verbose=False)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise SpacesError(
            f"The network cannot be traced without data on an image of {size[0]}x{size[1]}: {reason}"
        ) from error
    for hook in hooks:
        hook.remove()
    names: dict[Tensor, str] = {parameter: name for name, parameter in twin.named_parameters()}
    roots = {task: prediction.grad_fn for task, prediction in predictions.items() if prediction.grad_fn is not None}
    ops, index = _operations(list(roots.values()), names)
    return Trace(twin, graph, ops, {task: index[node] for task, node in roots.items()}, calls, positions)


def _count_calls(twin: nn.Module, calls: dict[str, int], positions: dict[str, int]) -> Iterator[Any]:
    for name, module in twin.named_modules():
        if next(module.children(), None) is None:

            def count(module: nn.Module, _: Any, output: Any, name: str = name) -> None:
                calls[name] = calls.get(name, 0) + 1
                if isinstance(module, nn.modules.conv._ConvNd):
                    positions[name] = positions.get(name, 0) + output.shape[2:].numel()
                elif isinstance(module, nn.Linear):
                    positions[name] = positions.get(name, 0) + output.shape[:-1].numel() // IMAGES

            yield module.register_forward_hook(count)


def _operations(roots: list[Any], names: dict[Tensor, str]) -> tuple[tuple[Op, ...], dict[Any, int]]:
    """Walk autograd's graph from the predictions to the parameters; inputs come first in the result."""
    index: dict[Any, int] = {}
    ops: list[Op] = []
    stack = [(root, False) for root in roots]
    while stack:
        node, expanded = stack.pop()
        if node in index:
            continue
        inputs = [function for function, _ in node.next_functions]
        if not expanded:
            stack.append((node, True))
            stack.extend((function, False) for function in inputs if function is not None)
            continue
        index[node] = len(ops)
        ops.append(
            _operation(node, tuple(None if function is None else index[function] for function in inputs), ops, names)
        )
    return tuple(ops), index


def _operation(node: Any, inputs: tuple[int | None, ...], ops: list[Op], names: dict[Tensor, str]) -> Op:
    variable = getattr(node, "variable", None)
    if variable is not None:
        name = names[variable]
        return Op("Parameter", tuple(variable.shape), inputs, node, name.rpartition(".")[0], name)
    known = [ops[position] for position in inputs if position is not None]
    own = [op.layer for op in known if op.parameter is not None]
    layer = (own or [op.layer for op in known] or [""])[0]
    kind = re.sub(r"Backward\d*$", "", node.name())
    return Op(kind, tuple(node._input_metadata[0].shape), inputs, node, layer)
