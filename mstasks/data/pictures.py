"""Reading pictures that someone else made: photographs as RGB, labels as they are stored.

What they claim is checked before anything is decoded, and a picture with an EXIF orientation is turned upright.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from mstasks.data.codecs import decode, opened
from mstasks.data.files import open_file, quoted, reason
from mstasks.data.png import plain_png

_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
_BAND = 1 << 21

Convert = Callable[[Image.Image], NDArray[Any]]


def read_image(path: Path, at_least: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A photograph, upright, RGB, uint8 (H, W, 3).

    Grey and palette pictures become RGB, CMYK is converted, 16 bits become 8, and an alpha channel is dropped.

    Args:
        path: The file: JPEG, PNG, WEBP, TIFF, BMP, PPM or GIF, whatever its name ends in.
        at_least: Height and width that are enough: a JPEG is then decoded at the smallest of 1, 1/2, 1/4, 1/8 of its
            size that is no smaller, which is faster. None for the full size.

    Raises:
        ValueError: If the file is not a readable picture, is cut short, moves, has several pages, or would take more
            than half a GiB, which are 48 million pixels, fewer for some formats; the text names it.
    """
    return _read(path, at_least, _rgb)


def read_picture(path: Path) -> NDArray[Any]:
    """A picture of labels as it is stored, upright: uint8, uint16, int32, float32 or bool, (H, W) or (H, W, channels).

    A palette picture gives the palette's indices.

    Raises:
        ValueError: As for `read_image`, or if its values cannot be had as they are stored.
    """
    return _read(path, None, _stored)


def _read(path: Path, at_least: tuple[int, int] | None, prepare: Callable[[ImageFile], Convert]) -> NDArray[Any]:
    with open_file(path) as file:
        try:
            return _upright(*_decoded(file, at_least, prepare))
        except Exception as error:  # decoders raise whatever they stumble over
            raise ValueError(f"{quoted(path)} cannot be read as a picture: {reason(error)}.") from error


def _decoded(
    file: BinaryIO, at_least: tuple[int, int] | None, prepare: Callable[[ImageFile], Convert]
) -> tuple[NDArray[Any], object]:
    """The array as it is stored, and the orientation. What Pillow holds of it is gone when it is turned."""
    picture = opened(file)
    early = picture.format == "JPEG"  # else it may stand behind the pixels
    orientation = _orientation(picture) if early else 1
    height, width = at_least or (0, 0)
    on_its_side = orientation in _ON_ITS_SIDE
    convert = prepare(picture)
    if isinstance(picture, PngImageFile) and convert is np.asarray and (plain := plain_png(picture, file)) is not None:
        return plain, 1
    enough = ((height, width) if on_its_side else (width, height)) if at_least else None
    pixels = decode(picture, file, enough)
    array = _in_bands(picture, convert) if pixels is None else pixels
    return array, orientation if early else _orientation(picture)


def _orientation(picture: ImageFile) -> object:
    try:
        # Pillow turns TIFFs itself.
        return 1 if picture.format == "TIFF" else picture.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1  # damaged metadata of a good picture


def _in_bands(picture: Image.Image, convert: Convert) -> NDArray[Any]:
    """The decoded picture as an array, some rows at a time: in one go, Pillow would hold copies of all of it."""
    width, height = picture.size
    rows = max(1, _BAND // width)
    first = convert(picture if height <= rows else picture.crop((0, 0, width, rows)))
    array = np.empty((height, *first.shape[1:]), first.dtype.newbyteorder("="))
    array[:rows] = first
    for top in range(rows, height, rows):
        array[top : top + rows] = convert(picture.crop((0, top, width, min(top + rows, height))))
    return array


def _rgb(picture: ImageFile) -> Convert:
    if picture.mode in _DEEP or (picture.mode == "I" and picture.format in ("PNG", "PPM")):
        return _grey_of_16_bits
    if picture.mode in ("I", "F"):
        raise ValueError(f"its {'32-bit integers' if picture.mode == 'I' else 'floats'} have no known scale")
    picture.info.pop("transparency", None)  # which would be converted too
    return _rgb_of_8_bits


def _grey_of_16_bits(picture: Image.Image) -> NDArray[np.uint8]:
    # Pillow would cut them off at 255 instead of scaling them.
    grey = ((np.asarray(picture).astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _rgb_of_8_bits(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode in ("RGBa", "La"):
        picture = picture.convert("RGBA" if picture.mode == "RGBa" else "LA")  # the only way from there
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _stored(picture: ImageFile) -> Convert:
    """Refuse what Pillow would scale or cut: class numbers must not be."""
    codec, _, _, arguments = picture.tile[0] if picture.tile else ("", None, 0, "")
    arguments = arguments if isinstance(arguments, tuple) else (arguments,)
    packed = str(arguments[0])
    if codec in ("ppm", "ppm_plain") and arguments[-1] not in (255, 65535, packed):
        raise ValueError(f"its values would be stretched from 0..{arguments[-1]}. Save it as PNG")
    if packed.startswith(("L;2", "L;4")):
        raise ValueError(f"its {packed[2]}-bit greys would be stretched to 0..255. Save it with 8 bits")
    if ";16" in packed and picture.mode not in (*_DEEP, "I", "F"):
        raise ValueError("its 16 bits a channel would be cut to 8. Save one channel, or all of them as .npy")
    return np.asarray


def _upright(array: NDArray[Any], orientation: object) -> NDArray[Any]:
    """Undo an EXIF orientation, 1 to 8 (Exif 2.3, tag 274); any other value means nothing."""
    if orientation in _ON_ITS_SIDE:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)
