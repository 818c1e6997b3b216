"""One augmentation step applied to an image and to what keeps track of it.

Labels do not go through albumentations. Two things go along with the image instead: the coordinates of its pixels,
which tell where each new pixel came from, and three corner points, which tell how the camera moved. Labels are
fetched once, at the end, from their own resolution. As long as there were mirrors alone, nothing needs to go along but
which: that is many times faster.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mstasks.data.honest import Reach
from mstasks.data.sampling import OUTSIDE, coordinates

_ARM = 1000.0
# albumentations' keypoints are (x, y, z, angle, scale); long arms keep float32 rounding out of the quotients.
_CORNERS = np.array([[0, 0, 0, 0, 1], [_ARM, 0, 0, 0, 1], [0, _ARM, 0, 0, 1]], np.float64)


_MIRRORS = ("HorizontalFlip", "VerticalFlip")
_MARK = np.array([[0, 1], [2, 3]], np.uint8)
"""Goes through a mirror as a mask; its first element then says which mirror it was."""


@dataclass(frozen=True, slots=True)
class Track:
    """Where a moved image came from.

    Attributes:
        source: x and y of the original pixel that each pixel shows, float32 (H, W, 2); `OUTSIDE` where none.
        corners: Where three corner points of the original plane have got to, as albumentations keypoints (3, 5).
    """

    source: NDArray[np.float32]
    corners: NDArray[np.float64]

    @property
    def linear(self) -> NDArray[np.float64]:
        """(2, 2) linear part of the map of pixels (x, y) from the original to this image."""
        points = np.asarray(self.corners, np.float64)[:, :2]
        return np.stack([points[1] - points[0], points[2] - points[0]], 1) / _ARM


@dataclass(frozen=True, slots=True)
class View:
    """An image on its way through the steps.

    Attributes:
        image: RGB, uint8 (H, W, 3).
        mirrored: Whether left and right, and whether top and bottom, have changed places; of no meaning with a track.
        track: Where it came from, None as long as there were mirrors alone.
    """

    image: NDArray[np.uint8]
    mirrored: tuple[bool, bool] = (False, False)
    track: Track | None = None

    def tracked(self) -> Track:
        """Where the image came from, whether or not it was written down."""
        if self.track is not None:
            return self.track
        height, width = self.image.shape[:2]
        across, down = (-1 if mirrored else 1 for mirrored in self.mirrored)
        corners = _CORNERS * [across, down, 1, 1, 1]  # moved by whole frames, which their differences do not show
        return Track(coordinates(height, width)[::down, ::across], corners)


class Step:
    """One transform of the recipe, ready to be applied.

    Args:
        transform: The albumentations instance.
        reach: What it does to labels.
        size: Height and width that samples are brought to in the end.
        keeps_aspect: Whether a RandomResizedCrop keeps the image's own aspect, as depth and normals need it.
    """

    def __init__(self, transform: Any, reach: Reach, size: tuple[int, int], keeps_aspect: bool) -> None:
        self.name = type(transform).__name__
        self._transform = transform
        self._reach = reach
        self._size = size
        self._keeps_aspect = keeps_aspect
        if reach is not Reach.IMAGE:
            # These two speak of coordinates here. Labels are fetched at the nearest pixel all the same.
            transform.mask_interpolation = cv2.INTER_LINEAR
            transform.fill_mask = OUTSIDE

    def __call__(self, view: View, generator: np.random.Generator, py_random: random.Random) -> View:
        """The view after the step, whose parameters are drawn from the two generators.

        Raises:
            ValueError: If the image that comes out is not RGB, uint8 (H, W, 3).
            Exception: Whatever albumentations raises, such as for a crop larger than the image.
        """
        self._transform.set_random_state(generator, py_random)
        if self._reach is Reach.IMAGE:
            return replace(view, image=_checked(self._transform(image=view.image)["image"]))
        if self.name in _MIRRORS and view.track is None:
            return self._mirror(view)
        if self.name == "RandomResizedCrop":
            self._fit(view.image.shape[0], view.image.shape[1])
        track = view.tracked()
        if self._reach is Reach.LABELS:
            # It neither mirrors nor meets depth or normals, so that nobody asks where the corners are.
            moved = self._transform(image=view.image, mask=track.source)
            return View(moved["image"], track=Track(moved["mask"], track.corners))
        moved = self._transform(image=view.image, mask=track.source, keypoints=track.corners)
        return View(moved["image"], track=Track(moved["mask"], moved["keypoints"]))

    def _mirror(self, view: View) -> View:
        moved = self._transform(image=view.image, mask=_MARK)
        first = int(moved["mask"][0, 0])
        return View(moved["image"], (view.mirrored[0] ^ bool(first & 1), view.mirrored[1] ^ bool(first & 2)))

    def _fit(self, height: int, width: int) -> None:
        """Crop to the smallest frame of the image's aspect that covers the size, so that later turns are turns."""
        factor = max(self._size[0] / height, self._size[1] / width)
        frame = (max(self._size[0], round(height * factor)), max(self._size[1], round(width * factor)))
        self._transform.size = frame
        if self._keeps_aspect:
            self._transform.ratio = (width / height, width / height)

    def try_out(self) -> None:
        """Apply a step that changes only the image to a small one: what it needs and does not get shows at once.

        Raises:
            Exception: Whatever albumentations raises.
        """
        if self._reach is Reach.IMAGE:
            self._transform.set_random_state(np.random.default_rng(0), random.Random(0))
            image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            _checked(self._transform(image=image, force_apply=True)["image"])


def _checked(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"it must give RGB, uint8 (H, W, 3), and gave {image.dtype} {image.shape}")
    return image
