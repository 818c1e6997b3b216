"""Patterns stay on the colour ramp and repeat as their scale says."""

from __future__ import annotations

import numpy as np
import pytest

from mstasks_scenes.patterns import PATTERNS, Patch
from mstasks_scenes.scene import Texture


def patch(u: np.ndarray, v: np.ndarray, scale: float = 1, offset: float = 0, clear: float = 1) -> Patch:
    same = np.ones(len(u), np.float32)
    return Patch(u, v, np.clip(u, -1, 1), np.clip(v, -1, 1), same, scale * same, offset * same, clear * same)


def test_every_texture_has_a_pattern() -> None:
    assert set(PATTERNS) == set(Texture)


@pytest.mark.parametrize("texture", list(Texture))
def test_places_are_on_the_ramp(texture: Texture) -> None:
    random = np.random.default_rng(0)
    u, v = random.uniform(-4, 4, (2, 2000)).astype(np.float32)
    for scale, offset, clear in ((1, 0, 1), (3, 0.7, 1), (0.2, 0.3, 0.5), (2, 0.99, 0)):
        place = PATTERNS[texture](patch(u, v, scale, offset, clear))
        assert place.shape == u.shape
        assert place.min() >= 0
        assert place.max() <= 2


def test_a_checkerboard_alternates_along_both_axes() -> None:
    u, v = np.array([0.1, 0.6, 1.1, 0.1, 0.6], np.float32), np.array([0.1, 0.1, 0.1, 0.6, 0.6], np.float32)
    assert PATTERNS[Texture.CHECKER](patch(u, v, scale=0.5)).tolist() == [0, 1, 0, 1, 0]


def test_a_pattern_that_is_too_fine_to_be_seen_is_its_mean() -> None:
    u = np.linspace(0, 5, 50, dtype=np.float32)
    for texture in (Texture.CHECKER, Texture.STRIPES):
        assert PATTERNS[texture](patch(u, u, clear=0)) == pytest.approx(np.full(50, 0.5))
