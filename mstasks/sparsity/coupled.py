"""Coupled groups: everything that produces one channel, across residual additions, as one group.

torch-pruning's dependency graph (Fang et al. 2023, "DepGraph: Towards Any Structural Pruning") says which rows and
columns have to leave together. `zeros` then decides whether they may: zero members must mean equal predictions without
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from torch import nn
from torch_pruning import ops as kinds  # type: ignore[import-untyped]
from torch_pruning.dependency import Group  # type: ignore[import-untyped]

from mstasks.sparsity.space import Member, Space
from mstasks.sparsity.spaces import Excluded, Scope, in_scope
from mstasks.sparsity.trace import Trace
from mstasks.sparsity.zero_step import NotRemovable
from mstasks.sparsity.zeros import readers


@dataclass
class _Coupled:
    """What leaves with a channel of one layer.

    Attributes:
        members: What lies in the scope and produces it.
        consumers: The rest.
        trouble: What speaks against it: a layer that cannot lose channels.
        partly: A layer that only some of the channels are tied to.
    """

    members: list[Member] = field(default_factory=list)
    consumers: list[Member] = field(default_factory=list)
    trouble: str | None = None
    partly: str | None = None


def coupled_spaces(
    trace: Trace, scope: Scope, floor: Callable[[int], int]
) -> tuple[list[Space], dict[str, tuple[Member, ...]], list[Excluded]]:
    """The channel spaces of the scope, their consumers by space, and what is left out.

    Args:
        trace: The traced network.
        scope: Where members may lie.
        floor: Channels that always stay, by size.
    """
    search = _Search(trace, scope)
    spaces: list[Space] = []
    consumers: dict[str, tuple[Member, ...]] = {}
    excluded: list[Excluded] = []
    for name, layer, size in search.producers():
        if name in search.placed:
            continue
        found = search.coupled(name, layer, size)
        reason = found.trouble or search.objection(found)
        if reason is None:
            spaces.append(Space(name, size, tuple(found.members), floor(size)))
            consumers[name] = tuple(found.consumers)
        else:
            parameters = tuple(dict.fromkeys(member.parameter for member in found.members))
            excluded.append(Excluded(name, size, parameters, f"`{name}` keeps its {size} channels: {reason}."))
    return spaces, consumers, excluded


class _Search:
    """Walks the producers of a scope; `placed` holds the layers whose rows are already in a space or excluded."""

    def __init__(self, trace: Trace, scope: Scope) -> None:
        self.trace = trace
        self.scope = scope
        self.modules = dict(trace.twin.named_modules())
        self.names = {module: name for name, module in self.modules.items()}
        self.parameters = {id(parameter): name for name, parameter in trace.twin.named_parameters()}
        self.placed: set[str] = set()

    def producers(self) -> Iterator[tuple[str, nn.Module, int]]:
        """Convolutions that mix channels, and linear layers, with their output channels."""
        for name, module in self.modules.items():
            if not in_scope(name, self.scope):
                continue
            if isinstance(module, nn.Conv2d) and not _depthwise(module):
                yield name, module, module.out_channels
            elif isinstance(module, nn.Linear):
                yield name, module, module.out_features

    def coupled(self, name: str, layer: nn.Module, size: int) -> _Coupled:
        """What leaves with the channels of `layer`."""
        self.placed.add(name)
        if layer not in self.trace.graph.module2node:
            return _Coupled(self._rows(layer, [0]), trouble="no head reads them")
        pruner = self.trace.graph.get_pruner_of_module(layer)
        group = self.trace.graph.get_pruning_group(layer, pruner.prune_out_channels, list(range(size)))
        return self._sort(group, size)

    def objection(self, found: _Coupled) -> str | None:
        """Why the channels cannot be removed with equal predictions, if they cannot."""
        try:
            read = readers(self.trace, {member.parameter: member.dim for member in found.members})
        except NotRemovable as refusal:
            return str(refusal)
        columns = {member.parameter for member in found.consumers if member.dim == 1}
        if found.partly is not None:
            return f"only some of them are tied to channels of `{found.partly}`"
        unclear = sorted(read ^ columns)
        return f"it is unclear which columns of `{unclear[0]}` read them" if unclear else None

    def _sort(self, group: Group, size: int) -> _Coupled:
        """Sort a group of torch-pruning into members, which lie in the scope, and consumers."""
        found = _Coupled()
        for item in group:
            module = item.dep.target.module
            if type(module) in _TRACED_ONLY:
                continue
            wrapped = not isinstance(module, nn.Parameter)
            name = self.names[module] if wrapped else self.parameters[id(module)]
            inside = in_scope(name, self.scope)
            starts = _starts(item.idxs, item.root_idxs, size)
            if not starts:
                found.partly = name
                starts = [0]
            if not wrapped:
                parts = [Member(name, item.dep.target.pruning_dim % module.dim(), start) for start in starts]
            elif _mixes(module) and self.trace.graph.is_in_channel_pruning_fn(item.dep.handler):
                parts, inside = [Member(f"{name}.weight", 1, start) for start in starts], False
            else:
                parts = self._rows(module, starts)
                self.placed.add(name)
            if wrapped:
                found.trouble = found.trouble or self._trouble(name, module)
            (found.members if inside else found.consumers).extend(parts)
        return found

    def _trouble(self, name: str, module: nn.Module) -> str | None:
        if self.trace.calls.get(name, 0) > 1:
            return f"`{name}` runs more than once"
        if isinstance(module, nn.LayerNorm | nn.GroupNorm):
            return f"`{name}` normalises over them, so that removing one changes the others"
        if isinstance(module, nn.Conv2d) and module.groups > 1 and not _depthwise(module):
            return f"`{name}` is a grouped convolution, whose groups need equally many channels"
        if not isinstance(module, nn.Conv2d | nn.Linear | nn.modules.batchnorm._BatchNorm):
            return f"`{name}` ({type(module).__name__}) cannot lose channels"
        return None

    def _rows(self, module: nn.Module, starts: list[int]) -> list[Member]:
        return [
            Member(self.parameters[id(parameter)], 0, start)
            for parameter in module.parameters(recurse=False)
            for start in starts
        ]


_TRACED_ONLY = (
    kinds._ConcatOp,
    kinds._SplitOp,
    kinds._UnbindOp,
    kinds._ExpandOp,
    kinds._ReshapeOp,
    kinds._SliceOp,
    kinds._ElementWiseOp,
    kinds._OutputOp,
)


def _depthwise(module: nn.Conv2d) -> bool:
    return module.groups > 1 and module.groups == module.in_channels == module.out_channels


def _mixes(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and not _depthwise(module))


def _starts(positions: list[int], roots: list[int], size: int) -> list[int]:
    """Where runs of `size` positions start, each holding every channel in order; none if they are not such runs."""
    runs: dict[int, set[int]] = {}
    for position, root in zip(positions, roots, strict=True):
        runs.setdefault(position - root, set()).add(root)
    whole = all(len(run) == size for run in runs.values())
    return sorted(runs) if whole else []
