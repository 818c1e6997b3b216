"""MATLAB files up to version 7.2: numbers are read, nothing else is trusted."""

from __future__ import annotations

import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csr_matrix

from mstasks_nyuv2.matlab import MAX_BYTES, read_matlab

DEPTH = np.random.default_rng(0).random((6, 8))


def test_numbers_of_either_byte_order_and_of_a_smaller_type_are_read(tmp_path: Path) -> None:
    """Doubles that MATLAB has stored as bytes, written by hand, most significant byte first."""
    name, numbers = b"depth\0\0\0", bytes([1, 2, 3, 4, 5, 6, 0, 0])
    flags, shape = (6).to_bytes(4) + bytes(4), (2).to_bytes(4) + (3).to_bytes(4)
    parts = [(6, 8, flags), (5, 8, shape), (1, 5, name), (2, 6, numbers)]
    array = b"".join(kind.to_bytes(4) + length.to_bytes(4) + held for kind, length, held in parts)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\0MI"
    (tmp_path / "a.mat").write_bytes(header + (14).to_bytes(4) + len(array).to_bytes(4) + array)
    found = read_matlab(tmp_path / "a.mat", "depth")
    assert found.dtype == np.float64
    assert found.tolist() == [[1, 3, 5], [2, 4, 6]]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8, np.int64])
def test_an_array_is_read_as_it_was_written(tmp_path: Path, kind: Any, compressed: bool) -> None:
    stored = (DEPTH * 40).astype(kind)
    savemat(tmp_path / "a.mat", {"other": "text", "depth": stored}, do_compression=compressed)
    found = read_matlab(tmp_path / "a.mat", "depth")
    assert found.dtype == kind
    assert np.array_equal(found, stored)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"depths": DEPTH}, r"'.*a.mat' cannot be read as a MATLAB file with 'depth': it holds depths"),
        ({"depth": "text"}, "the variable is text, not real numbers"),
        ({"depth": {"field": 1}}, "the variable is a structure, not real numbers"),
        ({"depth": np.array([{"a": 1}], object)}, "the variable is a cell array, not real numbers"),
        ({"depth": csr_matrix(DEPTH)}, "the variable is a sparse array, not real numbers"),
        ({"depth": DEPTH * 1j}, "the variable is of complex numbers, not real numbers"),
        ({"depth": np.zeros((2, 3, 4))}, r"the variable has the shape \(2, 3, 4\), not \(rows, columns\)"),
    ],
)
def test_other_things_are_refused(tmp_path: Path, held: dict[str, Any], message: str) -> None:
    savemat(tmp_path / "a.mat", held)
    with pytest.raises(ValueError, match=message):
        read_matlab(tmp_path / "a.mat", "depth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is no MATLAB file of version 5 to 7.2"),
        (b"no array", "it is no MATLAB file of version 5 to 7.2"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200), r"it is of version 7.3. Save it by save\(..., '-v7'\)"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(400), r"it is of version 7.3"),
        (bytes(MAX_BYTES + 1), "it is larger than 64 MiB"),
    ],
)
def test_a_file_of_another_kind_is_explained(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(ValueError, match=f"'.*a.mat' cannot be read as a MATLAB file with 'depth': {message}"):
        read_matlab(tmp_path / "a.mat", "depth")


def test_a_small_file_that_expands_to_much_is_refused(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(MAX_BYTES + 1), 1)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    (tmp_path / "a.mat").write_bytes(header + (15).to_bytes(4, "little") + len(bomb).to_bytes(4, "little") + bomb)
    with pytest.raises(ValueError, match="a variable of it expands to more than 64 MiB"):
        read_matlab(tmp_path / "a.mat", "depth")


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_are_read_or_refused_by_name(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"depth": DEPTH}, do_compression=compressed)
    whole, refused = path.read_bytes(), 0
    for seed in range(150):
        rng = random.Random(seed)
        content = bytearray(whole[: rng.choice((len(whole), rng.randrange(len(whole))))])
        for _ in range(rng.choice((1, 3, 20))):
            if content:
                content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content)
        try:
            read_matlab(path, "depth")
        except ValueError as error:
            refused += "a.mat' cannot be read" in str(error)
    assert refused > 50, "hardly any file was damaged"
