"""The data set: what is on disk is listed once; samples are read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mstasks import IMAGE, FileDataset, RawTarget, Source, Split, quoted, read_image
from mstasks_folder.kinds import AttributeTable
from mstasks_folder.label_files import LabelFiles, list_labels
from mstasks_folder.listing import Listing
from mstasks_folder.options import FolderOptions
from mstasks_folder.places import IMAGES, LABELS, Place
from mstasks_folder.splitting import make_splits
from mstasks_folder.stored import read_stored
from mstasks_folder.table import UNKNOWN, Table, read_table


class Folder(FileDataset):
    """Images and labels in folders, as a recipe describes them.

    The id of an image is its path below the folder of the images, without ending and suffix. All folders are listed
    once, when the object is made; a label that is not there then is missing.

    Args:
        options: Where everything is, and what the labels mean.
        size: Not needed: files are read at their own size.

    Raises:
        ValueError: If a folder, list or table is missing or malformed, two files have the same id, an image is in two
            splits, or no file of a target belongs to an image.
    """

    thread_safe = True

    def __init__(self, options: FolderOptions, size: tuple[int, int]) -> None:  # noqa: ARG002
        self._options = options
        self._images = self._place(options.images, options.image_ending)
        listing = self._list_images()
        self._ids = {id: listing.files[id] for id in sorted(listing.files)}
        self._splits = make_splits(tuple(self._ids), options.split, options.root, self._find)
        self._skipped = list(listing.skipped)
        self._labels: dict[str, LabelFiles] = {}
        self._tables: dict[str, Table] = {}
        for name, target in options.targets.items():
            if isinstance(target, AttributeTable):
                self._tables[name] = read_table(options.root / target.csv, target, self._find)
            else:
                place = self._place(options.label_folder(name), target.ending)
                self._labels[name] = list_labels(name, target, place, self._ids, self._skipped)

    def ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, in the order of its list or else sorted."""
        return self._splits[split]

    def image(self, id: str) -> NDArray[np.uint8]:
        """The photograph, RGB, uint8 (H, W, 3).

        Raises:
            ValueError: If it cannot be read; the text names it.
        """
        return read_image(self._images.path(id, self._suffix(id)), self.at_least)

    def target(self, id: str, name: str) -> RawTarget | None:
        """One label; None if this image has none.

        Raises:
            ValueError: If its file cannot be read or holds something else; the text names it.
        """
        if name in self._tables:
            return self._attributes(id, name)
        labels = self._labels_of(name)
        suffix = labels.files.get(id)
        if suffix is None:
            return None
        path = labels.place.path(id, suffix)
        stored = read_stored(path, labels.reader.lossless)
        try:
            return labels.reader(stored)
        except ValueError as error:
            raise ValueError(f"{quoted(path)} {error}.") from error

    def source(self, id: str, part: str) -> Source | None:
        """The file of a part; if it is missing, all that would be taken. None for attributes.

        Raises:
            ValueError: If there is no such image or target.
        """
        suffix = self._suffix(id)
        if part == IMAGE:
            return Source((self._images.path(id, suffix),))
        if part in self._tables:
            return None
        labels = self._labels_of(part)
        suffixes = (labels.files[id],) if id in labels.files else LABELS
        return Source(tuple(labels.place.path(id, suffix) for suffix in suffixes), (repr(labels.reader),))

    def describe(self) -> str:
        """How many images each split has, how many have each label, and what was passed over."""
        splits = ", ".join(f"{len(ids)} {name}" for name, ids in self._splits.items())
        unused = len(self._ids) - sum(map(len, self._splits.values()))
        splits += f", {unused} in no split" if unused else ""
        having = {name: len(labels.files) for name, labels in self._labels.items()}
        having |= {name: len(table.rows) for name, table in self._tables.items()}
        counts = ", ".join(f"{name} {having[name]}" for name in self._options.targets)
        return f"{len(self._ids)} images: {splits}; with labels: {counts}.{self._passed_over()}"

    def _passed_over(self) -> str:
        found = []
        strangers = {name: labels.strangers for name, labels in self._labels.items()}
        strangers |= {name: table.strangers for name, table in self._tables.items()}
        lost = [f"{name} {count}" for name, count in strangers.items() if count]
        if lost:
            found.append(f" Labels of no image: {', '.join(lost)}.")
        if self._skipped:
            found.append(f" {len(self._skipped)} skipped: {self._skipped[0]}{', ...' * (len(self._skipped) > 1)}.")
        return "".join(found)

    def _place(self, folder: str, ending: str) -> Place:
        return Place(self._options.root, folder, ending, self._options.split.folders)

    def _list_images(self) -> Listing:
        options = self._options
        if not options.root.is_dir():
            raise ValueError(f"There is no folder {quoted(options.root)}, which `data.root` names.")
        folders = {name: options.label_folder(name) for name in options.dense}
        beside = tuple(options.dense[name].ending for name, folder in folders.items() if folder == options.images)
        elsewhere = [self._place(folder, "") for folder in folders.values() if folder != options.images]
        avoid = frozenset(str(path) for place in elsewhere for path in place.folders().values())
        listing = self._images.listing(IMAGES, avoid, beside)
        if not listing.files:
            looked = ", ".join(quoted(folder) for folder in self._images.folders().values())
            raise ValueError(
                f"There are no images in {looked}; {listing.others} other files. An image's name ends in "
                f"'{options.image_ending}' and one of {', '.join(sorted(IMAGES))}."
            )
        return listing

    def _find(self, text: str) -> str | None:
        """The id of an image that is given by its id or its file name."""
        if text in self._ids:
            return text
        stem, _, suffix = text.rpartition(".")
        id = stem.removesuffix(self._images.ending)
        return id if self._ids.get(id) == f".{suffix}" else None

    def _suffix(self, id: str) -> str:
        if id not in self._ids:
            raise ValueError(f"There is no image '{id}' in {quoted(self._options.root / self._images.folder)}.")
        return self._ids[id]

    def _labels_of(self, name: str) -> LabelFiles:
        if name not in self._labels:
            raise ValueError(f"There is no target '{name}'. Targets: {', '.join(self._options.targets)}.")
        return self._labels[name]

    def _attributes(self, id: str, name: str) -> RawTarget | None:
        row = self._tables[name].rows.get(id)
        if row is None:
            return None
        cells = np.frombuffer(row, np.uint8)
        valid = cells != UNKNOWN
        return RawTarget(np.where(valid, cells, 0).astype(np.float32), valid)
