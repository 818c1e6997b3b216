"""Labels sampled while they are read are those sampled afterwards, and as much is refused."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from mstasks import RawTarget, nearest
from mstasks_nyuv2 import labels, unit_vectors
from mstasks_nyuv2.layouts.layout import converted

GENERATOR = np.random.default_rng(0)
VECTORS = GENERATOR.normal(size=(24, 32, 3)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=-1, keepdims=True)
VECTORS[3:9, 4:20] = 0
DEPTH = GENERATOR.uniform(-1, 9, (24, 32, 1)).astype(np.float32)
DEPTH[5, 5] = np.nan
STORED: dict[str, tuple[Any, Any]] = {
    "of_40": (partial(labels.of_40, classes=13), GENERATOR.integers(0, 41, (24, 32), dtype=np.uint8)),
    "of_13": (labels.of_13, GENERATOR.integers(-1, 13, (24, 32)).astype(np.float32)),
    "of_894": (partial(labels.of_894, classes=40), GENERATOR.integers(0, 895, (24, 32), dtype=np.uint16)),
    "depth": (labels.depth, DEPTH),
    "edges": (labels.edges, GENERATOR.random((24, 32))),
    "edges_picture": (labels.edges_picture, GENERATOR.integers(0, 256, (24, 32), dtype=np.uint8)),
    "normals": (unit_vectors.normals, VECTORS),
    "normals_picture": (unit_vectors.normals_picture, np.rint((VECTORS + 1) * 127.5).astype(np.uint8)),
}


@pytest.mark.parametrize("name", STORED)
def test_sampling_first_gives_what_sampling_last_gives(name: str) -> None:
    convert, stored = STORED[name]
    whole: RawTarget = convert(stored)
    early = converted(stored, convert, (9, 14))
    np.testing.assert_array_equal(early.value, nearest(whole.value, (9, 14)))
    np.testing.assert_array_equal(early.valid, nearest(whole.valid, (9, 14)))
    assert early.stored == (24, 32)
    assert converted(stored, convert, None).stored is None


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("of_40", 77, "classes 1 to 40. Found 77"),
        ("of_13", 13, "classes 0 to 12. Found 13"),
        ("of_894", 900, "classes 1 to 894. Found 900"),
        ("edges", 3.0, "edges from 0 to 1. Found 3"),
    ],
)
def test_one_wrong_pixel_that_is_not_sampled_is_refused(name: str, change: float, message: str) -> None:
    convert, stored = STORED[name]
    wrong = stored.copy()
    wrong[0, 0] = change
    assert not (nearest(wrong, (9, 14)) == change).any()
    with pytest.raises(ValueError, match=message):
        converted(wrong, convert, (9, 14))


def test_a_line_that_is_not_sampled_is_seen() -> None:
    picture = np.ones((24, 32), np.uint8)
    picture[:, 0] = 255
    found = converted(picture, labels.edges_picture, (9, 14))
    assert found.value.max() == np.float32(1 / 255)
