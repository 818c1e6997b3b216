"""Networks with fewer channels from the start: `backbone.structure` of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from mstasks.network import Network
from mstasks.recipe.wording import did_you_mean, listing
from mstasks.runfolder import RunFolder
from mstasks.sparsity.compact import rebuild
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.record import FILE, REMOVED, read_record
from mstasks.sparsity.spaces import Scope, Spaces
from mstasks.structure import read_structure

Channels = Mapping[str, int | float]
"""By name of a space, or by ``backbone`` and ``trunk`` for each of its spaces: channels, or a fraction of them."""


def surviving_channels(run: RunFolder) -> dict[str, int | float]:
    """What a run that is sparse, compact or narrow itself has left, by space; numbers at least 1.

    Raises:
        ValueError: If it is none of these, or its groups are not channels.
        StructureError: If the structure of a compact run is damaged.
        RecordError: If the record of a sparse run is.
    """
    if run.structure.is_file():
        return dict(read_structure(run.structure).channels)
    record, own = read_record(run), _own_channels(run)
    if record is None and not own:
        raise ValueError(
            f"{run.path} has neither {FILE} nor {run.structure.name}; name a complete run of method sparse or "
            "meta-sparsity, or one that `mstasks compact` made"
        )
    if record is None:
        return own
    if record.groups != "channel":
        raise ValueError(f"{run.path} has groups of kind {record.groups!r}; name a run with `sparsity.groups: channel`")
    # Spaces that were narrow from the start and out of the scope of sparsity stay as they were.
    return own | {space.name: max(1, space.size - space.groups.count(REMOVED)) for space in record.spaces}


def narrow(network: Network, size: tuple[int, int], structure: float | Channels | Path) -> Network:
    """A copy of a fresh network with fewer channels.

    What is left of a layer are its first channels, with the weights that they had. So a network with random weights
    stays one, but the variance of the weights is what the initialisation chose for the full width.

    Args:
        network: Built by the recipe; left as it is.
        size: Height and width of the recipe's images.
        structure: A fraction in (0, 1] of the channels of each space of the backbone, rounded, at least 1; such
            fractions or numbers by space or part; or the folder of a run, see `surviving_channels`. Spaces that are not
            named keep their channels, and the trunk is left out if the network has none.

    Raises:
        ValueError: If the network has no space of a name, or the space not as many channels.
        SpacesError: If the network has no channels that could be removed.
    """
    wanted = surviving_channels(RunFolder(structure)) if isinstance(structure, Path) else _as_channels(structure)
    if network.trunk is None:
        wanted = {name: value for name, value in wanted.items() if _part(name) != "trunk"}
    spaces = find_spaces(network, size, _scope(wanted))
    _check_names(wanted, spaces)
    return rebuild(network, spaces, {one.name: _count(one.name, one.size, wanted) for one in spaces.spaces})


def _own_channels(run: RunFolder) -> dict[str, int | float]:
    """What the run's own recipe says, read without its plugins: only this is asked of it."""
    resolved = yaml.safe_load(run.recipe.read_text(encoding="utf-8"))
    return _as_channels(resolved["backbone"].get("structure"))


def _as_channels(structure: float | Channels | Path | None) -> dict[str, int | float]:
    if isinstance(structure, Mapping):
        return dict(structure)
    return {"backbone": structure} if isinstance(structure, float) else {}


def _part(name: str) -> str:
    return name.partition(".")[0]


def _scope(channels: Channels) -> Scope:
    """Which layers share a space may depend on whether the trunk is looked at."""
    return "shared" if any(_part(name) == "trunk" for name in channels) else "backbone"


def _count(name: str, size: int, channels: Channels) -> int:
    value = channels.get(name, channels.get(_part(name), size))
    return max(1, round(value * size)) if isinstance(value, float) else value


def _check_names(channels: Channels, spaces: Spaces) -> None:
    known = [*dict.fromkeys(map(_part, spaces.names)), *spaces.names]
    for name in channels:
        if name not in known:
            hint = did_you_mean(name, known) or f"allowed: {listing(known)}"
            raise ValueError(f"the network has no space of channels '{name}'; {hint}")
