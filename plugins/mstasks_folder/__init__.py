"""A folder of one's own: images beside labels, described by the recipe, without code."""

from mstasks import DatasetSpec, hookimpl


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """Offer `folder`."""
    return [
        DatasetSpec(
            name="folder",
            summary="Your own images and labels; the recipe says where they are and what their numbers mean.",
            factory="mstasks_folder.dataset:Folder",
            options="mstasks_folder.options:FolderOptions",
            targets="mstasks_folder.targets:targets",
        )
    ]
