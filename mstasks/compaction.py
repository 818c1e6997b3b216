"""`mstasks compact`: a run whose network has lost its dead channels, beside the run that it was made from."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from mstasks.compact_summary import changed_metrics, compact_summary
from mstasks.equality import largest_difference, probes
from mstasks.errors import MstasksError, UsageError
from mstasks.macs import network_cost
from mstasks.network import Network
from mstasks.runfolder import RunFolder, finite, write_json
from mstasks.sibling import new_sibling, path_from, uncut_origin
from mstasks.sparsity.alive import alive_channels
from mstasks.sparsity.compact import compact, structure
from mstasks.sparsity.fold import fold, foldable
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.rounding import round_up
from mstasks.structure import CompactStructure, write_structure
from mstasks.train.checkpoint import find_checkpoint, save_network, weights_file
from mstasks.trained import open_trained, score_network

if TYPE_CHECKING:
    from mstasks.recipe.model import Recipe

TOLERANCE = 1e-4
"""Largest difference over largest magnitude that predictions may have; a right surgery leaves about 1e-6 in float32."""


class UnequalError(MstasksError):
    """The compact network does not predict what the masked one does; nothing was written."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What was made.

    Attributes:
        run: The new run.
        summary: Its summary.
        changed: Test metrics that are not the parent's to 4 digits, a sentence each.
    """

    run: RunFolder
    summary: dict[str, Any]
    changed: tuple[str, ...]


def compact_run(run: RunFolder, out: Path | None = None, *, multiple: int = 1, folded: bool = False) -> Compaction:
    """Remove the dead channels of a run's best network, and write the smaller one as a run of its own.

    Before anything is written, the predictions of both networks are compared on test images, on the CPU in float32; if
    they differ by more than `TOLERANCE`, in float64 too, because rounding alone moves the predictions of a badly
    conditioned network, such as one that was hardly trained, by 1e-5 and more. The scores are those of the network as
    it was read back from the new folder.

    Args:
        run: A complete run that holds one network; left as it is.
        out: Where to make the run folder; beside the run by default.
        multiple: What channel counts are rounded up to.
        folded: Whether to fold BatchNorm into convolutions; such a network cannot be trained any more.

    Raises:
        UsageError: If the run holds no such network, or there is nothing to remove.
        UnequalError: If the predictions differ by more than that, or are not finite.
    """
    parent = _compactable(run)
    experiment, dense = open_trained(run)
    small, stored = shrink(dense.cpu(), experiment.recipe.data.size, multiple, folded=folded)
    if stored.channels == stored.dense:
        raise UsageError(f"{run.path}: nothing to remove: {_why_nothing(experiment.recipe, stored, multiple)}")
    difference = _checked_difference(run, dense, small, list(probes(experiment)))
    with new_sibling(run, out) as made:
        write_structure(made.structure, stored)
        origin = find_checkpoint(run.checkpoints, "best")
        checkpoint = save_network(made.checkpoints, small, origin)
        again, network = open_trained(made)
        summary = compact_summary(
            parent,
            path_from(made, run),
            finite(score_network(again, network, made, "test")),
            stored,
            costs=[network_cost(each, experiment.recipe.data.size) for each in (dense, small)],
            files=[weights_file(each).stat().st_size for each in (origin, checkpoint)],
            difference=difference,
        )
        write_json(made.summary, finite(summary))
    return Compaction(made, summary, tuple(changed_metrics(parent["tasks"], summary["tasks"])))


def shrink(
    network: Network, size: tuple[int, int], multiple: int = 1, *, folded: bool = False
) -> tuple[Network, CompactStructure]:
    """A copy of a network without its dead channels, in evaluation mode, and what it can be built from again.

    Args:
        network: Nothing removed yet; left as it is.
        size: Height and width of the recipe's images.
        multiple: What channel counts are rounded up to.
        folded: Whether to fold BatchNorm into convolutions.

    Raises:
        SpacesError: If the network has no channels that could be removed.
    """
    spaces = find_spaces(network, size)
    alive = round_up(spaces, alive_channels(network, spaces), multiple)
    small = compact(network, spaces, alive).eval()
    pairs = foldable(small, size) if folded else []
    fold(small, pairs)
    stored = CompactStructure(
        multiple=multiple,
        folded=tuple(pairs),
        channels=structure(spaces, alive),
        dense={space.name: space.size for space in spaces.spaces},
    )
    return small, stored


def _compactable(run: RunFolder) -> dict[str, Any]:
    """The summary of a run that holds one network, nothing removed."""
    run.require_one_network("compact")
    summary = run.read_summary()
    if run.structure.is_file():
        parent = RunFolder(Path(os.path.normpath(run.path / str(summary["parent"]))))
        if parent.structure.is_file():
            raise UsageError(
                f"{run.path}: it is compact already: it was adapted from {parent.path}, which is. For other options, "
                f"compact {uncut_origin(run).path} with them and adapt that."
            )
        raise UsageError(
            f"{run.path}: it is compact already, made from {parent.path}. Compact that one for other options."
        )
    return summary


def _why_nothing(recipe: Recipe, stored: CompactStructure, multiple: int) -> str:
    total = sum(stored.dense.values())
    if multiple > 1:
        found = f"no space of the {total} channels can lose {multiple} and keep a multiple"
        return f"{found}. Try without --multiple, if any is zero."
    none = f"each of the {total} channels of the shared part is in use."
    if recipe.sparsity is None:
        return (
            f"{none} Train with `method: sparse` or `method: meta-sparsity`, and a target such as "
            "`sparsity: {target: {macs: 0.5}}`."
        )
    if recipe.sparsity.groups != "channel":
        return f"{none} Zeros of `sparsity.groups: {recipe.sparsity.groups}` seldom free a channel; `channel` does."
    return f"{none} Train longer, with a larger `sparsity.strength`, or with a target such as `target: {{macs: 0.5}}`."


def _checked_difference(run: RunFolder, dense: Network, small: Network, batches: Sequence[Tensor]) -> float:
    """How much the predictions differ in float32; refused if that is more than rounding explains."""
    found = largest_difference(dense, small, batches)
    broken = [task for task, value in found.items() if math.isnan(value)]
    if broken:
        raise UnequalError(f"{run.path}: predictions of {broken[0]!r} are not finite; the training must have failed.")
    if max(found.values()) > TOLERANCE:
        networks = copy.deepcopy(dense).double(), copy.deepcopy(small).double()
        exact = largest_difference(*networks, batches=[images.double() for images in batches])
        worst = max(exact, key=exact.__getitem__)
        if not exact[worst] <= TOLERANCE:  # NaN is refused too
            raise UnequalError(
                f"{run.path}: predictions of {worst!r} with and without the dead channels differ by {exact[worst]:.1e} "
                f"of their largest value, also in float64, and {TOLERANCE:.0e} is allowed. Nothing was written. The "
                "search for channels must have misread the backbone; please report it with the recipe."
            )
    return max(found.values())
