"""CelebAMask-HQ in its official layout: segmentation of faces into parts, and 40 attributes."""

from mstasks import DatasetSpec, hookimpl


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """Offer `celebamask_hq`."""
    return [
        DatasetSpec(
            name="celebamask_hq",
            summary="CelebAMask-HQ: faces with masks of 18 parts and 40 attributes.",
            factory="mstasks_celebamask_hq.dataset:CelebAMaskHQ",
            options="mstasks_celebamask_hq.options:CelebAMaskHQOptions",
            targets="mstasks_celebamask_hq.targets:targets",
        )
    ]
