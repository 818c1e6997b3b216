"""The official file with its splits and class map."""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from mstasks import IMAGE
from mstasks_nyuv2.classes import MERGED
from mstasks_nyuv2.classes_894 import CLASS_40_OF_894
from mstasks_nyuv2.layouts.mat import LABELED, OfficialMat


def official(root: Path, classes: int = 40) -> OfficialMat:
    return OfficialMat(root / LABELED, classes)


def test_splits_count_frames_from_one(mat: Path) -> None:
    layout = official(mat)
    assert layout.train == ("0001", "0002", "0003", "0005", "0006", "0008", "0010")
    assert layout.test == ("0004", "0007", "0009")
    depth = layout.target("0004", "depth")
    assert depth is not None
    assert depth.value[0, 0] == 4


def test_frames_are_turned_upright(mat: Path) -> None:
    """Every pixel against the file, which MATLAB lists with columns first."""
    layout = official(mat)
    with h5py.File(mat / LABELED) as file:
        images, depths, labels = (file[name][()] for name in ("images", "depths", "labels"))
    image, depth, classes = (
        layout.image("0003", None),
        layout.target("0003", "depth"),
        layout.target("0003", "segmentation"),
    )
    assert depth is not None
    assert classes is not None
    assert image.shape == (6, 8, 3)
    for row in range(6):
        for column in range(8):
            assert image[row, column].tolist() == images[2, :, column, row].tolist()
            assert depth.value[row, column] == depths[2, column, row]
            number = labels[2, column, row]
            assert classes.valid[row, column] == (number > 0)
            if number:
                assert classes.value[row, column] == CLASS_40_OF_894[number - 1] - 1


def test_what_the_file_lacks_is_not_invented(mat: Path) -> None:
    layout = official(mat)
    with pytest.raises(ValueError, match=r"labeled.mat' holds no normals. Set `normals: from-depth` under `data`"):
        layout.target("0001", "normals")
    with pytest.raises(ValueError, match=r"labeled.mat' holds no edges. Set `edges: from-labels` under `data`"):
        layout.target("0001", "edges")


def test_it_says_what_it_is(mat: Path) -> None:
    assert official(mat, 13).describe() == (
        "Official file nyu_depth_v2_labeled.mat, 10 frames, of which splits.mat takes 7 to train and 3 to test; "
        "segmentation (894 classes merged to 13) and depth of each; it has no normals and no edges."
    )


def test_a_part_is_a_frame_of_the_file(mat: Path) -> None:
    layout = official(mat)
    parts = {layout.source(id, part) for id in layout.train for part in (IMAGE,)}
    assert len(parts) == 7, "two frames have the same source"
    assert layout.source("0003", "depth").files == (mat / LABELED,)
    assert layout.source("0003", "normals").files == ()


def _first_depth(layout: OfficialMat, id: str) -> float:
    target = layout.target(id, "depth")
    assert target is not None
    return float(target.value[0, 0])


def test_forked_and_spawned_readers_read_what_they_should(mat: Path) -> None:
    layout = official(mat)
    assert _first_depth(layout, "0001") == 1
    for start in ("fork", "spawn"):
        with get_context(start).Pool(2) as pool:
            found = pool.starmap(_first_depth, [(layout, id) for id in layout.train] * 3)
        assert found == [int(id) for id in layout.train] * 3
    assert _first_depth(pickle.loads(pickle.dumps(layout)), "0009") == 9


def test_reading_leaves_no_file_open(mat: Path) -> None:
    layout, open_files = official(mat), Path("/proc/self/fd")
    if not open_files.is_dir():
        pytest.skip("this system does not list open files")
    before = len([*open_files.iterdir()])
    for _ in range(5):
        layout.image("0001", None)
    assert len([*open_files.iterdir()]) == before


@pytest.mark.real_data
def test_the_built_in_map_is_the_published_one(test_data: Path) -> None:
    facts = json.loads((test_data / "nyuv2_mini" / "classes.json").read_text())
    assert [*CLASS_40_OF_894] == facts["map894to40"]


def test_a_class_map_beside_the_file_must_agree(mat: Path) -> None:
    published = np.array(CLASS_40_OF_894)[None]
    savemat(mat / "classMapping40.mat", {"mapClass": published})
    assert official(mat).train
    changed = published.copy()
    changed[0, 20] = 7
    savemat(mat / "classMapping40.mat", {"mapClass": changed})
    with pytest.raises(
        ValueError, match=r"maps class 21 of 894 to 7, where the published map has 1. Move the file away"
    ):
        official(mat)
    savemat(mat / "classMapping40.mat", {"mapClass": published[:, :5]})
    with pytest.raises(ValueError, match=r"'mapClass' in '.*' must map 894 classes. Found 5"):
        official(mat)
    assert len(MERGED) == 40


def test_without_splits_the_error_says_what_to_put_where(mat: Path) -> None:
    (mat / "splits.mat").unlink()
    with pytest.raises(
        ValueError, match=r"There is no file '.*splits.mat', which says what is train .* put it beside it"
    ):
        official(mat)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([[1], [2], [11]], r"'trainNdxs' in '.*splits.mat' must hold numbers of frames, 1 to 10. Found 11; is it"),
        ([[0], [1]], r"1 to 10. Found 0"),
        ([[1.5]], r"Found 1.5"),
        ([[1], [1]], r"'trainNdxs' in '.*' names a frame twice"),
        ([[1, 2], [3, 5]], r"must be a list of frames. Found the shape \(2, 2\)"),
        ([[1], [7]], r"'.*splits.mat' has frame 0007 in trainNdxs and in testNdxs"),
    ],
)
def test_splits_that_do_not_fit_are_explained(mat: Path, train: Any, message: str) -> None:
    savemat(mat / "splits.mat", {"trainNdxs": np.array(train), "testNdxs": np.array([[4], [7]])})
    with pytest.raises(ValueError, match=message):
        official(mat)


def edited(change: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        with h5py.File(path, "a") as file:
            change(file)

    return apply


def replace(file: h5py.File, name: str, array: Any) -> None:
    del file[name]
    file[name] = array


def link_outside(file: h5py.File) -> None:
    del file["depths"]
    file["depths"] = h5py.ExternalLink("/etc/passwd", "/depths")


def store_outside(file: h5py.File) -> None:
    del file["depths"]
    file.create_dataset("depths", (10, 8, 6), "f4", external=[("secret.bin", 0, 10 * 8 * 6 * 4)])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            edited(lambda file: file.__delitem__("depths")),
            r"must hold the array 'depths', float32 .* It holds: images, labels",
        ),
        (
            edited(lambda file: replace(file, "labels", np.zeros((10, 6, 8), "u2"))),
            r"labels \(N, W, H\).* labels \(10, 6, 8\)",
        ),
        (
            edited(lambda file: replace(file, "images", np.zeros((10, 3, 8, 6)))),
            r"'images' .* must be uint8 .* Found float64",
        ),
        (
            edited(lambda file: replace(file, "depths", np.zeros((8, 6)))),
            r"'depths' .* must be float32 .* Found float64 \(8, 6\)",
        ),
        (edited(link_outside), r"must hold the array 'depths'"),
        (edited(store_outside), r"'depths' in '.*' lies in other files, which are not opened"),
        (lambda path: path.write_bytes(b"no HDF5"), r"cannot be read as the official MATLAB 7.3 file, which is HDF5"),
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), r"cannot be read as the official MATLAB 7.3 file"),
        (lambda path: (path.unlink(), os.mkfifo(path)), r"labeled.mat' is a pipe"),
    ],
)
def test_a_file_that_is_something_else_is_explained(mat: Path, spoil: Callable[[Path], Any], message: str) -> None:
    spoil(mat / LABELED)
    with pytest.raises(ValueError, match=message):
        official(mat)


def test_a_class_out_of_range_names_the_frame(mat: Path) -> None:
    with h5py.File(mat / LABELED, "a") as file:
        file["labels"][2, 0, 0] = 900
    with pytest.raises(
        ValueError, match=r"Frame 0003 of 'labels' in '.*' must hold 0 for void and classes 1 to 894. Found 900"
    ):
        official(mat).target("0003", "segmentation")


def test_without_h5py_the_error_says_what_to_install(mat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        ValueError, match=r"read with h5py, which is not installed. Run: pip install 'mstasks\[nyuv2\]'"
    ):
        official(mat)
