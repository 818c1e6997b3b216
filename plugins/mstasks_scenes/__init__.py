"""Procedural indoor scenes with exact labels: the data set that needs no files."""

from mstasks import DatasetSpec, hookimpl


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """Offer `scenes`."""
    return [
        DatasetSpec(
            name="scenes",
            summary="Procedural indoor scenes with exact labels, ray-cast on the fly; no files.",
            factory="mstasks_scenes.dataset:Scenes",
            options="mstasks_scenes.options:ScenesOptions",
            targets="mstasks_scenes.targets:targets",
        )
    ]
