"""What all targets with label files have in common. Imports no numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from mstasks import Options

Name = Annotated[str, Field(min_length=1)]


class Files(Options):
    """A target with one label file an image."""

    folder: str | None = Field(
        None,
        min_length=1,
        description="Folder below `root`, with sub-folders like those of the images; the target's name by default. "
        "'{split}' in it stands for the folder of each split.",
    )
    ending: str = Field("", description="What stands between id and suffix: '_mask' for 0001_mask.png.")


def check_unique(what: str, items: Iterable[str]) -> None:
    """Refuse what stands there twice.

    Raises:
        ValueError: If an item does; the text begins with ``what``.
    """
    repeated = [item for item, count in Counter(items).items() if count > 1]
    if repeated:
        raise ValueError(f"{what} {repeated[0]!r} stands there twice")
