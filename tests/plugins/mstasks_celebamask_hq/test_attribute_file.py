"""The attribute file: read by name and number, and refused line by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mstasks_celebamask_hq.attribute_file import read_attributes

GOOD = "3\nMale Young Smiling\n7.jpg  1 -1 0\n0.jpg  -1 -1 1\n12.jpg 0 0 0\n\n"
NUMBERS = np.array([0, 3, 7, 12], np.int32)


def write(folder: Path, text: str) -> Path:
    path = folder / "anno.txt"
    path.write_text(text)
    return path


def test_values_go_to_their_images_in_whatever_order_the_rows_come(tmp_path: Path) -> None:
    table = read_attributes(write(tmp_path, GOOD), NUMBERS)
    assert table.names == ("Male", "Young", "Smiling")
    assert table.values.tolist() == [[-1, -1, 1], [0, 0, 0], [1, -1, 0], [0, 0, 0]]


def test_rows_of_images_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    table = read_attributes(write(tmp_path, GOOD), np.array([1, 7, 9], np.int32))
    assert table.values.tolist() == [[0, 0, 0], [1, -1, 0], [0, 0, 0]]


def test_columns_are_taken_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    table = read_attributes(path, NUMBERS)
    assert table.columns(("Smiling", "Male"), path).tolist() == [[1, -1], [0, 0], [0, 1], [0, 0]]
    with pytest.raises(ValueError, match=r"anno.txt:2: there is no attribute 'Bald'. Found Male, Young, Smiling."):
        table.columns(("Male", "Bald"), path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"'.*anno.txt' must start with .* the number of images .* Found an empty file in line 1"),
        ("Male Young\n1.jpg 1 1\n", r"must start with .* Found 'Male Young' in line 1"),
        ("1\n\n1.jpg 1\n", r"anno.txt:2: this line must hold the names of the attributes. Found nothing"),
        ("1\nMale Male\n1.jpg 1 1\n", r"anno.txt:2: the attribute 'Male' is named twice"),
        ("3\nMale\n1.jpg 1\n", r"anno.txt:1: the first line announces 3 images. Found 1 rows"),
        ("2\nMale\n1.jpg 1\n2.jpg\n", r"anno.txt:4: a row must hold 1 values, one a name. Found 0"),
        ("2\nMale\n1.jpg 1\n2.jpg 1 1\n", r"anno.txt:4: a row must hold 1 values, one a name. Found 2"),
        ("1\nMale\n1.jpg 2\n", r"anno.txt:3: a value must be 1 \(present\), -1 \(absent\) or 0 .* Found '2'"),
        ("1\nMale\n1.png 1\n", r"anno.txt:3: a row must start with the name of an image, .* Found '1.png'"),
        ("1\nMale\n01.jpg 1\n", r"anno.txt:3: a row must start with the name of an image, .* Found '01.jpg'"),
        ("1\nMale\n1 1\n", r"anno.txt:3: a row must start with the name of an image, .* Found '1'"),
        ("2\nMale\n1.jpg 1\n\n2.jpg 1\n", r"anno.txt:4: a row must start with the name of an image, .* Found ''"),
        ("2\nMale\n1.jpg 1\n1.jpg 1\n", r"anno.txt:4: '1.jpg' has a row in line 3 already"),
    ],
)
def test_a_malformed_file_is_explained_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_attributes(write(tmp_path, text), NUMBERS)
