"""What a comparison has to say of its numbers: what they are, and what makes them hard to compare. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mstasks.comparison_columns import scopes
from mstasks.report.wording import listed

if TYPE_CHECKING:
    from mstasks.comparison import ComparedRun, Comparison
    from mstasks.statistics import DeltaM


_SCOPES = {"shared": "backbone and trunk", "backbone": "the backbone alone"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence below the table of a comparison.

    Attributes:
        kind: What it is about: a warning makes runs hard to compare.
        text: The sentence.

    As a string it is both: ``note: ...``.
    """

    kind: Literal["delta_m", "note", "warning"]
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def findings(comparison: Comparison) -> Iterator[Finding]:
    """Over what delta_m was taken, notes on single runs, warnings last."""
    baseline = comparison.baseline
    others = [run for run in comparison.runs if run is not baseline]
    over = list(baseline.delta_m.changes)
    if over:
        yield Finding("delta_m", f"mean relative change of {listed(over)} against {baseline.name}; positive is better")
    adapted = (text for run in comparison.runs for text in _adapted(run))
    for text in (*_delta_ms(others, over), *_costs(comparison), *adapted):
        yield Finding("note", text)
    for run in others:
        if run.differs:
            yield Finding("warning", f"{run.name} is hard to compare with {baseline.name}: {'; '.join(run.differs)}.")


def _delta_ms(runs: Sequence[ComparedRun], over: Sequence[str]) -> Iterator[str]:
    """Over which tasks delta_m was taken where those are not all that there are, and why; a line for runs alike."""
    alike: dict[str, list[str]] = {}
    for run in runs:
        if run.delta_m.left_out:
            alike.setdefault(_taken(run.delta_m, over), []).append(run.name)
    for text, names in alike.items():
        yield f"delta_m of {listed(names)} {text}."


def _taken(found: DeltaM, over: Sequence[str]) -> str:
    why = ", ".join(f"{task} ({reason})" for task, reason in found.left_out.items())
    if not found.changes:
        return f"cannot be taken: {why}"
    if list(found.changes) == list(over):
        return f"leaves out {why}"
    return f"is over {listed(list(found.changes))} alone; left out: {why}"


def _costs(comparison: Comparison) -> Iterator[str]:
    runs = comparison.runs
    masked = [run.name for run in runs if run.cost.scope is not None and not run.run.structure.is_file()]
    if masked:
        yield (
            f"MACs and parameters of {listed(masked)} are those without the channels that are zero, "
            "which `mstasks compact` removes."
        )
    found = scopes(comparison)
    if len(found) > 1:
        names = ((scope, [run.name for run in runs if run.cost.scope == scope]) for scope in found)
        told = "; ".join(f"{listed(own)}: {_SCOPES.get(scope, scope)}" for scope, own in names)
        yield f"what is left is of unlike scopes, so none is the best. {told}."
    for run in runs:
        networks = len(run.run.children())
        if networks:
            yield (
                f"{run.name} holds {networks} networks; MACs, parameters and seconds are of all together, "
                "steps of each."
            )


def _adapted(run: ComparedRun) -> Iterator[str]:
    """The spread over draws, of which a run holds the first."""
    adapt = run.summary.get("adapt")
    if not adapt:
        return
    count, shots = len(adapt["draws"]), adapt["shots"]
    yield (
        f"{run.name} learned {adapt['task']} from {shots} {'image' if shots == 1 else 'images'} "
        f"by {adapt['strategy']['name']}; steps and seconds are of that. The table shows draw 0; "
        f"over {count} {'draw' if count == 1 else 'draws'} {adapt['primary']} is "
        f"{_spread(adapt['columns']['adapted'])}."
    )


def _spread(column: Mapping[str, float | None]) -> str:
    mean, sd = column["mean"], column["sd"]
    if mean is None:
        return "not known"
    return f"{mean:.4f}" if sd is None else f"{mean:.4f} with a standard deviation of {sd:.4f}"
