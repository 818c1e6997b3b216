"""Ways to run one network on one machine. A backend turns a network into a function from images to predictions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mstasks.device import autocast
from mstasks.errors import MstasksError
from mstasks.network import Network
from mstasks.sparsity.fold import fold, foldable
from mstasks.sparsity.spaces import SpacesError

Forward = Callable[[Tensor], Mapping[str, Tensor]]
"""From images in [0, 1], float32 (batch, 3, height, width), to raw predictions by task."""


class UnavailableError(MstasksError):
    """A backend cannot run this network here; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to run networks.

    Attributes:
        name: What tables call it.
        summary: One line.
        prepare: From a network in evaluation mode, left as it is, and the images' height and width. Raises
            `UnavailableError` if it cannot run here; what it returns may raise anything the first time.
        on_request: Whether it is left out unless somebody asks for it, since it takes so long to start.
    """

    name: str
    summary: str
    prepare: Callable[[Network, tuple[int, int]], Forward]
    on_request: bool = False


def eager(network: Network, size: tuple[int, int]) -> Network:  # noqa: ARG001 - the signature of `prepare`
    """The network in torch's own layout, NCHW; without this it runs in channels-last memory."""
    copied = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    # `Network.normalise` asks for channels-last; turning three channels back costs next to nothing.
    copied.backbone.register_forward_pre_hook(_contiguous)
    return _as_network(copied)


def channels_last(network: Network, size: tuple[int, int]) -> Network:  # noqa: ARG001 - the signature of `prepare`
    """The network as every command runs it: weights and maps in channels-last memory."""
    return _as_network(copy.deepcopy(network).to(memory_format=torch.channels_last))


def folded(network: Network, size: tuple[int, int]) -> Network:
    """Channels-last, with BatchNorm folded into the convolutions before it."""
    copied = channels_last(network, size)
    try:
        pairs = foldable(copied, size)
    except SpacesError as error:
        raise UnavailableError(str(error)) from error
    if not pairs:
        raise UnavailableError("no BatchNorm directly follows a convolution")
    fold(copied, pairs)
    return copied


def bfloat16(network: Network, size: tuple[int, int]) -> Forward:
    """Channels-last under autocast to bfloat16, predictions brought back to float32."""
    copied = channels_last(network, size)
    device = next(copied.parameters()).device

    def forward(images: Tensor) -> dict[str, Tensor]:
        with autocast(device, "bfloat16"):
            return {name: output.float() for name, output in copied(images).items()}

    return forward


def compiled(network: Network, size: tuple[int, int]) -> Forward:
    """`torch.compile` for one shape, BatchNorm folded where it can be; compiles when it is first called."""
    from torch._dynamo import config as dynamo_config  # takes a second to import
    from torch._inductor import config as inductor_config

    try:
        source = folded(network, size)
    except UnavailableError:
        source = channels_last(network, size)
    on_cpu = next(source.parameters()).device.type == "cpu"
    forward: Forward = torch.compile(source, dynamic=False)

    def compiled_forward(images: Tensor) -> Mapping[str, Tensor]:
        # With frozen weights the CPU's kernels get them packed, and activations become part of convolutions; what
        # counts is the setting while torch compiles. Beyond a limit of 8 shapes it would run networks uncompiled.
        with inductor_config.patch(freezing=on_cpu), dynamo_config.patch(recompile_limit=_COMPILED_SHAPES):
            return forward(images)

    return compiled_forward


_COMPILED_SHAPES = 256

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend("channels_last", "channels-last memory, as every command runs it", channels_last),
        Backend("eager", "torch's own layout, NCHW", eager),
        Backend("folded", "channels-last, BatchNorm folded into convolutions", folded),
        Backend("bfloat16", "channels-last, autocast to bfloat16", bfloat16),
        Backend("compiled", "folded, torch.compile", compiled, on_request=True),
    )
}
"""By name; the first is what others are compared with."""


def start(backend: Backend, network: Network, images: Tensor) -> Forward:
    """A backend's function for a network, after its first pass, in which compilers compile.

    Raises:
        UnavailableError: If the backend cannot run the network here.
    """
    try:
        forward = backend.prepare(network, (images.shape[-2], images.shape[-1]))
        with torch.no_grad():
            forward(images)
    except UnavailableError:
        raise
    except Exception as error:  # compilers and drivers fail in every possible way
        lines = str(error).strip().splitlines()
        raise UnavailableError(": ".join([type(error).__name__, *lines[:1]])) from error
    return forward


def _as_network(module: Any) -> Network:
    network: Network = module.eval()
    return network


def _contiguous(module: nn.Module, arguments: tuple[Tensor]) -> tuple[Tensor]:  # noqa: ARG001 - the signature of hooks
    return (arguments[0].contiguous(),)
