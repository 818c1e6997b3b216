"""Which transforms may touch which targets, and what a refusal says."""

from __future__ import annotations

import random
import warnings
from typing import Any

import albumentations
import numpy as np
import pytest

from mstasks import RawTarget, Sample, TargetInfo, TargetKind
from mstasks.data.augment import AugmentationError, build_steps, check_transforms
from mstasks.data.geometry import similarity
from mstasks.data.honest import Reach
from mstasks.data.pipeline import Pipeline
from mstasks.data.step import Step, View

SEGMENTATION = {"parts": TargetInfo(TargetKind.LABEL_MAP, ("a", "b"))}
DEPTH = {**SEGMENTATION, "range": TargetInfo(TargetKind.DEPTH_MAP)}
NORMALS = {"slant": TargetInfo(TargetKind.VECTOR_MAP)}
BOTH = {**DEPTH, **NORMALS}

REFUSED_FOR_ALL: list[tuple[str, dict[str, Any], str]] = [
    ("Normalize", {}, r"Normalize changes the type of the image. Leave it out: the network normalises"),
    ("ToFloat", {}, r"ToFloat changes the type of the image"),
    ("ToTensorV2", {}, r"ToTensorV2 changes the type of the image"),
    ("Mosaic", {}, r"Mosaic needs other images or data that a recipe cannot name. Use ColorJitter"),
    ("FDA", {"reference_images": []}, r"FDA needs other images"),
    ("MaskDropout", {}, r"MaskDropout looks at boxes or masks that samples do not have"),
    ("RandomGridShuffle", {}, r"RandomGridShuffle cuts the scene into pieces .* Use CoarseDropout"),
    ("Morphological", {}, r"Morphological grows or shrinks things in the image but not in the labels"),
    ("TimeReverse", {}, r"TimeReverse is made for spectrograms. Use HorizontalFlip"),
    ("Lambda", {}, r"Lambda takes Python functions"),
    ("OneOf", {"transforms": []}, r"OneOf holds other transforms. List them one by one"),
    ("CenterCrop3D", {"size": [4, 4, 4]}, r"CenterCrop3D is made for volumes"),
    ("HorizontalFlop", {}, r"unknown transform 'HorizontalFlop'. Did you mean 'HorizontalFlip'\?"),
    ("DualTransform", {}, r"unknown transform 'DualTransform'"),
    ("HorizontalFlip", {"prob": 0.5}, r"HorizontalFlip has no argument 'prob'.* It takes p"),
    ("Rotate", {"limits": 5}, r"Rotate has no argument 'limits'. Did you mean 'limit'\?"),
    ("HorizontalFlip", {"p": 2}, r"HorizontalFlip: `p`: Input should be less than or equal to 1. Found 2"),
    ("RandomResizedCrop", {"scale": [0.5, 3]}, r"RandomResizedCrop: `scale`: .* Found \[0.5, 3\]"),
    ("RandomResizedCrop", {"size": [64, 64]}, r"takes its `size` from `data.size`. Leave `size` out"),
    ("Rotate", {"fill_mask": 0}, r"Rotate may not set `fill_mask`: what comes from outside the image is invalid"),
    ("Rotate", {"mask_interpolation": 1}, r"Rotate may not set `mask_interpolation`: .* never mixed"),
    ("PixelDropout", {"mask_drop_value": 0}, r"may not set `mask_drop_value`"),
    ("SmallestMaxSize", {}, r"SmallestMaxSize: Either max_size or max_size_hw must be specified\.$"),
    ("ToGray", {"num_output_channels": 1}, r"ToGray failed on a small image: it must give RGB, uint8 .* \(64, 64\)"),
]

REFUSED_FOR_DEPTH_AND_NORMALS: list[tuple[str, dict[str, Any], str]] = [
    ("ElasticTransform", {}, r"it bends the image as no camera could. Use HorizontalFlip"),
    ("GridDistortion", {}, r"it bends the image"),
    ("OpticalDistortion", {}, r"it bends the image"),
    ("Perspective", {}, r"it tilts the image plane"),
    ("Transpose", {}, r"it lays the image on its side.* Use HorizontalFlip, VerticalFlip or Rotate"),
    ("RandomRotate90", {}, r"it lays the image on its side"),
    ("D4", {}, r"it lays the image on its side"),
    ("CenterCrop", {"height": 9, "width": 9}, r"it gives the image a shape of its own.* Use RandomResizedCrop"),
    ("RandomCrop", {"height": 9, "width": 9}, r"it gives the image a shape of its own"),
    ("PadIfNeeded", {"min_height": 9, "min_width": 9}, r"it gives the image a shape of its own"),
    ("Resize", {"height": 9, "width": 9}, r"it gives the image a shape of its own"),
    ("ShiftScaleRotate", {}, r"it scales height and width by two different draws. Use Affine with keep_ratio: true"),
    ("SafeRotate", {}, r"it stretches the image to make the turned one fit. Use Rotate"),
    ("RandomResizedCrop", {"ratio": [0.75, 1.33]}, r"it would scale height and width differently. Leave `ratio` out"),
    ("Rotate", {"border_mode": 4}, r"it repeats the scene beyond its border.* Leave `border_mode` out"),
    ("Rotate", {"crop_border": True}, r"it would crop to another shape.* Leave `crop_border` out"),
    ("Affine", {"shear": 5}, r"it shears the image as no camera could. Leave `shear` out"),
    ("Affine", {"scale": [0.5, 1.5]}, r"it scales height and width by different draws. Set `keep_ratio: true`"),
    ("Affine", {"scale": {"x": 1.5, "y": 1.2}}, r"it scales height and width by different draws"),
    ("Affine", {"rotate": 20, "fit_output": True}, r"it would change the shape of the image.* Leave `fit_output` out"),
]


@pytest.fixture(autouse=True)
def _no_advice() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="ShiftScaleRotate is a special case")
        yield


@pytest.mark.parametrize(("name", "arguments", "message"), REFUSED_FOR_ALL)
@pytest.mark.parametrize("infos", [SEGMENTATION, BOTH], ids=["labels", "camera"])
def test_what_no_recipe_may_name_is_refused(name: str, arguments: Any, message: str, infos: Any) -> None:
    with pytest.raises(AugmentationError, match=rf"^data.augment\[0\]: .*{message}"):
        Pipeline([{name: arguments}], infos, (32, 32))


@pytest.mark.parametrize(("name", "arguments", "message"), REFUSED_FOR_DEPTH_AND_NORMALS)
def test_what_no_camera_could_do_is_refused_for_depth_and_normals(name: str, arguments: Any, message: str) -> None:
    for infos, targets in ((DEPTH, "'range'"), (NORMALS, "'slant'"), (BOTH, "'range' and 'slant'")):
        with pytest.raises(AugmentationError, match=rf"{name} cannot be applied honestly to {targets}: {message}"):
            Pipeline([{name: arguments}], infos, (32, 32))


@pytest.mark.parametrize(("name", "arguments", "_"), REFUSED_FOR_DEPTH_AND_NORMALS)
def test_the_same_moves_suit_label_maps(name: str, arguments: Any, _: str) -> None:
    labels = RawTarget(np.ones((40, 30), int), np.ones((40, 30), bool))
    plain = Sample("plain", np.full((40, 30, 3), 200, np.uint8), {"parts": labels})
    moved = Pipeline([{name: {"p": 1.0, **arguments}}], SEGMENTATION, (32, 32))(plain, 0)
    assert moved.image.shape == (32, 32, 3)
    assert moved.targets["parts"].value.shape == moved.targets["parts"].valid.shape == (32, 32)
    assert moved.targets["parts"].valid.any()


CAMERA_MOVES: list[tuple[str, dict[str, Any]]] = [
    ("HorizontalFlip", {}),
    ("VerticalFlip", {}),
    ("RandomResizedCrop", {"scale": [0.2, 1.0]}),
    ("Rotate", {"limit": 180}),
    ("Affine", {"scale": [0.5, 2.0], "keep_ratio": True, "rotate": [-90, 90], "translate_percent": [-0.2, 0.2]}),
    ("Affine", {"scale": 1.5}),
    ("RandomScale", {"scale_limit": 0.5}),
    ("LongestMaxSize", {"max_size": 100}),
    ("SmallestMaxSize", {"max_size": 200}),
]


@pytest.mark.parametrize(("name", "arguments"), CAMERA_MOVES)
def test_what_is_allowed_for_depth_and_normals_really_is_a_similarity(name: str, arguments: Any) -> None:
    (step,) = build_steps([{name: {"p": 1.0, **arguments}}], BOTH, (96, 128))
    image = np.zeros((192, 256, 3), np.uint8)
    for seed in range(10):
        view = step(View(image), np.random.default_rng(seed), random.Random(seed))
        linear = view.tracked().linear / (np.array([view.image.shape[1] / 256, view.image.shape[0] / 192])[:, None])
        move = similarity(view.tracked().linear, (192, 256), (view.image.shape[0], view.image.shape[1]))
        np.testing.assert_allclose(linear, move.zoom * move.turn, atol=0.01 * move.zoom)


def test_that_check_can_fail() -> None:
    """ShiftScaleRotate, refused above, is indeed no similarity: albumentations draws two scales."""
    transform = albumentations.ShiftScaleRotate(scale_limit=0.5, p=1.0)
    step = Step(transform, Reach.CAMERA, (96, 96), keeps_aspect=True)
    view = step(View(np.zeros((96, 96, 3), np.uint8)), np.random.default_rng(0), random.Random(0))
    assert np.linalg.cond(view.tracked().linear) > 1.05


def test_every_problem_is_found_at_once() -> None:
    transforms: list[Any] = [{"HorizontalFlip": {}}, {"Perspective": {}}, {"Blur": {}, "CLAHE": {}}, {"Normalize": {}}]
    errors = check_transforms(transforms, BOTH)
    assert [error.index for error in errors] == [1, 2, 3]
    assert str(errors[1]) == "data.augment[2]: each entry names one transform. Found ['Blur', 'CLAHE']."
    assert str(errors[2]) == f"data.augment[3]: {errors[2].reason}"
    assert errors[0].exit_code == 2
    assert check_transforms(transforms[:1], BOTH) == []


def image_only() -> list[str]:
    base = albumentations.ImageOnlyTransform
    names = [
        name for name, found in vars(albumentations).items() if isinstance(found, type) and issubclass(found, base)
    ]
    erasing = ["CoarseDropout", "Erasing", "GridDropout", "PixelDropout", "XYMasking"]
    refused = {name for name, _, _ in REFUSED_FOR_ALL} - set(erasing) - {"ToGray"}
    # ToRGB warns of an image that has colours already.
    refused |= {
        "ToRGB",
        "ImageOnlyTransform",
        "FromFloat",
        "HistogramMatching",
        "PixelDistributionAdaptation",
        "TextImage",
    }
    return sorted({*names, *erasing} - refused)


def test_changes_of_the_image_alone_leave_labels_alone_and_follow_the_seed() -> None:
    names = image_only()
    assert len(names) > 50
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    depth = RawTarget(np.random.default_rng(1).random((32, 32), np.float32), np.ones((32, 32), bool))
    for name in names:
        first, second = (
            Pipeline([{name: {"p": 1.0}}], BOTH, (32, 32))(Sample("noise", noise, {"range": depth}), 3)
            for _ in range(2)
        )
        assert np.array_equal(first.image, second.image), f"{name} does not follow the seed"
        assert np.array_equal(first.targets["range"].value, depth.value), f"{name} changed the label"
        assert first.targets["range"].valid.all()
