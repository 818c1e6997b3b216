"""The inner loop: functional gradient steps on the support set, and how gradients come back through them.

Symbols: theta is where it starts, theta' where it is, alpha its rate, K its steps, S and Q support and query set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.meta.inner_prox import InnerProx, Rate

Point = Mapping[str, Tensor]
Gradients = list[Tensor | None]


@dataclass(frozen=True, slots=True)
class InnerLoop:
    """K steps of theta' <- prox(theta' - alpha * grad L_S(theta')).

    Attributes:
        rates: alpha by name of what is adapted.
        steps: K >= 1.
        second_order: Whether gradients pass through the inner gradients, too. If not, these are constants, and without
            learned rates and prox nothing of a step is kept.
        masks: By name, shaped like the parameter, what to multiply inner gradients by; names may be missing.
        prox: The proximal step after each gradient step, or None.
    """

    rates: Mapping[str, Rate]
    steps: int
    second_order: bool
    masks: Mapping[str, Tensor]
    prox: InnerProx | None

    def adapt(self, loss: Callable[[Point, int], Tensor], start: Point) -> dict[str, Tensor]:
        """Where the loop ends.

        Args:
            loss: L_S at a point and 0-based inner step, scalar.
            start: theta: everything that the loss reads, by name. What is not adapted stays.
        """
        point = dict(start)
        for step in range(self.steps):
            gradients = self._gradients(loss, point, step)
            moved = {name: _stepped(point[name], gradients[name], rate) for name, rate in self.rates.items()}
            point |= moved if self.prox is None else self.prox(moved, self.rates)
        return point

    def _gradients(self, loss: Callable[[Point, int], Tensor], point: Point, step: int) -> dict[str, Tensor]:
        here = {name: point[name] for name in self.rates}
        if not self.second_order:  # cut off from the steps before, whose graphs are free to go
            here = {name: own if own.is_leaf else own.detach().requires_grad_() for name, own in here.items()}
        found = torch.autograd.grad(
            loss({**point, **here}, step), list(here.values()), create_graph=self.second_order, materialize_grads=True
        )
        return {
            name: gradient * self.masks[name] if name in self.masks else gradient
            for name, gradient in zip(here, found, strict=True)
        }

    def outer(
        self, loss: Callable[[Point], Tensor], end: Point, weights: Sequence[Tensor], others: Sequence[Tensor]
    ) -> Gradients:
        """Gradients of L_Q(theta'_K), with one pass through the query loss.

        Args:
            loss: L_Q at a point, scalar.
            end: What `adapt` gave.
            weights: Tensors that get their gradient straight through the prox.
            others: Tensors that get it through the prox's true derivative: log lambda, inner rates, loss weights.

        Returns:
            Gradients of the `weights`, then of the `others`, None where there is no way to the loss.
        """
        cut = {name: end[name].detach().requires_grad_() for name in self.rates}
        sources = [*weights, *others]
        found = torch.autograd.grad(loss({**end, **cut}), [*cut.values(), *sources], allow_unused=True)
        direct = found[len(cut) :]
        ends = [(end[name], slope) for name, slope in zip(cut, found, strict=False) if slope is not None]
        return [_sum(a, b) for a, b in zip(direct, self._through(ends, weights, others), strict=True)]

    def _through(
        self, ends: Sequence[tuple[Tensor, Tensor]], weights: Sequence[Tensor], others: Sequence[Tensor]
    ) -> Gradients:
        """From the gradients at theta'_K back through the loop."""
        if self.prox is None:
            return _pull(ends, [*weights, *others], keep=False)
        self.prox.exact = False
        straight = _pull(ends, weights, keep=True)
        self.prox.exact = True
        return straight + _pull(ends, others, keep=False)


def _stepped(own: Tensor, gradient: Tensor, rate: Rate) -> Tensor:
    """The parameter after a gradient step; with a fixed rate in one pass over memory, and in one on the way back."""
    return own - rate * gradient if isinstance(rate, Tensor) else torch.sub(own, gradient, alpha=rate)


def _pull(ends: Sequence[tuple[Tensor, Tensor]], sources: Sequence[Tensor], *, keep: bool) -> Gradients:
    if not (ends and sources):
        return [None] * len(sources)
    tensors, slopes = zip(*ends, strict=True)
    return list(torch.autograd.grad(tensors, sources, slopes, retain_graph=keep, allow_unused=True))


def _sum(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second
