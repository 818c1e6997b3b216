"""The strategies that mstasks brings along."""

from __future__ import annotations

from collections.abc import Sequence

from mstasks.adapt.budget import steps_for
from mstasks.adapt.options import HeadFirstOptions, RidgeOptions, TuneOptions
from mstasks.adapt.ridge import ridge_head
from mstasks.adapt.session import Session
from mstasks.adapt.strategy import Adaptation, Phase
from mstasks.adapt.tuning import tune
from mstasks.errors import UsageError
from mstasks.recipe.model import Head


class Tuned(Adaptation):
    """Base class of strategies that train by gradients. Subclasses say which parts, in `rates`.

    Args:
        options: Steps, rates and the rest; the defaults if None.
    """

    options: TuneOptions

    def __init__(self, options: TuneOptions | None = None) -> None:
        super().__init__(options or TuneOptions())

    def rates(self) -> dict[str, float]:
        """Peak learning rates by part; see `Phase`."""
        options = self.options
        return {"new": options.new_lr, "trunk": options.trunk_lr, "backbone": options.backbone_lr}

    def phases(self, shots: int) -> Sequence[Phase]:
        """All steps in one phase."""
        return (Phase(self.options.steps or steps_for(shots), self.rates()),)

    def adapt(self, session: Session) -> None:
        """Train through the phases."""
        tune(session, self.phases(len(session.support.ids)), self.options)


class AllAtOnce(Tuned):
    """Everything is trained from the first step on."""


class HeadFirst(Tuned):
    """The new head alone, then everything: the shared part moves only once the head knows what to ask of it."""

    options: HeadFirstOptions

    def __init__(self, options: HeadFirstOptions | None = None) -> None:
        super().__init__(options or HeadFirstOptions())

    def phases(self, shots: int) -> Sequence[Phase]:
        """The head, then all; both have at least one step if there are two."""
        steps = self.options.steps or steps_for(shots)
        head = min(max(1, round(self.options.head_share * steps)), max(steps - 1, 1))
        phases = (Phase(head, {"new": self.options.new_lr}), Phase(steps - head, self.rates()))
        return tuple(phase for phase in phases if phase.steps)


class Fast(Tuned):
    """Trunk and head; the backbone is frozen and never passed through backwards."""

    def rates(self) -> dict[str, float]:
        """Without the backbone."""
        return {"new": self.options.new_lr, "trunk": self.options.trunk_lr}


class BitFit(Tuned):
    """The head, and of the reused parts norms and biases alone (Ben Zaken, Ravfogel, Goldberg 2022, "BitFit").

    They train biases; scales of norms go along here, since convolutions of most backbones have no bias.
    """

    def phases(self, shots: int) -> Sequence[Phase]:
        """One phase, whatever has one dimension in the reused parts; at the new parts' rate, as so little moves."""
        steps = self.options.steps or steps_for(shots)
        rates = {"new": self.options.new_lr, "trunk": self.options.trunk_lr, "backbone": self.options.trunk_lr}
        return (Phase(steps, rates, norms_and_biases=True),)


class NewDecoder(Tuned):
    """A decoder of the task's own on the backbone; image-level tasks, which read no decoder, get their usual head."""

    def head(self, dense: bool) -> Head | None:
        """A trunk of its own, block and 1x1."""
        return Head(name="decoder") if dense else None


class Probe(Tuned):
    """A linear head, trained by the task's own loss on features that stay as they are."""

    keeps_features = True

    def head(self, dense: bool) -> Head | None:
        """A bare 1x1 convolution, or the linear layer on pooled features."""
        return Head(name="linear" if dense else "pooled")

    def rates(self) -> dict[str, float]:
        """The head alone."""
        return {"new": self.options.new_lr}


class Ridge(Adaptation):
    """A linear head in closed form: ridge regression of the labels on features that stay as they are.

    Args:
        options: The penalty; chosen by leaving images out if None.
    """

    closed_form = True
    keeps_features = True
    options: RidgeOptions

    def __init__(self, options: RidgeOptions | None = None) -> None:
        super().__init__(options or RidgeOptions())

    def head(self, dense: bool) -> Head | None:
        """A bare 1x1 convolution, or the linear layer on pooled features."""
        return Head(name="linear" if dense else "pooled")

    def adapt(self, session: Session) -> None:
        """Solve for the head.

        Raises:
            UsageError: If the task cannot say which raw prediction would decode to a label.
        """
        fit = ridge_head(
            session.network,
            session.bound,
            session.support.plain(),
            session.device,
            session.precision,
            self.options.penalty,
        )
        if fit is None:
            raise UsageError(
                f"task {session.bound.name!r} cannot be fitted in closed form: it decodes predictions and has no "
                "`encode`, the way back. Take `adapt.strategy=probe`, a linear head trained by the task's own loss."
            )
        session.network.heads[session.bound.name] = fit.head
