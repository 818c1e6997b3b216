"""Reading pictures that someone else made: photographs as RGB, labels as they are stored.

Sizes are looked at before anything is decoded, and a picture with an EXIF orientation is turned upright.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mstasks.data.files import open_file, quoted

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "GIF")
"""What Pillow may open; others, such as PostScript, are handed to programs outside."""
MAX_PIXELS = 48_000_000
"""A picture may hold so many pixels, 8000 x 6000, after a JPEG has been reduced: half a GiB at worst while decoding."""

_ORIENTATION = 0x0112
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")


def read_image(path: Path, at_least: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A photograph, upright, RGB, uint8 (H, W, 3).

    Grey and palette pictures become RGB, CMYK is converted, 16 bits become 8, and an alpha channel is dropped.

    Args:
        path: The file.
        at_least: Height and width that are enough: a JPEG is then decoded at the smallest of 1, 1/2, 1/4, 1/8 of its
            size that is no smaller, which is several times faster. None for the full size.

    Raises:
        ValueError: If the file is not a readable picture, moves, or holds more than `MAX_PIXELS`; the text names it.
    """
    with _opened(path) as picture:
        turned = _reduce(picture, at_least) if picture.format in ("JPEG", "MPO") and at_least else None
        _check_size(picture)
        orientation = turned or picture.getexif().get(_ORIENTATION, 1)
        return _upright(_rgb(picture), orientation)


def read_picture(path: Path) -> NDArray[Any]:
    """A picture of labels as it is stored, upright: uint8, uint16, int32, float32 or bool, (H, W) or (H, W, channels).

    A palette picture gives the palette's indices. The checksums of a PNG are verified.

    Raises:
        ValueError: As for `read_image`.
    """
    with _opened(path) as picture:
        _check_size(picture)
        if picture.format != "PNG":
            return _stored(picture)
        picture.verify()  # after which it must be opened anew
    with _opened(path) as picture:
        return _stored(picture)


def _stored(picture: Image.Image) -> NDArray[Any]:
    orientation = picture.getexif().get(_ORIENTATION, 1)
    return _upright(np.array(picture), orientation)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An opened picture; whatever fails inside is an error that names the file."""
    with open_file(path) as file, warnings.catch_warnings():
        # Of sizes, which are checked here, and of odd metadata, which does not matter.
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=FORMATS) as picture:
                if picture.format != "MPO" and getattr(picture, "is_animated", False):
                    raise ValueError(f"it holds {getattr(picture, 'n_frames', 'several')} pictures, not one")
                yield picture
        except UnidentifiedImageError as error:
            raise ValueError(f"{quoted(path)} is no picture of a known format: {', '.join(FORMATS)}.") from error
        except (
            Image.DecompressionBombError,
            OSError,
            SyntaxError,
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            EOFError,
            OverflowError,
            MemoryError,
            AttributeError,
            struct.error,
        ) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{quoted(path)} cannot be read as a picture: {reason}.") from error


def _reduce(picture: Image.Image, at_least: tuple[int, int]) -> int:
    """Ask the decoder of a JPEG for a smaller picture; gives the orientation, which must be known before."""
    orientation: int = picture.getexif().get(_ORIENTATION, 1)
    height, width = at_least if orientation < 5 else at_least[::-1]
    picture.draft(None, (width, height))  # None keeps the mode
    return orientation


def _check_size(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        limit = f"{MAX_PIXELS // 1_000_000} million pixels"
        raise ValueError(f"it is {width} x {height}, more than the {limit} that are decoded. Make it smaller")


def _rgb(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode in _DEEP or (picture.mode == "I" and picture.format == "PNG"):
        # Pillow would cut 16 bits off at 255 instead of scaling them.
        grey = ((np.asarray(picture).astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode in ("I", "F"):
        raise ValueError(f"its {'32-bit integers' if picture.mode == 'I' else 'floats'} have no known scale")
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation, 1 to 8 (Exif 2.3, tag 274); any other value means nothing."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)
