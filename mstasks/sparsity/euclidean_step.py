"""The Euclidean prox of many spaces, in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mstasks.sparsity.prox import kept_norm, left_over, shrink_factors
from mstasks.sparsity.space import Space, along, slice_norms


class EuclideanStep:
    """Applies the prox to parameters of one device and one dtype.

    Per-group numbers of all spaces lie end to end in vectors of G groups, so that all but reading and writing the
    weights runs once and not once a space.
    """

    def __init__(self, spaces: Sequence[Space], parameters: Mapping[str, Tensor]) -> None:
        """Allocate; `spaces` is not empty."""
        self._spaces = tuple(spaces)
        self._parameters = parameters
        self._sizes = [space.size for space in spaces]
        like = parameters[spaces[0].members[0].parameter].detach()
        # Row k holds norms over the k-th member alone, zero where a space has fewer members.
        self._norms = like.new_zeros((max(len(space.members) for space in spaces), sum(self._sizes)))
        self._thresholds = like.new_zeros(sum(self._sizes))
        self._keep = torch.zeros_like(self._thresholds, dtype=torch.bool)
        self._least = torch.zeros_like(self._thresholds)
        for space, least in zip(spaces, self._split(self._least), strict=True):
            least.fill_(kept_norm(space.slices(parameters), space.dims))

    @torch.no_grad()
    def __call__(self, thresholds: Mapping[str, Tensor | float]) -> None:
        """Apply the prox.

        Args:
            thresholds: t >= 0 by name of the space: one number, or shape `(size,)`. A space without is left alone.
        """
        slices = [space.slices(self._parameters) if space.name in thresholds else [] for space in self._spaces]
        self._set_thresholds(thresholds)
        norms = self._measure(slices)
        self._mark(left_over(norms, self._thresholds))
        self._scale(slices, shrink_factors(norms, self._thresholds, self._keep, self._least))

    def _split(self, values: Tensor) -> Sequence[Tensor]:
        parts: Sequence[Tensor] = torch.split(values, self._sizes)
        return parts

    def _set_thresholds(self, thresholds: Mapping[str, Tensor | float]) -> None:
        for space, part in zip(self._spaces, self._split(self._thresholds), strict=True):
            value = thresholds.get(space.name, 0.0)
            part.copy_(value) if isinstance(value, Tensor) else part.fill_(value)

    def _measure(self, slices: Sequence[Sequence[Tensor]]) -> Tensor:
        """Norms of all groups, shape `(G,)`; what they are for a space that is left alone does not matter."""
        vectors, rows = [], []
        for space, parts, norms in zip(self._spaces, slices, torch.split(self._norms, self._sizes, 1), strict=True):
            for part, dim, row in zip(parts, space.dims, norms, strict=False):
                if part.dim() == 1:
                    vectors.append(part)
                    rows.append(row)
                else:
                    row.copy_(slice_norms(part, dim))
        if vectors:
            torch._foreach_copy_(rows, vectors)  # a number stands for its norm: only squares are added
        group_norms: Tensor = torch.linalg.vector_norm(self._norms, dim=0)
        return group_norms

    def _mark(self, left: Tensor) -> None:
        """Set the mask of the groups that the floors keep, as `survivors` does for one space."""
        self._keep.zero_()
        for space, keep, own in zip(self._spaces, self._split(self._keep), self._split(left), strict=True):
            keep.scatter_(0, own.topk(space.floor, sorted=False).indices, True)

    def _scale(self, slices: Sequence[Sequence[Tensor]], factors: Tensor) -> None:
        vectors, scales = [], []
        for space, parts, own in zip(self._spaces, slices, self._split(factors), strict=True):
            for part, dim in zip(parts, space.dims, strict=False):
                if part.dim() == 1:
                    vectors.append(part)
                    scales.append(own)
                else:
                    part.mul_(along(own, part, dim))
        if vectors:
            torch._foreach_mul_(vectors, scales)
