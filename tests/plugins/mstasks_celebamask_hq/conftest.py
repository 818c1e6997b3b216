"""A tiny folder in the official layout, drawn here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mstasks_celebamask_hq.dataset import CelebAMaskHQ
from mstasks_celebamask_hq.names import ATTRIBUTES
from mstasks_celebamask_hq.options import CelebAMaskHQOptions

Box = tuple[int, int, int, int]
FACE: Mapping[str, Box] = {  # top, bottom, left, right in a map of 32 x 32; a right eye is on the left of the picture
    "skin": (8, 28, 8, 24),
    "r_eye": (12, 14, 10, 13),
    "l_eye": (12, 14, 19, 22),
    "hair": (2, 10, 6, 26),
}


class Folder:
    """Writes images, masks and attribute rows into CelebAMask-HQ/ of a folder."""

    def __init__(self, parent: Path) -> None:
        self.root = parent / "CelebAMask-HQ"
        (self.root / "CelebA-HQ-img").mkdir(parents=True)

    def image(self, *numbers: int) -> None:
        for number in numbers:
            picture = Image.new("RGB", (64, 64), (number % 256, 50, 60))
            picture.save(self.root / "CelebA-HQ-img" / f"{number}.jpg", quality=100)

    def mask(self, number: int, part: str, array: np.ndarray) -> Path:
        path = self.root / "CelebAMask-HQ-mask-anno" / str(number // 2000) / f"{number:05d}_{part}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
        return path

    def face(self, number: int, parts: Mapping[str, Box] = FACE) -> None:
        for part, (top, bottom, left, right) in parts.items():
            plane = np.zeros((32, 32, 3), np.uint8)
            plane[top:bottom, left:right] = 255
            self.mask(number, part, plane)

    def attributes(self, rows: Mapping[int, Sequence[int]], names: Sequence[str] = ATTRIBUTES) -> Path:
        path = self.root / "CelebAMask-HQ-attribute-anno.txt"
        lines = [f"{number}.jpg  {' '.join(map(str, row))}" for number, row in rows.items()]
        path.write_text("\n".join([str(len(rows)), " ".join(names), *lines]) + "\n")
        return path

    def dataset(self, **options: Any) -> CelebAMaskHQ:
        return CelebAMaskHQ(CelebAMaskHQOptions(root=self.root, **options), (32, 32))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def faces(folder: Folder) -> Folder:
    """Image 0 with masks and attributes, 1 with masks, 2 with attributes, 2012 with nothing."""
    folder.image(0, 1, 2, 2012)
    folder.face(0)
    folder.face(1, {"skin": FACE["skin"]})
    folder.attributes({0: [1] * 20 + [-1] * 20, 1: [0] * 40, 2: [0] * 39 + [-1]})
    return folder


@pytest.fixture
def all_ids() -> Callable[[CelebAMaskHQ], list[str]]:
    return lambda dataset: [id for split in ("train", "val", "test") for id in dataset.ids(split)]  # type: ignore[arg-type]
