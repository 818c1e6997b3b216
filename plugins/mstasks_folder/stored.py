"""The numbers of a label file as they are stored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import TiffImageFile

from mstasks import open_file, quoted, read_array, read_picture

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LOSSY_IN_TIFF = {"tiff_jpeg": "JPEG", "jpeg": "JPEG"}
"""What Pillow calls them."""
_WITH_ALPHA = (".png", ".bmp", ".webp")  # in a TIFF the fourth channel may be the black of CMYK


def read_stored(path: Path, lossless: bool) -> NDArray[Any]:
    """A picture's channels without alpha, or an array, as stored.

    Args:
        path: The file.
        lossless: Whether a format that changes numbers is refused.

    Raises:
        ValueError: If it cannot be read, or is a JPEG or a lossy WebP where that would do harm; the text names it.
    """
    if path.suffix.lower() == ".npy":
        return read_array(path)
    lossy = _lossy(path) if lossless else ""
    if lossy:
        raise ValueError(
            f"{quoted(path)} is a {lossy}, whose lossy compression mixes the numbers of neighbouring pixels into "
            "others that mean something else. Export the labels again as PNG; converting this file does not help."
        )
    picture = read_picture(path)
    alpha = picture.ndim == 3 and picture.shape[2] in (2, 4) and path.suffix.lower() in _WITH_ALPHA
    return picture[..., :-1] if alpha else picture


def one_plane(stored: NDArray[Any]) -> NDArray[Any]:
    """One number a pixel, (H, W): a single channel, or three equal ones as many programs write grey.

    Raises:
        ValueError: If there is more than one number a pixel, or they are no numbers.
    """
    if stored.ndim == 2:
        return stored
    if stored.ndim == 3 and stored.shape[2] in (1, 3) and (stored == stored[..., :1]).all():
        return stored[..., 0]
    differ = " with channels that differ" if stored.ndim == 3 and stored.shape[2] == 3 else ""
    raise ValueError(f"must hold one number a pixel. Found {stored.dtype} {stored.shape}{differ}")


def is_any(stored: NDArray[Any], values: tuple[float, ...]) -> NDArray[np.bool_]:
    """Where a stored number is one of some values."""
    found = np.zeros(stored.shape, np.bool_)
    for value in values:
        with np.errstate(over="ignore"):  # what a small type cannot hold becomes its infinity, which is no label either
            found |= stored == value
    return found


def _lossy(path: Path) -> str:
    """What lossy format a file begins like, whatever its suffix says; empty if none."""
    with open_file(path) as file:
        start = file.read(12)
        if start.startswith(b"\xff\xd8\xff"):
            return "JPEG"
        is_webp = start[:4] == b"RIFF" and start[8:] == b"WEBP"
        if is_webp:
            return "lossy WebP" if _has_lossy_pixels(file) else ""
        return _lossy_tiff(file) if start[:4] in _TIFF else ""


def _lossy_tiff(file: BinaryIO) -> str:
    file.seek(0)
    try:
        packed = str(TiffImageFile(file).info.get("compression"))
    except Exception:
        return ""  # reading it will say what is wrong with it
    return f"TIFF compressed as {_LOSSY_IN_TIFF[packed]}" if packed in _LOSSY_IN_TIFF else ""


def _has_lossy_pixels(webp: BinaryIO) -> bool:
    """Whether the first picture is lossy; alpha, colour profile and more may come before it.

    The chunks are those of RFC 9649, section 2.
    """
    while len(header := webp.read(8)) == 8:
        kind, size = header[:4], int.from_bytes(header[4:], "little")
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8 "
        # A frame of an animation is 16 bytes and chunks of its own. Odd sizes are padded.
        webp.seek(16 if kind == b"ANMF" else size + size % 2, os.SEEK_CUR)
    return False
