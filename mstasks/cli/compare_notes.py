"""What stands below the table of `mstasks compare`: what its numbers are, and what makes them hard to compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mstasks.comparison import ComparedRun, Comparison
    from mstasks.statistics import DeltaM


def findings(comparison: Comparison) -> Iterator[str]:
    """The lines: over what delta_m was taken, notes on single runs, warnings last."""
    baseline = comparison.baseline
    others = [run for run in comparison.runs if run is not baseline]
    over = list(baseline.delta_m.changes)
    if over:
        yield f"delta_m: mean relative change of {joined(over)} against {baseline.name}; positive is better"
    yield from _delta_ms(others, over)
    yield from _costs(comparison.runs)
    for run in comparison.runs:
        yield from _adapted(run)
    for run in others:
        if run.differs:
            yield f"warning: {run.name} is hard to compare with {baseline.name}: {'; '.join(run.differs)}."


def _delta_ms(runs: Sequence[ComparedRun], over: Sequence[str]) -> Iterator[str]:
    """Over which tasks delta_m was taken where those are not all that there are, and why; a line for runs alike."""
    alike: dict[str, list[str]] = {}
    for run in runs:
        if run.delta_m.left_out:
            alike.setdefault(_taken(run.delta_m, over), []).append(run.name)
    for text, names in alike.items():
        yield f"note: delta_m of {joined(names)} {text}."


def _taken(found: DeltaM, over: Sequence[str]) -> str:
    why = ", ".join(f"{task} ({reason})" for task, reason in found.left_out.items())
    if not found.changes:
        return f"cannot be taken: {why}"
    if list(found.changes) == list(over):
        return f"leaves out {why}"
    return f"is over {joined(list(found.changes))} alone; left out: {why}"


def _costs(runs: Sequence[ComparedRun]) -> Iterator[str]:
    masked = [run.name for run in runs if "sparsity" in run.summary and not run.run.structure.is_file()]
    if masked:
        yield (
            f"note: MACs and parameters of {joined(masked)} are those without the channels that are zero, "
            "which `mstasks compact` removes."
        )
    narrow = [run.name for run in runs if run.summary.get("sparsity", {}).get("scope") == "backbone"]
    if narrow:
        yield f"note: `shared left` of {joined(narrow)} is of the backbone alone, its `sparsity.scope`."
    for run in runs:
        networks = len(run.run.children())
        if networks:
            yield (
                f"note: {run.name} holds {networks} networks; MACs, parameters and seconds are of all together, "
                "steps of each."
            )


def _adapted(run: ComparedRun) -> Iterator[str]:
    """The spread over draws, of which a run holds the first."""
    adapt = run.summary.get("adapt")
    if not adapt:
        return
    count = len(adapt["draws"])
    yield (
        f"note: {run.name} learned {adapt['task']} from {adapt['shots']} images by {adapt['strategy']['name']}; "
        f"steps and seconds are of that. The table shows draw 0; over {count} {'draw' if count == 1 else 'draws'} "
        f"{adapt['primary']} is {_spread(adapt['columns']['adapted'])}."
    )


def _spread(column: Mapping[str, float | None]) -> str:
    mean, sd = column["mean"], column["sd"]
    if mean is None:
        return "not known"
    return f"{mean:.4f}" if sd is None else f"{mean:.4f} with a standard deviation of {sd:.4f}"


def joined(names: Sequence[str]) -> str:
    """Names as in a sentence: depth, normals and edges."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
