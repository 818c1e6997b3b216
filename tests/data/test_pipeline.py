"""Augmented samples against an analytic scene: a tilted plane seen by a pinhole camera.

Red and green of the picture are its own x and y, so the augmented picture tells where its pixels come from. From that
alone the tests work out the moved camera, and ask whether the moved labels describe a plane that this camera sees.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mstasks import RawTarget, Sample, TargetInfo, TargetKind
from mstasks.data.pipeline import Pipeline

HEIGHT, WIDTH, FOCAL = 90, 120, 100.0
NORMAL = np.array([0.48, -0.36, -0.8])
DISTANCE = -4.0
INFOS = {
    "segmentation": TargetInfo(TargetKind.LABEL_MAP, tuple(f"column{i}" for i in range(12))),
    "depth": TargetInfo(TargetKind.DEPTH_MAP),
    "normals": TargetInfo(TargetKind.VECTOR_MAP),
    "edges": TargetInfo(TargetKind.SCALAR_MAP),
    "attributes": TargetInfo(TargetKind.ATTRIBUTES, ("tilted", "round")),
}
FLAT = {name: INFOS[name] for name in ("segmentation", "edges")}


def plane_depth(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Where the ray of a pixel meets the plane NORMAL . P = DISTANCE."""
    rays = np.stack([(x - (WIDTH - 1) / 2) / FOCAL, (y - (HEIGHT - 1) / 2) / FOCAL, np.ones_like(x)], -1)
    return np.asarray(DISTANCE / (rays @ NORMAL))


def sample(factor: int = 1) -> Sample:
    """The plane; labels at ``factor`` times the resolution of the picture."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    image = np.stack([x, y, np.full_like(x, 99)], -1).astype(np.uint8)
    fine_y, fine_x = (np.mgrid[: HEIGHT * factor, : WIDTH * factor] + 0.5) / factor - 0.5
    shape = fine_x.shape
    valid = np.ones(shape, bool)
    targets = {
        "segmentation": RawTarget((fine_x + 0.5).astype(int) // 10, valid),
        "depth": RawTarget(plane_depth(fine_x, fine_y).astype(np.float32), valid),
        "normals": RawTarget(np.broadcast_to(NORMAL.astype(np.float32), (*shape, 3)).copy(), valid),
        "edges": RawTarget((fine_x / WIDTH).astype(np.float32), valid),
        "attributes": RawTarget(np.array([1, 0], np.float32), np.array([True, True])),
    }
    return Sample("plane", image, targets)


@dataclass
class Seen:
    """What the augmented picture says: source = matrix @ (x, y) + offset, fitted over the pixels with blue 99."""

    matrix: NDArray[Any]
    offset: NDArray[Any]
    inner: NDArray[Any]


def seen(image: NDArray[np.uint8]) -> Seen:
    # Close to the border of the photograph, blends with what lies outside would spoil the fit.
    red, green, blue = (image[..., c].astype(float) for c in range(3))
    inner = (blue == 99) & (red > 2) & (red < WIDTH - 3) & (green > 2) & (green < HEIGHT - 3)
    y, x = np.nonzero(inner)
    design = np.stack([x, y, np.ones_like(x)], -1)
    solution, *_ = np.linalg.lstsq(design, image[y, x, :2].astype(float), rcond=None)
    return Seen(solution[:2].T, solution[2], inner)


MOVES: dict[str, list[dict[str, dict[str, Any]]]] = {
    "left-right": [{"HorizontalFlip": {"p": 1.0}}],
    "upside-down": [{"VerticalFlip": {"p": 1.0}}],
    "crop": [{"RandomResizedCrop": {"scale": [0.3, 0.4]}}],
    "turn": [{"Rotate": {"limit": [25, 25], "p": 1.0}}],
    "turn back": [{"Rotate": {"limit": [-25, -25], "p": 1.0}}],
    "affine": [{"Affine": {"scale": [1.3, 1.6], "keep_ratio": True, "rotate": [-30, -20], "translate_percent": 0.1, "p": 1.0}}],
    "away": [{"Affine": {"scale": 0.7, "p": 1.0}}],
    "scaled": [{"RandomScale": {"scale_limit": [0.4, 0.4], "p": 1.0}}, {"SmallestMaxSize": {"max_size": 77, "p": 1.0}}],
    "all": [
        {"HorizontalFlip": {"p": 1.0}},
        {"RandomResizedCrop": {"scale": [0.4, 0.6]}},
        {"Rotate": {"limit": [10, 20], "p": 1.0}},
        {"GaussianBlur": {"blur_limit": 3, "sigma_limit": 0.1, "p": 1.0}},
        {"NoOp": {}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("factor", [1, 2])
def test_labels_move_with_the_picture(name: str, factor: int) -> None:
    moved = Pipeline(MOVES[name], INFOS, (HEIGHT, WIDTH))(sample(factor), 7)
    inner = seen(moved.image).inner
    assert inner.mean() > 0.3
    source_x = moved.targets["edges"].value * WIDTH
    away = (source_x - moved.image[..., 0])[inner]
    # Half a pixel for the nearest label, and half a colour for each time the picture is sampled anew.
    assert np.abs(away).max() <= 1.3
    assert abs(away.mean()) < 0.4, "the labels are shifted as a whole"
    assert moved.targets["edges"].valid[inner].all()
    column = moved.targets["segmentation"].value * 10
    assert (np.abs(column + 4.5 - moved.image[..., 0])[inner] <= 6.1).all()


@pytest.mark.parametrize("name", MOVES)
def test_moved_depth_keeps_the_width_of_the_scene(name: str) -> None:
    """A zoom brings the scene nearer without making it wider: lateral positions in metres only turn or mirror."""
    moved = Pipeline(MOVES[name], INFOS, (HEIGHT, WIDTH))(sample(), 7)
    now = seen(moved.image)
    lateral, depth = back_projected(moved, now)
    y, x = np.nonzero(now.inner)
    source = np.stack([x, y], -1) @ now.matrix.T + now.offset
    source_depth = plane_depth(source[:, 0], source[:, 1])
    source_lateral = (source - centre()) / FOCAL * source_depth[:, None]
    zoom = 1 / np.sqrt(abs(np.linalg.det(now.matrix)))
    np.testing.assert_allclose(depth * zoom, source_depth, rtol=0.02)
    turned = source_lateral @ (np.linalg.inv(now.matrix) / zoom).T
    np.testing.assert_allclose(lateral, turned, atol=0.08)


@pytest.mark.parametrize("name", MOVES)
def test_moved_normals_are_those_of_the_moved_depth(name: str) -> None:
    moved = Pipeline(MOVES[name], INFOS, (HEIGHT, WIDTH))(sample(), 7)
    now = seen(moved.image)
    lateral, depth = back_projected(moved, now)
    points = np.column_stack([lateral, depth])
    fitted = np.linalg.svd(points - points.mean(0), full_matrices=False)[2][2]
    fitted *= -np.sign(points.mean(0) @ fitted)  # towards the camera
    labels = moved.targets["normals"].value[now.inner]
    np.testing.assert_allclose(labels, np.broadcast_to(fitted, labels.shape), atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(labels, axis=-1), 1, atol=1e-5)


def centre() -> NDArray[Any]:
    return np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])


def back_projected(moved: Sample, now: Seen) -> tuple[NDArray[Any], NDArray[Any]]:
    """Lateral position and depth of each inner pixel, seen by the same lens with its axis where the picture says."""
    axis = np.linalg.solve(now.matrix, centre() - now.offset)
    y, x = np.nonzero(now.inner)
    depth = moved.targets["depth"].value[now.inner].astype(float)
    return (np.stack([x, y], -1) - axis) / FOCAL * depth[:, None], depth


def test_the_label_of_the_flipped_image_is_the_flipped_label() -> None:
    moved = Pipeline(MOVES["left-right"], INFOS, (HEIGHT, WIDTH))(sample(), 0)
    plain = sample()
    assert np.array_equal(moved.image, plain.image[:, ::-1])
    for name in ("segmentation", "depth", "edges"):
        assert np.array_equal(moved.targets[name].value, plain.targets[name].value[:, ::-1])
    np.testing.assert_allclose(
        moved.targets["normals"].value, plain.targets["normals"].value[:, ::-1] * [-1, 1, 1], atol=1e-6
    )
    assert np.array_equal(moved.targets["attributes"].value, plain.targets["attributes"].value)


@pytest.mark.parametrize("transform", ["HorizontalFlip", "VerticalFlip", "Transpose"])
def test_paired_classes_swap_whenever_the_picture_is_mirrored(transform: str) -> None:
    info = TargetInfo(TargetKind.LABEL_MAP, ("left", "middle", "right"), (("left", "right"),))
    labels = np.tile(np.repeat([0, 1, 2], 4), (12, 1))
    face = Sample("face", np.zeros((12, 12, 3), np.uint8), {"parts": RawTarget(labels, np.ones((12, 12), bool))})
    moved = Pipeline([{transform: {"p": 1.0}}], {"parts": info}, (12, 12))(face, 0).targets["parts"].value
    place = {"HorizontalFlip": labels[:, ::-1], "VerticalFlip": labels[::-1], "Transpose": labels.T}[transform]
    assert np.array_equal(moved, 2 - place)


def test_plain_resize_to_another_aspect_keeps_depth_and_normals() -> None:
    resized = Pipeline(MOVES["all"], INFOS, (60, 60))(sample(), None)
    y, x = np.mgrid[:60, :60].astype(float)
    expected = plane_depth((x + 0.5) * WIDTH / 60 - 0.5, (y + 0.5) * HEIGHT / 60 - 0.5)
    np.testing.assert_allclose(resized.targets["depth"].value, expected, rtol=0.01)
    np.testing.assert_allclose(resized.targets["normals"].value, np.broadcast_to(NORMAL, (60, 60, 3)), atol=1e-6)


def test_a_turn_after_a_crop_is_a_turn_even_if_the_size_has_another_aspect() -> None:
    """Squeezed to a square at the end, the turn is no rotation of pixels; depth and normals know only of the zoom and turn."""
    moved = Pipeline(MOVES["all"], INFOS, (80, 80))(sample(), 7)
    now = seen(moved.image)
    linear = np.linalg.inv(now.matrix @ np.diag([80 / WIDTH, 80 / HEIGHT]))  # in the pixels of the photograph
    zoom = np.sqrt(abs(np.linalg.det(linear)))
    np.testing.assert_allclose(linear @ linear.T, zoom**2 * np.eye(2), atol=0.05)
    expected = np.array([*(linear / zoom @ NORMAL[:2]), zoom * NORMAL[2]])
    labels = moved.targets["normals"].value[now.inner]
    np.testing.assert_allclose(labels, np.broadcast_to(expected / np.linalg.norm(expected), labels.shape), atol=0.01)


def test_valid_and_invalid_never_mix() -> None:
    """Valid depths are all 1, invalid ones all 1000: whatever is valid afterwards is 1 exactly, zoom aside."""
    valid = np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.5
    depth = RawTarget(np.where(valid, 1, 1000).astype(np.float32), valid)
    holes = Sample("holes", sample().image, {"depth": depth})
    for seed in range(5):
        moved = Pipeline(MOVES["all"], {"depth": INFOS["depth"]}, (64, 80))(holes, seed).targets["depth"]
        kept = moved.value[moved.valid]
        assert 0.2 < moved.valid.mean() < 0.8
        assert kept.min() == kept.max() < 1


def test_what_comes_from_outside_the_image_is_invalid() -> None:
    moved = Pipeline(MOVES["away"], INFOS, (HEIGHT, WIDTH))(sample(), 0)
    for name in ("segmentation", "depth", "normals", "edges"):
        valid = moved.targets[name].valid
        assert valid.mean() == pytest.approx(0.49, abs=0.02)
        assert not valid[0].any()
        assert not valid[:, -1].any()
        assert (moved.image[valid][:, 2] > 0).all()


def test_a_bent_picture_bends_label_maps_alike() -> None:
    moved = Pipeline([{"ElasticTransform": {"alpha": 60, "sigma": 8, "p": 1.0}}], FLAT, (HEIGHT, WIDTH))(sample(), 3)
    inner = (moved.image[..., 2] == 99) & moved.targets["edges"].valid
    away = np.abs(moved.image[..., 0].astype(float) - np.arange(WIDTH))
    assert away[inner].max() > 2, "the picture was not bent; the next line would check nothing"
    assert np.abs(moved.targets["edges"].value * WIDTH - moved.image[..., 0])[inner].max() <= 1.1


def test_crops_keep_the_aspect_whatever_the_targets_unless_a_ratio_is_given() -> None:
    # The same crops with and without depth: networks of one task are compared with a network of all.
    def aspects(infos: dict[str, TargetInfo], **more: Any) -> list[float]:
        pipeline = Pipeline([{"RandomResizedCrop": {"scale": [0.3, 0.4], **more}}], infos, (HEIGHT, WIDTH))
        matrices = [seen(pipeline(sample(), seed).image).matrix for seed in range(6)]
        return [matrix[0, 0] / matrix[1, 1] for matrix in matrices]

    np.testing.assert_allclose(aspects(INFOS), 1, atol=0.02)
    np.testing.assert_allclose(aspects(FLAT), 1, atol=0.02)
    assert np.ptp(aspects(FLAT, ratio=[0.5, 2.0])) > 0.1


def test_targets_that_a_sample_lacks_stay_absent_and_others_are_dropped() -> None:
    plane = sample()
    part = Sample("part", plane.image, {"depth": plane.targets["depth"], "edges": plane.targets["edges"]})
    wanted = {"depth": INFOS["depth"], "normals": INFOS["normals"]}
    assert set(Pipeline([], wanted, (30, 40))(part, 0).targets) == {"depth"}


def test_no_seed_means_no_augmentation() -> None:
    plain = Pipeline(MOVES["all"], INFOS, (HEIGHT, WIDTH))(sample(), None)
    assert np.array_equal(plain.image, sample().image)


NOISY: list[dict[str, dict[str, Any]]] = [
    *MOVES["all"],
    {"CoarseDropout": {}},
    {"GaussNoise": {"p": 1.0}},
    {"ColorJitter": {"p": 1.0}},
]


def digest(seed: int) -> list[float]:
    moved = Pipeline(NOISY, INFOS, (32, 40))(sample(), seed)
    return [float(moved.image.sum()), *(float(np.sum(moved.targets[name].value)) for name in sorted(moved.targets))]


def test_a_seed_gives_the_same_sample_in_any_process() -> None:
    here = [digest(seed) for seed in (1, 2)]
    assert here == [digest(seed) for seed in (1, 2)]
    assert here[0] != here[1]
    program = (
        "import importlib.util, json, sys\n"
        f"spec = importlib.util.spec_from_file_location('pipeline_test', {__file__!r})\n"
        "module = importlib.util.module_from_spec(spec); sys.modules['pipeline_test'] = module\n"
        "spec.loader.exec_module(module)\n"
        "print(json.dumps([module.digest(1), module.digest(2)]))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert json.loads(output) == here


def test_the_input_is_not_changed() -> None:
    plane = sample()
    Pipeline(NOISY, INFOS, (32, 40))(plane, 5)
    untouched = sample()
    assert np.array_equal(plane.image, untouched.image)
    for name, raw in plane.targets.items():
        assert np.array_equal(raw.value, untouched.targets[name].value)
        assert np.array_equal(raw.valid, untouched.targets[name].valid)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("depth", RawTarget(np.zeros((4, 4, 1)), np.ones((4, 4), bool)), r"'depth' of 'bad', a depth-map, must have shape \(H, W\). Found \(4, 4, 1\)"),
        ("normals", RawTarget(np.zeros((4, 4, 2)), np.ones((4, 4), bool)), r"must have shape \(H, W, 3\). Found \(4, 4, 2\)"),
        ("segmentation", RawTarget(np.zeros((4, 4)), np.ones((4, 4), bool)), "'segmentation' of 'bad', a label-map, must be of an integer type. Found float64"),
        ("attributes", RawTarget(np.zeros(3), np.ones(3, bool)), r"must have shape \(2,\). Found \(3,\)"),
        ("edges", RawTarget(np.zeros((4, 4)), np.ones((4, 4))), r"`valid` of 'edges' of 'bad' must be bool \(4, 4\). Found float64"),  # type: ignore[arg-type]
        ("edges", RawTarget(np.zeros((4, 4)), np.ones((4, 5), bool)), r"must be bool \(4, 4\). Found bool \(4, 5\)"),
    ],
)  # fmt: skip
def test_a_label_of_the_wrong_shape_is_named(name: str, raw: RawTarget, message: str) -> None:
    bad = Sample("bad", np.zeros((4, 4, 3), np.uint8), {name: raw})
    with pytest.raises(ValueError, match=message):
        Pipeline([], INFOS, (4, 4))(bad, None)


def test_an_image_of_the_wrong_type_is_named() -> None:
    with pytest.raises(ValueError, match=r"The image of 'bad' must be uint8 \(H, W, 3\). Found float64 \(4, 4, 3\)"):
        Pipeline([], INFOS, (4, 4))(Sample("bad", np.zeros((4, 4, 3)), {}), None)  # type: ignore[arg-type]


def test_a_transform_that_fails_names_itself_and_the_sample() -> None:
    pipeline = Pipeline([{"RandomCrop": {"height": 500, "width": 20}}], FLAT, (32, 32))
    with pytest.raises(ValueError, match=r"RandomCrop failed on 'plane' at 90 x 120: .*500"):
        pipeline(sample(), 0)


def test_a_pipeline_survives_the_way_to_a_spawned_process() -> None:
    pipeline = Pipeline(NOISY, INFOS, (32, 40))
    copy = pickle.loads(pickle.dumps(pipeline))
    assert np.array_equal(copy(sample(), 4).image, pipeline(sample(), 4).image)


def depth_beside(image: tuple[int, int], label: tuple[int, int]) -> Sample:
    depth = RawTarget(np.ones(label, np.float32), np.ones(label, bool))
    return Sample("photo", np.zeros((*image, 3), np.uint8), {"depth": depth})


@pytest.mark.parametrize("label", [(40, 30), (20, 15), (404, 300), (79, 60)])
@pytest.mark.parametrize("seed", [None, 0])
def test_a_label_that_is_turned_against_its_image_is_refused(label: tuple[int, int], seed: int | None) -> None:
    with pytest.raises(
        ValueError,
        match=rf"'depth' of 'photo' is turned against its image: it has {label[0]} rows and {label[1]} columns, the "
        r"image 60 and 80\. A photograph is turned upright by its EXIF orientation\. Turn the label alike, or save",
    ):
        Pipeline([], {"depth": INFOS["depth"]}, (30, 40))(depth_beside((60, 80), label), seed)


@pytest.mark.parametrize(
    ("image", "label"),
    [((60, 80), (60, 80)), ((60, 80), (15, 20)), ((60, 80), (480, 640)), ((60, 80), (50, 50)), ((60, 80), (288, 384)),
     ((60, 80), (80, 50)), ((64, 64), (40, 30)), ((101, 100), (100, 101)), ((1, 1000), (1, 500))],
)  # fmt: skip
def test_labels_of_another_size_or_stretched_are_used(image: tuple[int, int], label: tuple[int, int]) -> None:
    moved = Pipeline([], {"depth": INFOS["depth"]}, (30, 40))(depth_beside(image, label), None).targets["depth"]
    assert moved.value.shape == (30, 40)
    assert moved.valid.all()


def test_an_empty_label_is_named() -> None:
    with pytest.raises(ValueError, match=r"The value of 'depth' of 'photo' is empty: its shape is \(0, 80\)"):
        Pipeline([], {"depth": INFOS["depth"]}, (30, 40))(depth_beside((60, 80), (0, 80)), None)
