"""Pictures of labels and predictions, by kind: what reports show."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mstasks.targets import Colour, TargetInfo, TargetKind

NEAREST, FARTHEST = 0.5, 10.0
"""Metres at the two ends of the depth colours; fixed, so that a prediction and its label can be compared."""
CELL_HEIGHT, CELL_WIDTH = 16, 64
"""Pixels of one attribute's cell."""

_LEVELS = np.arange(0, 256, 15, dtype=np.uint8)  # 18 per channel: 5832 candidate colours


def picture_of_kind(kind: TargetKind, info: TargetInfo, value: Tensor) -> Tensor:
    """Draw one example.

    Args:
        kind: What the value is.
        info: What the data set declares of it: names and colours.
        value: A label's value or a decoded prediction, without the batch dimension, on any device. Label map: class
            indices (H, W) of an integer type, or class scores (C, H, W), of which the largest is drawn. Depth map
            (1, H, W), metres. Vector map (3, H, W), unit. Scalar map (1, H, W), in [0, 1]. Attributes (K,), in [0, 1].

    Returns:
        uint8 on the CPU, shape (H, W, 3); attributes: (16 K, 64, 3). A value that is not a number is drawn as 0, one
        out of range as the nearest in range. What is not valid is the caller's to paint over.

    Raises:
        ValueError: If the shape does not fit the kind.
    """
    value = value.detach().cpu()
    if value.is_floating_point():
        value = value.float().nan_to_num()
    return _DRAW[kind](value, info)


@cache
def default_palette(count: int) -> tuple[Colour, ...]:
    """Choose colours for `count` classes that are easy to tell apart: the same for the same class whatever the count.

    Each is the candidate farthest, in CIE L*a*b*, from all before it and from black and white, which are left for void
    and background. Candidates are neither dark nor light nor glaring. They run out, and repeat, after some thousands.
    """
    rgb = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = _lab(rgb)
    usable = (lab[:, 0] > 30) & (lab[:, 0] < 90) & (np.hypot(lab[:, 1], lab[:, 2]) < 85)
    rgb, lab = rgb[usable], lab[usable]
    taken = _lab(np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8))
    distance = np.linalg.norm(lab[:, None] - taken, axis=-1).min(1)
    chosen: list[Colour] = []
    for _ in range(min(count, len(rgb))):
        best = int(distance.argmax())
        red, green, blue = (int(level) for level in rgb[best])
        chosen.append((red, green, blue))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[best], axis=-1))
    return tuple(chosen[index % len(chosen)] for index in range(count))


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIE L*a*b* (D65) of sRGB bytes, shape (n, 3); IEC 61966-2-1 and CIE 15."""
    srgb = rgb / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.0890])
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@cache
def _depth_colours() -> Tensor:
    """256 colours from near (light) to far (dark), uint8 (256, 3)."""
    from matplotlib import colormaps  # here, because it takes a third of a second to import

    table = colormaps["magma_r"](np.arange(256), bytes=True)
    return torch.from_numpy(table[:, :3].copy())


def _require(value: Tensor, shape: tuple[int | None, ...], meaning: str) -> None:
    """Refuse a shape that differs; None stands for any length."""
    fits = value.dim() == len(shape) and all(
        want in (None, have) for want, have in zip(shape, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"A picture of {meaning}. Found {tuple(value.shape)}, {value.dtype}.")


def _draw_labels(value: Tensor, info: TargetInfo) -> Tensor:
    if value.dim() == 3:
        value = value.argmax(0)
    if value.dim() != 2 or value.is_floating_point():
        raise ValueError(
            f"A picture of a label map needs class indices (height, width) of an integer type or class scores "
            f"(classes, height, width). Found {tuple(value.shape)}, {value.dtype}."
        )
    colours = torch.tensor(info.colours or default_palette(len(info.names)), dtype=torch.uint8)
    return colours[value.long().clamp(0, len(colours) - 1)]


def _draw_depth(value: Tensor, _info: TargetInfo) -> Tensor:
    """Logarithmic between `NEAREST` and `FARTHEST`: equal ratios of depth look equally different."""
    _require(value, (1, None, None), "a depth map needs shape (1, height, width)")
    nearest, farthest = torch.tensor([NEAREST, FARTHEST]).log()
    share = (value[0].float().clamp(NEAREST, FARTHEST).log() - nearest) / (farthest - nearest)
    return _depth_colours()[(share * 255).round().long()]


def _draw_vectors(value: Tensor, _info: TargetInfo) -> Tensor:
    """(n + 1) / 2 with y and z turned round: right is red, up is green, towards the camera is blue.

    This is how the field draws normals (floors green, walls that face the camera lilac), with a camera frame whose y
    points up and whose z points at the viewer; here y points down and z forward.
    """
    _require(value, (3, None, None), "a vector map needs shape (3, height, width)")
    turned = value.float() * torch.tensor([1.0, -1.0, -1.0])[:, None, None]
    return _bytes((turned + 1) / 2).permute(1, 2, 0).contiguous()


def _draw_scalars(value: Tensor, _info: TargetInfo) -> Tensor:
    _require(value, (1, None, None), "a scalar map needs shape (1, height, width)")
    return _bytes(value[0, :, :, None].expand(-1, -1, 3)).contiguous()


def _draw_attributes(value: Tensor, _info: TargetInfo) -> Tensor:
    """One cell an attribute, top to bottom, as bright as it is probable."""
    _require(value, (None,), "attributes needs shape (attributes,)")
    rows = _bytes(value).repeat_interleave(CELL_HEIGHT)
    return rows[:, None, None].expand(-1, CELL_WIDTH, 3).contiguous()


def _bytes(share: Tensor) -> Tensor:
    return (share.float().clamp(0, 1) * 255).round().byte()


_DRAW: dict[TargetKind, Callable[[Tensor, TargetInfo], Tensor]] = {
    TargetKind.LABEL_MAP: _draw_labels,
    TargetKind.DEPTH_MAP: _draw_depth,
    TargetKind.VECTOR_MAP: _draw_vectors,
    TargetKind.SCALAR_MAP: _draw_scalars,
    TargetKind.ATTRIBUTES: _draw_attributes,
}
