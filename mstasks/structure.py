"""structure.json: what a compact network is built from, beside its recipe and its weights.

The network is not stored as a module but built again: timm's model by the recipe, the same surgery by the counts in
this file, then its weights, which have to fit exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from torch import Tensor

from mstasks.errors import MstasksError
from mstasks.network import Network
from mstasks.runfolder import write_json
from mstasks.sparsity.compact import rebuild
from mstasks.sparsity.fold import fold
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.spaces import Spaces


class StructureError(MstasksError):
    """A structure.json is damaged, of another version, or of another network."""


class CompactStructure(BaseModel):
    """What structure.json holds.

    Attributes:
        format: Version of the file; others are refused.
        scope: Where channels were removed: always in the whole shared part, whatever the recipe's `sparsity.scope`.
        multiple: What channel counts were rounded up to; 1 if they were not.
        folded: Convolutions with the norms that were folded into them, by name: such a network is for inference, since
            a norm that is gone cannot be trained.
        channels: Channels left in each space, at least 1.
        dense: Channels of each space before any was removed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    scope: Literal["shared"] = "shared"
    multiple: PositiveInt = 1
    folded: tuple[tuple[str, str], ...] = ()
    channels: dict[str, PositiveInt] = Field(min_length=1)
    dense: dict[str, PositiveInt] = Field(min_length=1)


def write_structure(path: Path, structure: CompactStructure) -> None:
    """Write structure.json."""
    write_json(path, structure.model_dump(mode="json"))


def read_structure(path: Path) -> CompactStructure:
    """Read structure.json.

    Raises:
        StructureError: If it is unreadable, or not what this version writes.
    """
    try:
        return CompactStructure.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StructureError(f"{path}: unreadable: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StructureError(
            f"{path}: {f'`{place}`: ' if place else ''}{first['msg']}. The file is damaged or of another version of "
            "mstasks; make the run again with `mstasks compact` on its parent."
        ) from error


def rebuild_compact(network: Network, path: Path, size: tuple[int, int]) -> Network:
    """The compact network of a structure.json; its weights are still to be loaded.

    Args:
        network: Built by the recipe, nothing removed; left as it is.
        path: The file.
        size: Height and width of the recipe's images.

    Raises:
        StructureError: If the file is damaged, or of another network.
    """
    structure = read_structure(path)
    spaces = find_spaces(network, size, structure.scope)
    try:
        _compare({space.name: space.size for space in spaces.spaces}, structure.dense)
        small = rebuild(network, spaces, structure.channels)
        if structure.folded:
            fold(small.eval(), structure.folded)
    except ValueError as error:
        raise StructureError(
            f"{path}: does not fit the network of this recipe: {error} Compare environment.json with what is installed "
            "here (`mstasks doctor`), or make the run again with `mstasks compact` on its parent."
        ) from error
    return small


def structure_of(parent: CompactStructure, spaces: Spaces, weights: Mapping[str, Tensor]) -> CompactStructure:
    """The structure of a network with other heads that takes over the weights of a compact one.

    Args:
        parent: Of the compact network, nothing folded.
        spaces: Of the other network, built by its recipe, nothing removed.
        weights: The compact network's, by name. A space whose layer they lack, such as one of a new trunk, keeps all of
            its channels.

    Raises:
        ValueError: If a space that both have was not of the same size before anything was removed.
    """
    sizes = {space.name: space.size for space in spaces.spaces}
    shared = sizes.keys() & parent.dense.keys()
    _compare({name: sizes[name] for name in shared}, {name: parent.dense[name] for name in shared})
    # The weights are asked, not the counts: which layers share a space depends on the heads that read them.
    rows = {name: len(weights[f"{name}.weight"]) for name in sizes if f"{name}.weight" in weights}
    channels = {name: rows.get(name, size) for name, size in sizes.items()}
    return CompactStructure(scope=parent.scope, multiple=parent.multiple, channels=channels, dense=sizes)


def _compare(found: dict[str, int], stored: dict[str, int]) -> None:
    for name in sorted({*found, *stored}):
        if found.get(name) != stored.get(name):
            here, there = found.get(name, "no"), stored.get(name, "none")
            raise ValueError(f"Space `{name}` has {here} channels in the network, {there} in the file.")
