"""The split of CelebA, by the CelebA file that each image was made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mstasks import Split, quoted, read_lines
from mstasks_celebamask_hq.layout import image_number
from mstasks_celebamask_hq.options import CelebASplit
from mstasks_celebamask_hq.splits import Numbers

MAPPING_FILE = "CelebA-HQ-to-CelebA-mapping.txt"
PARTITION_FILE = "list_eval_partition.txt"

LAST_FILE: dict[Split, int] = {"train": 162770, "val": 182637, "test": 202599}
"""The last file of each split as CelebA publishes it. Files are counted from 1: the first is 000001.jpg.

The column ``orig_idx`` of the mapping counts the same files from 0, so these bounds do not apply to it; the published
script g_partition.py does apply them, and is one image off at each.
"""

_CODES: dict[str, Split] = {"0": "train", "1": "val", "2": "test"}


def partition_file(root: Path, options: CelebASplit) -> Path | None:
    """The list_eval_partition.txt to go by; None to go by the published bounds."""
    beside = root / PARTITION_FILE
    return options.partition or (beside if beside.exists() else None)


def celeba_split(numbers: Numbers, root: Path, options: CelebASplit) -> dict[Split, Numbers]:
    """Split as CelebA is split.

    Raises:
        ValueError: If a file is missing or malformed, or does not say where an image belongs.
    """
    mapping = options.mapping or root / MAPPING_FILE
    if not mapping.exists():
        raise ValueError(f"There is no {quoted(mapping)}, which `split: celeba` needs; `split.mapping` may name it.")
    partition = partition_file(root, options)
    split_of = _by_bounds if partition is None else _by_list(partition)
    originals = _read_mapping(mapping)
    found: dict[Split, list[int]] = {name: [] for name in LAST_FILE}
    for number in numbers.tolist():
        if number not in originals:
            raise ValueError(f"{quoted(mapping)} does not say which image of CelebA '{number}' is.")
        found[split_of(originals[number])].append(number)
    return {name: np.array(part, np.int32) for name, part in found.items()}


def _read_mapping(path: Path) -> dict[int, str]:
    """The CelebA file of each image: rows of idx, orig_idx and orig_file under a line that names them."""
    found: dict[int, str] = {}
    for line, text in enumerate(read_lines(path), 1):
        row = text.split()
        if not row or (line == 1 and row[0] == "idx"):
            continue
        number = image_number(row[0])
        if len(row) != 3 or number is None or _file_number(row[2]) is None:
            raise ValueError(
                f"{path}:{line}: a row must hold idx, orig_idx and orig_file, such as 0 119613 119614.jpg. "
                f"Found {text[:60]!r}."
            )
        if number in found:
            raise ValueError(f"{path}:{line}: there is another row of image '{number}' above.")
        found[number] = row[2]
    return found


def _file_number(name: str) -> int | None:
    stem, dot, ending = name.partition(".")
    is_number = stem.isascii() and stem.isdecimal() and len(stem) < 10
    return int(stem) if dot and ending in ("jpg", "png") and is_number else None


def _by_bounds(file: str) -> Split:
    number = _file_number(file) or 0
    for name, last in LAST_FILE.items():
        if 1 <= number <= last:
            return name
    raise ValueError(f"CelebA has files 000001.jpg to {LAST_FILE['test']}.jpg. The mapping speaks of '{file}'.")


def _by_list(path: Path) -> Callable[[str], Split]:
    found: dict[str, Split] = {}
    for line, text in enumerate(read_lines(path), 1):
        row = text.split()
        if not row:
            continue
        if len(row) != 2 or row[1] not in _CODES:
            raise ValueError(
                f"{path}:{line}: a row must hold a file name and 0 (train), 1 (val) or 2 (test). Found {text[:60]!r}."
            )
        found[row[0]] = _CODES[row[1]]

    def split_of(file: str) -> Split:
        if file not in found:
            raise ValueError(f"{quoted(path)} does not list '{file}', which an image was made from.")
        return found[file]

    return split_of
