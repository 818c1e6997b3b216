"""Arrays come as numpy saved them, in the byte order of this machine; what holds anything but numbers is refused."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mstasks import read_array
from mstasks.data import arrays

NUMBERS = np.random.default_rng(0).integers(0, 100, (5, 7, 3))


def headed(header: str, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + content


def described(shape: str, dtype: str = "<f4") -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", "|u1", "<u2", ">i4", "<i8", "|b1"])
def test_arrays_come_as_numpy_reads_them(tmp_path: Path, dtype: str, order: Any, version: tuple[int, int]) -> None:
    saved = np.asarray(NUMBERS.astype(dtype), order=order)
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, saved, version=version)
    found = read_array(tmp_path / "a.npy")
    assert np.array_equal(found, np.load(tmp_path / "a.npy"))
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.flags.writeable


def test_one_number_is_an_array_without_axes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.float64(3))
    assert read_array(tmp_path / "a.npy").shape == ()


def test_headers_of_python_2_and_of_other_writers_are_read(tmp_path: Path) -> None:
    content = np.arange(6, dtype="<f4").tobytes()
    for header in (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }",
        "{'shape':(2,3),'descr':'<f4','fortran_order':False}   \n",
        '{"descr": "<f4", "fortran_order": False, "shape": (2, 3,)}',
    ):
        (tmp_path / "a.npy").write_bytes(headed(header, content))
        assert read_array(tmp_path / "a.npy").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_booleans_of_other_bytes_are_true(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(headed(described("(4,)", "|b1"), b"\0\1\2\xff"))
    found = read_array(tmp_path / "a.npy")
    assert found.view(np.uint8).tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"'.*a\.npy' cannot be read as an \.npy array of numbers: it is empty\."),
        (b"\x93NUM", r"it begins with b'\\x93NUM'\."),
        (b"no array at all", r"it begins with b'no array'\."),
        (b"\x93NUMPY\4\0", r"it is of format version 4\.0; known are 1\.0, 2\.0 and 3\.0\."),
        (b"\x93NUMPY\1\0\x76\0{'descr'", "it ends within its header"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff", "its header has 4294967295 bytes, more than an array of numbers needs"),
        (headed(described("(2,)"), bytes(7)), r"says \(2,\), float32, which is 8 bytes\. Found 7\."),
        (headed(described("(2,)"), bytes(9)), r"which is 8 bytes\. Found 9\."),
        (headed(described("(99999, 99999)")), r"says \(99999, 99999\), float32, which is more than 256 MiB\."),
        (headed(described("(3, 0)")), r"says \(3, 0\), float32: there is not a single number in it\."),
        (headed(described("(-2, -2)"), bytes(16)), "its header is not that of an array of numbers: {'descr'"),
        (headed(described("(4 4)"), bytes(64)), "its header is not that of an array of numbers"),
        (headed("print('run')"), r"its header is not that of an array of numbers: print\('run'\)"),
        (headed(described("(1,)", "|O"), b"x"), "it holds pickled objects, not numbers"),
        (headed(described("(1,)", "<c8"), bytes(8)), "it holds <c8, not numbers"),
        (headed(described("(1,)", "<U2"), bytes(8)), "it holds <U2, not numbers"),
    ],
)
def test_anything_else_is_refused_with_its_reason(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_array(tmp_path / "a.npy")


def test_a_header_of_digits_takes_no_time(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(headed(described("(" + "9" * 4000)))
    start = time.perf_counter()
    with pytest.raises(ValueError, match="its header is not that of an array"):
        read_array(tmp_path / "a.npy")
    assert time.perf_counter() - start < 0.5


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", NUMBERS)
    size = (tmp_path / "a.npy").stat().st_size
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-8])
    monkeypatch.setattr(arrays.os, "fstat", lambda _: type("Status", (), {"st_size": size}))
    with pytest.raises(ValueError, match="it became shorter while it was read"):
        read_array(tmp_path / "a.npy")
