"""Which layout is found where."""

from __future__ import annotations

from pathlib import Path

import pytest

from mstasks_nyuv2.layouts.detect import find_layout


def test_each_layout_is_told(nyud_mt: Path, mtan: Path, mat: Path) -> None:
    assert find_layout(nyud_mt, 40).describe().startswith("NYUD_MT folder, 20 train")
    assert find_layout(mtan, 13).describe().startswith("MTAN folder, 12 train")
    assert find_layout(mat, 40).describe().startswith("Official file")
    assert find_layout(mat / "nyu_depth_v2_labeled.mat", 40).describe().startswith("Official file")


def test_a_folder_goes_before_an_official_file_in_it_unless_the_file_is_named(nyud_mt: Path, mat: Path) -> None:
    for name in ("nyu_depth_v2_labeled.mat", "splits.mat"):
        (mat / name).rename(nyud_mt / name)
    assert find_layout(nyud_mt, 40).describe().startswith("NYUD_MT")
    assert find_layout(nyud_mt / "nyu_depth_v2_labeled.mat", 40).describe().startswith("Official file")


def test_an_unknown_layout_says_what_was_looked_for_and_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is in no known layout of NYU-v2. .* Found nothing\."):
        find_layout(tmp_path, 40)
    (tmp_path / "rgb").mkdir()
    (tmp_path / "readme.txt").touch()
    with pytest.raises(
        ValueError,
        match=r"Looked for NYUD_MT \(images/\{id\}.jpg, gt_sets/train.txt and val.txt\), MTAN \(train/image/ and "
        r"val/image/\{number\}.npy\), and the official file \(nyu_depth_v2_labeled.mat, splits.mat\). Found readme.txt, rgb/\.$",
    ):
        find_layout(tmp_path, 40)


def test_the_folder_above_is_set_right(mtan: Path) -> None:
    with pytest.raises(ValueError, match=r"Did you mean data.root=.*mtan, which looks like MTAN\?"):
        find_layout(mtan.parent, 13)


def test_a_root_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no '.*nowhere'. `data.root` names where NYU-v2 is: NYUD_MT"):
        find_layout(tmp_path / "nowhere", 40)
