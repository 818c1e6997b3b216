"""Surface normals from a depth map: planes fitted to windows, each pixel taking those that fit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]

_FRAME = (480, 640)
# A window reaches atan(1/64), 0.9 degrees, to each side: 8 pixels of a Kinect's frame. Measured: less is noisier, more
# rounds off what is small.
_REACH = 64
_SMALLEST_REACH = 2
# Weights are the score to minus this power: 2 mixes more across corners, 4 takes more of a sensor's steps for surfaces.
_POWER = 3
# How much a pixel's own distance to the plane counts beside the window's variance.
_OWN = 0.1
# In 1/m^2: the variance that rounding to float32 leaves at one metre.
_ROUNDING = 1e-15
# In 1/m; more than six steps of a Kinect.
_FAR_OFF = 0.02
# In metres. Nearer is nothing that a camera of this data measures, and 1/z would swamp the sums.
_NEAREST = 0.01


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole camera without distortion, in pixels. The centre of the first pixel is (0, 0).

    Attributes:
        fx: Focal length along the rows.
        fy: Focal length along the columns.
        cx: Column of the principal point.
        cy: Row of the principal point.
    """

    fx: float
    fy: float
    cx: float
    cy: float

    def at(self, height: int, width: int) -> Intrinsics:
        """Those of a whole frame of 480 x 640, which these must be of, brought to another size."""
        down, along = height / _FRAME[0], width / _FRAME[1]
        # The frame reaches from -0.5 to 639.5; its corners, not the centres of its corner pixels, stay where they are.
        return Intrinsics(self.fx * along, self.fy * down, (self.cx + 0.5) * along - 0.5, (self.cy + 0.5) * down - 0.5)

    def shifted(self, rows: int, columns: int) -> Intrinsics:
        """Those of a crop whose first pixel is at this row and column."""
        return Intrinsics(self.fx, self.fy, self.cx - columns, self.cy - rows)

    def rays(self, height: int, width: int) -> tuple[Doubles, Doubles]:
        """Where rays meet the plane one metre ahead: x of each column, (1, width), and y of each row, (height, 1)."""
        columns, rows = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)
        return (columns[None] - self.cx) / self.fx, (rows[:, None] - self.cy) / self.fy


KINECT = Intrinsics(518.857901, 519.469611, 325.582449, 253.736166)
"""The colour camera of NYU-Depth-v2 at 640 x 480, as calibrated in its toolbox (camera_params.m), which the depth is
projected to. The toolbox counts pixels from 1 where it back-projects, from 0 here: a difference of 0.11 degrees."""


class _Planes(NamedTuple):
    """1/z = slope_x x + slope_y y + offset, each of shape (H, W), in 1/m."""

    slope_x: Doubles
    slope_y: Doubles
    offset: Doubles

    def off(self, x: Doubles, y: Doubles, inverse: Doubles) -> Doubles:
        """How far pixels are off their planes, in 1/m."""
        distance: Doubles = np.abs(self.slope_x * x + self.slope_y * y + self.offset - inverse)
        return distance


def normals_from_depth(
    depth: NDArray[np.float32], valid: Mask, intrinsics: Intrinsics
) -> tuple[NDArray[np.float32], Mask]:
    """Unit normals that face the camera, by least squares.

    With x and y on the plane one metre ahead, a plane in space is exactly 1/z = a x + b y + c, and (a, b, c) is along
    its normal. A stereo sensor's noise and steps are nearly uniform in 1/z, so the unweighted fit is the right one, and
    it needs nothing but sums over windows.

    A window that reaches across an edge of an object or a corner of a room fits badly. So each pixel takes the mean of
    the planes of nine windows of one size that hold it (centred, and shifted by half a window to the eight sides), each
    weighing 1/score^3. The score is the variance of 1/z about the plane, but at least its median over the picture, plus
    a tenth of the pixel's own squared distance. The median is what the sensor leaves everywhere; without it, the flat
    steps of a quantised depth would pass for surfaces that face the camera.

    Args:
        depth: Metres along the optical axis, shape (H, W).
        valid: Where the depth was measured, shape (H, W). Depths that are not finite or under 1 cm never count.
        intrinsics: Of this picture; they set the size of the windows too, 1.8 degrees.

    Returns:
        Normals in the camera's frame (x right, y down, z forward), shape (H, W, 3), zero where invalid; and where they
        are valid, shape (H, W): where the depth was measured, at least a quarter of one of the windows as well, and the
        mean plane passes the pixel at 0.02 1/m (2 cm at 1 m, 18 cm at 3 m) and by half of 1/z at most.

    Raises:
        ValueError: If the two maps are not (H, W) both.
    """
    if depth.ndim != 2 or depth.shape != valid.shape:
        raise ValueError(f"`depth` and `valid` must be (H, W) both. Found {depth.shape} and {valid.shape}.")
    measured = valid & np.isfinite(depth) & (depth >= _NEAREST)
    inverse = 1 / np.where(measured, depth, np.inf).astype(np.float64)
    x, y = intrinsics.rays(*depth.shape)
    reach = (_reach(intrinsics.fy), _reach(intrinsics.fx))
    planes, good = _blend(*_fit(inverse, measured, x, y, reach), x, y, inverse, reach)
    good &= measured & (planes.off(x, y, inverse) <= np.minimum(_FAR_OFF, inverse / 2))
    # The plane passes in front of the camera, so the vector that looks back along the ray is the negative one.
    normal = -np.stack(planes, -1)
    normal /= np.where(good, np.linalg.norm(normal, axis=-1), 1)[..., None]
    return np.where(good[..., None], normal, 0).astype(np.float32), good


def _reach(focal: float) -> int:
    """Pixels to each side of a window's middle."""
    return max(_SMALLEST_REACH, round(focal / _REACH))


def _fit(inverse: Doubles, measured: Mask, x: Doubles, y: Doubles, reach: tuple[int, int]) -> tuple[_Planes, Doubles]:
    """The plane of the window around each pixel, and the variance about it, infinite with too few points."""
    window = (2 * reach[1] + 1, 2 * reach[0] + 1)

    def total(values: Doubles) -> Doubles:
        summed = cv2.boxFilter(values, -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
        return summed.astype(np.float64, copy=False)

    one = measured.astype(np.float64)
    count = np.rint(total(one))
    # A quarter of a window never lies on one line, so the equations have a solution.
    enough = count >= window[0] * window[1] / 4
    share = 1 / np.where(enough, count, np.inf)
    mx, my, mz = (share * total(values) for values in (one * x, one * y, inverse))
    xx, xy, yy = (
        share * total(one * a * b) - ma * mb for a, b, ma, mb in ((x, x, mx, mx), (x, y, mx, my), (y, y, my, my))
    )
    xz, yz = share * total(x * inverse) - mx * mz, share * total(y * inverse) - my * mz
    zz = share * total(inverse * inverse) - mz * mz
    determinant = np.where(enough, xx * yy - xy * xy, 1)
    slope_x, slope_y = (xz * yy - yz * xy) / determinant, (yz * xx - xz * xy) / determinant
    rest = np.maximum(zz - slope_x * xz - slope_y * yz, 0) * count / np.maximum(count - 3, 1)
    return _Planes(slope_x, slope_y, mz - slope_x * mx - slope_y * my), np.where(enough, rest, np.inf)


def _blend(
    planes: _Planes, variance: Doubles, x: Doubles, y: Doubles, inverse: Doubles, reach: tuple[int, int]
) -> tuple[_Planes, Mask]:
    """For each pixel the weighted mean of the planes of the nine windows that hold it; and whether there is one."""
    height, width = inverse.shape
    beside = [(pixels, pixels) for pixels in reach]
    padded = [np.pad(values, beside) for values in planes]
    variances = np.pad(variance, beside, constant_values=np.inf)
    fitted = np.isfinite(variance)
    usual = max(float(np.median(variance[fitted])) if fitted.any() else 0.0, _ROUNDING)
    weights, sums = np.zeros_like(inverse), [np.zeros_like(inverse) for _ in planes]
    for row, column in product(*((0, pixels, 2 * pixels) for pixels in reach)):
        window = np.s_[row : row + height, column : column + width]
        one = _Planes(*(values[window] for values in padded))
        ratio = usual / (np.maximum(variances[window], usual) + _OWN * one.off(x, y, inverse) ** 2)
        weight = ratio**_POWER
        weights += weight
        for total, values in zip(sums, one, strict=True):
            total += weight * values
    found = weights > 0
    return _Planes(*(total / np.where(found, weights, 1) for total in sums)), found
