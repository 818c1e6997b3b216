"""BatchNorm folded into the convolution before it: equal predictions in evaluation mode, fewer layers, no training."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Sequence

from timm.layers.norm_act import BatchNormAct2d
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mstasks.network import Network
from mstasks.sparsity.trace import Op, trace

Pair = tuple[str, str]
"""Names of a convolution and of the norm that reads it."""


def foldable(network: Network, size: tuple[int, int]) -> list[Pair]:
    """The convolutions that a BatchNorm directly follows, with the norm, in the order of the computation.

    Read off the traced computation, not off the order of modules: the norm has to be the only reader of the
    convolution's result, and both have to run once. The network is neither run nor changed.

    Args:
        network: Any network whose backbone is made of torch modules.
        size: Height and width of the images that it takes.

    Raises:
        SpacesError: If the network cannot be traced.
    """
    traced = trace(network, size)
    readers = Counter(position for op in traced.ops for position in op.inputs if position is not None)
    readers.update(traced.outputs.values())
    layers = dict(network.named_modules())
    pairs = [_pair(op, traced.ops, readers) for op in traced.ops if op.name == "NativeBatchNorm"]
    return [pair for pair in pairs if pair is not None and _known(layers[pair[0]], layers[pair[1]])]


def fold(network: nn.Module, pairs: Iterable[Pair]) -> None:
    """Fold norms into convolutions, in place; the activation of a norm that has one stays.

    With g, b, m and v the norm's scale, shift, mean and variance: w <- w g / sqrt(v + eps) and
    c <- (c - m) g / sqrt(v + eps) + b.

    Args:
        network: In evaluation mode.
        pairs: From `foldable`.

    Raises:
        ValueError: If the network has no such layers, or they cannot be folded.
    """
    for convolution, norm in pairs:
        layers = [_layer(network, name) for name in (convolution, norm)]
        conv, batch_norm = layers
        if not isinstance(conv, nn.Conv2d) or not isinstance(batch_norm, nn.BatchNorm2d) or not _known(*layers):
            kinds = f"{type(conv).__name__} and {type(batch_norm).__name__}"
            raise ValueError(f"`{norm}` cannot be folded into `{convolution}`: they are {kinds}.")
        # In float64, so that the new weights are rounded only once; on the CPU, since not every device has float64.
        exact = fuse_conv_bn_eval(copy.deepcopy(conv).cpu().double(), copy.deepcopy(batch_norm).cpu().double())
        network.set_submodule(convolution, exact.to(conv.weight.device, conv.weight.dtype))
        network.set_submodule(norm, _rest(batch_norm))


def _pair(op: Op, ops: Sequence[Op], readers: Counter[int]) -> Pair | None:
    """The layers of a norm's operation and of the convolution before it, if nothing else reads one of them."""
    source, scale = op.inputs[:2]
    if source is None or scale is None or ops[source].name != "Convolution":
        return None
    weight = ops[source].inputs[1]
    if weight is None or any(readers[position] > 1 for position in (source, scale, weight)):
        return None
    names = ops[weight].parameter, ops[scale].parameter  # a weight that is computed has no name
    convolution, norm = (name and name.removesuffix(".weight") for name in names)
    return (convolution, norm) if convolution and norm else None


def _known(conv: nn.Module, norm: nn.Module) -> bool:
    """Whether torch's formula holds for these layers; a subclass of BatchNorm may do anything after the norm."""
    if not isinstance(conv, nn.Conv2d) or type(norm) not in (nn.BatchNorm2d, BatchNormAct2d):
        return False
    return norm.running_mean is not None


def _rest(norm: nn.BatchNorm2d) -> nn.Module:
    return nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity()


def _layer(network: nn.Module, name: str) -> nn.Module:
    try:
        return network.get_submodule(name)
    except AttributeError as error:
        raise ValueError(f"The network has no layer `{name}`.") from error
