"""Depth as a task plugin."""

from mstasks import TaskSpec, hookimpl


@hookimpl
def register_tasks() -> list[TaskSpec]:
    """Offer the task `depth`."""
    return [
        TaskSpec(
            name="depth",
            summary="Depth per pixel in metres; L1, scale-invariant log or berHu loss.",
            factory="mstasks_depth.task:Depth",
            options="mstasks_depth.options:DepthOptions",
        )
    ]
