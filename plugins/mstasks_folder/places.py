"""Where the files of the images, or of a target, are: from ids to paths, and from what is on disk to ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mstasks_folder.listing import Listing, Wanted, list_files
from mstasks_folder.options import SPLIT

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".pgm"})
"""Suffixes of images, in lower case."""
LABELS = (".png", ".npy", ".tif", ".tiff", ".bmp", ".webp", ".jpg", ".jpeg")
"""Suffixes of label files, in lower case."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where files are.

    Attributes:
        root: The folder that holds everything.
        folder: Below it; ``{split}`` stands for the folder of each split.
        ending: What stands between id and suffix.
        splits: The folders of the splits; ids of images below one begin with it.
    """

    root: Path
    folder: str
    ending: str
    splits: tuple[str, ...]

    def path(self, id: str, suffix: str) -> Path:
        """The file of an id."""
        if SPLIT in self.folder:
            for split in self.splits:
                if id.startswith(f"{split}/"):
                    rest = id[len(split) + 1 :]
                    return self.root / self.folder.replace(SPLIT, split) / f"{rest}{self.ending}{suffix}"
        return self.root / self.folder / f"{id}{self.ending}{suffix}"

    def folders(self) -> dict[str, Path]:
        """The folders that hold the files, by what stands before the ids of the files below."""
        if SPLIT in self.folder:
            return {f"{split}/": self.root / self.folder.replace(SPLIT, split) for split in self.splits}
        return {"": self.root / self.folder}

    def listing(self, suffixes: frozenset[str], avoid: frozenset[str], not_endings: tuple[str, ...] = ()) -> Listing:
        """What is there.

        Raises:
            ValueError: As `list_files`.
        """
        found = Listing()
        for prefix, folder in self.folders().items():
            list_files(folder, prefix, Wanted(suffixes, self.ending, avoid, not_endings), found)
        return found
