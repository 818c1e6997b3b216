"""The page on data tells the truth."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import albumentations
import numpy as np
import pytest
from PIL import Image

from mstasks.data.augment import check_transforms
from mstasks.data.honest import reach, refusal
from mstasks.data.loader import train_batches
from mstasks.data.pipeline import Pipeline
from mstasks.plugins import load_plugins, resolve
from mstasks.targets import TargetInfo, TargetKind

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """The page's data set plugin as a file, beside six photographs of which the first has no depth."""
    path = tmp_path / "my_photos.py"
    (code,) = re.findall(r"```python\n(# my_photos.py\n.*?)```", PAGE, re.DOTALL)
    path.write_text(code)
    for number in range(6):
        Image.new("RGB", (40, 30), (number, 0, 0)).save(tmp_path / f"{number}.jpg")
        if number:
            np.save(tmp_path / f"{number}.npy", np.full((30, 40), 2.0))
    search = list(sys.path)
    yield path
    sys.modules.pop("my_photos", None)
    sys.path[:] = search


def test_the_data_set_of_the_page_works(plugin: Path) -> None:
    registry = load_plugins([str(plugin)])
    spec = registry.find("dataset", "photos")
    options = resolve(spec.options or "")(root=plugin.parent)
    infos = resolve(spec.targets)(options)
    dataset = resolve(spec.factory)(options, (24, 32))
    ids = [id for split in ("train", "val", "test") for id in dataset.ids(split)]
    assert sorted(ids) == [str(number) for number in range(6)]
    (batch,) = train_batches(dataset, ids, Pipeline([{"HorizontalFlip": {}}], infos, (24, 32)), infos, 6, 0, 0, 1)
    depth = batch.targets["depth"]
    assert tuple(depth.value.shape) == (6, 1, 24, 32)
    labelled = dict(zip(batch.ids, depth.labelled().tolist(), strict=True))
    assert labelled == {str(number): number > 0 for number in range(6)}


def test_the_quoted_refusal_is_what_is_said() -> None:
    infos = {"depth": TargetInfo(TargetKind.DEPTH_MAP), "normals": TargetInfo(TargetKind.VECTOR_MAP)}
    (error,) = check_transforms([{"ElasticTransform": {}}], infos)
    assert str(error) in PAGE.replace("camera\ncould", "camera could")


def test_the_page_names_every_transform_that_moves_labels() -> None:
    base = albumentations.DualTransform
    names = [
        name for name, found in vars(albumentations).items() if isinstance(found, type) and issubclass(found, base)
    ]
    movers = [name for name in names if reach(name, False) and refusal(name) is None]
    assert len(movers) > 30
    assert [name for name in movers if not re.search(rf"\b{name}\b", PAGE)] == []
