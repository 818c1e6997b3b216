"""The folder of .npy files of MTAN."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mstasks import IMAGE
from mstasks_nyuv2.classes import NAMES_13
from mstasks_nyuv2.layouts.mtan import MTAN


def test_ids_are_in_the_order_of_their_numbers(mtan: Path) -> None:
    layout = MTAN(mtan, 13)
    assert layout.train == tuple(f"train/{i}" for i in range(12))
    assert layout.test == ("val/0", "val/1", "val/2")


def test_images_become_bytes(mtan: Path) -> None:
    ramp = np.arange(256, dtype=np.float32)
    np.save(mtan / "train" / "image" / "3.npy", np.repeat((ramp / 255).reshape(16, 16, 1), 3, axis=2))
    image = MTAN(mtan, 13).image("train/3", None)
    assert image.dtype == np.uint8
    assert np.array_equal(image[..., 1].ravel(), ramp)


def test_labels_are_what_the_files_hold(mtan: Path) -> None:
    layout = MTAN(mtan, 13)
    first, sixth = layout.target("train/0", "segmentation"), layout.target("train/6", "segmentation")
    assert first is not None
    assert sixth is not None
    assert not first.valid.any()
    assert sixth.valid.all()
    assert {NAMES_13[i] for i in sixth.value.ravel()} == {"furniture"}
    stored = np.load(mtan / "train" / "normal" / "6.npy")
    stored[0, 0] = 0
    np.save(mtan / "train" / "normal" / "6.npy", stored)
    stored = np.load(mtan / "train" / "depth" / "6.npy")
    stored[0, 1] = 0
    np.save(mtan / "train" / "depth" / "6.npy", stored)
    normals, depth = layout.target("train/6", "normals"), layout.target("train/6", "depth")
    assert normals is not None
    assert depth is not None
    assert normals.valid.sum() == depth.valid.sum() == 47
    assert not normals.valid[0, 0]
    assert not depth.valid[0, 1]
    assert depth.value.shape == (6, 8)
    assert (depth.value[depth.valid] == 7).all()


def test_forty_classes_are_refused_with_what_to_set(mtan: Path) -> None:
    with pytest.raises(
        ValueError, match=r"layout of MTAN, whose labels have 13 classes. Set `classes: 13` under `data`"
    ):
        MTAN(mtan, 40)


def test_edges_are_not_in_the_layout(mtan: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no edges. Set `edges: from-labels` under `data` to derive them"):
        MTAN(mtan, 13).target("train/0", "edges")


def test_an_absent_file_is_a_missing_label_and_an_absent_folder_an_error(mtan: Path) -> None:
    (mtan / "train" / "normal" / "0.npy").unlink()
    assert MTAN(mtan, 13).target("train/0", "normals") is None
    shutil.rmtree(mtan / "train" / "normal")
    assert MTAN(mtan, 13).target("train/0", "normals") is None, "the test split has some"
    shutil.rmtree(mtan / "val" / "normal")
    with pytest.raises(ValueError, match=r"holds no normals. Set `normals: from-depth` under `data`"):
        MTAN(mtan, 13).target("train/0", "normals")


@pytest.mark.parametrize("other", ["0000", None], ids=["misnamed", "empty"])
def test_labels_that_belong_to_no_image_are_none(mtan: Path, other: str | None) -> None:
    for file in [*mtan.glob("*/label/*.npy")]:
        if other is None:
            file.unlink()
        else:
            file.rename(file.with_name(f"{int(file.stem):04d}.npy"))
    layout = MTAN(mtan, 13)
    with pytest.raises(ValueError, match=r"holds no segmentation\. It would be in label/, called like its image\.$"):
        layout.target("train/0", "segmentation")
    assert "segmentation 0, depth 15," in layout.describe()


def test_it_says_how_much_of_what_there_is(mtan: Path) -> None:
    (mtan / "train" / "label" / "0.npy").unlink()
    assert MTAN(mtan, 13).describe() == (
        "MTAN folder, 12 train and 3 test images; segmentation 14, depth 15, normals 15; the layout has no edges."
    )


def test_a_part_is_one_file(mtan: Path) -> None:
    layout = MTAN(mtan, 13)
    assert layout.source("val/1", IMAGE).files == (mtan / "val" / "image" / "1.npy",)
    assert layout.source("val/1", "segmentation").files == (mtan / "val" / "label" / "1.npy",)
    assert layout.source("val/1", "edges").files == ()


def test_a_split_without_images_is_explained(mtan: Path) -> None:
    shutil.rmtree(mtan / "val" / "image")
    with pytest.raises(ValueError, match=r"There is no folder '.*val.image'. MTAN holds the images of a split there"):
        MTAN(mtan, 13)
    (mtan / "val" / "image").mkdir()
    with pytest.raises(ValueError, match=r"'.*val.image' holds no images, \{number\}.npy"):
        MTAN(mtan, 13)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (
            np.zeros((3, 6, 8), np.float32),
            r"'.*image.0.npy' must hold floats of shape \(H, W, 3\). Found float32 \(3, 6, 8\)",
        ),
        (np.zeros((6, 8, 3), np.uint8), r"must hold floats of shape \(H, W, 3\). Found uint8 \(6, 8, 3\)"),
        (np.full((6, 8, 3), 200.0), r"'.*image.0.npy' must hold 0 to 1. Found 200 to 200"),
        (np.full((6, 8, 3), np.nan), r"must hold 0 to 1. Found nan"),
    ],
)
def test_an_image_that_is_something_else_is_explained(mtan: Path, stored: Any, message: str) -> None:
    np.save(mtan / "train" / "image" / "0.npy", stored)
    with pytest.raises(ValueError, match=message):
        MTAN(mtan, 13).image("train/0", None)


def test_labels_of_forty_classes_are_explained(mtan: Path) -> None:
    np.save(mtan / "train" / "label" / "0.npy", np.full((6, 8), 39, np.float32))
    with pytest.raises(ValueError, match=r"'.*label.0.npy' must hold -1 for void and classes 0 to 12. Found 39\.$"):
        MTAN(mtan, 13).target("train/0", "segmentation")
