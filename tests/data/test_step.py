"""Mirrors are remembered, not tracked; whoever asks where the pixels came from gets the same answer."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mstasks.data.augment import build_steps
from mstasks.data.geometry import mirror, similarity
from mstasks.data.sampling import coordinates
from mstasks.data.step import View
from mstasks.targets import TargetInfo, TargetKind

INFOS = {"depth": TargetInfo(TargetKind.DEPTH_MAP)}


def moved(names: list[str], image: np.ndarray) -> View:
    view = View(image)
    for step in build_steps([{name: {"p": 1.0}} for name in names], INFOS, (4, 6)):
        view = step(view, np.random.default_rng(0), random.Random(0))
    return view


@pytest.mark.parametrize(
    ("names", "axes"),
    [
        (["HorizontalFlip"], (1,)),
        (["VerticalFlip"], (0,)),
        (["HorizontalFlip", "VerticalFlip"], (0, 1)),
        (["HorizontalFlip", "HorizontalFlip"], ()),
        (["VerticalFlip", "HorizontalFlip", "VerticalFlip"], (1,)),
    ],
)
def test_mirrors_say_where_each_pixel_came_from(names: list[str], axes: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    view = moved(names, image)
    np.testing.assert_array_equal(view.image, np.flip(image, axes))
    assert view.track is None
    track = view.tracked()
    np.testing.assert_array_equal(track.source, np.flip(coordinates(4, 6), axes))
    np.testing.assert_array_equal(track.linear, np.diag([-1.0 if 1 in axes else 1.0, -1.0 if 0 in axes else 1.0]))
    expected = similarity(track.linear, (4, 6), (4, 6))
    assert mirror(*view.mirrored).zoom == expected.zoom == 1
    np.testing.assert_array_equal(mirror(*view.mirrored).turn, expected.turn)


def test_a_mirror_that_is_not_drawn_changes_nothing() -> None:
    (step,) = build_steps([{"HorizontalFlip": {"p": 0.5}}], INFOS, (4, 6))
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    views = [step(View(image), np.random.default_rng(seed), random.Random(seed)) for seed in range(30)]
    assert {view.mirrored for view in views} == {(False, False), (True, False)}
    for view in views:
        np.testing.assert_array_equal(view.image, image[:, ::-1] if view.mirrored[0] else image)
