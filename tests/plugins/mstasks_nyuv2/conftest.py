"""Tiny sets in each layout, each label telling its image."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

TRAIN, TEST = [f"{i:04d}" for i in range(20)], ["0100", "0101"]


@pytest.fixture
def nyud_mt(tmp_path: Path) -> Path:
    """Twenty train and two test images of 6 x 8, of class and depth as their number says."""
    root = tmp_path / "nyud_mt"
    for name in ("images", "segmentation", "depth", "normals", "edge", "gt_sets"):
        (root / name).mkdir(parents=True)
    for id in TRAIN + TEST:
        number = int(id)
        Image.new("RGB", (8, 6), (number, 50, 60)).save(root / "images" / f"{id}.jpg", quality=100)
        Image.fromarray(np.full((6, 8), number % 41, np.uint8)).save(root / "segmentation" / f"{id}.png")
        np.save(root / "depth" / f"{id}.npy", np.full((6, 8), number, np.float32))
        np.save(root / "normals" / f"{id}.npy", np.tile([0, 0, -1.0], (6, 8, 1)))
        np.save(root / "edge" / f"{id}.npy", np.full((6, 8), 0.5, np.float64))
    (root / "gt_sets" / "train.txt").write_text("\n".join(TRAIN) + "\n\n")
    (root / "gt_sets" / "val.txt").write_text("\r\n".join(TEST) + "\r\n")
    return root


@pytest.fixture
def mtan(tmp_path: Path) -> Path:
    """Twelve train and three test images of 6 x 8; depth is the number plus one."""
    root = tmp_path / "mtan"
    for split, count in (("train", 12), ("val", 3)):
        for name in ("image", "label", "depth", "normal"):
            (root / split / name).mkdir(parents=True)
        for i in range(count):
            np.save(root / split / "image" / f"{i}.npy", np.full((6, 8, 3), i / 255, np.float32))
            np.save(root / split / "label" / f"{i}.npy", np.full((6, 8), i % 14 - 1, np.float32))
            np.save(root / split / "depth" / f"{i}.npy", np.full((6, 8, 1), i + 1, np.float32))
            np.save(root / split / "normal" / f"{i}.npy", np.tile(np.float32([0, 0, -1]), (6, 8, 1)))
    return root


@pytest.fixture
def mat(tmp_path: Path) -> Path:
    """Ten frames of 6 x 8, seven to train; random values, and depth of the number from 1 in the first pixel."""
    root, rng = tmp_path / "mat", np.random.default_rng(0)
    root.mkdir()
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w", userblock_size=512) as file:
        file["images"] = rng.integers(0, 256, (10, 3, 8, 6), np.uint8)
        depths = rng.random((10, 8, 6), np.float32) + 1
        depths[:, 0, 0] = np.arange(1, 11)
        file["depths"] = depths
        file["labels"] = rng.integers(0, 895, (10, 8, 6)).astype(np.uint16)
    numbers = np.array([1, 2, 3, 5, 6, 8, 10, 4, 7, 9], np.float64)[:, None]
    savemat(root / "splits.mat", {"trainNdxs": numbers[:7], "testNdxs": numbers[7:]})
    return root


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The same few real frames in each layout, by its name."""
    data = os.environ.get("MSTASKS_TEST_DATA")
    if data is None:
        pytest.skip("MSTASKS_TEST_DATA does not name a folder of real data")
    root = tmp_path_factory.mktemp("layouts")
    for layout in ("nyud_mt", "mtan", "mat"):
        script = Path(data) / "make_nyu_layouts.py"
        subprocess.run([sys.executable, script, layout, root / layout, "--frames", "4"], check=True)
    return {layout: root / layout for layout in ("nyud_mt", "mtan", "mat")}
