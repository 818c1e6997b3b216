"""The data set over any layout: splits, what is derived and cut, and what the cache may know."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from mstasks import IMAGE
from mstasks_nyuv2.dataset import NYUv2
from mstasks_nyuv2.options import NYUv2Options
from mstasks_nyuv2.targets import targets

TRAIN, TEST = [f"{i:04d}" for i in range(20)], ["0100", "0101"]
ALL = ("segmentation", "depth", "normals", "edges")


def nyu(root: Path, **options: Any) -> NYUv2:
    return NYUv2(NYUv2Options(root=root, **options), (6, 8))


def test_the_official_test_split_is_test_and_val_is_a_tenth_of_train(nyud_mt: Path) -> None:
    dataset = nyu(nyud_mt)
    assert list(dataset.ids("test")) == TEST
    assert len(dataset.ids("val")) == 2
    assert sorted([*dataset.ids("train"), *dataset.ids("val")]) == TRAIN
    assert len(nyu(nyud_mt, val_fraction=0.5).ids("val")) == 10
    assert nyu(nyud_mt, val_fraction=0.5, val_seed=1).ids("val") != nyu(nyud_mt, val_fraction=0.5).ids("val")


def test_every_layout_has_three_splits(mtan: Path, mat: Path) -> None:
    assert [len(nyu(mtan, classes=13).ids(split)) for split in ("train", "val", "test")] == [11, 1, 3]
    assert [len(nyu(mat).ids(split)) for split in ("train", "val", "test")] == [6, 1, 3]


def test_a_sample_holds_what_its_files_hold(nyud_mt: Path) -> None:
    sample = nyu(nyud_mt).load("0007", ALL)
    assert sample.id == "0007"
    assert sample.image.shape == (6, 8, 3)
    assert sample.image.dtype == np.uint8
    assert abs(int(sample.image[0, 0, 0]) - 7) <= 2
    assert set(sample.targets) == set(ALL)
    assert (sample.targets["depth"].value == 7).all()


def test_only_the_wanted_targets_are_opened(nyud_mt: Path) -> None:
    (nyud_mt / "normals" / "0007.npy").write_bytes(b"rubbish")
    (nyud_mt / "edge" / "0007.npy").unlink()
    assert set(nyu(nyud_mt).load("0007", ["depth", "edges"]).targets) == {"depth"}


@pytest.mark.parametrize(("classes", "count"), [(40, 40), (13, 13)])
def test_targets_are_declared_without_a_file(classes: Literal[40, 13], count: int) -> None:
    declared = targets(NYUv2Options(root=Path("nowhere"), classes=classes))
    assert set(declared) == set(ALL)
    assert len(declared["segmentation"].names) == count


def test_the_chosen_classes_are_what_is_loaded(nyud_mt: Path) -> None:
    sofa = nyu(nyud_mt, classes=13).load("0006", ["segmentation"]).targets["segmentation"]
    names = targets(NYUv2Options(root=nyud_mt, classes=13))["segmentation"].names
    assert names[sofa.value[0, 0]] == "sofa"


def test_a_data_set_pickles_for_workers(nyud_mt: Path) -> None:
    copy = pickle.loads(pickle.dumps(nyu(nyud_mt)))
    assert np.array_equal(copy.load("0003", ["depth"]).targets["depth"].value, np.full((6, 8), 3))


def test_listing_and_declaring_import_no_torch() -> None:
    program = (
        "import sys, mstasks_nyuv2, mstasks_nyuv2.targets, mstasks_nyuv2.options; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_is_not_there_is_refused(nyud_mt: Path) -> None:
    dataset = nyu(nyud_mt)
    with pytest.raises(ValueError, match=r"NYU-v2 at '.*' has no image '../0001'"):
        dataset.source("../0001", IMAGE)
    with pytest.raises(
        ValueError, match=r"NYU-v2 has no target 'saliency'. It has: segmentation, depth, normals, edges"
    ):
        dataset.target("0001", "saliency")


def test_an_image_is_reduced_only_if_it_is_not_cut(nyud_mt: Path) -> None:
    Image.new("RGB", (640, 480)).save(nyud_mt / "images" / "0007.jpg")
    for border, shape in (("keep", (120, 160, 3)), ("crop", (467, 625, 3))):
        dataset = nyu(nyud_mt, border=border)
        dataset.at_least = (120, 160)
        assert dataset.image("0007").shape == shape


def marked(root: Path, height: int, width: int) -> np.ndarray[Any, Any]:
    """Give image 0007 other labels, of this size: depth numbers its pixels from 1."""
    rng, shape = np.random.default_rng(0), (height, width)
    numbers = np.arange(1, height * width + 1, dtype=np.float32).reshape(shape)
    Image.fromarray(rng.integers(1, 41, shape).astype(np.uint8)).save(root / "segmentation" / "0007.png")
    np.save(root / "depth" / "0007.npy", numbers)
    np.save(root / "normals" / "0007.npy", np.tile(np.float32([0, 0, -1]), (*shape, 1)))
    np.save(root / "edge" / "0007.npy", rng.random(shape))
    Image.new("RGB", (width, height)).save(root / "images" / "0007.jpg")
    return numbers


def test_the_eigen_crop_keeps_the_image_whole_and_labels_outside_are_not_valid(nyud_mt: Path) -> None:
    numbers = marked(nyud_mt, 480, 640)
    sample = nyu(nyud_mt, eigen_crop=True).load("0007", ALL)
    expected = np.zeros((480, 640), np.bool_)
    expected[45:471, 41:601] = True
    assert sample.image.shape == (480, 640, 3)
    for target in sample.targets.values():
        assert np.array_equal(target.valid, expected)
    assert np.array_equal(sample.targets["depth"].value, numbers)


def test_without_its_border_an_image_and_all_labels_show_the_same(nyud_mt: Path) -> None:
    numbers = marked(nyud_mt, 480, 640)
    sample = nyu(nyud_mt, border="crop").load("0007", ALL)
    assert sample.image.shape == (467, 625, 3)
    assert np.array_equal(sample.targets["depth"].value, numbers[7:474, 7:632])
    assert {target.valid.shape for target in sample.targets.values()} == {(467, 625)}
    assert all(target.valid.all() for target in sample.targets.values())
    both = nyu(nyud_mt, border="crop", eigen_crop=True).load("0007", ["depth"]).targets["depth"]
    assert np.array_equal(both.value[both.valid], numbers[45:471, 41:601].ravel())


def test_an_image_of_unknown_extent_is_not_cut(nyud_mt: Path) -> None:
    marked(nyud_mt, 30, 30)
    with pytest.raises(
        ValueError, match=r"`border: crop` cannot be applied to 'image' of '0007': 30 x 30 pixels are neither"
    ):
        nyu(nyud_mt, border="crop").image("0007")
    with pytest.raises(
        ValueError, match=r"`eigen_crop` cannot be applied to 'depth' of '0007': 30 x 30 pixels are neither"
    ):
        nyu(nyud_mt, eigen_crop=True).target("0007", "depth")
    with pytest.raises(ValueError, match=r"The normals of '0007' cannot be derived: 30 x 30 pixels are neither"):
        nyu(nyud_mt, normals="from-depth").target("0007", "normals")


def test_edges_from_labels_are_the_boundaries_of_the_chosen_classes(nyud_mt: Path) -> None:
    stored = np.ones((6, 8), np.uint8)
    stored[:, 3:] = 8
    stored[:, 6:] = 2
    Image.fromarray(stored).save(nyud_mt / "segmentation" / "0007.png")
    for classes, columns in ((40, [3, 6]), (13, [6])):  # a door is wall among the 13
        edges = nyu(nyud_mt, edges="from-labels", classes=classes).target("0007", "edges")
        assert edges is not None
        assert np.flatnonzero(edges.value[0]).tolist() == columns
    (nyud_mt / "segmentation" / "0007.png").unlink()
    assert nyu(nyud_mt, edges="from-labels").target("0007", "edges") is None


def test_normals_from_depth_are_those_of_the_whole_picture_whatever_is_cut(nyud_mt: Path) -> None:
    columns = (np.arange(320)[None] - 162.5) / 259.4
    depth = np.broadcast_to(2 / (1 - 0.4 * columns), (240, 320)).astype(np.float32)  # a wall, z = 2 + 0.4 X
    np.save(nyud_mt / "depth" / "0007.npy", depth)
    whole = nyu(nyud_mt, normals="from-depth").target("0007", "normals")
    cut = nyu(nyud_mt, normals="from-depth", border="crop").target("0007", "normals")
    assert whole is not None
    assert cut is not None
    assert np.array_equal(cut.value, whole.value[4:237, 4:316])
    middle = np.array([0.4, 0, -1]) / np.hypot(0.4, 1)
    np.testing.assert_allclose(whole.value[120, 160], middle, atol=0.01)


def test_what_is_derived_is_said(mat: Path) -> None:
    text = nyu(mat, normals="from-depth", edges="from-labels").describe()
    assert text.endswith("no edges. Derived: normals from depth and edges from segmentation.")


CHANGES: dict[str, Any] = {
    "classes": 13,
    "normals": "from-depth",
    "edges": "from-labels",
    "eigen_crop": True,
    "border": "crop",
    "val_fraction": 0.4,
    "val_seed": 7,
}
MATTERS = {
    "classes": {"segmentation"},
    "normals": {"normals"},
    "edges": {"edges"},
    "eigen_crop": {*ALL},
    "border": {IMAGE, *ALL},
    "val_fraction": set(),
    "val_seed": set(),
}


@pytest.mark.parametrize("option", CHANGES)
def test_a_source_changes_with_those_options_that_change_the_part(nyud_mt: Path, mat: Path, option: str) -> None:
    assert set(CHANGES) == set(NYUv2Options.model_fields) - {"root"}, "an option was forgotten"
    for root, id in ((nyud_mt, "0007"), (mat, "0003")):
        before, after = nyu(root), nyu(root, **{option: CHANGES[option]})
        changed = {part for part in (IMAGE, *ALL) if before.source(id, part) != after.source(id, part)}
        assert changed == MATTERS[option]


def test_derived_edges_change_with_the_classes(nyud_mt: Path) -> None:
    forty, thirteen = (nyu(nyud_mt, edges="from-labels", classes=classes) for classes in (40, 13))
    assert forty.source("0007", "edges") != thirteen.source("0007", "edges")
    assert forty.source("0007", "edges").files == (
        nyud_mt / "segmentation" / "0007.png",
        nyud_mt / "segmentation" / "0007.mat",
    )


def test_threads_read_what_one_alone_reads_where_no_lock_makes_them_wait(nyud_mt: Path, mtan: Path, mat: Path) -> None:
    assert not nyu(mat).thread_safe
    for dataset, names in ((nyu(nyud_mt), ALL), (nyu(mtan, classes=13), ALL[:3])):
        assert dataset.thread_safe
        ids = [*dataset.ids("train")] * 4
        load = partial(dataset.load, targets=names)
        with ThreadPoolExecutor(4) as pool:
            for found, expected in zip(pool.map(load, ids), map(load, ids), strict=True):
                np.testing.assert_array_equal(found.image, expected.image)
                assert found.targets.keys() == expected.targets.keys()
                for name, target in expected.targets.items():
                    np.testing.assert_array_equal(found.targets[name].value, target.value)
