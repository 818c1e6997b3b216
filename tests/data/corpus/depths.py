"""Arrays of depth and normals in .npy files."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from case import HEIGHT, WIDTH, Array, Case, case, cuts, flips

Y, X = np.mgrid[:HEIGHT, :WIDTH]
DEPTH = (1 + X / 20 + Y / 30).astype(np.float32)
NORMALS = np.dstack([X / 80 - 0.4, Y / 60 - 0.4, np.full(X.shape, -0.8)])
NORMALS = (NORMALS / np.linalg.norm(NORMALS, axis=2, keepdims=True)).astype(np.float32)


class Bomb:
    """An object that leaves a file behind when it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.sentinel,)


def npy(array: Array, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def headed(header: str, content: bytes, version: int = 1) -> bytes:
    """An .npy file with any header; NEP 1 of numpy."""
    text = header.encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + content


def arrays(sentinel: Path) -> Iterator[Case]:
    for part, array in (("depth", DEPTH), ("normals", NORMALS)):
        content = npy(array)
        yield case(f"{part}-whole", part, content, "used", array)
        for how, cut in cuts(content):
            yield case(f"{part}-{how}", part, cut, "refused")
        for how, flipped in flips(content[:128], 8, 5):
            yield flipped_case(f"{part}-{how}", part, flipped + content[128:], array)
        for how, flipped in flips(content, 4, 6):
            yield flipped_case(f"{part}-{how}", part, flipped, array)
    yield from stored_otherwise()
    yield from odd_values()
    yield from no_numbers(sentinel)
    yield from lying_headers()


def flipped_case(name: str, part: str, content: bytes, original: Array) -> Case:
    """Numbers have no checksum: they may be used as numpy reads them, or as if nothing were wrong."""
    try:
        truth = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception:  # numpy raises what it likes, too
        truth = original
    return case(name, part, content, "either", truth)


def stored_otherwise() -> Iterator[Case]:
    python2 = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({HEIGHT}L, {WIDTH}L), }}\n"
    same = {
        "depth-version-2": npy(DEPTH, (2, 0)),
        "depth-version-3": npy(DEPTH, (3, 0)),
        "depth-of-python-2": headed(python2, DEPTH.tobytes()),
        "depth-big-endian": npy(DEPTH.astype(">f4")),
        "depth-fortran": npy(np.asfortranarray(DEPTH)),
    }
    for name, content in same.items():
        yield case(name, "depth", content, "used", DEPTH)
    yield case("normals-fortran", "normals", npy(np.asfortranarray(NORMALS)), "used", NORMALS)
    others = {
        "depth-float64": DEPTH.astype(np.float64),
        "depth-float16": DEPTH.astype(np.float16),
        "depth-integers": DEPTH.astype(np.int16),
        "depth-one-channel": DEPTH[..., None],
        "depth-smaller": DEPTH[::2, ::2].copy(),
    }
    for name, array in others.items():
        yield case(name, "depth", npy(array), "used", array)


def odd_values() -> Iterator[Case]:
    """Invalid values make no label invalid, wrong shapes do."""
    for name, value in {"nan": np.nan, "inf": np.inf, "minus-inf": -np.inf, "negative": -3, "zero": 0}.items():
        depth = np.where(X > 30, np.float32(value), DEPTH)
        yield case(f"depth-{name}", "depth", npy(depth), "used", depth)
        yield case(f"depth-all-{name}", "depth", npy(np.full_like(DEPTH, value)), "used", np.full_like(DEPTH, value))
        normals = np.where((X > 30)[..., None], np.float32(value if name != "negative" else 0.01), NORMALS)
        yield case(f"normals-{name}", "normals", npy(normals), "used", normals)
    shapes = {
        "depth-turned": DEPTH.T.copy(),
        "depth-three-channels": NORMALS,
        "depth-flat": DEPTH.ravel(),
        "depth-one-number": np.float32([[1]])[0, 0],
        "normals-two-channels": NORMALS[..., :2].copy(),
        "normals-channels-first": np.moveaxis(NORMALS, 2, 0).copy(),
        "normals-flat": DEPTH,
    }
    for name, array in shapes.items():
        yield case(name, name.split("-")[0], npy(np.asarray(array)), "used", array, sample="refused")


def no_numbers(sentinel: Path) -> Iterator[Case]:
    bomb = np.array([Bomb(sentinel)], dtype=object)
    zipped, objects = io.BytesIO(), io.BytesIO()
    np.savez(zipped, depth=DEPTH)
    np.lib.format.write_array(objects, bomb, allow_pickle=True)
    content = {
        "depth-objects": objects.getvalue(),
        "depth-pickle": pickle.dumps(Bomb(sentinel)),
        "depth-npz": zipped.getvalue(),
        "depth-structured": npy(np.zeros(9, [("a", "f4"), ("b", "i4")])),
        "depth-complex": npy(DEPTH.astype(np.complex64)),
        "depth-text": npy(np.array(["one", "two"])),
        "depth-dates": npy(np.array(["2020-01-01"], "M8[D]")),
        "depth-csv": b"1.0,2.0\n3.0,4.0\n",
        "depth-empty": b"",
        "depth-html": b"<!DOCTYPE html><html><title>404 Not Found</title></html>",
        "depth-no-rows": npy(np.zeros((0, WIDTH), np.float32)),
        "depth-one-byte-more": npy(DEPTH) + b"\0",
    }
    for name, file in content.items():
        yield case(name, "depth", file, "refused")


def lying_headers() -> Iterator[Case]:
    def said(shape: str, descr: str = "<f4") -> str:
        return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"

    content = {
        "depth-of-terabytes": headed(said("(1000000, 1000000)"), b"\0" * 64),
        "depth-of-too-many-digits": headed(said(f"({'9' * 3000},)"), b"\0" * 64),
        "depth-of-minus-1": headed(said("(-1, -16)"), b"\0" * 64),
        "depth-of-minus-product": headed(said("(-4, -4)"), b"\0" * 64),
        "depth-of-endless-digits": headed(said("(" + "9" * 3000), b"\0" * 64),
        "depth-without-comma": headed(said("(4 4)"), b"\0" * 64),
        "depth-of-99-axes": headed(said(f"({'1, ' * 99})"), b"\0" * 4),
        "depth-of-strange-type": headed(said("(4, 4)", "<f3"), b"\0" * 48),
        "depth-of-object-type": headed(said("(4, 4)", "|O"), b"\0" * 64),
        "depth-of-deep-header": headed(said("(" * 1500 + ")" * 1500), b""),
        "depth-of-code": headed("__import__('os').system('touch sentinel')\n", b""),
        "depth-of-long-header": headed(" " * 60000, b""),
        "depth-of-endless-header": b"\x93NUMPY\2\0\xff\xff\xff\xff{'descr': '<f4'",
        "depth-of-version-9": b"\x93NUMPY\x09\0" + npy(DEPTH)[8:],
    }
    for name, file in content.items():
        yield case(name, "depth", file, "refused")
