"""The proximal step of an inner loop, with two derivatives: straight through, and its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mstasks.sparsity.adam_prox import adam_prox
from mstasks.sparsity.denominators import denominator
from mstasks.sparsity.prox import euclidean_prox
from mstasks.sparsity.space import Space, group_weight, with_slices

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from mstasks.sparsity.part import SparsePart

Rate = Tensor | float
Shrink = Callable[[Sequence[Tensor], Tensor], list[Tensor]]


class InnerProx:
    """theta' <- prox(u) of alpha sum over spaces b and groups g of lambda_b w_g |u_g|, floors respected.

    In the metric `adam`, D is the outer optimiser's denominator as it is now, a constant; a space with a member that
    was never stepped, as all are before the first step, is left alone, as the outer proximal step leaves it.

    Args:
        part: Groups and metric.
        optimizer: The outer optimiser.
        strengths: lambda by space; called at every inner step, so that each has a graph of its own.

    Attributes:
        exact: Which derivative a backward pass takes. False: the identity, straight through, since the true one leaves
            a zeroed group without gradient. True: the prox's own, in u and in the threshold.
    """

    def __init__(
        self, part: SparsePart, optimizer: Optimizer, strengths: Callable[[], Mapping[str, Tensor | float]]
    ) -> None:
        self.exact = False
        self._strengths = strengths
        parameters = part.parameters
        self._spaces = part.spaces
        self._weights = {name: group_weight(space, parameters) for name, space in self._spaces.items()}
        shrinks = {name: _shrink(space, part, optimizer) for name, space in self._spaces.items()}
        self._shrinks = {name: shrink for name, shrink in shrinks.items() if shrink is not None}

    def __call__(self, tensors: Mapping[str, Tensor], rates: Mapping[str, Rate]) -> dict[str, Tensor]:
        """Apply the prox.

        Args:
            tensors: u, by name of the parameter: all members.
            rates: alpha, alike. A step has one size: where the members of a space have learned rates, it is their mean.

        Returns:
            theta', by name.
        """
        result = dict(tensors)
        for name, strength in self._strengths().items():
            if name not in self._shrinks:
                continue
            space = self._spaces[name]
            slices = space.slices(result)
            threshold = _mean([rates[member.parameter] for member in space.members]) * self._weights[name] * strength
            if not isinstance(threshold, Tensor):
                threshold = slices[0].new_full((), threshold)
            result = with_slices(space, result, _TwoWay.apply(self, self._shrinks[name], threshold, *slices))
        return result


class _TwoWay(torch.autograd.Function):
    """A prox whose backward pass is the identity or exact, as its `InnerProx` says at that time."""

    @staticmethod
    def forward(ctx: Any, prox: InnerProx, shrink: Shrink, threshold: Tensor, *slices: Tensor) -> tuple[Tensor, ...]:
        ctx.prox, ctx.shrink = prox, shrink
        ctx.save_for_backward(threshold, *slices)
        return tuple(shrink(slices, threshold))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        if not ctx.prox.exact:
            return (None, None, None, *cotangents)
        with torch.enable_grad():
            inputs = [saved.detach().requires_grad_() for saved in ctx.saved_tensors]
            outputs = ctx.shrink(inputs[1:], inputs[0])
        return (None, None, *torch.autograd.grad(outputs, inputs, cotangents))


def _shrink(space: Space, part: SparsePart, optimizer: Optimizer) -> Shrink | None:
    """The prox of a space, by slices and threshold; None while the metric is not there."""
    if part.metric == "euclidean":
        return lambda slices, threshold: euclidean_prox(slices, space.dims, threshold, space.floor)
    metric = _denominators(space, part.parameters, optimizer)
    if metric is None:
        return None
    return lambda slices, threshold: adam_prox(slices, space.dims, metric, threshold, space.floor)


@torch.no_grad()
def _denominators(space: Space, parameters: Mapping[str, Tensor], optimizer: Optimizer) -> list[Tensor] | None:
    """D of each of the space's slices, None if a member was never stepped."""
    groups = {id(own): group for group in optimizer.param_groups for own in group["params"]}
    found = []
    for member in space.members:
        parameter = parameters[member.parameter]
        own = denominator(optimizer, parameter, groups[id(parameter)])
        if own is None:
            return None
        found.append(member.slice(own.second_moment, space.size).sqrt() / own.correction + own.eps)
    return found


def _mean(rates: Sequence[Rate]) -> Rate:
    learned = [rate for rate in rates if isinstance(rate, Tensor)]
    return torch.stack(learned).mean() if learned else rates[0]  # a fixed rate is the same for all
