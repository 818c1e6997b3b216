"""What augmentation may honestly do to which labels: the table of transforms, and why the others are refused.

Three kinds of albumentations transforms can be used. Those that change only the image suit every label. *Camera moves*
(mirror, zoom by one factor, turn, shift) suit every label, for they carry a true depth into a true depth and a true
normal into a true normal. Every other move of pixels suits labels that merely lie on the pixels; no camera could have
seen the result, so depth and vector maps have no true value after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from mstasks.targets import TargetInfo, TargetKind


class Reach(Enum):
    """What a transform does to labels."""

    IMAGE = "leaves every label where it is"
    CAMERA = "moves every label, as a moved camera would"
    TURNS = "moves labels that merely lie on the pixels, and may mirror them"
    LABELS = "moves labels that merely lie on the pixels"


_USE_INSTEAD = "Use HorizontalFlip, RandomResizedCrop, Rotate, or Affine with keep_ratio: true."

_CAMERA = {"HorizontalFlip", "VerticalFlip", "RandomResizedCrop", "Rotate", "Affine", "NoOp"} | {
    # Whole images at another scale are the same view once they are brought to `data.size`.
    "RandomScale",
    "LongestMaxSize",
    "SmallestMaxSize",
}
_TURNS = {"Transpose", "RandomRotate90", "D4", "SquareSymmetry"}
_ERASE = {"CoarseDropout", "Erasing", "GridDropout", "PixelDropout", "XYMasking"}


def _table(*rows: tuple[str, str]) -> dict[str, str]:
    """One reason for each of several names: rows of (names, reason)."""
    return {name: reason for names, reason in rows for name in names.split()}


_LABELS = _table(
    (
        "ElasticTransform GridDistortion GridElasticDeform OpticalDistortion PiecewiseAffine ThinPlateSpline",
        f"bends the image as no camera could. {_USE_INSTEAD}",
    ),
    ("Perspective", f"tilts the image plane by an amount that a label cannot follow. {_USE_INSTEAD}"),
    (
        "Transpose RandomRotate90 D4 SquareSymmetry",
        "lays the image on its side, and bringing it back to `data.size` stretches the scene. "
        "Use HorizontalFlip, VerticalFlip or Rotate.",
    ),
    (
        "CenterCrop RandomCrop Crop CropAndPad RandomCropFromBorders RandomSizedCrop Pad PadIfNeeded Resize",
        "gives the image a shape of its own, and bringing it back to `data.size` stretches the scene. "
        "Use RandomResizedCrop.",
    ),
    (
        "ShiftScaleRotate",
        "scales height and width by two different draws. "
        "Use Affine with keep_ratio: true, rotate and translate_percent.",
    ),
    ("SafeRotate", "stretches the image to make the turned one fit. Use Rotate."),
)
"""Moves that are no camera moves, each with the reason."""

_REFUSED = _table(
    (
        "Normalize ToFloat FromFloat ToTensorV2 ToTensor3D",
        "changes the type of the image. "
        "Leave it out: the network normalises with its backbone's own mean and deviation.",
    ),
    (
        "FDA HistogramMatching PixelDistributionAdaptation TextImage Mosaic OverlayElements",
        "needs other images or data that a recipe cannot name. Use ColorJitter or CoarseDropout.",
    ),
    (
        "AtLeastOneBBoxRandomCrop BBoxSafeRandomCrop RandomCropNearBBox RandomSizedBBoxSafeCrop "
        "ConstrainedCoarseDropout MaskDropout CropNonEmptyMaskIfExists",
        "looks at boxes or masks that samples do not have. Use RandomResizedCrop or CoarseDropout.",
    ),
    ("RandomGridShuffle", "cuts the scene into pieces and mixes them. Use CoarseDropout."),
    ("Morphological", "grows or shrinks things in the image but not in the labels. Use Blur or Sharpen."),
    ("TimeReverse TimeMasking FrequencyMasking", "is made for spectrograms. Use HorizontalFlip or XYMasking."),
    ("Lambda", "takes Python functions, which a recipe cannot hold. Write a data set plugin that does it in `load`."),
    (
        "Compose OneOf OneOrOther RandomOrder ReplayCompose SelectiveChannelTransform Sequential SomeOf",
        "holds other transforms. List them one by one: they are applied in order, each with its own p.",
    ),
)
"""What no recipe may name, each with the reason."""

_LABEL_ARGUMENTS = {
    "fill_mask": "what comes from outside the image is invalid in every label, not filled",
    "mask_interpolation": "labels are always sampled at the nearest pixel, never mixed",
    "mask_drop_value": "labels stay what they are where the image is erased",
}


def refusal(name: str) -> str | None:
    """Why no recipe may name this albumentations class; None if nothing is known against it."""
    return _REFUSED.get(name)


def reach(name: str, image_only: bool) -> Reach | None:
    """What a transform does to labels.

    Args:
        name: The albumentations class.
        image_only: Whether albumentations declares that it changes the image alone.

    Returns:
        None for a transform that is not in the table, and hence not known to move labels honestly.
    """
    if image_only or name in _ERASE:
        return Reach.IMAGE
    if name in _CAMERA:
        return Reach.CAMERA
    if name in _TURNS:
        return Reach.TURNS
    return Reach.LABELS if name in _LABELS else None


def camera_targets(infos: Mapping[str, TargetInfo]) -> list[str]:
    """Names of the targets whose values change when the camera moves: depth and vector maps."""
    return [name for name, info in infos.items() if info.kind in (TargetKind.DEPTH_MAP, TargetKind.VECTOR_MAP)]


def argument_refusal(name: str, arguments: Mapping[str, Any]) -> str | None:
    """Why an argument is not a recipe's to set, whatever the targets; None if all are."""
    if name == "RandomResizedCrop" and "size" in arguments:
        return "takes its `size` from `data.size`. Leave `size` out."
    for argument, reason in _LABEL_ARGUMENTS.items():
        if argument in arguments:
            return f"may not set `{argument}`: {reason}. Leave it out."
    return None


def camera_refusal(name: str, transform: Any, arguments: Mapping[str, Any], targets: Sequence[str]) -> str | None:
    """Why a transform cannot be applied honestly to depth or vector maps; None if it can.

    Args:
        name: The albumentations class.
        transform: The instance, whose attributes hold the effective arguments.
        arguments: What the recipe wrote.
        targets: Names of the recipe's depth and vector maps.
    """
    reason = _LABELS.get(name) or _condition(name, transform, arguments)
    if reason is None or not targets:
        return None
    named = " and ".join(f"'{target}'" for target in targets)
    return f"cannot be applied honestly to {named}: it {reason}"


def _condition(name: str, transform: Any, arguments: Mapping[str, Any]) -> str | None:
    """Why the arguments of a camera move make it something else."""
    if getattr(transform, "border_mode", 0) != 0:
        return "repeats the scene beyond its border, where it would be false. Leave `border_mode` out."
    if name == "RandomResizedCrop" and "ratio" in arguments:
        return "would scale height and width differently. Leave `ratio` out: crops keep the image's own aspect."
    if name == "Rotate" and transform.crop_border:
        return "would crop to another shape and stretch it. Leave `crop_border` out."
    return _affine_condition(transform) if name == "Affine" else None


def _affine_condition(transform: Any) -> str | None:
    if any(angle != 0 for axis in ("x", "y") for angle in transform.shear[axis]):
        return "shears the image as no camera could. Leave `shear` out."
    if transform.fit_output:
        return "would change the shape of the image and stretch it. Leave `fit_output` out."
    same = transform.scale["x"] == transform.scale["y"]
    if not (same and (transform.keep_ratio or transform.scale["x"][0] == transform.scale["x"][1])):
        return "scales height and width by different draws. Set `keep_ratio: true` and one `scale` range."
    return None
