"""An entry is read as it was written, or not at all."""

from __future__ import annotations

import os
import resource
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cache_assertions import assert_same_array
from numpy.typing import NDArray

from mstasks.data.cache import entry
from mstasks.data.cache.entry import entry_bytes, is_entry, read_entry, storable, write_entry

KEY = bytes(range(16))
HARD: dict[str, NDArray[Any]] = {
    "image": np.arange(7 * 5 * 3, dtype=np.uint8).reshape(7, 5, 3),
    "mask": np.random.default_rng(0).random((300, 200)) > 0.5,
    "depth": np.random.default_rng(0).random((31, 17), np.float32),
    "nan": np.array([[np.nan, -0.0, np.inf]], np.float64),
    "transposed": np.arange(12, dtype=np.int64).reshape(3, 4).T,
    "strided": np.arange(60, dtype=np.uint16)[::3],
    "big-endian": np.array([1, 2, 300], ">i4"),
    "all": np.ones((300, 200), np.bool_),
    "none": np.zeros((300, 200), np.bool_),
    "one": np.ones((1, 1), np.bool_),
    "no booleans": np.ones((0, 4), np.bool_),
    "scalar": np.array(3.5, np.float32),
    "empty": np.zeros((0, 4), np.float32),
    "half": np.array([0.5, 2], np.float16),
}


@pytest.fixture(params=[0, 1 << 20], ids=["mapped", "read"], autouse=True)
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small entries are read, large ones are mapped; each does what the other does."""
    monkeypatch.setattr(entry, "_SMALL", request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "00" / ("f" * 30)


def written(path: Path, *arrays: NDArray[Any]) -> Path:
    write_entry(path, KEY, arrays)
    return path


@pytest.mark.parametrize("array", HARD.values(), ids=HARD)
def test_an_array_comes_back_bit_by_bit(path: Path, array: NDArray[Any]) -> None:
    found = read_entry(str(written(path, array)), KEY)
    assert found is not None
    assert_same_array(found[0], array)


def test_of_booleans_that_are_all_the_same_one_is_stored(path: Path) -> None:
    assert entry_bytes((HARD["all"],)) == entry_bytes((HARD["none"],)) == entry_bytes((HARD["mask"],)) - 300 * 200 + 1
    assert written(path, HARD["all"]).stat().st_size < 200


def test_several_arrays_none_at_all_and_their_size(path: Path) -> None:
    arrays = tuple(HARD.values())
    found = read_entry(str(written(path, *arrays)), KEY)
    assert found is not None
    for one, other in zip(found, arrays, strict=True):
        assert_same_array(one, other)
        uniform = one.dtype == np.bool_ and len(np.unique(one)) == 1
        assert one.ctypes.data % 64 == 0 or entry._SMALL or one.size == 0 or uniform
    assert path.stat().st_size == entry_bytes(arrays)
    assert read_entry(str(written(path)), KEY) == ()


def test_arrays_may_be_written_to_which_leaves_the_file_as_it_is(path: Path) -> None:
    before = written(path, HARD["mask"], HARD["image"]).read_bytes()
    found = read_entry(str(path), KEY)
    assert found is not None
    for array in found:
        array[:] = 0
    assert path.read_bytes() == before


def test_what_was_read_outlives_its_file(path: Path) -> None:
    found = read_entry(str(written(path, HARD["mask"])), KEY)
    written(path, ~HARD["mask"])
    path.unlink()
    assert found is not None
    assert_same_array(found[0], HARD["mask"])


def test_a_file_cut_short_anywhere_or_with_something_behind_is_no_entry(path: Path) -> None:
    content = written(path, HARD["image"], HARD["depth"]).read_bytes()
    for length in (*range(300), *range(300, len(content), 7), len(content) - 1):
        path.write_bytes(content[:length])
        assert read_entry(str(path), KEY) is None, length
        assert not is_entry(str(path), KEY), length
    path.write_bytes(content + b"\0")
    assert read_entry(str(path), KEY) is None
    path.write_bytes(content)
    assert read_entry(str(path), KEY) is not None
    assert is_entry(str(path), KEY)


def test_a_file_whose_description_was_altered_is_no_entry(path: Path) -> None:
    content = written(path, HARD["image"]).read_bytes()
    described = content.index(b"]]") + 2
    for position in range(described):
        for bit in range(8):
            altered = bytearray(content)
            altered[position] ^= 1 << bit
            path.write_bytes(altered)
            assert read_entry(str(path), KEY) is None, (position, bit)


def test_another_key_is_no_entry(path: Path) -> None:
    assert read_entry(str(written(path, HARD["image"])), bytes(16)) is None
    assert not is_entry(str(path), bytes(16))


def test_to_find_an_entry_its_arrays_are_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, HARD["mask"])
    monkeypatch.setattr(entry, "_read", None)
    assert is_entry(str(path), KEY)


def test_where_the_system_cannot_read_into_memory_python_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "readv")
    found = read_entry(str(written(path, HARD["mask"])), KEY)
    assert found is not None
    assert_same_array(found[0], HARD["mask"])


@pytest.mark.parametrize("what", ["nothing", "folder", "pipe", "link", "loop", "empty"])
def test_what_is_no_file_is_no_entry(tmp_path: Path, what: str) -> None:
    path, target = tmp_path / "entry", written(tmp_path / "target", HARD["image"])
    make: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to(target),
        "loop": lambda: path.symlink_to(path),
        "empty": path.touch,
    }
    make[what]()
    assert read_entry(str(path), KEY) is None


def test_many_samples_at_once_do_not_use_up_the_file_descriptors(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    written(path, HARD["mask"])
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    monkeypatch.setattr(entry, "_MANY", entry._descriptors())
    try:
        kept = [read_entry(str(path), KEY) for _ in range(300)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for found in kept:
        assert found is not None
        assert_same_array(found[0], HARD["mask"])


def test_maps_do_not_pile_up(path: Path) -> None:
    written(path, HARD["mask"])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(200):
        assert read_entry(str(path), KEY) is not None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert str(path) not in Path("/proc/self/maps").read_text()


def test_only_numbers_and_booleans_are_stored() -> None:
    assert storable(tuple(HARD.values()))
    for array in (np.array(["a"]), np.array([object()]), np.zeros(2, [("x", int)]), np.array([1j]), [1, 2]):
        assert not storable((array,))  # type: ignore[arg-type]


@pytest.mark.parametrize("step", range(1, 8))
def test_a_kill_at_any_step_leaves_the_old_entry_or_the_new_one(path: Path, step: int) -> None:
    old, new = HARD["mask"], ~HARD["mask"]
    written(path, old)
    child = os.fork()
    if child == 0:
        count = 0

        def dies(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            named = getattr(argument, "__name__", "")
            if event == "c_call" and named in ("open", "write", "flush", "fdatasync", "rename", "replace", "close"):
                count += 1
                if count == step:
                    os._exit(9)

        sys.setprofile(dies)
        write_entry(path, KEY, (new,))
        os._exit(0)
    os.waitpid(child, 0)
    found = read_entry(str(path), KEY)
    assert found is not None
    assert found[0].tobytes() in (old.tobytes(), new.tobytes())
    written(path, new)
    again = read_entry(str(path), KEY)
    assert again is not None
    assert_same_array(again[0], new)


@pytest.mark.parametrize("call", ["write", "fdatasync", "replace"])
def test_a_failure_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    place = {"write": (entry, "_write"), "fdatasync": (os, "fdatasync"), "replace": (Path, "replace")}[call]
    monkeypatch.setattr(*place, fails)
    with pytest.raises(OSError, match="No space left"):
        write_entry(path, KEY, (HARD["image"],))
    assert list(path.parent.iterdir()) == []


def test_an_entry_of_objects_is_no_entry(path: Path) -> None:
    """Numbers from a file are never taken for addresses."""
    content = written(path, np.arange(8, dtype=np.int64)).read_bytes()
    head = entry._HEAD
    magic, key, length, size, _ = head.unpack_from(content)
    listing = content[head.size : head.size + size]
    forged = listing.replace(b'"<i8"', b'"|O" ')
    assert forged != listing, "the next lines would change nothing"
    start = head.pack(magic, key, length, size, zlib.crc32(forged))
    path.write_bytes(start + forged + content[head.size + size :])
    assert read_entry(path, KEY) is None
