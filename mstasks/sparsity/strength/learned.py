"""A lambda that the query loss teaches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.strength.base import Readings, Strength
from mstasks.sparsity.strength.cut import cut_to_target, missed_cut
from mstasks.sparsity.strength.options import LearnedOptions

if TYPE_CHECKING:
    from mstasks.network import Network
    from mstasks.sparsity.part import SparsePart

DECAY = 0.99
"""Of the moving averages of the gradient of log lambda and of its square."""

ENOUGH = 100
"""Gradients after which their averages say something."""

LEAST_SIGNAL = 0.25
"""Signal-to-noise ratio per step below which lambda follows noise; pure noise shows about 0.05."""


class Learned(Strength):
    """lambda_b = exp(rho_b), where rho follows the gradient of the query loss.

    The idea that the parameter that controls the degree of sparsity is learned while meta-training is that of Upadhyay
    et al., Meta-Sparsity, arXiv 2501.12115. The gradient, dL_Q/dlog lambda, goes through the proximal step of an inner
    loop, which asks for `strengths` and puts it into `rho.grad`; the run's optimiser moves rho, and a proximal step
    follows every update. At a stationary point of the penalised loss the gradient can only lower lambda, and its size
    is lost in Adam's normalisation, so it is watched: `readings` warns when it is mostly noise.

    With a target, which the paper's form has not, all that ends at the fraction `cut` of the steps: groups leave for
    good until the target is met, see `cut_to_target`, and lambda is zero from then on.

    Args:
        part: What is made sparse. If it has a budget, its groups are channels.
        tasks: See `Strength`.
        steps: See `Strength`.
        options: See `LearnedOptions`.

    Attributes:
        rho: log lambda, one for all spaces, for each stage or for each space; shape (shared,).
        reached: With a target, whether the cut was made; bool, scalar. None without.
    """

    mean: Tensor
    square: Tensor
    seen: Tensor
    reached: Tensor | None

    def __init__(self, part: SparsePart, tasks: Sequence[str], steps: int, options: LearnedOptions) -> None:
        super().__init__(part, tasks, steps)
        self.rate = options.rate
        self._limits = (math.log(options.minimum), math.log(options.maximum))
        owners = {name: _owner(part.network, name, options.share) for name in part.spaces}
        order = list(dict.fromkeys(owners.values()))
        self._index = {name: order.index(owner) for name, owner in owners.items()}
        self.rho = nn.Parameter(torch.full((len(order),), math.log(options.initial)))
        self.register_buffer("mean", torch.zeros(len(order)))
        self.register_buffer("square", torch.zeros(len(order)))
        self.register_buffer("seen", torch.tensor(0))
        self._budget, self._cut_after = part.budget, max(1, round(options.cut * steps))
        self.register_buffer("reached", None if part.budget is None else torch.tensor(False))

    def strengths(self) -> Mapping[str, Tensor | float]:
        """exp(rho) by space, differentiable; constant zeros after the cut."""
        values = self._lambdas().unbind()
        return {name: values[index] for name, index in self._index.items()}

    @torch.no_grad()
    def act(self, step: int) -> None:
        """Keep lambda within its limits, then a proximal step; when the target's time has come, the end of both."""
        if self._is_cut:
            return
        if self.rho.grad is not None:
            self._watch(self.rho.grad)
        self.rho.clamp_(*self._limits)
        self.part.prox(self.strengths())
        if self._budget is not None and self.reached is not None and step + 1 >= self._cut_after:
            cut_to_target(self.part, self._budget, self.strengths())
            self.reached.fill_(True)

    @property
    def settled(self) -> bool:
        """Whether the cut was made and met the target; never without a target."""
        return self._budget is not None and self._is_cut and not missed_cut(self.part, self._budget)

    def signal(self) -> Tensor:
        """|mean| / standard deviation of the gradient per step, shape (shared,); NaN before the first gradient."""
        share = 1 - DECAY**self.seen  # what the averages have seen, as they start at zero
        mean, square = self.mean / share, self.square / share
        spread = (square - mean.square()).clamp(min=0).sqrt()
        return mean.abs() / spread.clamp(min=torch.finfo(mean.dtype).tiny)

    def readings(self) -> Readings:
        """Lambda, with a warning if too few groups are left to teach it, else one if it follows noise.

        After the cut, a warning if it missed the target.
        """
        values = self._lambdas().tolist()
        single = len(values) == 1
        shown = {"all": values[0]} if single else {name: values[index] for name, index in self._index.items()}
        return Readings("lambda", shown, tuple(self._warnings()))

    @property
    def _is_cut(self) -> bool:
        return self.reached is not None and bool(self.reached)

    def _lambdas(self) -> Tensor:
        """In the order of `rho`."""
        return torch.zeros_like(self.rho) if self._is_cut else self.rho.exp()

    def _warnings(self) -> Iterator[str]:
        if self._budget is not None and self._is_cut:
            yield from missed_cut(self.part, self._budget)
            return
        silent, spaces = self._at_floor(), len(self.part.spaces)
        if silent > spaces / 2:  # the noise of the others is a symptom of this
            yield (
                f"{silent} of {spaces} spaces are at their floor; zero groups give lambda no signal, so it stays as it "
                "is there and no group comes back. Start with a smaller `initial` of the strength 'learned'."
            )
        elif int(self.seen) >= ENOUGH and float(self.signal().quantile(0.5)) < LEAST_SIGNAL:
            yield _RANDOM_WALK + (_TAKE_A_TARGET if self._budget is None else _TAKE_A_PRICE) + _AVERAGE_MORE

    def _at_floor(self) -> int:
        """Spaces that lost all groups that they may lose."""
        parameters = self.part.parameters
        spaces = [space for space in self.part.groups.spaces if space.floor < space.size]
        return sum(int((~zero_groups(space, parameters)).sum()) <= space.floor for space in spaces)

    def _watch(self, gradient: Tensor) -> None:
        self.mean.lerp_(gradient, 1 - DECAY)
        self.square.lerp_(gradient.square(), 1 - DECAY)
        self.seen += 1


_RANDOM_WALK = (
    f"lambda random-walks: the mean of its gradient is below {LEAST_SIGNAL:g} of the standard deviation, so that where "
    "it ends is chance and depends on the start. "
)
_TAKE_A_TARGET = "Give a target and let a price decide, `sparsity.target: {macs: 0.5}` with `sparsity.strength: priced`"
_TAKE_A_PRICE = "Let a price decide instead, `sparsity.strength: priced`"
_AVERAGE_MORE = "; or average more: raise `data.batch_size`, or take `share: network`."


def _owner(network: Network, space: str, share: str) -> str:
    """What the spaces of one lambda have in common: the space, its stage, or nothing."""
    return {"layer": space, "stage": stage_of(network, space), "network": ""}[share]


def stage_of(network: Network, space: str) -> str:
    """The module that a space belongs to: the trunk, or the backbone's child on the way to it.

    A module with a single child is passed through, and so is a list of lists, such as timm's `blocks`, whose items are
    the stages.

    Args:
        network: The network.
        space: Name of the space: that of a module.
    """
    part, *path = space.split(".")
    module: nn.Module = network.get_submodule(part)
    if part != "backbone":
        return part
    name = part
    for position, step in enumerate(path):
        only = len(list(module.children())) == 1
        module, name = module.get_submodule(step), f"{name}.{step}"
        further = path[position + 1 : position + 2]
        lists = (nn.Sequential, nn.ModuleList)
        nested = isinstance(module, lists) and bool(further) and isinstance(module.get_submodule(further[0]), lists)
        if not only and not nested:
            break
    return name
