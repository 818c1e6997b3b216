"""The data set: which images there are, and images and labels read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mstasks import IMAGE, FileDataset, RawTarget, Source, Split, quoted, read_image
from mstasks_celebamask_hq.attribute_file import read_attributes
from mstasks_celebamask_hq.celeba_partition import celeba_split, partition_file
from mstasks_celebamask_hq.classes import chosen_classes
from mstasks_celebamask_hq.layout import (
    ATTRIBUTE_FILE,
    IMAGES,
    MASKS,
    find_root,
    image_number,
    image_numbers,
    image_path,
    masked_numbers,
    part_paths,
)
from mstasks_celebamask_hq.masks import mask_files, merged
from mstasks_celebamask_hq.names import ATTRIBUTES
from mstasks_celebamask_hq.options import CelebAMaskHQOptions, CelebASplit, HashSplit
from mstasks_celebamask_hq.splits import Numbers, hash_split, list_split


class CelebAMaskHQ(FileDataset):
    """CelebAMask-HQ, or a part of it, in the official layout.

    Ids are the images' numbers. An image of which no part has a mask has no segmentation, and one whose chosen
    attributes are all 0 has no attributes; both are missing labels. To construct it lists the folders and reads the
    attribute file, once.

    Args:
        options: Where the folder is, which classes and attributes, and how it is split.
        size: Not needed: files are read at their own size.

    Raises:
        ValueError: If the folder is another one, or a file that is needed is missing or malformed.
    """

    thread_safe = True

    def __init__(self, options: CelebAMaskHQOptions, size: tuple[int, int]) -> None:  # noqa: ARG002
        self._root = find_root(options.root)
        self._classes = chosen_classes(options.masks)
        self._split = options.chosen_split
        self._numbers = image_numbers(self._root)
        self._masked = np.isin(self._numbers, masked_numbers(self._root))
        self._attributes, annotated = self._read_attributes(options)
        self._splits = self._divide(annotated)

    def ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, ascending by number."""
        return tuple(map(str, self._splits[split].tolist()))

    def image(self, id: str) -> NDArray[np.uint8]:
        """Read the photograph: RGB, uint8 (H, W, 3).

        Raises:
            ValueError: If there is no such id, or the file cannot be read.
        """
        return read_image(image_path(self._root, self._number(id)), self.at_least)

    def target(self, id: str, name: str) -> RawTarget | None:
        """Read one label: `segmentation`, uint8 (H, W), or `attributes`, float32 (K,); None if this image has none.

        Raises:
            ValueError: If there is no such id, a file cannot be read or is no mask, or there are no files for this
                target at all.
        """
        number = self._number(id)
        return self._attribute_values(number) if name == "attributes" else self._segmentation(number)

    def source(self, id: str, part: str) -> Source | None:
        """The photograph, or the masks that decide the classes; None for attributes, which are in memory."""
        number = self._number(id)
        if part == IMAGE:
            return Source((image_path(self._root, number),))
        if part == "attributes":
            return None
        return Source(mask_files(self._root, number, self._classes), (*self._classes.names, *self._classes.index))

    def describe(self) -> str:
        """How many images, masks and attributes were found, and how they are split."""
        labelled = 0 if self._attributes is None else int((self._attributes != 0).any(1).sum())
        split = self._split
        rule = {"hash": "by hash", "celeba": "as CelebA by its bounds", "lists": "by lists"}[split.name]
        if isinstance(split, HashSplit):
            rule += f", seed {split.seed}"
        elif isinstance(split, CelebASplit) and (partition := partition_file(self._root, split)):
            rule = f"as CelebA by {quoted(partition)}"
        sizes = ", ".join(f"{len(part)} {name}" for name, part in self._splits.items())
        return (
            f"CelebAMask-HQ in {quoted(self._root)}: {len(self._numbers)} images, {int(self._masked.sum())} with "
            f"masks, {labelled} with attributes. Split {rule}: {sizes}."
        )

    def _read_attributes(self, options: CelebAMaskHQOptions) -> tuple[NDArray[np.int8] | None, NDArray[np.bool_]]:
        """The chosen columns, None without a file; and what is annotated of all columns."""
        path = self._root / ATTRIBUTE_FILE
        if not path.exists() and options.attributes is None:
            return None, np.zeros((len(self._numbers), 0), np.bool_)
        table = read_attributes(path, self._numbers)
        return table.columns(options.attributes or ATTRIBUTES, path), table.values != 0

    def _divide(self, annotated: NDArray[np.bool_]) -> dict[Split, Numbers]:
        split = self._split
        if isinstance(split, HashSplit):
            return hash_split(self._numbers, self._masked, annotated, split)
        if isinstance(split, CelebASplit):
            return celeba_split(self._numbers, self._root, split)
        return list_split(self._numbers, self._root, split)

    def _number(self, id: str) -> int:
        number = image_number(id)
        if number is None or self._numbers[self._row(number)] != number:
            raise ValueError(f"There is no image '{id}' in {quoted(self._root / IMAGES)}.")
        return number

    def _row(self, number: int) -> int:
        return min(int(np.searchsorted(self._numbers, number)), len(self._numbers) - 1)

    def _segmentation(self, number: int) -> RawTarget | None:
        if not self._masked.any():
            (example,) = part_paths(self._root, int(self._numbers[0]), ("skin",))
            raise ValueError(
                f"There is no mask of any image in {quoted(self._root / MASKS)}. It should hold files such as "
                f"{quoted(example.relative_to(self._root / MASKS))}."
            )
        return merged(mask_files(self._root, number, self._classes), self._classes, self.label_size)

    def _attribute_values(self, number: int) -> RawTarget | None:
        if self._attributes is None:
            raise ValueError(f"There is no {quoted(self._root / ATTRIBUTE_FILE)}, which holds the attributes.")
        row = self._attributes[self._row(number)]
        return RawTarget((row == 1).astype(np.float32), row != 0) if row.any() else None
