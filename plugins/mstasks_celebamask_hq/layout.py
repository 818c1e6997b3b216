"""Where the files of CelebAMask-HQ are, and which images there are: found by listing folders, no file is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mstasks import quoted
from mstasks_celebamask_hq.names import PARTS

NAME = "CelebAMask-HQ"
IMAGES = "CelebA-HQ-img"
MASKS = "CelebAMask-HQ-mask-anno"
ATTRIBUTE_FILE = "CelebAMask-HQ-attribute-anno.txt"

_PER_FOLDER = 2000
_ENDINGS = frozenset(f"_{part}.png" for part in PARTS)
_DIGITS = 5


def find_root(root: Path) -> Path:
    """The folder that holds the images' folder: the root itself, or CelebAMask-HQ/ in it.

    Raises:
        ValueError: If neither does.
    """
    if not root.is_dir():
        raise ValueError(f"There is no folder {quoted(root)}. It should be {NAME}/ or hold it; see `data.root`.")
    for folder in (root, root / NAME):
        if (folder / IMAGES).is_dir():
            return folder
    raise ValueError(
        f"{quoted(root)} holds neither {IMAGES}/ nor {NAME}/{IMAGES}/, the photographs. It should be {NAME}/ or the "
        "folder above it; see `data.root`."
    )


def image_number(name: str) -> int | None:
    """The number of ``12.jpg`` or the id ``12``; None if the name is no such one."""
    stem = name.removesuffix(".jpg")
    # Seven digits are more than there are images, and fit in 32 bits.
    if not (stem.isascii() and stem.isdecimal()) or len(stem) > 7 or (stem[0] == "0" and stem != "0"):
        return None
    return int(stem)


def image_path(root: Path, number: int) -> Path:
    """The photograph of a number."""
    return root / IMAGES / f"{number}.jpg"


def part_paths(root: Path, number: int, parts: Iterable[str]) -> tuple[Path, ...]:
    """The masks of some parts of an image; one is not there if the part is not to be seen."""
    folder = root / MASKS / str(number // _PER_FOLDER)  # once, not for each part: the cache asks for paths all the time
    stem = f"{number:0{_DIGITS}d}"
    return tuple([folder / f"{stem}_{part}.png" for part in parts])


def image_numbers(root: Path) -> NDArray[np.int32]:
    """The numbers of all photographs, ascending.

    Raises:
        ValueError: If there is none.
    """
    folder = root / IMAGES
    found = (image_number(name) for name in _names(folder) if name.endswith(".jpg"))
    numbers = sorted(number for number in found if number is not None)
    if not numbers:
        raise ValueError(f"{quoted(folder)} holds no photographs. They should be called 0.jpg, 1.jpg, ..., 29999.jpg.")
    return np.array(numbers, np.int32)


def masked_numbers(root: Path) -> NDArray[np.int32]:
    """The numbers of which at least one part has a mask, ascending; empty if there are no masks at all."""
    folders = root / MASKS
    names = _names(folders) if folders.is_dir() else []
    found = [_masked(folders / name) for name in names if name.isdecimal() and (folders / name).is_dir()]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int32)


def _masked(folder: Path) -> NDArray[np.int32]:
    """Numbers with a mask in one of the folders 0, 1, ...; files that belong into another one are not found there."""
    stems = {name[:_DIGITS] for name in _names(folder) if name[_DIGITS:] in _ENDINGS}
    numbers = (int(stem) for stem in stems if stem.isascii() and stem.isdecimal())
    return np.array([number for number in numbers if str(number // _PER_FOLDER) == folder.name], np.int32)


def _names(folder: Path) -> list[str]:
    return os.listdir(folder)  # noqa: PTH208 - a Path for each of 400000 names would take seconds
