"""Reading the files of an NYUD_MT folder, with errors that name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def read_ids(path: Path) -> tuple[str, ...]:
    """The ids of a split file, one a line.

    Raises:
        ValueError: If the file is missing, is not text, lists nothing, repeats an id, or holds one that is no file
        name.
    """
    if not path.is_file():
        raise ValueError(f"There is no '{path}'. An NYUD_MT folder lists the ids of each split there, one a line.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is not a text file: {error}.") from error
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        id = line.strip()
        if id in seen:
            raise ValueError(f"{path}:{number}: the id '{id}' stands in line {seen[id]} already.")
        if not id:
            continue
        if Path(id).name != id or "\\" in id or "\0" in id:
            raise ValueError(f"{path}:{number}: an id must be a file name without folders. Found '{id}'.")
        seen[id] = number
    if not seen:
        raise ValueError(f"'{path}' lists no ids.")
    return tuple(seen)


def read_image(path: Path) -> NDArray[np.uint8]:
    """An RGB photograph, uint8 (H, W, 3).

    Raises:
        ValueError: If the file is missing or unreadable.
    """
    return _picture(path, "RGB")


def read_labels(path: Path) -> NDArray[Any]:
    """A picture of class numbers as it is stored; for a palette picture the palette's indices.

    Raises:
        ValueError: If the file is missing or unreadable.
    """
    return _picture(path, None)


def _picture(path: Path, mode: str | None) -> NDArray[Any]:
    try:
        with Image.open(path) as picture:
            return np.array(picture if mode is None else picture.convert(mode))
    except FileNotFoundError:
        raise ValueError(f"There is no '{path}'.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"'{path}' cannot be read as a picture: {error}") from error


def read_array(path: Path) -> NDArray[Any]:
    """An array of an .npy file; nothing in it is ever executed.

    Raises:
        ValueError: If the file is missing, holds pickled objects, or is damaged.
    """
    try:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise ValueError(f"There is no '{path}'.") from None
    except (OSError, EOFError, ValueError, MemoryError) as error:
        raise ValueError(f"'{path}' cannot be read as an .npy array of numbers: {error}") from error
