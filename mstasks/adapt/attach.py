"""A trained network with heads for other tasks: what both have keeps its weights, the rest starts afresh."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mstasks.errors import UsageError
from mstasks.macs import Cost, network_cost
from mstasks.recipe import load_recipe
from mstasks.sibling import uncut_origin
from mstasks.sparsity.compact import rebuild
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.spaces import Spaces
from mstasks.structure import CompactStructure, StructureError, read_structure, structure_of
from mstasks.train.checkpoint import find_checkpoint, read_weights

if TYPE_CHECKING:
    from mstasks.experiment import Experiment
    from mstasks.network import Network
    from mstasks.recipe.model import Recipe
    from mstasks.runfolder import RunFolder

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Attached:
    """A network that took over weights.

    Attributes:
        network: In evaluation mode, on the CPU.
        new: Parts that start afresh: ``heads.<task>``, and ``trunk`` if the run had none.
        structure: What the network is built from beside its recipe, to be written as structure.json of a run that holds
            it; None if the run was not compact.
        dense: What the network would cost by part with nothing removed; None if the run was not compact.
    """

    network: Network
    new: frozenset[str]
    structure: CompactStructure | None = None
    dense: Mapping[str, Cost] | None = None


def attach(experiment: Experiment, source: RunFolder, *, fresh: Collection[str] = ()) -> Attached:
    """The network of a recipe with the best weights of a run, dense, sparse or compact, for everything that both have.

    What is new is drawn as `Experiment.build_network` draws it, hence the same for the same recipe and seed, whatever
    the run. From a compact run, the network loses as many channels as the run's own; a new head reads what is left.

    Args:
        experiment: Of the recipe: that of the run with other tasks, or with more of them.
        source: The run; left as it is.
        fresh: Tasks whose heads start afresh although the run has them.

    Raises:
        UsageError: If the run holds several networks, is folded, or its weights are of another backbone, trunk or head.
        StructureError: If a head ties together channels that a compact run has lost one by one.
        CheckpointError: If there is no intact checkpoint.
    """
    source.require_one_network("adapt")
    trained = load_recipe(source.recipe).recipe
    _require_same_backbone(experiment, trained, source)
    weights = read_weights(find_checkpoint(source.checkpoints, "best"))
    network = experiment.build_network(pretrained=False)
    reused = {part for part in _parts(network) if _is_known(part, trained, weights, fresh)}
    new = frozenset(_parts(network).keys() - reused)
    attached = Attached(network, new)
    if source.structure.is_file():
        attached = _cut(attached, experiment, source, weights)
    _load(attached.network, reused, weights, experiment, source)
    attached.network.eval()
    return attached


def _parts(network: Network) -> dict[str, nn.Module]:
    return {**network.shared, **{f"heads.{name}": head for name, head in network.heads.items()}}


def _is_known(part: str, trained: Recipe, weights: Weights, fresh: Collection[str]) -> bool:
    """Whether a part takes over weights."""
    kind, _, task = part.partition(".")
    if kind == "heads":
        return task in trained.tasks and task not in fresh
    return any(name.startswith(f"{part}.") for name in weights)


def _require_same_backbone(experiment: Experiment, trained: Recipe, source: RunFolder) -> None:
    """Weights may fit another model by their shapes and mean nothing there, so names are compared first."""
    here, there = experiment.recipe.backbone.model, trained.backbone.model
    if here.partition(".")[0] != there.partition(".")[0]:  # what follows the point are pretrained weights
        raise UsageError(
            f"{source.path}: its weights are of backbone {there!r}, and {experiment.loaded.path} has {here!r}. A task "
            "is attached to the backbone that the run was trained with; leave `backbone` as it is there."
        )


def _cut(attached: Attached, experiment: Experiment, source: RunFolder, weights: Weights) -> Attached:
    """Remove as many channels as the compact run has lost."""
    parent = read_structure(source.structure)
    if parent.folded:
        raise UsageError(
            f"{source.path}: its norms were folded into convolutions, so it cannot be trained any more. Compact "
            f"{uncut_origin(source).path} again without --fold, and adapt that."
        )
    size = experiment.recipe.data.size
    spaces = find_spaces(attached.network, size, parent.scope)
    try:
        structure = structure_of(parent, spaces, weights)
        small = rebuild(attached.network, spaces, structure.channels)
    except ValueError as error:
        raise StructureError(f"{source.structure}: does not fit {experiment.loaded.path}: {error}") from error
    _require_fit(small, spaces, weights, attached.new, source)
    return Attached(small, attached.new, structure, network_cost(attached.network, size))


def _require_fit(network: Network, spaces: Spaces, weights: Weights, new: Collection[str], source: RunFolder) -> None:
    """The shared part has the shapes of the compact run's, or a head speaks against it."""
    for name, parameter in network.named_parameters():
        if name.startswith("heads.") or name not in weights or weights[name].shape == parameter.shape:
            continue
        heads = sorted(part.removeprefix("heads.") for part in new if part != "trunk") or sorted(network.heads)
        tasks = f"head of task {heads[0]!r}" if len(heads) == 1 else f"heads of tasks {', '.join(map(repr, heads))}"
        raise StructureError(
            f"{source.path}: the network is compact, and with the {tasks} the channels that it has lost cannot be "
            f"removed from `{name}`: {_objection(name, spaces)} Choose another head, such as "
            f"`tasks.{heads[0]}.head=trunk`, or adapt {uncut_origin(source).path}, which it was made from."
        )


def _objection(parameter: str, spaces: Spaces) -> str:
    for layer in spaces.excluded:
        if parameter in layer.parameters:
            return layer.reason
    tied = [space.name for space in spaces.spaces if parameter in {member.parameter for member in space.members}]
    return f"they are tied to those of {' and '.join(f'`{name}`' for name in tied) or 'nothing'}."


@torch.no_grad()
def _load(
    network: Network, parts: Collection[str], weights: Weights, experiment: Experiment, source: RunFolder
) -> None:
    for name, module in _parts(network).items():
        if name not in parts:
            continue
        own = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
        found = _mismatch(module, own)
        if found is not None:
            raise UsageError(
                f"{source.path}: the weights of its `{name}` do not fit {experiment.loaded.path}: {found} "
                f"{_remedy(name)}"
            )
        module.load_state_dict(own, strict=True)
    for name in ("mean", "std"):  # what the weights expect of images
        network.get_buffer(name).copy_(weights[name])


def _mismatch(module: nn.Module, weights: Weights) -> str | None:
    """The first name that is in only one of the two, or has another shape."""
    own = module.state_dict()
    for name in sorted({*own, *weights}):
        here, there = (str(tuple(side[name].shape)) if name in side else "missing" for side in (own, weights))
        if here != there:
            return f"`{name}` is {there} in the run and {here} in the recipe."
    return None


def _remedy(part: str) -> str:
    if part == "backbone":
        return "Compare environment.json of the run with what is installed here (`mstasks doctor`)."
    if part == "trunk":
        return "Leave `decoder` as it is in the run."
    task = part.removeprefix("heads.")
    return f"Leave `tasks.{task}` and its labels as they are in the run, or call the task something else."
