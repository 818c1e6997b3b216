"""NYU-Depth-v2, in every layout it comes in: segmentation, depth, normals and edges of indoor scenes."""

from mstasks import DatasetSpec, hookimpl


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """Offer `nyuv2`."""
    return [
        DatasetSpec(
            name="nyuv2",
            summary="NYU-Depth-v2 (NYUD_MT, MTAN or official .mat): segmentation, depth, normals, edges.",
            factory="mstasks_nyuv2.dataset:NYUv2",
            options="mstasks_nyuv2.options:NYUv2Options",
            targets="mstasks_nyuv2.targets:targets",
        )
    ]
