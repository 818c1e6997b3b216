"""What can go wrong when channels are removed until a target is met, as sentences with a remedy."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mstasks.sparsity.budget import Budget


def missed_target(budget: Budget, counts: Tensor, tolerance: float) -> list[str]:
    """If the final cost is further from the target than the tolerance: how far.

    Args:
        budget: The target.
        counts: Channels left, int64, shape (spaces,).
        tolerance: Largest distance allowed.
    """
    fraction = float(budget.fraction(counts))
    distance = fraction - budget.target
    if abs(distance) <= tolerance:
        return []
    side = "above" if distance > 0 else "below"
    reason = (
        "nothing was measured before its last round"
        if bool((counts == budget.costs.full).all())
        else "no channel that may leave is small enough to close the gap"
    )
    return [
        f"The target was missed: {budget.kind} {budget.target:g} was asked, {fraction:.4f} is left, "
        f"{abs(distance):.4f} {side} it, and the structure is final; {reason}. Raise "
        "`tolerance` of `sparsity.strength`, lower `sparsity.floor`, widen `sparsity.scope`, or raise `optim.steps`."
    ]


def unmeasured(tasks: Sequence[str]) -> list[str]:
    """For each of the tasks that were never measured although channels leave."""
    return [
        f"Task {name!r} was not measured so far, so no channel stays for its sake: it had no turn, or no labels "
        "when it was its turn. Measure earlier and more often (`sparsity.strength`), or raise `data.batch_size`."
        for name in tasks
    ]
