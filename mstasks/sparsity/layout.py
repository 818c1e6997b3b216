"""Where the layers of a network stand in a picture, and what they are called there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from mstasks.sparsity.record import ExcludedRecord, SpaceRecord, SparsityRecord

_Item = TypeVar("_Item")
_LONGEST = 26


@dataclass(frozen=True, slots=True)
class Place:
    """One space or excluded layer in the order of the network.

    Attributes:
        label: Short name.
        stage: What it shares with its neighbours: ``layer1``, ``blocks.2``, ``trunk``; empty for a layer by itself.
        layer: The record.
    """

    label: str
    stage: str
    layer: SpaceRecord | ExcludedRecord


def places(record: SparsityRecord, *, excluded: bool = True) -> list[Place]:
    """Spaces, and excluded layers if asked, in the order of the network's parameters."""
    layers: list[SpaceRecord | ExcludedRecord] = [*record.spaces]
    if excluded:
        layers += record.excluded
    layers.sort(key=lambda layer: layer.position)
    names = _without_wrapper([layer.name for layer in layers])
    return [Place(_shortened(name), _stage(name), layer) for name, layer in zip(names, layers, strict=True)]


def rows(items: Sequence[_Item], longest: int) -> list[Sequence[_Item]]:
    """Cut into the fewest rows of at most `longest`, about equally long."""
    count = -(-len(items) // longest)
    edges = [round(index * len(items) / count) for index in range(count + 1)]
    return [items[start:end] for start, end in pairwise(edges)]


def stages(items: Sequence[Place]) -> list[tuple[str, int, int]]:
    """Runs of places with one stage: its name, the first index and the index after the last."""
    runs: list[tuple[str, int, int]] = []
    for index, item in enumerate(items):
        if runs and runs[-1][0] == item.stage:
            runs[-1] = (item.stage, runs[-1][1], index + 1)
        else:
            runs.append((item.stage, index, index + 1))
    return runs


def _without_wrapper(names: Sequence[str]) -> list[str]:
    """Names without ``backbone`` and what all of the backbone's share, as ``model`` does; the trunk's as they are."""
    own = [name.split(".")[1:] for name in names if name.startswith("backbone.")]
    shared = 0
    while own and all(len(parts) > shared + 1 and parts[shared] == own[0][shared] for parts in own):
        shared += 1
    return [".".join(name.split(".")[1 + shared :]) if name.startswith("backbone.") else name for name in names]


def _stage(name: str) -> str:
    """First part of a name, with the number after it: ``blocks.2.0.conv`` belongs to ``blocks.2``."""
    first, *rest = name.split(".")
    if not rest:
        return ""
    return f"{first}.{rest[0]}" if rest[0].isdigit() and len(rest) > 2 and not first[-1].isdigit() else first


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    head = _LONGEST // 2
    return f"{name[:head]}…{name[head + 1 - _LONGEST :]}"
