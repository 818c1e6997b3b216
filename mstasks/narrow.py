"""Networks with fewer channels from the start: `backbone.structure` of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from mstasks.network import Network
from mstasks.runfolder import RunFolder
from mstasks.sparsity.compact import rebuild
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.record import FILE, REMOVED, read_record
from mstasks.sparsity.spaces import Scope, Spaces
from mstasks.structure import read_structure

Channels = Mapping[str, int]


def surviving_channels(run: RunFolder) -> dict[str, int]:
    """Channels that a sparse or compact run has left, at least 1, by space.

    Raises:
        ValueError: If it is neither, or its groups are not channels.
        StructureError: If the structure of a compact run is damaged.
    """
    if run.structure.is_file():
        return dict(read_structure(run.structure).channels)
    record = read_record(run)
    if record is None:
        raise ValueError(
            f"{run.path} has neither {FILE} nor {run.structure.name}; name a complete run of method sparse or "
            "meta-sparsity, or one that `mstasks compact` made"
        )
    if record.groups != "channel":
        raise ValueError(f"{run.path} has groups of kind {record.groups!r}; name a run with `sparsity.groups: channel`")
    return {space.name: max(1, space.size - space.groups.count(REMOVED)) for space in record.spaces}


def narrow(network: Network, size: tuple[int, int], structure: float | Channels) -> Network:
    """A copy of a fresh network with fewer channels.

    What is left of a layer are its first channels, with the weights that they had. So a network with random weights
    stays one, but the variance of the weights is what the initialisation chose for the full width.

    Args:
        network: Built by the recipe; left as it is.
        size: Height and width of the recipe's images.
        structure: A fraction in (0, 1] of the channels of each space of the backbone, rounded, at least 1; or channels
            by space, of the backbone or of backbone and trunk: the others keep theirs.

    Raises:
        ValueError: If the network has no space of a name, or the space not as many channels.
        SpacesError: If the network has no channels that could be removed.
    """
    if isinstance(structure, float):
        spaces = find_spaces(network, size, "backbone")
        return rebuild(network, spaces, {one.name: max(1, round(structure * one.size)) for one in spaces.spaces})
    spaces = find_spaces(network, size, _scope(structure))
    _check_names(structure, spaces)
    return rebuild(network, spaces, {one.name: structure.get(one.name, one.size) for one in spaces.spaces})


def _scope(channels: Channels) -> Scope:
    """Which layers share a space may depend on whether the trunk is looked at."""
    return "shared" if any(name.partition(".")[0] == "trunk" for name in channels) else "backbone"


def _check_names(channels: Channels, spaces: Spaces) -> None:
    for name in channels:
        if name not in spaces.names:
            close = get_close_matches(name, spaces.names, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"It has {', '.join(spaces.names)}."
            raise ValueError(f"the network has no space of channels '{name}'. {hint}")


def channels_of(structure: float | Channels | Path) -> float | Channels:
    """A `backbone.structure` with a run replaced by the channels that it has left; raises as `surviving_channels`."""
    return surviving_channels(RunFolder(structure)) if isinstance(structure, Path) else structure
