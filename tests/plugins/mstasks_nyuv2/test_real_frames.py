"""Real frames in the NYUD_MT layout."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mstasks.data.loader import eval_batches, train_batches
from mstasks.data.pipeline import Pipeline
from mstasks_nyuv2.classes import NAMES_40
from mstasks_nyuv2.dataset import NYUv2
from mstasks_nyuv2.options import NYUv2Options
from mstasks_nyuv2.targets import targets

# Through each pixel of a 320 x 240 frame, by the published calibration of the sensor. A surface that is seen faces its
# own ray, not the optical axis.
_ROWS, _COLUMNS = np.mgrid[:240, :320]
RAYS = np.stack([(_COLUMNS - 162.8) / 259.4, (_ROWS - 126.9) / 259.7, np.ones((240, 320))], -1)

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def options(real: Mapping[str, Path]) -> NYUv2Options:
    return NYUv2Options(root=real["nyud_mt"], classes=13)


def test_real_frames_hold_plausible_labels(options: NYUv2Options) -> None:
    dataset = NYUv2(options, (240, 320))
    assert [len(dataset.ids(split)) for split in ("train", "val", "test")] == [3, 1, 4]
    for id in (*dataset.ids("train"), *dataset.ids("test")):
        sample = dataset.load(id, tuple(targets(options)))
        assert {target.valid.shape for target in sample.targets.values()} == {(240, 320)}
        depth = sample.targets["depth"]
        assert 0.3 < np.median(depth.value[depth.valid]) < 10
        normals = sample.targets["normals"]
        np.testing.assert_allclose(np.linalg.norm(normals.value[normals.valid], axis=-1), 1, atol=1e-4)
        assert ((normals.value * RAYS).sum(-1)[normals.valid] < 1e-3).mean() > 0.99, "a normal points away"
        assert 0 < sample.targets["edges"].value.mean() < 0.3


def test_real_classes_are_those_of_the_published_map(options: NYUv2Options) -> None:
    """Against the pictures as stored and the map 40 -> 13 as published beside them, both counting from 1."""
    facts = json.loads((Path(os.environ["MSTASKS_TEST_DATA"]) / "nyuv2_mini" / "classes.json").read_text())
    assert [*targets(options)["segmentation"].names] == facts["names13"]
    assert [*NAMES_40] == facts["names40"]
    dataset, seen = NYUv2(options, (240, 320)), set()
    for id in (*dataset.ids("train"), *dataset.ids("val"), *dataset.ids("test")):
        target = dataset.load(id, ("segmentation",)).targets["segmentation"]
        stored = np.asarray(Image.open(options.root / "segmentation" / f"{id}.png"))
        assert np.array_equal(target.valid, stored != 0)
        expected = np.array([0, *facts["map40to13"]])[stored] - 1
        assert np.array_equal(target.value[target.valid], expected[target.valid])
        seen |= set(expected[target.valid].tolist())
    assert len(seen) > 8, "hardly any class was compared"


def test_real_frames_go_through_the_loader(options: NYUv2Options) -> None:
    dataset, infos = NYUv2(options, (96, 128)), targets(options)
    augment: list[dict[str, dict[str, Any]]] = [
        {"HorizontalFlip": {"p": 0.5}},
        {"RandomResizedCrop": {"scale": [0.5, 1.0]}},
    ]
    pipeline = Pipeline(augment, infos, (96, 128))
    batches = list(train_batches(dataset, dataset.ids("train"), pipeline, infos, 2, 0, 0, 3))
    batches += list(eval_batches(dataset, dataset.ids("test"), pipeline, infos, 4))
    assert len(batches) == 4
    for batch in batches:
        assert tuple(batch.images.shape[1:]) == (3, 96, 128)
        for target in batch.targets.values():
            assert bool(target.labelled().all())


def test_the_white_frame_is_on_real_images_and_cut_off(real: Mapping[str, Path]) -> None:
    """Each outermost row and column, in its middle half: white before, like the picture beside it after."""

    def outermost(image: Any) -> list[float]:
        height, width = image.shape[:2]
        rows, columns = slice(height // 4, -height // 4), slice(width // 4, -width // 4)
        return [image[0, columns].mean(), image[-1, columns].mean(), image[rows, 0].mean(), image[rows, -1].mean()]

    for layout in ("nyud_mt", "mat"):
        kept, cut = (NYUv2(NYUv2Options(root=real[layout], border=border), (240, 320)) for border in ("keep", "crop"))
        ids = [*kept.ids("train"), *kept.ids("test")]
        before = np.array([outermost(kept.image(id)) for id in ids])
        after = np.array([outermost(cut.image(id)) for id in ids])
        assert (before > 240).all()
        assert (np.median(after, axis=0) < 200).all()
