"""Shadows against marching towards the lamp; exposure and noise in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes_analytic import ROOM, by_hand, distance, scenes, solids

from mstasks_scenes.geometry import Shape
from mstasks_scenes.scene import Film, Scene
from mstasks_scenes.shading import develop, shade
from mstasks_scenes.trace import lit, trace

SIZE = (24, 32)
PERFECT = Film(exposure=0.2, blur=0, noise=0, seed=0)


@pytest.mark.parametrize("scene", scenes(6))
def test_a_point_is_in_shadow_if_something_is_on_the_way_to_the_lamp(scene: Scene) -> None:
    visible = trace(scene, SIZE)
    lamp = scene.lights.position[0].astype(float)
    facing = ((lamp[:, None] - visible.point) * visible.normal).sum(0) > 0
    seen = lit(scene, visible, 0, facing)
    assert not seen[~facing].any()
    along = np.linspace(0, 1, 800)[:, None]
    for pixel in np.random.default_rng(1).choice(np.flatnonzero(facing), 40, replace=False):
        way = lamp + along * (visible.point[:, pixel] - lamp)
        others = [s for s in range(ROOM, ROOM + len(scene.solids.shape)) if s != visible.surface[pixel]]
        deepest = min((distance(scene, other, way[:-4]).min() for other in others), default=1.0)
        if abs(deepest) > 0.01:  # closer than that the sampling cannot tell
            assert seen[pixel] == (deepest > 0)


def test_a_ball_under_a_lamp_darkens_the_floor_below_it() -> None:
    scene = by_hand(solids((Shape.BALL, (0, 3, 0.8), (0.3, 0.3, 0.3), 0)), lamp=(0, 3, 2.9))
    visible = trace(scene, (64, 64))
    picture = shade(scene, visible).reshape(-1, 3).astype(int)
    x, y, z = visible.point
    # The shadow's radius on the floor: the lamp is 2.1 m above the ball's centre and 2.9 m above the floor.
    radius = 2.9 * np.tan(np.arcsin(0.3 / 2.1))
    off = np.hypot(x, y - 3)
    floor = z < 1e-3
    dark, bright = floor & (off < radius - 0.02), floor & (off > radius + 0.02) & (off < 0.8)
    assert min(dark.sum(), bright.sum()) > 20
    assert picture[dark].max() < picture[bright].min() - 30


def test_corners_get_less_of_the_ambient_light() -> None:
    scene = by_hand(solids((Shape.BALL, (0, 3, 0.8), (0.1, 0.1, 0.1), 0)))
    dark = replace(scene, lights=replace(scene.lights, colour=0 * scene.lights.colour))
    visible = trace(dark, (64, 64))
    picture = shade(dark, visible)[..., 0].reshape(-1).astype(int)
    x, y, z = visible.point
    floor = z < 1e-3
    middle, corner = floor & (np.abs(x) < 1) & (y < 4), floor & (np.abs(x) > 1.8) & (y > 4.8)
    assert min(middle.sum(), corner.sum()) > 3
    assert picture[corner].max() < picture[middle].min() - 10


def test_a_glossy_ball_mirrors_the_lamp_where_the_angles_are_equal() -> None:
    scene = by_hand(solids((Shape.BALL, (0, 3, 1.5), (0.8, 0.8, 0.8), 0)), lamp=(1, 0.8, 2.9))
    visible = trace(scene, (96, 96))
    gloss = replace(scene.materials, gloss=np.full(1, 0.3, np.float32))
    on_ball = visible.surface == ROOM
    dull, shiny = (
        shade(one, visible)[..., 0].reshape(-1).astype(int) for one in (scene, replace(scene, materials=gloss))
    )
    extra = (shiny - dull) * on_ball
    to_lamp, to_eye = (place[:, None] - visible.point for place in (scene.lights.position[0], scene.camera.position))
    along = [way / np.linalg.norm(way, axis=0) for way in (to_lamp, to_eye)]
    mirrored = 2 * (along[1] * visible.normal).sum(0) * visible.normal - along[1]
    assert extra.max() > 20
    assert (mirrored * along[0]).sum(0)[np.argmax(extra)] > 0.97


def test_a_warm_lamp_makes_the_picture_redder() -> None:
    scene = by_hand(solids((Shape.BALL, (0, 3, 0.8), (0.3, 0.3, 0.3), 0)))
    tint = np.array([1, 0.7, 0.4], np.float32)
    warm = replace(
        scene, lights=replace(scene.lights, colour=scene.lights.colour * tint, ambient=scene.lights.ambient * tint)
    )
    neutral, tinted = (shade(one, trace(one, SIZE)).mean((0, 1)) for one in (scene, warm))
    assert neutral[0] == pytest.approx(neutral[2])
    assert tinted[0] > tinted[1] + 10 > tinted[2] + 20


def test_the_exposure_does_not_depend_on_the_power_of_the_lamps() -> None:
    radiance = np.random.default_rng(0).random((3, 8, 9), np.float32)
    dim, bright = develop(radiance, PERFECT), develop(8 * radiance, PERFECT)
    assert np.abs(dim.astype(int) - bright).max() <= 1


def test_a_uniform_wall_is_exposed_to_the_tone_of_the_film() -> None:
    x = 0.2
    expected = 255 * (x * (1 + x / 6) / (1 + x)) ** (1 / 2.2)
    picture = develop(np.full((3, 6, 6), 3, np.float32), replace(PERFECT, blur=0.15))
    assert picture.shape == (6, 6, 3)
    assert picture == pytest.approx(np.full((6, 6, 3), expected), abs=1)


def test_noise_has_the_stated_deviation_and_comes_from_the_seed() -> None:
    film = replace(PERFECT, noise=0.02, seed=3)
    wall = np.ones((3, 60, 60), np.float32)
    assert develop(wall, film).std() == pytest.approx(0.02 * 255, rel=0.03)
    assert np.array_equal(develop(wall, film), develop(wall, film))
    assert not np.array_equal(develop(wall, film), develop(wall, replace(film, seed=4)))


def test_the_lens_gives_each_neighbour_its_share() -> None:
    point = np.full((3, 9, 9), 1e-4, np.float32)
    point[:, 4, 4] = 100
    blurred = develop(point, replace(PERFECT, exposure=1e-3, blur=0.1))[..., 0].astype(float)
    linear = (blurred / 255) ** 2.2  # values are so small that the tone curve is nearly straight
    assert linear[4, 3] / linear[4, 4] == pytest.approx(0.1 / 0.8, rel=0.2)
    assert linear[3, 3] / linear[4, 3] == pytest.approx(0.1 / 0.8, rel=0.2)
