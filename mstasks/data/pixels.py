"""Decoding a picture's pixels, and how many they may be: so many that reading them takes less than half a GiB."""

from __future__ import annotations

from PIL.ImageFile import ImageFile

from mstasks.data.files import reason

MAX_PIXELS = 48_000_000
"""8000 x 6000."""


class RefusedError(ValueError):
    """A picture is not read, for a reason of ours, in words for the user."""


def check_pixels(width: int, height: int, most: int) -> None:
    """Refuse what would take too much memory or time to decode.

    Raises:
        RefusedError: If there are more than ``most`` pixels.
    """
    if width * height > most:
        limit = f"the {most // 1_000_000} million pixels that are decoded"
        raise RefusedError(f"it is {width} x {height}, more than {limit}. Make it smaller")


def load_pixels(picture: ImageFile) -> None:
    """Decode an opened picture.

    Raises:
        RefusedError: If Pillow cannot; it raises whatever it stumbles over.
        MemoryError: If there is not enough of it.
    """
    try:
        picture.load()
    except MemoryError:
        raise
    except Exception as error:
        raise RefusedError(f"it is a damaged {picture.format}: {reason(error)}") from error
