"""Attributes come from columns of a CSV file; anything else than yes, no and nothing is refused with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mstasks_folder.dataset import Folder

Read = Callable[..., Folder]


@pytest.fixture
def read(make: Callable[..., Folder], images: Callable[..., list[str]], tmp_path: Path) -> Read:
    """The data set of four images with a CSV file."""

    def build(text: str | bytes, **options: Any) -> Folder:
        images(["a.png", "b.png", "sub/c.png", "d.png"])
        (tmp_path / "labels.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        options = {"columns": ["indoor", "wet"], **options}
        return make(targets={"facts": {"kind": "attributes", "csv": "labels.csv", **options}})

    return build


def facts(dataset: Folder, id: str) -> list[float | None] | None:
    target = dataset.target(id, "facts")
    if target is None:
        return None
    return [float(value) if valid else None for value, valid in zip(target.value, target.valid, strict=True)]


def test_cells_are_yes_no_or_not_annotated(read: Read) -> None:
    dataset = read("id,more,wet,indoor\na,x,1,0\nb.png,,TRUE, no \nsub/c,,,Yes\nd,9,,\n")
    assert facts(dataset, "a") == [0, 1]
    assert facts(dataset, "b") == [0, 1]
    assert facts(dataset, "sub/c") == [1, None]
    assert facts(dataset, "d") is None
    assert "with labels: facts 3." in dataset.describe()


def test_whole_numbers_may_be_written_with_a_point(read: Read) -> None:
    dataset = read("id,indoor,wet\na,1.0,0.0\nb,,1.0\n")
    assert facts(dataset, "a") == [1, 0]
    assert facts(dataset, "b") == [None, 1]


def test_an_image_without_a_row_has_no_label(read: Read) -> None:
    dataset = read("id,indoor,wet\na,1,1\n")
    assert facts(dataset, "b") is None
    assert dataset.load("b", ["facts"]).targets == {}


def test_other_programs_files_are_read(read: Read) -> None:
    text = '\ufeff"File";"indoor";"wet"\r\n"a";"1";"0"\r\n\r\n"sub/c.png";"0";""\r\n'
    dataset = read(text, id_column="File", delimiter=";")
    assert facts(dataset, "a") == [1, 0]
    assert facts(dataset, "sub/c") == [0, None]
    assert facts(read("id\tindoor\twet\na\t1\t\n", delimiter="\t"), "a") == [1, None]


def test_rows_without_an_image_are_counted(read: Read) -> None:
    assert "Labels of no image: facts 2." in read("id,indoor,wet\na,1,1\nx,1,1\na.jpg,0,0\n").describe()


def test_reading_attributes_needs_no_cache(read: Read) -> None:
    assert read("id,indoor,wet\na,1,1\n").source("a", "facts") is None


REFUSED = {
    "cell": ("id,indoor,wet\na,1,0\nb,2,0\n", r"'.*labels.csv', line 3: '2' in column 'indoor'; allowed: 1, 0, true,"),
    "fraction": ("id,indoor,wet\na,1,0.5\n", r"line 2: '0\.5' in column 'wet'; allowed: .*, 1\.0, 0\.0, or nothing"),
    "minus one": ("id,indoor,wet\na,1,-1\n", r"line 2: '-1' in column 'wet'"),
    "twice": ("id,indoor,wet\na,1,1\n\na.png,0,0\n", r"line 4: 'a.png' stands in line 2 already"),
    "column": ("id,indor,wet\n", r"has no column 'indoor'\. It has: id, indor, wet\.$"),
    "id column": ("name,indoor,wet\n", r"has no column 'id'\. It has: name"),
    "columns": ("id,indoor,wet,wet\n", r"has 2 columns 'wet'"),
    "delimiter": ("id;indoor;wet\n", r"no column 'id'\. It has: id;indoor;wet\. Perhaps .* not separated by `delim"),
    "length": ("id,indoor,wet\na,1\n", r"'.*labels.csv', line 2: 2 cells, where the first line has 3"),
    "empty": ("", r"has no column 'id'\. It has: nothing"),
    "no row": ("id,indoor,wet\n", r"has no row with the id of an image in column 'id', and no row at all"),
    "strangers": ("id,indoor,wet\nx,1,1\ny,1,1", r"no row with the id .*; the first of its 2 ids is 'x'"),
    "latin": ("id,indoor,wet\nBüro,1,1".encode("latin-1"), r"'.*labels.csv' is not a text file in UTF-8: invalid"),
    "quotes": ('id,indoor,wet\na,"1,1\n', r"cannot be read as CSV: unexpected end of data"),
    "long cell": ("id,indoor,wet\na,1," + "1" * 200_000, r"cannot be read as CSV: field larger than"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_with_its_place(read: Read, case: str) -> None:
    text, expected = REFUSED[case]
    with pytest.raises(ValueError, match=expected):
        read(text)


def test_an_absent_or_huge_file_is_refused_by_name(read: Read, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no '.*other.csv'"):
        read("", csv="other.csv")
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match=r"'.*huge.csv' is larger than 64 MiB"):
        read("", csv="huge.csv")
