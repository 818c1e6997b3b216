"""Binary attributes of the whole image as a task plugin."""

from mstasks import TaskSpec, hookimpl


@hookimpl
def register_tasks() -> list[TaskSpec]:
    """Offer the task `attributes`."""
    return [
        TaskSpec(
            name="attributes",
            summary="Yes or no per attribute of the image; binary cross-entropy.",
            factory="mstasks_attributes.task:Attributes",
            options="mstasks_attributes.options:AttributesOptions",
        )
    ]
