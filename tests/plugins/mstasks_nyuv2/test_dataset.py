"""The NYUD_MT folder: splits, missing pieces, and errors that name files."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from mstasks_nyuv2.dataset import NYUv2
from mstasks_nyuv2.options import NYUv2Options
from mstasks_nyuv2.targets import targets

TRAIN, TEST = [f"{i:04d}" for i in range(20)], ["0100", "0101"]
ALL = ("segmentation", "depth", "normals", "edges")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny folder in the layout, each label telling its id."""
    for name in ("images", "segmentation", "depth", "normals", "edge", "gt_sets"):
        (tmp_path / name).mkdir()
    for id in TRAIN + TEST:
        number = int(id)
        Image.new("RGB", (8, 6), (number, 50, 60)).save(tmp_path / "images" / f"{id}.jpg", quality=100)
        Image.fromarray(np.full((6, 8), number % 41, np.uint8)).save(tmp_path / "segmentation" / f"{id}.png")
        np.save(tmp_path / "depth" / f"{id}.npy", np.full((6, 8), number, np.float32))
        np.save(tmp_path / "normals" / f"{id}.npy", np.tile([0, 0, -1.0], (6, 8, 1)))
        np.save(tmp_path / "edge" / f"{id}.npy", np.full((6, 8), 0.5, np.float64))
    (tmp_path / "gt_sets" / "train.txt").write_text("\n".join(TRAIN) + "\n\n")
    (tmp_path / "gt_sets" / "val.txt").write_text("\r\n".join(TEST) + "\r\n")
    return tmp_path


def nyu(root: Path, **options: Any) -> NYUv2:
    return NYUv2(NYUv2Options(root=root, **options), (6, 8))


def test_the_layouts_val_is_test_and_val_is_a_tenth_of_train(folder: Path) -> None:
    dataset = nyu(folder)
    assert list(dataset.ids("test")) == TEST
    assert len(dataset.ids("val")) == 2
    assert sorted([*dataset.ids("train"), *dataset.ids("val")]) == TRAIN
    assert len(nyu(folder, val_fraction=0.5).ids("val")) == 10
    assert nyu(folder, val_fraction=0.5, val_seed=1).ids("val") != nyu(folder, val_fraction=0.5).ids("val")


def test_a_sample_holds_what_its_files_hold(folder: Path) -> None:
    sample = nyu(folder).load("0007", ALL)
    assert sample.id == "0007"
    assert sample.image.shape == (6, 8, 3)
    assert sample.image.dtype == np.uint8
    assert abs(int(sample.image[0, 0, 0]) - 7) <= 2
    assert set(sample.targets) == set(ALL)
    assert (sample.targets["segmentation"].value == 6).all()
    assert (sample.targets["depth"].value == 7).all()
    assert (sample.targets["normals"].value == [0, 0, -1]).all()
    assert (sample.targets["edges"].value == 0.5).all()
    assert all(target.valid.all() for target in sample.targets.values())


def test_only_the_wanted_targets_are_opened(folder: Path) -> None:
    (folder / "normals" / "0007.npy").write_bytes(b"rubbish")
    assert set(nyu(folder).load("0007", ["depth"]).targets) == {"depth"}


def test_an_absent_file_is_a_missing_label(folder: Path) -> None:
    (folder / "depth" / "0007.npy").unlink()
    assert set(nyu(folder).load("0007", ALL).targets) == {"segmentation", "normals", "edges"}


def test_an_absent_folder_is_an_error_once_it_is_needed(folder: Path) -> None:
    (folder / "edge").rename(folder / "edges")
    assert set(nyu(folder).load("0007", ["depth"]).targets) == {"depth"}
    with pytest.raises(
        ValueError, match=r"There is no folder '.*edge'. It should hold the labels of 'edges', edge/\{id\}.npy"
    ):
        nyu(folder).load("0007", ALL)


@pytest.mark.parametrize(("classes", "count"), [(40, 40), (13, 13)])
def test_targets_are_declared_without_a_file(classes: Literal[40, 13], count: int) -> None:
    declared = targets(NYUv2Options(root=Path("nowhere"), classes=classes))
    assert set(declared) == set(ALL)
    assert len(declared["segmentation"].names) == count


def test_the_chosen_classes_are_what_is_loaded(folder: Path) -> None:
    sofa = nyu(folder, classes=13).load("0006", ["segmentation"]).targets["segmentation"]
    names = targets(NYUv2Options(root=folder, classes=13))["segmentation"].names
    assert names[sofa.value[0, 0]] == "sofa"


def test_a_data_set_pickles_for_workers(folder: Path) -> None:
    copy = pickle.loads(pickle.dumps(nyu(folder)))
    assert np.array_equal(copy.load("0003", ["depth"]).targets["depth"].value, np.full((6, 8), 3))


def test_listing_and_declaring_import_no_torch() -> None:
    program = (
        "import sys, mstasks_nyuv2, mstasks_nyuv2.targets, mstasks_nyuv2.options; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def spoil(folder: Path, what: str) -> None:
    """One way of not being an NYUD_MT folder."""
    gt_sets = folder / "gt_sets"
    match what:
        case "images":
            (folder / "images").rename(folder / "rgb")
        case "train.txt":
            (gt_sets / "train.txt").unlink()
        case "empty":
            (gt_sets / "val.txt").write_text("\n \n")
        case "repeated":
            (gt_sets / "train.txt").write_text("0001\n0002\n0001\n")
        case "path":
            (gt_sets / "train.txt").write_text("0001\n../0002\n")
        case "binary":
            (gt_sets / "train.txt").write_bytes(b"\xff\xfe\x00")
        case "overlap":
            (gt_sets / "val.txt").write_text("0100\n0003\n")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("images", r"There is no folder '.*images'. It should hold the photographs, images/\{id\}.jpg"),
        ("train.txt", r"There is no '.*train.txt'. An NYUD_MT folder lists the ids of each split there, one a line"),
        ("empty", r"'.*val.txt' lists no ids"),
        ("repeated", r"train.txt:3: the id '0001' stands in line 1 already"),
        ("path", r"train.txt:2: an id must be a file name without folders. Found '../0002'"),
        ("binary", r"'.*train.txt' is not a text file"),
        ("overlap", r"lists '0003' in train.txt and in val.txt"),
    ],
)
def test_a_folder_that_is_not_in_the_layout_is_explained(folder: Path, what: str, message: str) -> None:
    spoil(folder, what)
    with pytest.raises(ValueError, match=message):
        nyu(folder)


def test_a_root_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no folder '.*nowhere'. It should hold images/, .* see `data.root`"):
        nyu(tmp_path / "nowhere")


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit('the pickle ran')",)


def test_pickled_arrays_are_refused_and_never_run(folder: Path) -> None:
    np.save(folder / "depth" / "0007.npy", np.array([[Bomb()]], object), allow_pickle=True)
    with pytest.raises(
        ValueError, match=r"'.*depth.0007.npy' cannot be read as an .npy array of numbers: .*allow_pickle"
    ):
        nyu(folder).load("0007", ["depth"])


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("depth/0007.npy", pickle.dumps(Bomb()), r"'.*0007.npy' cannot be read as an .npy array of numbers"),
        ("depth/0007.npy", b"", r"'.*0007.npy' cannot be read as an .npy array of numbers"),
        ("segmentation/0007.png", b"no picture", r"'.*0007.png' cannot be read as a picture"),
        ("images/0007.jpg", b"\xff\xd8\xff\xe0 cut short", r"'.*0007.jpg' cannot be read as a picture"),
        ("images/0007.jpg", None, r"There is no '.*0007.jpg'"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(folder: Path, path: str, content: bytes | None, message: str) -> None:
    (folder / path).unlink()
    if content is not None:
        (folder / path).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        nyu(folder).load("0007", ALL)


def test_a_truncated_array_and_one_of_the_wrong_shape_are_named(folder: Path) -> None:
    path = folder / "depth" / "0007.npy"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"'.*depth.0007.npy' cannot be read"):
        nyu(folder).load("0007", ["depth"])
    np.save(path, np.zeros((2, 6, 8, 1)))
    with pytest.raises(
        ValueError, match=r"'.*depth.0007.npy' must hold numbers of shape \(H, W\).* Found float64 \(2, 6, 8, 1\)"
    ):
        nyu(folder).load("0007", ["depth"])
