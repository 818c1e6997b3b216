"""Surface normals as a task plugin."""

from mstasks import TaskSpec, hookimpl


@hookimpl
def register_tasks() -> list[TaskSpec]:
    """Offer the task `normals`."""
    return [
        TaskSpec(
            name="normals",
            summary="Unit surface normal per pixel, camera frame.",
            factory="mstasks_normals.task:Normals",
        )
    ]
