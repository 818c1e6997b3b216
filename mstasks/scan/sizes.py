"""Sizes of images and of their labels: the same, scaled, of another aspect, or lying on their side."""

from __future__ import annotations

from enum import StrEnum

from PIL import Image

from mstasks.data.file_dataset import IMAGE, FileDataset
from mstasks.data.files import open_file

Size = tuple[int, int]

_ORIENTATION = 0x0112
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
    source = None if dataset.at_least is None else dataset.source(id, IMAGE)
    files = [] if source is None else [path for path in source.files if path.is_file()]
    if len(files) != 1:
        return decoded
    with open_file(files[0]) as file:
        try:
            with Image.open(file, formats=("JPEG",)) as picture:
                size = picture.size if picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8) else picture.size[::-1]
        except (OSError, ValueError, SyntaxError):
            return decoded
    # A data set may crop what it reads; then its own word counts.
    reduced = [(-(-size[0] // by), -(-size[1] // by)) for by in _REDUCTIONS]
    return (size[0], size[1]) if decoded in reduced else decoded
