"""Semantic segmentation as a task plugin."""

from mstasks import TaskSpec, hookimpl


@hookimpl
def register_tasks() -> list[TaskSpec]:
    """Offer the task `segmentation`."""
    return [
        TaskSpec(
            name="segmentation",
            summary="One class per pixel; cross-entropy, optionally smoothed and weighted by class.",
            factory="mstasks_segmentation.task:Segmentation",
            options="mstasks_segmentation.options:SegmentationOptions",
        )
    ]
