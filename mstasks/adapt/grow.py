"""Growth: channels that are zero get a second chance, without a change of any prediction at the start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mstasks.adapt.strategy import part_of
from mstasks.adapt.zeros import find_zeros
from mstasks.errors import UsageError
from mstasks.network import Network
from mstasks.runfolder import RunFolder
from mstasks.sibling import uncut_origin
from mstasks.sparsity.space import Member


@dataclass(frozen=True, slots=True)
class Grown:
    """What came back.

    Attributes:
        channels: By part, ``backbone`` and ``trunk`` if there is one, the channels that are no longer zero.
        parameters: By part, their parameters.
        norms: By name of a BatchNorm, which of its channels have statistics that were never measured, bool, shape
            (features,); for `refresh_norms`.
    """

    channels: dict[str, int]
    parameters: dict[str, int]
    norms: dict[str, Tensor] = field(default_factory=dict)


@torch.no_grad()
def grow(network: Network, size: tuple[int, int], generator: torch.Generator) -> Grown:
    """Give every channel of the shared part whose group is zero fresh weights that nothing alive reads yet.

    Like a new unit in Net2Net (Chen, Goodfellow and Shlens 2016), but read with zero weights instead of being a copy.
    What makes the channel is drawn anew: rows of convolutions and linear layers, depthwise filters and gates with He's
    normal initialisation by fan-out, without bias; norms scale by 1 and shift by 0; a layer scale is the mean of those
    of the living channels. The weights with which living rows and the heads read it become zero. Residual additions,
    gates, depthwise convolutions, norms and pooling act channel by channel, so that these weights are the only way from
    a channel to others. Predictions in evaluation mode are unchanged, since the weights read zero before.

    The first step of training moves the weights that read the channel, since it is active; from the second on its own
    get gradients too. Groups of other kinds than channels are left as they are: a zero row or column of a single
    convolution gets gradients as soon as it is no longer held, unless the activation behind it is off everywhere.

    Args:
        network: Changed in place.
        size: Height and width of its images.
        generator: On the CPU; the same one gives the same weights on every device.

    Raises:
        SpacesError: If the network has zero channels but cannot be traced.
    """
    spaces, zero = find_zeros(network, size)
    channels = {space.name: zero[space.name].nonzero().flatten() for space in spaces.spaces}
    grown = Grown(dict.fromkeys(network.shared, 0), dict.fromkeys(network.shared, 0))
    rows = {name: p for name, p in network.named_parameters() if p.dim()}
    living = {name: torch.ones(len(p), dtype=torch.bool, device=p.device) for name, p in rows.items()}
    for space in spaces.spaces:
        grown.channels[part_of(space.name)] += len(channels[space.name])
        for member in space.members if len(channels[space.name]) else ():
            entries = _renew(network, member, space.size, channels[space.name], generator)
            grown.parameters[part_of(member.parameter)] += entries
            _note_norm(network, member, channels[space.name], grown.norms)
            if member.dim == 0:
                living[member.parameter][channels[space.name] + member.start] = False
    for space in spaces.spaces:
        for member in spaces.consumers[space.name]:
            _stop_reading(network, member, space.size, channels[space.name], living[member.parameter])
    return grown


def _stop_reading(network: Network, member: Member, size: int, channels: Tensor, rows: Tensor) -> None:
    """Make zero with what some rows read some channels.

    Rows that came back themselves go on reading them: else a channel all of whose inputs came back would be constant,
    and might stay so, since behind a ReLU a constant 0 passes no gradient.
    """
    owner, weight = _of(network, member)
    if member.dim == 1 and isinstance(owner, nn.Conv2d | nn.Linear):
        read = torch.zeros(size, dtype=torch.bool, device=weight.device).index_fill_(0, channels, True)
        where = (rows.unsqueeze(1) & read).view(len(rows), size, *[1] * (weight.dim() - 2))
        member.slice(weight, size).masked_fill_(where, 0)


def _of(network: Network, member: Member) -> tuple[nn.Module, Tensor]:
    """The layer that a member belongs to, and its parameter."""
    return network.get_submodule(member.parameter.rpartition(".")[0]), network.get_parameter(member.parameter)


def _renew(network: Network, member: Member, size: int, channels: Tensor, generator: torch.Generator) -> int:
    """Give some channels of a member fresh values; returns how many."""
    owner, parameter = _of(network, member)
    part, leaf = member.slice(parameter, size), member.parameter.rpartition(".")[2]
    if isinstance(owner, nn.Conv2d | nn.Linear) and leaf == "weight":
        rows = torch.randn(len(channels), *part.shape[1:], generator=generator) * _he(owner)
        part.index_copy_(0, channels, rows.to(part))
    elif isinstance(owner, nn.Conv2d | nn.Linear | _BatchNorm):
        part.index_fill_(member.dim, channels, float(leaf == "weight"))
    else:  # a parameter that no layer of torch owns, such as a layer scale
        living = torch.ones(size, dtype=torch.bool, device=part.device).index_fill_(0, channels, False)
        scale = float(part.movedim(member.dim, 0)[living].mean()) if bool(living.any()) else 1.0
        part.index_fill_(member.dim, channels, scale)
    return part.numel() // size * len(channels)


def _he(layer: nn.Conv2d | nn.Linear) -> float:
    """Standard deviation by fan-out: He et al. 2015, "Delving Deep into Rectifiers", equation 14."""
    if isinstance(layer, nn.Linear):
        return math.sqrt(2 / layer.out_features)
    return math.sqrt(2 * layer.groups / (layer.out_channels * math.prod(layer.kernel_size)))


def _note_norm(network: Network, member: Member, channels: Tensor, norms: dict[str, Tensor]) -> None:
    """Reset the statistics of a norm's channels, and write down which."""
    name, _, leaf = member.parameter.rpartition(".")
    norm = network.get_submodule(name)
    if leaf != "weight" or not isinstance(norm, _BatchNorm) or norm.running_mean is None or norm.running_var is None:
        return
    positions = channels + member.start
    norm.running_mean.index_fill_(0, positions, 0)
    norm.running_var.index_fill_(0, positions, 1)
    seen = norms.setdefault(name, torch.zeros_like(norm.running_mean, dtype=torch.bool))
    seen[positions] = True


def refuse_growth(run: RunFolder) -> None:
    """Refuse a run whose channels cannot come back.

    Raises:
        UsageError: If it is compact.
    """
    if run.structure.is_file():
        raise UsageError(
            f"{run.path}: `adapt.grow` is for channels that are zero, and this run is compact: its channels are gone, "
            f"not zero. Adapt the run that it was made from, {uncut_origin(run).path}, or leave out `adapt.grow`."
        )


@torch.no_grad()
def refresh_norms(network: Network, norms: Mapping[str, Tensor], images: Tensor) -> None:
    """Measure the statistics that grown channels lack, in one pass; all other channels keep theirs.

    Without it a channel's first activations would have any mean and scale, and behind a ReLU many of them would be zero
    for every image. Predictions do not change, since nothing reads the channels yet.

    Args:
        network: In evaluation mode.
        norms: From `Grown.norms`.
        images: On the network's device, in [0, 1], shape (batch, 3, height, width): all of the support set at once.
    """
    hooks = []
    for name, channels in norms.items():
        norm = network.get_submodule(name)

        # Before the norm itself runs, so that a second norm in the same channel sees what the first one makes now.
        def measure(norm: nn.Module, inputs: tuple[Tensor, ...], channels: Tensor = channels) -> None:
            values = inputs[0][:, channels]
            norm.get_buffer("running_mean")[channels] = values.mean(dim=(0, 2, 3))
            if values[:, 0].numel() > 1:  # a single value has no variance
                norm.get_buffer("running_var")[channels] = values.var(dim=(0, 2, 3))

        hooks.append(norm.register_forward_pre_hook(measure))
    try:
        network.features(images)
    finally:
        for hook in hooks:
            hook.remove()
