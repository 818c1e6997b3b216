"""The split of CelebA: by the names of its files, which count from 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mstasks_celebamask_hq.celeba_partition import celeba_split
from mstasks_celebamask_hq.options import CelebASplit

HEADER = "idx     orig_idx    orig_file\n"
FILES = {0: 1, 1: 162770, 2: 162771, 3: 182637, 4: 182638, 5: 202599}
"""Image and CelebA file: the first and the last of each split."""
NUMBERS = np.array(list(FILES), np.int32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rows = "".join(f"{number:<8}{file - 1:<12}{file:06d}.jpg\n" for number, file in FILES.items())
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(HEADER + rows)
    return tmp_path


def split(root: Path, numbers: Any = NUMBERS, **options: Any) -> dict[str, list[int]]:
    return {name: part.tolist() for name, part in celeba_split(numbers, root, CelebASplit(**options)).items()}


def test_bounds_are_of_files_that_count_from_one(root: Path) -> None:
    """Taken for bounds of orig_idx, which counts from 0, they would put images 2 and 4 one split too early."""
    assert split(root) == {"train": [0, 1], "val": [2, 3], "test": [4, 5]}


def test_a_list_beside_the_data_goes_before_the_bounds(root: Path) -> None:
    values = [2, 1, 0, 0, 1, 2]
    (root / "list_eval_partition.txt").write_text(
        "".join(f"{file:06d}.jpg {value}\n" for file, value in zip(FILES.values(), values, strict=True))
    )
    assert split(root) == {"train": [2, 3], "val": [1, 4], "test": [0, 5]}


def test_the_published_list_and_the_bounds_agree(root: Path) -> None:
    plain = split(root)
    values = {1: 0, 162770: 0, 162771: 1, 182637: 1, 182638: 2, 202599: 2}  # as the rows of the published list read
    (root / "list.txt").write_text("".join(f"{file:06d}.jpg {value}\n" for file, value in values.items()))
    assert split(root, partition=root / "list.txt") == plain


def test_mapping_and_list_may_be_elsewhere(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (root / "CelebA-HQ-to-CelebA-mapping.txt").rename(elsewhere / "map.txt")
    assert split(root, mapping=elsewhere / "map.txt")["val"] == [2, 3]
    with pytest.raises(ValueError, match=r"There is no '.*mapping.txt', which `split: celeba` needs; `split.mapping`"):
        split(root)


def test_only_images_that_are_there_are_split(root: Path) -> None:
    assert split(root, np.array([1, 4], np.int32)) == {"train": [1], "val": [], "test": [4]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("", r"'.*mapping.txt' does not say which image of CelebA '7' is"),
        ("7 12\n", r"mapping.txt:8: a row must hold idx, orig_idx and orig_file, .* Found '7 12'"),
        ("7 12 twelve.jpg\n", r"mapping.txt:8: a row must hold .* Found '7 12 twelve.jpg'"),
        ("x 12 000013.jpg\n", r"mapping.txt:8: a row must hold "),
        ("0 12 000013.jpg\n", r"mapping.txt:8: there is another row of image '0' above"),
        ("7 202599 202600.jpg\n", r"CelebA has files 000001.jpg to 202599.jpg. The mapping speaks of '202600.jpg'"),
        ("7 -1 000000.jpg\n", r"The mapping speaks of '000000.jpg'"),
    ],
)
def test_a_mapping_that_does_not_fit_is_explained(root: Path, row: str, message: str) -> None:
    path = root / "CelebA-HQ-to-CelebA-mapping.txt"
    path.write_text(path.read_text() + row)
    with pytest.raises(ValueError, match=message):
        split(root, np.array([0, 7], np.int32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("000001.jpg 3\n", r"list.txt:1: a row must hold a file name and 0 \(train\), .* Found '000001.jpg 3'"),
        ("000001.jpg\n", r"list.txt:1: a row must hold"),
        ("000001.jpg 0\n", r"'.*list.txt' does not list '162770.jpg', which an image was made from"),
    ],
)
def test_a_list_that_does_not_fit_is_explained(root: Path, text: str, message: str) -> None:
    (root / "list.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        split(root, partition=root / "list.txt")
