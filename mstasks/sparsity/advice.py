"""What a person should know at the end of a sparse run, as sentences with remedies. Pure functions of its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mstasks.sparsity.record import SparsityRecord

LOSS = 0.05
"""A task that loses more than this fraction of its metric pays."""
_NAMED = 4


def advice(record: SparsityRecord, summary: Mapping[str, Any], reference: Mapping[str, Any] | None) -> list[str]:
    """All that applies. That a target was missed is not here: the strength says so while it trains (`Readings`).

    Args:
        record: The run's structure.
        summary: The run's summary.
        reference: A dense run's summary, if there is one.
    """
    sentences = at_floor(record)
    if reference is not None:
        sentences += task_pays(summary, reference)
    return sentences


def at_floor(record: SparsityRecord) -> list[str]:
    """Spaces that lost all that they may lose: at most one sentence."""
    low = [space for space in record.spaces if space.floor < space.size and space.alive <= space.floor]
    if not low:
        return []
    shown = ", ".join(f"`{space.name}` ({space.alive} of {space.size})" for space in low[:_NAMED])
    more = f" and {len(low) - _NAMED} more" if len(low) > _NAMED else ""
    are = "space is at its floor" if len(low) == 1 else "spaces are at their floor"
    return [
        f"{len(low)} of {len(record.spaces)} {are}: {shown}{more}. More would have left there, and other spaces "
        "paid for it. If scores suffer, allow a larger `sparsity.target` or a weaker `sparsity.strength`; if they do "
        "not, lower `sparsity.floor`."
    ]


def task_pays(summary: Mapping[str, Any], reference: Mapping[str, Any], split: str = "test") -> list[str]:
    """Tasks whose primary metric lost more than `LOSS` of the dense run's, and what the others did.

    Args:
        summary: Of the sparse run.
        reference: Of the dense run.
        split: Whose scores to compare.

    Returns:
        A sentence for each task that pays, or one for all if every task does.
    """
    changes = relative_changes(summary["tasks"], reference["tasks"], split)
    if not changes:
        return [
            "`sparsity.reference` has no task and metric in common with this run; name a dense run of the same tasks."
        ]
    paying = [task for task, change in changes.items() if change < -LOSS]
    if len(paying) == len(changes):
        lost = ", ".join(f"{task} {_signed(changes[task])}" for task in paying)
        return [
            f"Beside the dense run, every task lost more than {LOSS:.0%}: {lost}. Too much was removed: "
            "allow a larger `sparsity.target`, or fine-tune longer with more `optim.steps`."
        ]
    return [_pays(task, summary, reference, changes, split) for task in paying]


def relative_changes(tasks: Mapping[str, Any], dense: Mapping[str, Any], split: str = "test") -> dict[str, float]:
    """By task, the change of its primary metric over the dense run's, positive if better.

    A task is left out if the dense run has no such task or metric, or a value is missing or zero there.

    Args:
        tasks: `tasks` of the sparse run's summary.
        dense: `tasks` of the dense run's.
        split: Whose scores to compare.
    """
    changes = {}
    for name, task in tasks.items():
        now = task.get(split, {}).get(task["primary"])
        before = dense.get(name, {}).get(split, {}).get(task["primary"])
        if now is not None and before:
            changes[name] = (now - before) / abs(before) * (1 if task["higher_is_better"] else -1)
    return changes


def _pays(
    task: str, summary: Mapping[str, Any], reference: Mapping[str, Any], changes: Mapping[str, float], split: str
) -> str:
    metric = summary["tasks"][task]["primary"]
    now, before = (tasks["tasks"][task][split][metric] for tasks in (summary, reference))
    others = ", ".join(f"{name} {_signed(change)}" for name, change in changes.items() if name != task)
    if summary["sparsity"]["strength"]["name"] == "priced":
        remedy = "keep `across_tasks: maximum` in `sparsity.strength`"
    else:
        remedy = "use `sparsity.strength: priced`, which keeps what any single task needs"
    return (
        f"Task {task!r} pays for the others: {metric} {now:.4g} beside {before:.4g} of the dense run "
        f"({_signed(changes[task])}); meanwhile {others}. Raise `tasks.{task}.weight` (with `loss_weighting: fixed`), "
        f"{remedy}, or allow a larger `sparsity.target`."
    )


def _signed(change: float) -> str:
    """A relative change, positive if better: +1.2 %."""
    return f"{100 * change:+.1f} %"
