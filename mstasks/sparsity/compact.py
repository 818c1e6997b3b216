"""Surgery: a network without its dead channels."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch_pruning.ops import OPTYPE, module2type  # type: ignore[import-untyped]
from torch_pruning.pruner.function import PrunerBox  # type: ignore[import-untyped]

from mstasks.features import FeatureInfo
from mstasks.network import Network
from mstasks.sparsity.alive import alive_channels, require_coupled
from mstasks.sparsity.spaces import Spaces
from mstasks.sparsity.trace import meta_twin

Structure = dict[str, int]


def compact(network: Network, spaces: Spaces, alive: Mapping[str, Tensor] | None = None) -> Network:
    """A smaller copy of a network without the dead channels of its spaces, heads' inputs included.

    In evaluation mode its predictions equal those of the network with the dead channels' groups set to zero.

    Args:
        network: Left as it is.
        spaces: Its spaces of kind ``channel``.
        alive: By space, the channels that stay, bool, shape (size,); by default those that are not zero. At least one
            channel of each space stays, whether it is zero or not.

    Raises:
        ValueError: If the spaces are of another kind, or a mask is missing or not of its space's size.
    """
    require_coupled(spaces)
    masks = _masks(spaces, alive_channels(network, spaces) if alive is None else alive)
    small = copy.deepcopy(network)
    for (layer, dim), dead in sorted(_cuts(small, spaces, masks).items()):
        _cut(small, layer, dim, sorted(dead))
    _describe(small)
    return small


def structure(spaces: Spaces, alive: Mapping[str, Tensor]) -> Structure:
    """Alive channels of each space by name: what `rebuild` needs, and JSON can hold."""
    return {space.name: max(1, int(alive[space.name].sum())) for space in spaces.spaces}


def rebuild(network: Network, spaces: Spaces, channels: Structure) -> Network:
    """A copy of a network with as many channels as a compact one has; which ones is left to the weights to be loaded.

    Args:
        network: Built as the original was, before anything was removed.
        spaces: Its spaces, found with the original's scope.
        channels: Channels by space, from `structure`.

    Raises:
        ValueError: If the names are not those of the spaces, or a number is not in [1, size].
    """
    if set(channels) != set(spaces.names):
        odd = sorted(set(channels) ^ set(spaces.names))
        raise ValueError(f"The structure belongs to another network or scope: `{odd[0]}` is in only one of the two.")
    alive = {}
    for space in spaces.spaces:
        count = channels[space.name]
        if not 1 <= count <= space.size:
            raise ValueError(f"Space `{space.name}` must have 1 to {space.size} channels. Found {count}.")
        alive[space.name] = torch.arange(space.size) < count
    return compact(network, spaces, alive)


def _masks(spaces: Spaces, alive: Mapping[str, Tensor]) -> dict[str, Tensor]:
    masks = {}
    for space in spaces.spaces:
        mask = alive.get(space.name)
        if mask is None or mask.shape != (space.size,) or mask.dtype != torch.bool:
            found = "none" if mask is None else f"{mask.dtype} {tuple(mask.shape)}"
            raise ValueError(f"`alive` of space `{space.name}` must be bool, shape ({space.size},). Found {found}.")
        masks[space.name] = mask if bool(mask.any()) else torch.arange(space.size) == 0
    return masks


def _cuts(network: Network, spaces: Spaces, alive: Mapping[str, Tensor]) -> dict[tuple[str, int], set[int]]:
    """Dead positions by layer and dimension; a parameter that no torch layer owns stands for itself."""
    layers = {name for name, module in network.named_modules() if module2type(module) in _CUT_BY}
    cuts: dict[tuple[str, int], set[int]] = {}
    for space in spaces.spaces:
        dead = (~alive[space.name]).nonzero().flatten().tolist()
        for member in (*space.members, *spaces.consumers[space.name]) if dead else ():
            owner = member.parameter.rpartition(".")[0]
            name = owner if owner in layers else member.parameter
            cuts.setdefault((name, member.dim), set()).update(member.start + channel for channel in dead)
    return cuts


_CUT_BY = (OPTYPE.CONV, OPTYPE.DEPTHWISE_CONV, OPTYPE.LINEAR, OPTYPE.BN)


def _cut(network: Network, name: str, dim: int, dead: Iterable[int]) -> None:
    owner, _, leaf = name.rpartition(".")
    layer = getattr(network.get_submodule(owner), leaf)
    if isinstance(layer, nn.Parameter):
        keep = [position for position in range(layer.shape[dim]) if position not in set(dead)]
        kept = layer.detach().index_select(dim, torch.tensor(keep, device=layer.device))
        setattr(network.get_submodule(owner), leaf, nn.Parameter(kept, layer.requires_grad))
        return
    trained = {key: value.requires_grad for key, value in layer.named_parameters(recurse=False)}
    pruner = PrunerBox[module2type(layer)]
    (pruner.prune_out_channels if dim == 0 else pruner.prune_in_channels)(layer, dead)
    for key, value in layer.named_parameters(recurse=False):
        value.requires_grad_(trained[key])


def _describe(network: Network) -> None:
    """Tell the network the widths that it has now, so that new heads fit it."""
    twin = meta_twin(network)
    like = next(twin.parameters())
    side = max(twin.info.strides) * 8
    with torch.no_grad():
        features = twin.features(torch.zeros(1, 3, side, side, device="meta", dtype=like.dtype))
    info = network.info
    channels = tuple(level.shape[1] for level in features.backbone)
    network.backbone.channels = channels
    width = info.trunk_channels
    if network.trunk is not None and features.trunk is not None:
        width = network.trunk.width = features.trunk.shape[1]
    network.info = FeatureInfo(width, info.trunk_stride, channels, info.strides)
