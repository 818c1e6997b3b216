"""Real images, partly with masks and partly with attributes, against the files read by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mstasks.data.loader import eval_batches
from mstasks.data.pipeline import Pipeline
from mstasks_celebamask_hq.dataset import CelebAMaskHQ
from mstasks_celebamask_hq.options import CelebAMaskHQOptions
from mstasks_celebamask_hq.targets import targets

pytestmark = pytest.mark.real_data

ORDER = (
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip"),
    *("hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)


@pytest.fixture
def root(test_data: Path) -> Path:
    return test_data / "celebamask_hq_mini" / "CelebAMask-HQ"


def rows_by_hand(root: Path) -> dict[str, dict[str, int]]:
    """Image and attribute to value, straight from the file."""
    lines = (root / "CelebAMask-HQ-attribute-anno.txt").read_text().splitlines()
    names = lines[1].split()
    rows = (line.split() for line in lines[2:])
    return {row[0].removesuffix(".jpg"): dict(zip(names, map(int, row[1:]), strict=True)) for row in rows}


def with_masks(root: Path) -> set[str]:
    return {str(int(path.name[:5])) for path in (root / "CelebAMask-HQ-mask-anno").glob("*/*.png")}


def by_hand(root: Path, id: str) -> np.ndarray:
    value = None
    for index, part in enumerate(ORDER, 1):
        path = root / "CelebAMask-HQ-mask-anno" / str(int(id) // 2000) / f"{int(id):05d}_{part}.png"
        if path.exists():
            mask = np.asarray(Image.open(path).convert("L"))
            value = np.zeros(mask.shape, int) if value is None else value
            value[mask >= 128] = index
    assert value is not None
    return value


def test_what_is_annotated_is_counted_right(root: Path, all_ids: Callable[[Any], list[str]]) -> None:
    dataset = CelebAMaskHQ(CelebAMaskHQOptions(root=root), (128, 128))
    rows, masked = rows_by_hand(root), with_masks(root)
    ids = all_ids(dataset)
    assert sorted(ids) == sorted(path.stem for path in (root / "CelebA-HQ-img").glob("*.jpg"))
    assert len(ids) == len(set(ids)) == 303
    assert 0 < len(masked) < 303
    names = targets(CelebAMaskHQOptions(root=root))["attributes"].names
    for id in ids:
        target = dataset.target(id, "attributes")
        assert target is not None
        found = np.where(target.valid, np.where(target.value == 1, 1, -1), 0).tolist()
        assert dict(zip(names, found, strict=True)) == rows[id]
        assert len(dataset.source(id, "segmentation").files) == 18  # type: ignore[union-attr]
    assert f"303 images, {len(masked)} with masks, 303 with attributes" in dataset.describe()


def test_maps_are_those_merged_by_hand(root: Path) -> None:
    dataset = CelebAMaskHQ(CelebAMaskHQOptions(root=root), (128, 128))
    masked, seen = with_masks(root), set()
    for id in (*dataset.ids("val"), *dataset.ids("test")):
        target = dataset.target(id, "segmentation")
        assert (target is not None) == (id in masked)
        if target is not None:
            expected = by_hand(root, id)
            assert np.array_equal(target.value, expected)
            seen |= set(expected.ravel().tolist())
    assert len(seen) > 15, "hardly any class was compared"


def test_left_is_on_the_right_of_the_picture_and_an_earring_is_no_ear(root: Path) -> None:
    """Faces look at the camera; in about one image of twenty somebody took left for right."""
    options = CelebAMaskHQOptions(root=root)
    dataset, names = CelebAMaskHQ(options, (128, 128)), targets(options)["segmentation"].names
    area, order = dict.fromkeys(names, 0), []
    for id in sorted(with_masks(root), key=int)[:60]:
        target = dataset.target(id, "segmentation")
        assert target is not None
        columns = {name: np.argwhere(target.value == index)[:, 1] for index, name in enumerate(names)}
        area = {name: area[name] + len(columns[name]) for name in names}
        if len(columns["l_eye"]) and len(columns["r_eye"]):
            order.append(columns["r_eye"].mean() < columns["l_eye"].mean())
    assert len(order) > 40
    assert np.mean(order) > 0.9
    assert 0 < area["ear_r"] < area["r_ear"]


def test_the_split_is_pinned_stratified_and_disjoint(root: Path) -> None:
    dataset = CelebAMaskHQ(CelebAMaskHQOptions(root=root), (128, 128))
    assert dataset.ids("val")[:8] == ("26", "27", "43", "60", "70", "75", "79", "82")
    assert dataset.ids("test")[:8] == ("9", "11", "20", "24", "39", "44", "57", "62")
    masked, rows = with_masks(root), rows_by_hand(root)
    whole = {id for id, row in rows.items() if all(row.values())}
    for split, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
        ids = set(dataset.ids(split))  # type: ignore[arg-type]
        assert abs(len(ids & masked) - share * len(masked)) <= 2
        assert abs(len(ids & whole) - share * len(whole)) <= 2
    other = CelebAMaskHQ(CelebAMaskHQOptions(root=root, masks=3, attributes=("Male",)), (64, 64))
    assert other.ids("test") == dataset.ids("test")


def test_batches_tell_missing_labels(root: Path) -> None:
    options = CelebAMaskHQOptions(root=root, masks=3, attributes=("Smiling", "Wearing_Hat"))
    dataset, infos = CelebAMaskHQ(options, (64, 64)), targets(options)
    masked, rows = with_masks(root), rows_by_hand(root)
    pipeline = Pipeline([], infos, (64, 64))
    count = 0
    for batch in eval_batches(dataset, dataset.ids("test"), pipeline, infos, 8):
        assert batch.targets["segmentation"].labelled().tolist() == [id in masked for id in batch.ids]
        expected = [[rows[id][name] != 0 for name in ("Smiling", "Wearing_Hat")] for id in batch.ids]
        assert batch.targets["attributes"].valid.tolist() == expected
        count += len(batch.ids)
    assert count == 31
