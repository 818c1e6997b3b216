"""Tiny folders, written file by file, and the data set made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image

from mstasks_folder.dataset import Folder
from mstasks_folder.options import FolderOptions


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, ArrayLike], Path]:
    """Write an array below the folder, as the suffix says."""

    def write(name: str, array: ArrayLike) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npy":
            np.save(path, np.asarray(array))
        else:
            lossless = {"lossless": True} if path.suffix == ".webp" else {}
            Image.fromarray(np.asarray(array)).save(path, **lossless)
        return path

    return write


@pytest.fixture
def images(save: Callable[[str, ArrayLike], Path]) -> Callable[..., list[str]]:
    """Write 4 x 6 images of given names, or a number of them."""

    def write(names: int | list[str], folder: str = "images") -> list[str]:
        every = [f"{number:03d}.png" for number in range(names)] if isinstance(names, int) else names
        for number, name in enumerate(every):
            save(f"{folder}/{name}", np.full((4, 6, 3), number, np.uint8))
        return [name.rpartition(".")[0] for name in every]

    return write


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Folder]:
    """The data set of the folder with options as a recipe gives them, by default with depth in metres.

    Folders of targets that are absent are made empty, unless told otherwise.
    """

    def build(create: bool = True, **options: Any) -> Folder:
        options.setdefault("targets", {"depth": {"kind": "depth-map", "unit": "metres"}})
        for name, target in options["targets"].items():
            place = target.get("folder", name)
            if create and target["kind"] != "attributes" and "{" not in place:
                (tmp_path / place).mkdir(exist_ok=True)
        return Folder(FolderOptions.model_validate_json(json.dumps({"root": str(tmp_path), **options})), (32, 32))

    return build
