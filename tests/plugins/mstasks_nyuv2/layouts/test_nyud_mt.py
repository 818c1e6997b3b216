"""The NYUD_MT folder: missing pieces, namesakes that store labels otherwise, and errors that name files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mstasks import IMAGE
from mstasks_nyuv2.layouts.nyud_mt import NYUDMT

ALL = ("segmentation", "depth", "normals", "edges")


def test_it_says_how_much_of_what_there_is(nyud_mt: Path) -> None:
    (nyud_mt / "depth" / "0007.npy").unlink()
    (nyud_mt / "edge" / "0007.npy").rename(nyud_mt / "edge" / "0007.bak")
    assert NYUDMT(nyud_mt, 40).describe() == (
        "NYUD_MT folder, 20 train and 2 test images; segmentation 22 .png, depth 21 .npy, normals 22 .npy, edges 21 .npy."
    )


def test_labels_are_what_the_files_hold(nyud_mt: Path) -> None:
    layout = NYUDMT(nyud_mt, 40)
    found = {name: layout.target("0007", name) for name in ALL}
    values = {"segmentation": 6, "depth": 7, "normals": [0, 0, -1], "edges": 0.5}
    for name, target in found.items():
        assert target is not None
        assert target.valid.all()
        assert (target.value == values[name]).all()


def test_an_absent_file_is_a_missing_label(nyud_mt: Path) -> None:
    (nyud_mt / "depth" / "0007.npy").unlink()
    assert NYUDMT(nyud_mt, 40).target("0007", "depth") is None


@pytest.mark.parametrize(
    ("name", "folder", "derived"),
    [
        ("edges", "edge", "Set `edges: from-labels` under `data` to derive them from the classes."),
        ("normals", "normals", "Set `normals: from-depth` under `data` to derive them from the depth."),
        ("depth", "depth", ""),
    ],
)
def test_an_absent_folder_is_an_error_that_names_what_derives_it(
    nyud_mt: Path, name: str, folder: str, derived: str
) -> None:
    (nyud_mt / folder).rename(nyud_mt / "away")
    layout = NYUDMT(nyud_mt, 40)
    assert f"{name} none" in layout.describe()
    with pytest.raises(
        ValueError, match=rf"There is no folder '.*{folder}'. It should hold the labels of '{name}', "
    ) as e:
        layout.target("0007", name)
    assert str(e.value).endswith(derived)


def test_labels_in_matlab_files_are_read(nyud_mt: Path) -> None:
    rng = np.random.default_rng(0)
    classes, metres = rng.integers(0, 41, (6, 8)), rng.random((6, 8)) + 1
    for folder, suffix in (("segmentation", ".png"), ("depth", ".npy")):
        (nyud_mt / folder / f"0007{suffix}").unlink()
    savemat(nyud_mt / "segmentation" / "0007.mat", {"segmentation": classes.astype(np.float64)})
    savemat(nyud_mt / "depth" / "0007.mat", {"depth": metres}, do_compression=True)
    layout = NYUDMT(nyud_mt, 40)
    segmentation, depth = layout.target("0007", "segmentation"), layout.target("0007", "depth")
    assert segmentation is not None
    assert depth is not None
    assert np.array_equal(segmentation.valid, classes > 0)
    assert np.array_equal(segmentation.value[classes > 0], classes[classes > 0] - 1)
    np.testing.assert_allclose(depth.value, metres, rtol=1e-6)
    assert "segmentation 21 .png and 1 .mat, depth 21 .npy and 1 .mat" in layout.describe()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_edges_and_normals_in_pictures_are_read(nyud_mt: Path, suffix: str) -> None:
    for folder in ("normals", "edge"):
        (nyud_mt / folder / "0007.npy").unlink()
    Image.new("RGB", (8, 6), (204, 128, 26)).save(nyud_mt / "normals" / f"0007{suffix}", quality=100)
    Image.new("L", (8, 6), 51).save(nyud_mt / "edge" / f"0007{suffix}", quality=100)
    layout = NYUDMT(nyud_mt, 40)
    normals, edges = layout.target("0007", "normals"), layout.target("0007", "edges")
    assert normals is not None
    assert edges is not None
    np.testing.assert_allclose(normals.value, np.tile([0.6, 0, -0.8], (6, 8, 1)), atol=0.03)
    np.testing.assert_allclose(edges.value, 0.2, atol=0.01)


def test_a_folder_of_other_files_is_explained_instead_of_being_empty(nyud_mt: Path) -> None:
    for path in [*(nyud_mt / "depth").iterdir()]:
        Image.fromarray(np.full((6, 8), 2000, np.uint16)).save(path.with_suffix(".png"))
        path.unlink()
    with pytest.raises(
        ValueError,
        match=r"depth' holds .png. It should hold the labels of 'depth', depth/\{id\} with .npy or .mat: metres; a picture "
        r"of depths does not say its unit. Convert the files, or declare what they are with the data set `folder`",
    ):
        NYUDMT(nyud_mt, 40).target("0007", "depth")


def test_a_source_names_every_form_whether_or_not_it_exists(nyud_mt: Path) -> None:
    layout = NYUDMT(nyud_mt, 40)
    assert layout.source("0007", IMAGE).files == (nyud_mt / "images" / "0007.jpg",)
    assert layout.source("0007", "normals").files == tuple(
        nyud_mt / "normals" / f"0007{suffix}" for suffix in (".npy", ".png", ".jpg")
    )


def spoil(root: Path, what: str) -> None:
    """One way of not being an NYUD_MT folder."""
    gt_sets = root / "gt_sets"
    match what:
        case "images":
            (root / "images").rename(root / "rgb")
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
        ("images", r"There is no folder '.*images'. NYUD_MT holds the photographs there, \{id\}.jpg"),
        (
            "train.txt",
            r"There is no file '.*train.txt'. An NYUD_MT folder lists the ids of each split there, one a line",
        ),
        ("empty", r"'.*val.txt' lists no ids"),
        ("repeated", r"train.txt:3: the id '0001' stands in line 1 already"),
        ("path", r"train.txt:2: an id must be a file name without folders. Found '../0002'"),
        ("binary", r"'.*train.txt' is not a text file"),
        ("overlap", r"lists '0003' in train.txt and in val.txt"),
    ],
)
def test_a_folder_that_is_not_in_the_layout_is_explained(nyud_mt: Path, what: str, message: str) -> None:
    spoil(nyud_mt, what)
    with pytest.raises(ValueError, match=message):
        NYUDMT(nyud_mt, 40)


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit('the pickle ran')",)


def test_pickled_arrays_are_refused_and_never_run(nyud_mt: Path) -> None:
    np.save(nyud_mt / "depth" / "0007.npy", np.array([[Bomb()]], object), allow_pickle=True)
    with pytest.raises(
        ValueError, match=r"'.*depth.0007.npy' cannot be read as an .npy array of numbers: it holds pickled objects"
    ):
        NYUDMT(nyud_mt, 40).target("0007", "depth")


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("depth", "depth/0007.npy", pickle.dumps(Bomb()), r"'.*0007.npy' cannot be read as an .npy array of numbers"),
        ("depth", "depth/0007.npy", b"", r"'.*0007.npy' cannot be read as an .npy array of numbers"),
        ("segmentation", "segmentation/0007.png", b"no picture", r"'.*0007.png' .*no picture of a known format"),
        ("segmentation", "segmentation/0007.png", None, r"'.*0007.png' is a folder, where a file is expected"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    nyud_mt: Path, name: str, file: str, content: bytes | None, message: str
) -> None:
    (nyud_mt / file).unlink()
    if content is None:
        (nyud_mt / file).mkdir()
    else:
        (nyud_mt / file).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        NYUDMT(nyud_mt, 40).target("0007", name)


def test_a_link_to_nothing_is_no_missing_label(nyud_mt: Path) -> None:
    path = nyud_mt / "depth" / "0007.npy"
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(ValueError, match=r"'.*0007.npy' cannot be opened"):
        NYUDMT(nyud_mt, 40).target("0007", "depth")


def test_what_a_file_should_hold_follows_its_name(nyud_mt: Path) -> None:
    np.save(nyud_mt / "depth" / "0007.npy", np.zeros((2, 6, 8, 1)))
    with pytest.raises(
        ValueError, match=r"'.*depth.0007.npy' must hold numbers of shape \(H, W\).* Found float64 \(2, 6, 8, 1\)\.$"
    ):
        NYUDMT(nyud_mt, 40).target("0007", "depth")
