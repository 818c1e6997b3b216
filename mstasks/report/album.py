"""The pictures of a page: kept as pixels until the page is written, so that all of them can be made to fit."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mstasks.errors import MstasksError
from mstasks.report.markup import Html, void

LIMIT = 5_000_000
"""Bytes that a page stays below: what a mail takes."""
LARGEST = 640
"""Pixels of the longer side of a picture at most; a page shows them smaller."""
_STEPS = ((1.0, 85), (0.75, 80), (0.5, 75), (0.35, 70), (0.25, 65), (0.15, 60), (0.08, 50))
"""Scale and quality of the pictures, from the best to the smallest."""

Pixels = NDArray[np.uint8]


class PageTooLargeError(MstasksError):
    """A page cannot be made as small as asked."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """RGB pixels, shape (height, width, 3); smooth ones may lose detail, others are scaled and kept exactly."""

    pixels: Pixels
    smooth: bool

    def encoded(self, scale: float, quality: int) -> str:
        """As a data URI of WebP."""
        from PIL import Image

        image = Image.fromarray(self.pixels)
        scale = min(scale, scale * LARGEST / max(image.size))
        if scale < 1:
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.BOX if self.smooth else Image.Resampling.NEAREST)
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality, lossless=not self.smooth)
        return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@dataclass
class Album:
    """Pictures by number; in the markup stands a placeholder for each until `fill` puts the picture in."""

    _pictures: list[_Picture] = field(default_factory=list)

    def picture(self, pixels: Pixels, description: str, *, smooth: bool = True) -> Html:
        """The element of a picture, which fills the width of what it stands in.

        Args:
            pixels: RGB, shape (height, width, 3).
            description: For people who do not see it.
            smooth: Whether it is a photograph or the like, which bears some loss. Label maps are not: they keep their
                exact colours, and are enlarged without blur.

        Raises:
            ValueError: If it is anything but RGB bytes.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"A picture must be uint8 (height, width, 3). Found {pixels.dtype} {pixels.shape}.")
        self._pictures.append(_Picture(pixels, smooth))
        height, width = pixels.shape[:2]
        source = f"picture:{len(self._pictures) - 1}"
        return void("img", src=source, alt=description, width=width, height=height, class_=None if smooth else "sharp")

    def fill(self, document: str, limit: int) -> str:
        """Put the pictures into a document of fewer than ``limit`` bytes, as large and as good as they fit.

        Raises:
            PageTooLargeError: If they do not fit at any size.
        """
        size = 0
        for scale, quality in _STEPS:
            filled = self._filled(document, scale, quality)
            size = len(filled.encode())
            if size < limit:
                return filled
            if not self._pictures:
                break
        remedy = "Show fewer images." if self._pictures else "Show fewer runs."
        raise PageTooLargeError(
            f"The page has {size / 1e6:.2f} MB with its {len(self._pictures)} pictures at their smallest; "
            f"it must stay below {limit / 1e6:.2f} MB. {remedy}"
        )

    def _filled(self, document: str, scale: float, quality: int) -> str:
        def source(found: re.Match[str]) -> str:
            return f'src="{self._pictures[int(found[1])].encoded(scale, quality)}"'

        # Text cannot hold a placeholder: its quotation marks are escaped.
        return re.sub(r'src="picture:(\d+)"', source, document)
