"""What a recipe may set of a folder of one's own. Imports no numpy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import permutations
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from mstasks import Options, RecipePath
from mstasks_folder.files import Files
from mstasks_folder.kinds import AnyTarget

SPLIT = "{split}"
"""Stands for the folder of each split in the name of a folder."""

_PHOTOGRAPH = "image"  # `mstasks.IMAGE`, whose module imports numpy
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_Place = Annotated[str, Field(min_length=1)]
_Fraction = Annotated[float, Field(gt=0, lt=1)]


def is_list(place: str) -> bool:
    """Whether the entry of a split names a list of ids; any other text names a folder."""
    return place.endswith(".txt")


class SplitOptions(Options):
    """Which images are in which split: by list, by folder, or by a seeded fraction."""

    train: _Place | None = Field(
        None,
        description="A .txt file below `root` that lists ids, one a line, or a folder below `images`; by default "
        "whatever is in neither `val` nor `test`.",
    )
    val: _Fraction | _Place = Field(0.1, description="Like `train`, or the fraction of train that is set aside.")
    test: _Fraction | _Place = Field(0.1, description="Like `val`; both fractions are of the same images.")
    seed: int = Field(0, ge=0, description="Another seed sets other images aside.")

    @property
    def folders(self) -> tuple[str, ...]:
        """The entries that are folders, without a slash at the end."""
        given = (self.train, self.val, self.test)
        return tuple(place.rstrip("/") for place in given if isinstance(place, str) and not is_list(place))

    @model_validator(mode="after")
    def _leaves_some_for_train(self) -> Self:
        if any(f"{one}/".startswith(f"{other}/") for one, other in permutations(self.folders, 2)):
            raise ValueError(
                f"folders of splits must differ and not lie in each other. Found {', '.join(self.folders)}"
            )
        aside = sum(part for part in (self.val, self.test) if isinstance(part, float))
        if aside >= 1:
            raise ValueError(f"val and test take {aside:g} of the images; their sum must be below 1")
        return self


class FolderOptions(Options):
    """Where the images are, which labels they have, and how they are split."""

    root: RecipePath = Field(description="The folder that holds everything; other places are below it.")
    images: str = Field(
        "images",
        min_length=1,
        description="Folder of the images, read with its sub-folders. '{split}' in it stands for the folder of each "
        "split: '{split}/images'.",
    )
    image_ending: str = Field("", description="What stands between id and suffix: '_photo' for 0001_photo.jpg.")
    targets: Mapping[str, AnyTarget] = Field(
        min_length=1, description="By the name that tasks know it by: what an image is labelled with, and how."
    )
    split: SplitOptions = Field(SplitOptions(), description="Which images are in train, val and test.")

    @field_validator("targets")
    @classmethod
    def _have_names(cls, targets: Mapping[str, AnyTarget]) -> Mapping[str, AnyTarget]:
        for name in targets:
            if name == _PHOTOGRAPH:
                raise ValueError(f"a target cannot be called '{_PHOTOGRAPH}', as the photograph is; rename it")
            if not _NAME.fullmatch(name):
                raise ValueError(f"a target's name is letters, digits, '_' and '-'. Found {name!r}")
        return targets

    @model_validator(mode="after")
    def _places_are_clear(self) -> Self:
        folders = {"images": self.images, **{name: self.label_folder(name) for name in self.dense}}
        for name, folder in folders.items():
            if SPLIT in folder and not self.split.folders:
                raise ValueError(f"the folder of {name} is '{folder}', but `split` names no folders for {SPLIT}")
        for name, files in self.dense.items():
            if folders[name] == self.images and files.ending in ("", self.image_ending):
                raise ValueError(f"the labels of {name} lie among the images; give them an `ending` of their own")
        return self

    @property
    def dense(self) -> Mapping[str, Files]:
        """The targets that have label files."""
        return {name: target for name, target in self.targets.items() if isinstance(target, Files)}

    def label_folder(self, name: str) -> str:
        """Where a target's files are, below `root`."""
        return self.dense[name].folder or name
