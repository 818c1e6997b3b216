"""The attributes task: independent yes-or-no questions about the whole image."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from difflib import get_close_matches

import torch
from torch import Tensor
from torch.nn import functional

from mstasks import Target, TargetInfo, TargetKind, Task, TaskMetric, logit_code, per_example_mean
from mstasks_attributes.metrics import F1, RESERVED, Accuracy
from mstasks_attributes.options import AttributesOptions
from mstasks_attributes.shapes import check_shapes


def _check_known(option: str, wanted: Collection[str], known: Collection[str], of_what: str) -> None:
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"`{option}` names {name!r}, which is no attribute of {of_what}.{hint} {_listed(known)}")


def _listed(names: Collection[str]) -> str:
    return f"Attributes: {', '.join(names)}."


def _restricted(info: TargetInfo, names: tuple[str, ...]) -> TargetInfo:
    """Declare only some of the attributes."""
    colour_of = dict(zip(info.names, info.colours, strict=True)) if info.colours else {}
    pairs = tuple(pair for pair in info.pairs if set(pair) <= set(names))
    return replace(info, names=names, pairs=pairs, colours=tuple(colour_of[name] for name in names if colour_of))


class Attributes(Task):
    """Binary facts about the whole image, each with its own validity.

    Args:
        info: Names the data set's attributes in index order.
        options: Which of them, and positive weights; all with weight 1 if None.

    Attributes:
        info: Restricted to the chosen attributes, in the chosen order.

    Raises:
        ValueError: If an option names an unknown attribute, or one is called like a key of the reported values.
    """

    kind = TargetKind.ATTRIBUTES
    options: AttributesOptions

    def __init__(self, info: TargetInfo, options: AttributesOptions | None = None) -> None:
        options = options or AttributesOptions()
        names = info.names if options.names is None else options.names
        _check_known("names", names, info.names, "the data set")
        _check_known("pos_weight", options.pos_weight, names, "this task")
        if RESERVED in names:
            raise ValueError(f"An attribute may not be called {RESERVED!r}: reported values use that key. Rename it.")
        super().__init__(_restricted(info, names), options)
        self.channels = len(names)
        self._all = info.names
        self._columns = torch.tensor([info.names.index(name) for name in names])
        self._pos_weight = torch.tensor([options.pos_weight.get(name, 1.0) for name in names])

    def prepare(self, target: Target) -> Target:
        """Select the columns of the chosen attributes.

        Args:
            target: All attributes of the data set, shape (batch, attributes of the data set).

        Returns:
            Shape (batch, channels), in the order of `options.names`.

        Raises:
            ValueError: If the number of columns is not that of the data set.
        """
        if target.value.dim() != 2 or target.value.shape[1] != len(self._all):
            raise ValueError(
                f"`target.value` must have shape (batch, {len(self._all)}), a column for each attribute of the data "
                f"set. Found {tuple(target.value.shape)}."
            )
        columns = self._columns.to(target.value.device, non_blocking=True)
        return Target(target.value.index_select(1, columns), target.valid.index_select(1, columns))

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        """Binary cross-entropy in nats, averaged over each example's valid attributes, in float32 whatever comes in.

        Args:
            prediction: Logits, shape (batch, channels).
            target: As `prepare` returns it: 0 or 1, and validity, of the same shape.

        Returns:
            Shape (batch,), at least 0; exactly 0 with zero gradient for an example without a valid attribute.

        Raises:
            ValueError: If a shape does not fit.
        """
        check_shapes(prediction, target, self.channels)
        pos_weight = self._pos_weight.to(prediction.device, non_blocking=True)
        # What is not valid is replaced before any arithmetic: an overflowing logit there would give NaN gradients.
        logits = prediction.float().masked_fill(~target.valid, 0.0)
        losses = functional.binary_cross_entropy_with_logits(
            logits, target.value.float(), pos_weight=pos_weight, reduction="none"
        )
        return per_example_mean(losses, target.valid)

    def decode(self, prediction: Tensor) -> Tensor:
        """Probability that the attribute is present, float32, shape (batch, channels)."""
        return prediction.float().sigmoid()

    def encode(self, target: Target) -> Tensor:
        """Logits of the attributes of a prepared target: 4 where one is present, else -4; see `mstasks.logit_code`."""
        return logit_code(target)

    def metrics(self) -> dict[str, TaskMetric]:
        """Make `accuracy` (primary) and `f1`, each with its value per attribute; see their module."""
        return {"accuracy": Accuracy(self.info.names), "f1": F1(self.info.names)}
