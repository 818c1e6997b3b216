"""The adaptation contract: how a network that others have trained learns a task from a few labelled images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from mstasks.adapt.session import Session
    from mstasks.options import Options
    from mstasks.recipe.model import Head


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of gradient steps in which the same parameters are trained.

    Attributes:
        steps: How many.
        rates: Peak learning rate by part, of ``new`` (what starts afresh: the task's head, and whatever of the shared
            part has no trained weights), ``backbone`` and ``trunk``. A part without a rate is frozen. Heads of other
            tasks go with the trunk if something is asked of them, else they are frozen.
        norms_and_biases: Whether of ``backbone`` and ``trunk`` only norms and biases are trained.
    """

    steps: int
    rates: Mapping[str, float] = field(default_factory=dict)
    norms_and_biases: bool = False

    @property
    def head_alone(self) -> bool:
        """Whether nothing but what starts afresh is trained."""
        return not self.rates.keys() - {"new"}

    def rate(self, name: str, dimensions: int, new: Collection[str], seen: Collection[str]) -> float | None:
        """The peak rate of a parameter; None if it is frozen.

        Args:
            name: Its name in the network.
            dimensions: Its number of dimensions.
            new: Parts that start afresh: ``backbone``, ``trunk``, ``heads.<task>``.
            seen: Other tasks whose heads are trained along.
        """
        part = part_of(name)
        if part in new:
            return self.rates.get("new")
        if self.norms_and_biases and dimensions > 1:
            return None
        if part.startswith("heads."):
            return self.rates.get("trunk") if part.removeprefix("heads.") in seen else None
        return self.rates.get(part)


def part_of(parameter: str) -> str:
    """``backbone``, ``trunk`` or ``heads.<task>`` of a parameter's name in the network."""
    first, *rest = parameter.split(".")
    return f"{first}.{rest[0]}" if first == "heads" else first


class Adaptation(ABC):
    """A strategy, built as ``factory(options)``.

    Args:
        options: The validated options of the spec, None if the spec has none.

    Attributes:
        closed_form: Whether it solves for what it looks for, without steps; said on the screen.
        keeps_features: Whether nothing but a head is fitted, to features that stay as they are. It is refused where a
            dense task would read a trunk that nobody has trained.
    """

    closed_form: ClassVar[bool] = False
    keeps_features: ClassVar[bool] = False

    def __init__(self, options: Options | None = None) -> None:
        self.options = options

    def head(self, dense: bool) -> Head | None:  # noqa: ARG002 - for subclasses
        """Which of the ready heads the task gets; None for the one that the recipe or the task chooses.

        Args:
            dense: Whether the task has a value per pixel.
        """
        return None

    def phases(self, shots: int) -> Sequence[Phase]:  # noqa: ARG002 - for subclasses
        """The phases of gradient steps for so many images; none if nothing is trained by gradients."""
        return ()

    @abstractmethod
    def adapt(self, session: Session) -> None:
        """Change `session.network` so that it does the task."""
