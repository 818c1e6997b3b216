"""Edges as a task plugin."""

from mstasks import TaskSpec, hookimpl


@hookimpl
def register_tasks() -> list[TaskSpec]:
    """Offer the task `edges`."""
    return [
        TaskSpec(
            name="edges",
            summary="Probability of an edge per pixel; class-balanced cross-entropy, F with a distance tolerance.",
            factory="mstasks_edges.task:Edges",
            options="mstasks_edges.options:EdgesOptions",
        )
    ]
