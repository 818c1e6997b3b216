"""What can go wrong when channels are removed until a target is met, as sentences with a remedy."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mstasks.sparsity.budget import Budget


def missed_target(budget: Budget, counts: Tensor, tolerance: float, *remedies: str) -> list[str]:
    """If the final cost is further from the target than the tolerance: how far, and what to do.

    Args:
        budget: The target.
        counts: Channels left, int64, shape (spaces,).
        tolerance: Largest distance allowed.
        remedies: What the strength itself offers, such as "raise `tolerance`".
    """
    fraction = float(budget.fraction(counts))
    distance = fraction - budget.target
    if abs(distance) <= tolerance:
        return []
    side = "above" if distance > 0 else "below"
    to_do = ", ".join([*remedies, "lower `sparsity.floor`", "widen `sparsity.scope`", "or ask for what is left"])
    return [
        f"The target was missed: {budget.kind} {budget.target:g} was asked, {fraction:.4f} is left for good, "
        f"{abs(distance):.4f} {side} it: nothing that may leave is small enough to come closer. "
        f"{to_do[0].upper()}{to_do[1:]}."
    ]


def late_measurement(budget: Budget) -> list[str]:
    """If the target should be met by now, and the round that was to meet it waits for a measurement."""
    return [
        f"The target is not met yet: {budget.kind} {budget.target:g} was asked, and nothing was measured by which "
        "channels could leave. They leave as soon as a task is measured, with fewer steps to recover. Measure earlier "
        "and more often (`sparsity.strength`), or raise `data.batch_size`, so that more turns find labels."
    ]


def unmeasured(tasks: Sequence[str]) -> list[str]:
    """For each of the tasks that were never measured although channels leave."""
    return [
        f"Task {name!r} was not measured so far, so no channel stays for its sake: it had no turn, or no labels "
        "when it was its turn. Measure earlier and more often (`sparsity.strength`), or raise `data.batch_size`."
        for name in tasks
    ]
