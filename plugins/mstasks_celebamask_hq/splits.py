"""Which image is for training, for selecting and for testing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mstasks import Split, quoted, read_ids, split_off
from mstasks_celebamask_hq.layout import IMAGES, image_number
from mstasks_celebamask_hq.options import HashSplit, ListSplit

Numbers = NDArray[np.int32]
SMALLEST = 20
"""A stratum of fewer images is thrown together with others like it."""


def hash_split(
    numbers: Numbers, masked: NDArray[np.bool_], annotated: NDArray[np.bool_], options: HashSplit
) -> dict[Split, Numbers]:
    """Split by a hash, so that every split has its share of each kind of annotation.

    Images are of one stratum if both have masks or neither has, and if the same attributes are annotated; strata of
    fewer than `SMALLEST` images are joined, those with masks and those without. Each stratum is ranked by the hash of
    seed and id (`mstasks.split_off`): the first are test, the next val, the others train. So neither the order of
    files, nor the machine, nor which classes and attributes a recipe takes matters.

    Args:
        numbers: The images, ascending.
        masked: Which have masks, shape (images,).
        annotated: Which attributes are annotated, shape (images, attributes of the file).
        options: Fractions and seed.
    """
    found: dict[Split, list[int]] = {"train": [], "val": [], "test": []}
    # What is left after test is smaller, so the share of val in it is larger.
    share = options.val_fraction / (1 - options.test_fraction)
    for ids in _strata(numbers, masked, annotated):
        rest, test = split_off(ids, options.test_fraction, options.seed) if len(ids) > 1 else (ids, [])
        train, val = split_off(rest, share, options.seed) if len(rest) > 1 else (rest, [])
        for name, part in (("train", train), ("val", val), ("test", test)):
            found[name] += map(int, part)  # type: ignore[index]
    return {name: np.array(sorted(part), np.int32) for name, part in found.items()}


def _strata(numbers: Numbers, masked: NDArray[np.bool_], annotated: NDArray[np.bool_]) -> list[list[str]]:
    """Ids of images that are annotated alike."""
    patterns = np.packbits(np.column_stack([masked, annotated]), axis=1)
    strata: defaultdict[bytes, list[str]] = defaultdict(list)
    for number, pattern in zip(numbers.tolist(), patterns, strict=True):
        strata[pattern.tobytes()].append(str(number))
    kept = [ids for ids in strata.values() if len(ids) >= SMALLEST]
    joined: defaultdict[bool, list[str]] = defaultdict(list)
    for pattern, ids in strata.items():
        if len(ids) < SMALLEST:
            joined[bool(pattern[0] & 128)] += ids
    return kept + list(joined.values())


def list_split(numbers: Numbers, root: Path, options: ListSplit) -> dict[Split, Numbers]:
    """Split as three text files say; images that none of them lists are left out.

    Raises:
        ValueError: If a file cannot be read, lists what is no image here, or lists an image of another file.
    """
    files: Mapping[Split, Path] = {"train": options.train, "val": options.val, "test": options.test}
    listed_in: dict[int, Path] = {}
    found: dict[Split, Numbers] = {}
    for name, path in files.items():
        listed = _listed(path, frozenset(numbers.tolist()), root)
        for number in listed:
            if number in listed_in:
                raise ValueError(f"Image '{number}' is listed in {quoted(listed_in[number])} and in {quoted(path)}.")
            listed_in[number] = path
        found[name] = np.array(sorted(listed), np.int32)
    return found


def _listed(path: Path, known: frozenset[int], root: Path) -> Sequence[int]:
    ids = read_ids(path)
    numbers = [image_number(id) for id in ids]
    missing = [id for id, number in zip(ids, numbers, strict=True) if number not in known]
    if missing:
        raise ValueError(
            f"{quoted(path)} lists '{missing[0]}'" + f" and {len(missing) - 1} more" * (len(missing) > 1) + ", of "
            f"which there is no photograph in {quoted(root / IMAGES)}. An image is listed as 12 or 12.jpg."
        )
    found = [number for number in numbers if number is not None]
    repeated = [number for number, count in Counter(found).items() if count > 1]
    if repeated:
        raise ValueError(f"{quoted(path)} lists image '{repeated[0]}' twice.")
    return found
