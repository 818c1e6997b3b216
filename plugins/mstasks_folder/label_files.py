"""The label files of a target, as they were found."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mstasks import quoted
from mstasks_folder.kinds import DenseOptions
from mstasks_folder.places import LABELS, Place
from mstasks_folder.readers import Reader, reader


@dataclass(frozen=True, slots=True)
class LabelFiles:
    """The label files of a target.

    Attributes:
        place: Where they are.
        files: Their suffixes by id.
        reader: What their numbers mean.
        strangers: How many files belong to no image.
    """

    place: Place
    files: Mapping[str, str]
    reader: Reader
    strangers: int


def list_labels(name: str, target: DenseOptions, place: Place, ids: Collection[str], skipped: list[str]) -> LabelFiles:
    """Find the label files of a target.

    Args:
        name: The target's name.
        target: Its options.
        place: Where the files are.
        ids: Of all images. The keys of the result are these very strings, so that several targets share them in memory
            and in a pickle.
        skipped: Gets what was left out.

    Raises:
        ValueError: As `list_files`, or if there are files and none belongs to an image.
    """
    listing = place.listing(frozenset(LABELS), frozenset())
    files = {id: listing.files[id] for id in ids if id in listing.files}
    strangers = len(listing.files) - len(files)
    skipped += listing.skipped
    if (strangers or listing.others) and not files:
        example = f", such as that of '{min(listing.files)}'" if strangers else ""
        raise ValueError(
            f"No file of target '{name}' in {quoted(place.root / place.folder)} belongs to an image: {strangers} label "
            f"files{example}, {listing.others} other files. A label is called like its image, such as "
            f"'{next(iter(ids))}', with `ending` and one of {', '.join(LABELS)} after it."
        )
    return LabelFiles(place, files, reader(target), strangers)
