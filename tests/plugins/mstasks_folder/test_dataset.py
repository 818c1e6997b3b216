"""What the core relies on: sources for the cache, cheap objects, descriptions."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image

from mstasks import IMAGE, FileDataset, Source
from mstasks_folder.dataset import Folder

Make, Save, Images = Callable[..., Folder], Callable[[str, ArrayLike], Path], Callable[..., list[str]]
DEPTH = {"kind": "depth-map", "unit": "metres"}


def source(dataset: Folder, part: str, id: str = "000") -> Source:
    found = dataset.source(id, part)
    assert found is not None
    return found


def test_it_is_a_data_set_of_files(make: Make, images: Images) -> None:
    images(3)
    assert isinstance(make(), FileDataset)


def test_a_source_is_the_file_itself_or_all_that_would_be_taken(
    make: Make, images: Images, save: Save, tmp_path: Path
) -> None:
    images(3)
    save("depth/000.PNG", np.ones((4, 6), np.uint16))
    dataset = make()
    assert source(dataset, IMAGE) == Source((tmp_path / "images" / "000.png",))
    assert source(dataset, "depth").files == (tmp_path / "depth" / "000.PNG",)
    missing = source(dataset, "depth", "001").files
    assert not any(path.exists() for path in missing)
    for suffix in ("png", "npy", "tif", "tiff", "bmp", "webp", "jpg", "jpeg"):
        assert tmp_path / "depth" / f"001.{suffix}" in missing


CHANGES = [
    ({**DEPTH}, {**DEPTH, "unit": "millimetres"}),
    ({**DEPTH}, {**DEPTH, "invalid": [3]}),
    ({"kind": "scalar-map"}, {"kind": "scalar-map", "range": [0, 255]}),
    ({"kind": "vector-map", "encoding": "signed"}, {"kind": "vector-map", "encoding": "unsigned"}),
    (
        {"kind": "vector-map", "encoding": "signed"},
        {"kind": "vector-map", "encoding": "signed", "axes": ["x", "-y", "-z"]},
    ),
    ({"kind": "label-map", "names": ["a", "b"]}, {"kind": "label-map", "names": ["a", "b"], "first": 1}),
    ({"kind": "label-map", "names": ["a", "b"]}, {"kind": "label-map", "values": {"a": 1, "b": 0}}),
    ({"kind": "label-map", "names": ["a"]}, {"kind": "label-map", "names": ["a"], "invalid": [255]}),
    ({"kind": "label-map", "values": {"a": 255}}, {"kind": "label-map", "colours": {"a": [0, 0, 255]}}),
]


@pytest.mark.parametrize(("one", "other"), CHANGES)
def test_options_that_change_the_label_change_its_source_alone(
    make: Make, images: Images, one: dict[str, Any], other: dict[str, Any]
) -> None:
    images(3)
    before, after = (make(targets={"x": options, "depth": DEPTH}) for options in (one, other))
    assert source(before, "x").settings != source(after, "x").settings
    assert source(before, "x").files == source(after, "x").files
    assert source(before, "depth") == source(after, "depth")
    assert source(before, IMAGE) == source(after, IMAGE)


SAME = [
    ({"kind": "label-map", "names": ["a", "b"]}, {"kind": "label-map", "names": ["c", "d"], "pairs": [["c", "d"]]}),
    ({"kind": "label-map", "names": ["a", "b"]}, {"kind": "label-map", "values": {"c": 0, "d": 1}}),
    ({**DEPTH}, {"kind": "depth-map", "scale": 1.0}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_options_that_change_no_number_leave_the_source(
    make: Make, images: Images, one: dict[str, Any], other: dict[str, Any]
) -> None:
    images(3)
    before, after = (make(targets={"x": options}, split={"seed": seed}) for seed, options in enumerate((one, other)))
    assert source(before, "x") == source(after, "x")


def test_images_are_decoded_as_small_as_the_core_allows(make: Make, images: Images, tmp_path: Path) -> None:
    images(3)
    Image.new("RGB", (64, 64)).save(tmp_path / "images" / "big.jpg")
    dataset = make()
    assert dataset.image("big").shape == (64, 64, 3)
    dataset.at_least = (16, 16)
    assert dataset.image("big").shape == (16, 16, 3)


def test_only_the_wanted_targets_are_opened(make: Make, images: Images, tmp_path: Path) -> None:
    images(3)
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "000.png").write_bytes(b"rubbish")
    assert make().load("000", []).targets == {}
    with pytest.raises(ValueError, match=r"'.*depth.000.png' cannot be read as a picture"):
        make().load("000", ["depth"])


def test_unknown_ids_and_targets_are_refused(make: Make, images: Images) -> None:
    images(3)
    for call in (lambda: make().image("x"), lambda: make().source("x", IMAGE)):
        with pytest.raises(ValueError, match=r"There is no image 'x' in '.*images'"):
            call()
    with pytest.raises(ValueError, match=r"There is no target 'depht'\. Targets: depth\."):
        make().target("000", "depht")


def test_it_describes_what_it_found(make: Make, images: Images, save: Save) -> None:
    images(10)
    for name in ("000", "001", "zzz"):
        save(f"depth/{name}.png", np.ones((4, 6), np.uint16))
    assert make().describe() == "10 images: 8 train, 1 val, 1 test; with labels: depth 2. Labels of no image: depth 1."


def test_a_copy_for_a_worker_is_small_and_equal(make: Make, images: Images, save: Save, tmp_path: Path) -> None:
    images(3)
    for number in range(1000):
        (tmp_path / "images" / f"{number:06d}.png").write_bytes(b"")
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{number:06d}.png").write_bytes(b"")
    dataset = make(targets={"one": DEPTH, "two": DEPTH})
    stored = pickle.dumps(dataset)
    assert len(stored) < 80_000  # 80 bytes an image
    copy = pickle.loads(stored)  # written a line above
    assert [copy.ids(split) for split in ("train", "val", "test")] == [
        dataset.ids(split) for split in ("train", "val", "test")
    ]
    assert copy.source("000007", "two") == dataset.source("000007", "two")


def test_the_entry_options_and_targets_import_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, mstasks_folder, mstasks_folder.options, mstasks_folder.targets\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
