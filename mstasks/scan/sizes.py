"""Sizes of images and of their labels: the same, scaled, of another aspect, or lying on their side."""

from __future__ import annotations

from enum import StrEnum

from PIL.JpegImagePlugin import JpegImageFile

from mstasks.data.file_dataset import IMAGE, FileDataset
from mstasks.data.files import open_file

Size = tuple[int, int]

_ORIENTATION = 0x0112
_MIRRORED = (2, 3, 4)  # or turned by half
_ON_ITS_SIDE = (5, 6, 7, 8)
_REDUCTIONS = (1, 2, 4, 8)


class Relation(StrEnum):
    """How a label's size relates to its image's."""

    SAME = "same"
    SCALED = "scaled"
    ASPECT = "another aspect"
    TRANSPOSED = "transposed"


def relation(image: Size, label: Size) -> Relation:
    """Compare two sizes, each height and width; a side may be off by a pixel of rounding."""
    if image == label:
        return Relation.SAME
    if _same_aspect(image, label):
        return Relation.SCALED
    return Relation.TRANSPOSED if _same_aspect(image, label[::-1]) else Relation.ASPECT


def _same_aspect(one: Size, other: Size) -> bool:
    # h = s H + e and w = s W + f give |h W - w H| = |e W - f H|, where rounding is at most a pixel: e, f <= 1. Either
    # of the two may be the one that was resized.
    return abs(other[0] * one[1] - other[1] * one[0]) <= max(sum(one), sum(other))


def stored_size(dataset: FileDataset, id: str, decoded: Size) -> Size:
    """The size of an image in its file, where it was decoded smaller; that of the file's header, upright.

    Args:
        dataset: Has read the image.
        id: Of the image.
        decoded: Its size after decoding; the result unless the image is exactly one JPEG file.
    """
    header = None if dataset.at_least is None else _jpeg_header(dataset, id)
    if header is None:
        return decoded
    (height, width), orientation = header
    size = (width, height) if orientation in _ON_ITS_SIDE else (height, width)
    # A data set may crop what it reads; then its own word counts.
    reduced = [(-(-size[0] // by), -(-size[1] // by)) for by in _REDUCTIONS]
    return size if decoded in reduced else decoded


def silently_turned(dataset: FileDataset, id: str) -> bool:
    """Whether a photograph has an EXIF orientation that its size does not show.

    Of a label beside it nothing tells whether it was drawn on the picture upright or as it is stored.

    Args:
        dataset: Has read the image.
        id: Of the image; looked at if it is exactly one JPEG file.
    """
    header = _jpeg_header(dataset, id)
    if header is None:
        return False
    (height, width), orientation = header
    square = relation((height, width), (width, height)) in (Relation.SAME, Relation.SCALED)
    return orientation in _MIRRORED or (orientation in _ON_ITS_SIDE and square)


def _jpeg_header(dataset: FileDataset, id: str) -> tuple[Size, object] | None:
    """Height and width as they are stored, and the EXIF orientation, of an image that is exactly one JPEG file."""
    source = dataset.source(id, IMAGE)
    files = [] if source is None else [path for path in source.files if path.is_file()]
    if len(files) != 1:
        return None
    with open_file(files[0]) as file:
        try:
            picture = JpegImageFile(file)
            return (picture.height, picture.width), picture.getexif().get(_ORIENTATION, 1)
        except Exception:  # no JPEG, or a damaged one
            return None
