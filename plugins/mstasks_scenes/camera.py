"""A pinhole camera in the world of a scene (x and y along the floor, z up, metres)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera is and how it looks.

    Attributes:
        position: World coordinates, shape (3,).
        axes: Rows are the image's right, down and the optical axis in world coordinates, shape (3, 3), orthonormal. A
            mirrored camera has its first row negated, which shows the mirror image of the world.
        focal: Focal length as a multiple of the image's longer side. The principal point is the centre of the image.
    """

    position: Floats
    axes: Floats
    focal: float

    def pixels(self, size: tuple[int, int]) -> float:
        """Focal length in pixels of an image of this height and width."""
        return self.focal * max(size)

    def rays(self, size: tuple[int, int]) -> Floats:
        """World directions through the pixel centres, row by row, shape (3, height * width).

        Not unit: the component along the optical axis is 1, so the ray parameter of a point is its depth.
        """
        height, width = size
        x = ((np.arange(width) + 0.5 - width / 2) / self.pixels(size)).astype(np.float32)
        y = ((np.arange(height) + 0.5 - height / 2) / self.pixels(size)).astype(np.float32)
        right, down, forward = self.axes[:, :, None, None]
        rays: Floats = x * right + (y[:, None] * down + forward)
        return rays.reshape(3, -1)

    def components(self, vectors: Floats) -> Floats:
        """World vectors, shape (3, n), in the camera's frame: x right, y down, z forward."""
        # Written out, because a matrix product may round differently on another machine.
        columns = self.axes.T[:, :, None]
        result: Floats = columns[0] * vectors[0] + columns[1] * vectors[1] + columns[2] * vectors[2]
        return result


def look(
    position: tuple[float, float, float], yaw: float, pitch: float, roll: float, field: float, mirrored: bool
) -> Camera:
    """A camera from angles in radians.

    Args:
        position: World coordinates in metres.
        yaw: Direction of view on the floor plan, from the y axis towards the x axis.
        pitch: Downwards positive.
        roll: Around the optical axis.
        field: Field of view over the image's longer side.
        mirrored: Whether left and right are exchanged.
    """
    sin_yaw, cos_yaw = math.sin(yaw), math.cos(yaw)
    sin_pitch, cos_pitch = math.sin(pitch), math.cos(pitch)
    forward = np.array([sin_yaw * cos_pitch, cos_yaw * cos_pitch, -sin_pitch])
    level = np.array([cos_yaw, -sin_yaw, 0.0])
    upright = np.array([-sin_yaw * sin_pitch, -cos_yaw * sin_pitch, -cos_pitch])
    right = math.cos(roll) * level + math.sin(roll) * upright
    down = math.cos(roll) * upright - math.sin(roll) * level
    axes = np.stack([-right if mirrored else right, down, forward]).astype(np.float32)
    return Camera(np.array(position, np.float32), axes, 0.5 / math.tan(field / 2))
