"""A network with its decoding as one traced program for images of any size."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from mstasks.bound import BoundTask
from mstasks.exporter import ExportError
from mstasks.network import Network
from mstasks.same_padding import short_same_padding

Size = tuple[int, int]


class DecodedNetwork(nn.Module):
    """Images to what `mstasks predict` and the metrics use: raw predictions, resized to the image, then decoded.

    Args:
        network: The network.
        tasks: Its tasks by name.
    """

    def __init__(self, network: Network, tasks: Mapping[str, BoundTask]) -> None:
        super().__init__()
        self.network = network
        self.tasks = dict(tasks)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Decoded predictions by task.

        Args:
            image: In [0, 1], shape (batch, 3, height, width).

        Returns:
            Shape (batch, channels, height, width) for a dense task, else (batch, channels).
        """
        raw, size = self.network(image), (image.shape[-2], image.shape[-1])
        return {name: bound.decoded(raw[name], size) for name, bound in self.tasks.items()}


def coarsest_stride(network: Network) -> int:
    """Stride of the backbone's last map."""
    return max(network.info.strides)


def trace(network: DecodedNetwork) -> ExportedProgram:
    """Trace a network for any batch, height and width.

    The program is certain to take images from twice the backbone's coarsest stride on. Below, where its last map is one
    cell wide, it may refuse them: torch takes a length of 1 for another program.

    Args:
        network: On the CPU, in evaluation mode.

    Raises:
        ExportError: If torch cannot trace it; names the task if a decoding is to blame.
    """
    stride = coarsest_stride(network.network)
    # No length is a multiple of a stride or equals another: what holds for this image alone is not taken for a rule.
    image = torch.rand(2, 3, 5 * stride + 3, 7 * stride + 5)
    try:
        with short_same_padding():
            program = _export(network, image)
    except Exception as error:  # whatever a plugin, timm or torch raises
        raise ExportError(_refusal(network, image, error)) from error
    for node in program.graph.nodes:  # source lines with paths of this machine: of no use to who runs the file
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack"):
            node.meta.pop(key, None)
    return program


def _export(module: nn.Module, image: Tensor) -> ExportedProgram:
    dynamic = dict.fromkeys([0, *range(2, image.dim())], Dim.DYNAMIC)
    with torch.no_grad():
        return torch.export.export(module, (image,), dynamic_shapes=(dynamic,))


class _Decoding(nn.Module):
    """The end of one task."""

    def __init__(self, bound: BoundTask, size: Size) -> None:
        super().__init__()
        self.bound = bound
        self.size = size

    def forward(self, raw: Tensor) -> Tensor:
        return self.bound.decoded(raw, self.size)


def _refusal(network: DecodedNetwork, image: Tensor, error: Exception) -> str:
    """Whose fault it is that a network cannot be traced."""
    try:
        with torch.no_grad():
            raw = network.network(image)
    except Exception as own:
        return f"the network cannot run on an image of odd size: {_line(own)}. Try another backbone, such as a ResNet."
    size = (image.shape[-2], image.shape[-1])
    for name, bound in network.tasks.items():
        try:
            _export(_Decoding(bound, size), raw[name])
        except Exception as own:
            return f"task {name!r}: its `decode` cannot be exported: {_line(own)}. Write it in torch operations only."
    return f"the network cannot be exported: {_line(error)}. Try another backbone, such as a ResNet."


def _line(error: Exception) -> str:
    """Type and first line of an error."""
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".: ")
