"""The same real frames in all three layouts give the same tensors at MTAN's own size, and train."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from mstasks import RawTarget, Sample
from mstasks.data.pipeline import Pipeline
from mstasks.fit import fit, start_run
from mstasks.recipe import load_recipe
from mstasks_nyuv2.classes import NAMES_13
from mstasks_nyuv2.dataset import NYUv2
from mstasks_nyuv2.options import NYUv2Options
from mstasks_nyuv2.targets import targets

pytestmark = pytest.mark.real_data

SIZE = (288, 384)
STORED = (240, 320)
BOTH = ("segmentation", "depth")
RECIPE = Path(__file__).parents[3] / "recipes" / "nyuv2" / "mini.yaml"

Index = NDArray[np.intp]


def names(root: Path) -> list[tuple[str, str, str]]:
    """Each frame's id in NYUD_MT, MTAN and the official file, train before test."""
    listed = {split: (root / "gt_sets" / f"{split}.txt").read_text().split() for split in ("train", "val")}
    numbered = [(id, f"{split}/{i}") for split, ids in listed.items() for i, id in enumerate(ids)]
    return [(id, mtan, f"{frame:04d}") for frame, (id, mtan) in enumerate(numbered, 1)]


def prepared(root: Path, ids: Sequence[str], wanted: Sequence[str] = BOTH) -> list[Sample]:
    """What training would get, without augmentation."""
    options = NYUv2Options(root=root, classes=13)
    dataset = NYUv2(options, SIZE)
    pipeline = Pipeline([], {name: info for name, info in targets(options).items() if name in wanted}, SIZE)
    return [pipeline(dataset.load(id, wanted), None) for id in ids]


@pytest.fixture(scope="module")
def samples(real: Mapping[str, Path]) -> dict[str, list[Sample]]:
    ids = names(real["nyud_mt"])
    found = {name: prepared(root, [row[i] for row in ids]) for i, (name, root) in enumerate(real.items())}
    assert [len(each) for each in found.values()] == [8, 8, 8]
    return found


def picked_by_pipeline(numbers: NDArray[np.float32]) -> Index:
    """Which stored pixel the pipeline fetches for each of its own, told by a depth map that numbers them from 0."""
    image, infos = np.zeros((*numbers.shape, 3), np.uint8), targets(NYUv2Options(root=Path("nowhere")))
    target = RawTarget(numbers, np.ones(numbers.shape, np.bool_))
    moved = Pipeline([], {"depth": infos["depth"]}, SIZE)(Sample("numbers", image, {"depth": target}), None)
    return moved.targets["depth"].value.astype(np.intp)


@pytest.fixture(scope="module")
def source_pixels() -> dict[str, Index]:
    """Which pixel of the frame as it was, 240 x 320, each layout's labels are from: the makers' resizes, then ours."""
    numbers = np.arange(240 * 320, dtype=np.float32).reshape(STORED)
    twice = cv2.resize(numbers, (640, 480), interpolation=cv2.INTER_NEAREST)
    mtan = cv2.resize(numbers, SIZE[::-1], interpolation=cv2.INTER_NEAREST)
    return {
        "nyud_mt": picked_by_pipeline(numbers),
        "mtan": picked_by_pipeline(mtan),
        "mat": picked_by_pipeline(twice),
    }


def assert_equal_labels(one: Sample, other: Sample, where: NDArray[np.bool_]) -> None:
    for name in BOTH:
        a, b = one.targets[name], other.targets[name]
        assert a.value.dtype == b.value.dtype
        assert np.array_equal(a.valid[where], b.valid[where])
        assert np.array_equal(a.value[where], b.value[where])
        assert a.valid[where].any()


def test_the_official_file_and_nyud_mt_give_equal_labels(
    samples: dict[str, list[Sample]], source_pixels: dict[str, Index]
) -> None:
    same = source_pixels["nyud_mt"] == source_pixels["mat"]
    assert same.mean() >= 0.99
    for one, other in zip(samples["nyud_mt"], samples["mat"], strict=True):
        assert_equal_labels(one, other, same)


@pytest.mark.parametrize("layout", ["nyud_mt", "mat"])
def test_mtan_gives_equal_labels_wherever_the_same_pixel_was_picked(
    samples: dict[str, list[Sample]], source_pixels: dict[str, Index], layout: str
) -> None:
    """On 4/9 of the pixels: cv2.INTER_NEAREST, with which the layout was written, takes pixel floor(i 5/6).

    That is up to 5/6 of a pixel to the upper left of where the image, and the pipeline, have it: floor((i + 1/2) 5/6). So
    two of six rows, and of six columns, differ by one.
    """
    same = source_pixels[layout] == source_pixels["mtan"]
    assert same.mean() == pytest.approx(4 / 9)
    rows, columns = (source_pixels[layout] - source_pixels["mtan"]) // 320, source_pixels[layout] % 320
    assert {*np.unique(rows)} <= {0, 1}, "the labels of MTAN lag by one pixel at most"
    assert {*np.unique(columns - source_pixels["mtan"] % 320)} <= {0, 1}
    for one, other in zip(samples[layout], samples["mtan"], strict=True):
        assert_equal_labels(one, other, same)


def test_mtan_that_is_written_from_pixel_centres_gives_equal_labels(
    real: Mapping[str, Path], samples: dict[str, list[Sample]], source_pixels: dict[str, Index], tmp_path: Path
) -> None:
    """The labels resized anew by INTER_NEAREST_EXACT, which picks what lies under the image's pixel: all of it is equal."""
    root = tmp_path / "mtan"
    shutil.copytree(real["mtan"], root)
    numbers = np.arange(240 * 320, dtype=np.float32).reshape(STORED)
    same = source_pixels["nyud_mt"] == picked_by_pipeline(exact(numbers))
    assert same.mean() >= 0.99
    ids = names(real["nyud_mt"])
    native = NYUv2(NYUv2Options(root=real["nyud_mt"], classes=13), SIZE)
    for id, mtan, _ in ids:
        stored = native.load(id, BOTH).targets
        split, number = mtan.split("/")
        classes = np.where(stored["segmentation"].valid, stored["segmentation"].value.astype(np.float32), -1)
        np.save(root / split / "label" / f"{number}.npy", exact(classes.astype(np.float32)))
        np.save(root / split / "depth" / f"{number}.npy", exact(stored["depth"].value)[..., None])
    for one, other in zip(samples["nyud_mt"], prepared(root, [row[1] for row in ids]), strict=True):
        assert_equal_labels(one, other, same)


def exact(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(cv2.resize(array, SIZE[::-1], interpolation=cv2.INTER_NEAREST_EXACT))


def test_images_differ_by_no_more_than_how_they_were_resized(samples: dict[str, list[Sample]]) -> None:
    """MTAN's is the same linear resize, rounded to float and back: equal.

    The official file's frames are doubled and then averaged over areas. Either way a pixel is a mean of stored pixels next
    to it, so the two cannot be further apart than those are from each other; on average it is under one level of 255.
    """
    kernel = np.ones((5, 5), np.uint8)  # at 288 x 384, more than one stored pixel to each side
    for one, mtan, mat in zip(*(samples[name] for name in ("nyud_mt", "mtan", "mat")), strict=True):
        assert np.array_equal(one.image, mtan.image)
        contrast = cv2.dilate(one.image, kernel).astype(int) - cv2.erode(one.image, kernel)
        difference = np.abs(one.image.astype(int) - mat.image)
        assert (difference <= contrast + 1).all()
        assert difference.mean() < 1


def test_stored_normals_are_the_same_where_the_same_pixel_was_picked(
    real: Mapping[str, Path], source_pixels: dict[str, Index]
) -> None:
    ids, same = names(real["nyud_mt"]), source_pixels["nyud_mt"] == source_pixels["mtan"]
    for one, other in zip(
        prepared(real["nyud_mt"], [row[0] for row in ids], ["normals"]),
        prepared(real["mtan"], [row[1] for row in ids], ["normals"]),
        strict=True,
    ):
        a, b = one.targets["normals"], other.targets["normals"]
        assert np.array_equal(a.valid[same], b.valid[same])
        assert np.array_equal(a.value[same], b.value[same])


def test_the_comparison_sees_classes_and_depths_that_vary(samples: dict[str, list[Sample]]) -> None:
    classes = {*np.concatenate([np.unique(s.targets["segmentation"].value) for s in samples["mat"]]).tolist()}
    assert len(classes) > 6
    assert max(classes) < len(NAMES_13)
    assert all(len(np.unique(s.targets["depth"].value)) > 20 for s in samples["mat"])


@pytest.mark.parametrize("layout", ["nyud_mt", "mtan", "mat"])
def test_the_mini_recipe_trains_on_every_layout(real: Mapping[str, Path], tmp_path: Path, layout: str) -> None:
    tiny = ["data.size=[48, 64]", "data.batch_size=2", "data.augment=[{HorizontalFlip: {p: 0.5}}]", "optim.steps=3"]
    network = ["backbone.model=mobilenetv3_small_050", "backbone.weights=random", "decoder.width=8", "device=cpu"]
    derived = ["data.normals=from-depth"] if layout == "mat" else []
    loaded = load_recipe(RECIPE, [f"data.root={real[layout]}", *tiny, *network, *derived])
    summary = fit(loaded, start_run(loaded, tmp_path), Console(quiet=True))
    for name, metric in (("segmentation", "miou"), ("depth", "rmse"), ("normals", "mean")):
        assert np.isfinite(summary["tasks"][name]["test"][metric])


def test_the_mini_recipe_says_what_derives_normals_that_are_not_there(real: Mapping[str, Path]) -> None:
    loaded = load_recipe(RECIPE, [f"data.root={real['mat']}"])
    dataset = NYUv2(loaded.recipe.data.options, SIZE)
    with pytest.raises(ValueError, match=r"holds no normals. Set `normals: from-depth` under `data`"):
        dataset.load("0001", [*loaded.recipe.tasks])
