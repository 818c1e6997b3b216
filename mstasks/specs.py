"""Light specs: what a plugin says about itself before anything heavy is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclass(frozen=True, slots=True)
class Spec:
    """A named thing with a factory.

    Attributes:
        name: What a recipe calls it: lower case, digits, ``-`` and ``_``.
        summary: One line for `mstasks ls`.
        factory: ``"module:attribute"``, imported only when the thing is built.
        options: ``"module:attribute"`` of a subclass of `mstasks.Options` that lists what a recipe may set, in a module
            that does not import torch; None if there is nothing to set.

    Raises:
        ValueError: If the name or a reference is malformed.
    """

    name: str
    summary: str
    factory: str
    options: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"A plugin name is lower case letters, digits, '-' and '_'. Found {self.name!r}.")
        for field in self.references():
            value = getattr(self, field)
            if value is not None and not _REFERENCE.fullmatch(value):
                raise ValueError(f"`{field}` of {self.name!r} must look like 'module:attribute'. Found {value!r}.")

    def references(self) -> tuple[str, ...]:
        """Names of the fields that hold a ``module:attribute`` reference."""
        return ("factory", "options")


@dataclass(frozen=True, slots=True)
class TaskSpec(Spec):
    """A task. The factory is called as ``factory(info: TargetInfo, options: Options | None) -> mstasks.Task``."""


@dataclass(frozen=True, slots=True)
class DatasetSpec(Spec):
    """A data set. The factory is called as ``factory(options: Options | None, size: tuple[int, int]) -> Dataset``.

    ``size`` (height, width) is the recipe's `data.size`: a hint for data sets that render or decode at a chosen size.

    Attributes:
        targets: ``"module:function"``, called as ``function(options) -> Mapping[str, TargetInfo]``: what the data set
            can deliver under these options, known without reading a file and without importing torch.
    """

    targets: str = ""

    def references(self) -> tuple[str, ...]:
        """Names of the fields that hold a ``module:attribute`` reference."""
        return ("factory", "options", "targets")


@dataclass(frozen=True, slots=True)
class ExporterSpec(Spec):
    """A file format for trained networks. The factory is called without arguments and gives an `mstasks.Exporter`."""


@dataclass(frozen=True, slots=True)
class LossWeightingSpec(Spec):
    """A loss weighting. The factory is called as ``factory(weights: Mapping[str, float], options) -> LossWeighting``.

    Attributes:
        uses_weights: Whether it reads the recipe's `tasks.<name>.weight`; if not, a recipe that sets one is refused.
    """

    uses_weights: bool = False


@dataclass(frozen=True, slots=True)
class StrengthSpec(Spec):
    """A way to find how strongly groups are pulled to zero.

    The factory is called as ``factory(part: SparsePart, tasks: Sequence[str], steps: int, options) -> Strength``.

    Attributes:
        needs_target: Whether a recipe must give `sparsity.target`. `sparsity.groups: output-channel` is refused then,
            since their zeros save no cost.
        takes_target: Whether a recipe may give `sparsity.target` although none is needed; with one, whole channels
            leave, so that it works with `sparsity.groups: channel` only. A target that is neither needed nor taken is
            refused, since nothing would read it.
        needs_channels: Whether it works with `sparsity.groups: channel` only.
        has_lambda: Whether an inner loop can use its lambda (`Strength.strengths`).
        needs_inner_prox: Whether it learns from a proximal step in an inner loop, so that `meta.update` must have one.
    """

    needs_target: bool = False
    takes_target: bool = False
    needs_channels: bool = False
    has_lambda: bool = False
    needs_inner_prox: bool = False


@dataclass(frozen=True, slots=True)
class AdaptationSpec(Spec):
    """A strategy of few-shot adaptation. The factory is called as ``factory(options) -> mstasks.Adaptation``."""


@dataclass(frozen=True, slots=True)
class UpdateSpec(Spec):
    """A meta update: how the gradients of a step come about.

    The factory is called as ``factory(network: Network, tasks: Sequence[str], steps: int, seed: int, options) ->
    Update``.
    """
