"""Masks of parts: painted in the published order, whatever way they are stored, and refused when they are no masks."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mstasks_celebamask_hq.classes import chosen_classes
from mstasks_celebamask_hq.masks import mask_files, merged

ORDER = [
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip"),
    *("hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
]
"""As in the published script."""
FACE = {"skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip"}
ALL = chosen_classes(19)


def scribble(folder: Any, number: int, parts: list[str], seed: int) -> np.ndarray:
    """Masks at random, overlapping each other; gives which part is on top, 0 for none, else from 1 on."""
    generator = np.random.default_rng(seed)
    top = np.zeros((16, 24), np.int64)
    planes = {part: generator.random((16, 24)) < 0.3 for part in parts}
    for part, plane in planes.items():
        folder.mask(number, part, np.repeat(plane[..., None] * np.uint8(255), 3, axis=2))
    for place, part in enumerate(ORDER, 1):
        for row, column in np.argwhere(planes.get(part, np.zeros_like(top))):
            top[row, column] = place
    return top


@pytest.mark.parametrize("parts", [ORDER, ["cloth", "hair", "skin"], ["ear_r", "r_ear"], ["neck_l", "neck"]])
def test_a_later_part_is_painted_over_an_earlier_one(folder: Any, parts: list[str]) -> None:
    top = scribble(folder, 3, parts, seed=1)
    target = merged(mask_files(folder.root, 3, ALL), ALL)
    assert target is not None
    assert target.value.dtype == np.uint8
    assert np.array_equal(target.value, top)
    assert target.valid.all()
    assert target.valid.shape == top.shape


@pytest.mark.parametrize("pair", list(combinations(["skin", "r_eye", "hair", "ear_r", "cloth"], 2)))
def test_fewer_classes_are_the_nineteen_with_some_merged(folder: Any, pair: tuple[str, str]) -> None:
    names = tuple(part for part in pair if part != "r_eye") + ("r_eye", "l_eye") * ("r_eye" in pair)
    top = scribble(folder, 3, ORDER, seed=2)
    classes = chosen_classes(names)
    target = merged(mask_files(folder.root, 3, classes), classes)
    expected = np.array([0, *(names.index(part) + 1 if part in names else 0 for part in ORDER)])[top]
    assert target is not None
    assert np.array_equal(target.value, expected)


def test_three_classes_are_background_hair_and_the_whole_face(folder: Any) -> None:
    top = scribble(folder, 3, ORDER, seed=3)
    classes = chosen_classes(3)
    target = merged(mask_files(folder.root, 3, classes), classes)
    expected = np.array([0, *(2 if part in FACE else 1 if part == "hair" else 0 for part in ORDER)])[top]
    assert target is not None
    assert np.array_equal(target.value, expected)
    assert set(np.unique(expected)) == {0, 1, 2}


def test_only_parts_that_matter_are_opened(folder: Any) -> None:
    scribble(folder, 3, ORDER, seed=4)
    classes = chosen_classes(("hat", "hair"))
    files = mask_files(folder.root, 3, classes)
    assert [file.stem for file in files] == [f"00003_{part}" for part in ORDER[ORDER.index("hair") :]]
    for part in ORDER[: ORDER.index("hair")]:
        (folder.root / "CelebAMask-HQ-mask-anno" / "0" / f"00003_{part}.png").write_bytes(b"rubbish")
    assert merged(files, classes) is not None


def test_an_image_without_any_part_has_no_map(folder: Any) -> None:
    for classes in (ALL, chosen_classes(("hat",))):
        files = mask_files(folder.root, 3, classes)
        assert len(files) == 18
        assert merged(files, classes) is None


def test_an_annotated_image_without_the_chosen_parts_is_all_background(folder: Any) -> None:
    scribble(folder, 3, ["skin", "nose"], seed=5)
    classes = chosen_classes(("hat",))
    target = merged(mask_files(folder.root, 3, classes), classes)
    assert target is not None
    assert target.value.shape == (16, 24)
    assert not target.value.any()
    assert target.valid.all()
    (folder.root / "CelebAMask-HQ-mask-anno" / "0" / "00003_nose.png").write_bytes(b"rubbish")
    assert merged(mask_files(folder.root, 3, classes), classes) is not None, "more was read than the size"


def stored(kind: str, plane: np.ndarray) -> np.ndarray:
    """A mask as people store it."""
    return {
        "one channel": plane * np.uint8(255),
        "three channels": np.repeat(plane[..., None] * np.uint8(255), 3, axis=2),
        "one bit": plane,
        "smoothed": np.where(plane, np.uint8(128), np.uint8(127)),
    }[kind]


@pytest.mark.parametrize("kind", ["one channel", "three channels", "one bit", "smoothed"])
def test_every_way_to_store_a_mask_gives_the_same(folder: Any, kind: str) -> None:
    plane = np.random.default_rng(6).random((16, 24)) < 0.5
    folder.mask(3, "nose", stored(kind, plane))
    target = merged(mask_files(folder.root, 3, ALL), ALL)
    assert target is not None
    assert np.array_equal(target.value == 2, plane)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.dstack([np.eye(8, dtype=np.uint8) * 255, *[np.zeros((8, 8), np.uint8)] * 2]), r"is a picture in colour"),
        (np.dstack([*[np.zeros((8, 8), np.uint8)] * 2, np.eye(8, dtype=np.uint8) * 255]), r"is a picture in colour"),
        (np.zeros((8, 8, 4), np.uint8), r"must be a mask of one channel, .* Found uint8 \(8, 8, 4\)"),
        (np.zeros((8, 8), np.uint16), r"must be a mask of one channel, .* Found uint16 \(8, 8\)"),
        (np.eye(8, dtype=np.uint8), r"holds 0 and 1, where 0 and 255 are expected"),
    ],
)
def test_what_is_no_mask_is_refused_by_name(folder: Any, array: np.ndarray, message: str) -> None:
    folder.mask(3, "nose", array)
    with pytest.raises(ValueError, match=r"'.*00003_nose.png' " + message):
        merged(mask_files(folder.root, 3, ALL), ALL)


def test_an_empty_mask_is_a_mask(folder: Any) -> None:
    folder.mask(3, "nose", np.zeros((8, 8), np.uint8))
    target = merged(mask_files(folder.root, 3, ALL), ALL)
    assert target is not None
    assert not target.value.any()


def test_sizes_that_disagree_are_refused_with_both_names(folder: Any) -> None:
    folder.mask(3, "skin", np.zeros((8, 8), np.uint8))
    folder.mask(3, "hair", np.zeros((8, 16), np.uint8))
    with pytest.raises(
        ValueError, match=r"'.*00003_hair.png' is 16 x 8, '.*00003_skin.png' 8 x 8. All masks of an image"
    ):
        merged(mask_files(folder.root, 3, ALL), ALL)


def test_a_damaged_file_is_named(folder: Any) -> None:
    path: Path = folder.mask(3, "skin", np.zeros((8, 8), np.uint8))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"'.*00003_skin.png' cannot be read as a picture"):
        merged(mask_files(folder.root, 3, ALL), ALL)
    path.unlink()
    Image.new("RGB", (8, 8)).save(path.with_name("00003_nose.png"))
    assert merged(mask_files(folder.root, 3, ALL), ALL) is not None
