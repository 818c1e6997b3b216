"""sparsity.json: the structure that a run arrived at, and which task each channel serves, for programs and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from mstasks.errors import MstasksError
from mstasks.runfolder import RunFolder, write_text
from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.removable import removable_groups
from mstasks.sparsity.significant import significant
from mstasks.sparsity.strength.base import Strength

if TYPE_CHECKING:
    from mstasks.network import Network

ALIVE, REMOVED, STAYS = "#", ".", "o"
"""State of a group: alive, leaves with a dead channel, zero but cannot be removed."""
FILE = "sparsity.json"


class RecordError(MstasksError):
    """A sparsity.json is damaged, or of another version."""


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """One space of groups.

    Attributes:
        name: Of the space.
        position: Index of its first parameter in the network, by which spaces and excluded layers are sorted.
        size: Its groups.
        floor: Groups that always stay.
        groups: A character per group: ``#`` alive, ``.`` leaves with a dead channel, ``o`` zero but stays.
        serves: By task, how much it needs each group: >= 0, 0 for groups that are gone; over the groups of all spaces
            a task's numbers sum to about 1. None if it was not measured.
    """

    name: str
    position: int
    size: int
    floor: int
    groups: str
    serves: Mapping[str, list[float]] | None

    @property
    def alive(self) -> int:
        """Groups that are neither zero nor removable."""
        return self.groups.count(ALIVE)


@dataclass(frozen=True, slots=True)
class ExcludedRecord:
    """A layer of the scope that has no groups.

    Attributes:
        name: The layer.
        position: As in `SpaceRecord`.
        size: Its channels.
        reason: Why.
    """

    name: str
    position: int
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class SparsityRecord:
    """What sparsity.json holds.

    Attributes:
        scope: ``shared`` or ``backbone``.
        groups: What a group is: ``channel``, ``input-channel`` or ``output-channel``.
        target: What may be left, such as ``{"macs": 0.5}``, or None.
        spaces: The spaces, in the order of the network's layers.
        excluded: Layers without groups.
    """

    scope: str
    groups: str
    target: Mapping[str, float] | None
    spaces: tuple[SpaceRecord, ...]
    excluded: tuple[ExcludedRecord, ...]


def make_record(strength: Strength, network: Network) -> SparsityRecord:
    """The record of a network.

    Args:
        strength: Made it sparse.
        network: Of the same architecture as the strength's own: that one, or averaged weights.
    """
    part = strength.part
    position = {name: index for index, (name, _) in enumerate(network.named_parameters())}
    states, serves = _states(part, network), _serves(strength)
    spaces = [
        SpaceRecord(
            space.name,
            min(position[member.parameter] for member in space.members),
            space.size,
            space.floor,
            states[space.name],
            serves.get(space.name),
        )
        for space in part.groups.spaces
    ]
    excluded = [
        ExcludedRecord(
            layer.name,
            min((position[name] for name in layer.parameters), default=len(position)),
            layer.size,
            layer.reason,
        )
        for layer in part.groups.excluded
    ]
    target = target_of(part)
    return SparsityRecord(part.groups.scope, part.groups.kind, target, tuple(spaces), tuple(excluded))


def target_of(part: SparsePart) -> dict[str, float] | None:
    """The target by what it counts, None if there is none."""
    return None if part.budget is None else {part.budget.kind: part.budget.target}


def write_record(run: RunFolder, strength: Strength, network: Network) -> None:
    """Write sparsity.json of a run, replacing the one that is there; arguments as for `make_record`."""
    text = json.dumps(asdict(make_record(strength, network)), allow_nan=False, separators=(",", ":"))
    write_text(run.path / FILE, text + "\n")


def read_record(run: RunFolder) -> SparsityRecord | None:
    """What sparsity.json of a run holds, None if the run has none.

    Raises:
        RecordError: If it is damaged.
    """
    path = run.path / FILE
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return SparsityRecord(
            content["scope"],
            content["groups"],
            content["target"],
            tuple(SpaceRecord(**space) for space in content["spaces"]),
            tuple(ExcludedRecord(**layer) for layer in content["excluded"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise RecordError(f"{path}: damaged, or of another version of mstasks ({reason}).") from error


def _states(part: SparsePart, network: Network) -> dict[str, str]:
    tensors = dict(network.named_parameters())
    leaves = removable_groups(network, part.groups, part.costs.spaces)
    states = {}
    for space in part.groups.spaces:
        zero = zero_groups(space, tensors).tolist()
        pairs = zip(leaves[space.name].tolist(), zero, strict=True)
        states[space.name] = "".join(REMOVED if leaving else STAYS if empty else ALIVE for leaving, empty in pairs)
    return states


def _serves(strength: Strength) -> dict[str, dict[str, list[float]]]:
    measured: Mapping[str, Tensor] = strength.serves() or {}
    finite = {space: rows.nan_to_num(0, 0, 0).tolist() for space, rows in measured.items()}  # JSON has no NaN
    return {
        space: {task: [significant(value) for value in row] for task, row in zip(strength.tasks, rows, strict=True)}
        for space, rows in finite.items()
    }
