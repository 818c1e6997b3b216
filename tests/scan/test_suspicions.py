"""Each suspicion is raised by what it is about, and not by what looks like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from mstasks.scan.facts import IDS, Fault, LabelFacts, SampleFacts
from mstasks.scan.sizes import Size
from mstasks.scan.statistics import Statistics
from mstasks.scan.suspicions import SAME_AT_LEAST, Suspicion, suspicions
from mstasks.scan.suspicious_vectors import ROUNDED
from mstasks.scan.tally import FaultyPart, Tally
from mstasks.targets import TargetInfo, TargetKind

Measured = Callable[..., Statistics]
KINDS = TargetKind
ROOM = np.random.default_rng(0).gamma(4.0, 0.7, (60, 80)) + 0.4
"""Depths of a room in metres: from half a metre to a few, not round numbers."""


@pytest.fixture
def texts(measured: Measured) -> Callable[..., list[str]]:
    """Sentences about the labels of a data set with one split and one task."""

    def run(
        kind: TargetKind,
        values: Sequence[Any],
        names: tuple[str, ...] = (),
        valid: Sequence[Any] | None = None,
        image: Size | None = None,
    ) -> list[str]:
        tally = Tally(["train"], ("it",), ())
        for number, value in enumerate(values):
            mask = None if valid is None else np.asarray(valid[number])
            array = np.asarray(value)
            count = array.shape[0] if kind is KINDS.ATTRIBUTES else array.shape[0] * array.shape[1]
            size = None if kind is KINDS.ATTRIBUTES else (array.shape[0], array.shape[1])
            known = count if mask is None else int(mask.sum())
            label = LabelFacts(size, known, count, measured(kind, array, mask, names))
            tally.add(SampleFacts("train", f"id{number}", image or size, b"%d" % number, {"it": label}, ()))
        return [str(found) for found in suspicions(tally, {"it": TargetInfo(kind, names)})]

    return run


Texts = Callable[..., list[str]]


# -- depth -------------------------------------------------------------------------------------------------------------


def test_depth_in_metres_is_not_suspicious(texts: Texts) -> None:
    assert texts(KINDS.DEPTH_MAP, [ROOM]) == []


def test_depth_of_streets_in_metres_is_not_suspicious(texts: Texts) -> None:
    assert texts(KINDS.DEPTH_MAP, [ROOM * 10]) == []


def test_millimetres_are_recognised(texts: Texts) -> None:
    (text,) = texts(KINDS.DEPTH_MAP, [np.round(ROOM * 1000)])
    assert text.startswith("it, train: the median is 2")
    assert "it looks like millimetres (or another fine unit of a 16-bit picture): divide by 1000." in text


def test_centimetres_are_recognised(texts: Texts) -> None:
    (text,) = texts(KINDS.DEPTH_MAP, [ROOM * 100])
    assert text.endswith("where metres are expected; it looks like centimetres: divide by 100.")


@pytest.mark.parametrize("part", [5, 25, 45])
def test_images_in_millimetres_among_others_in_metres_are_told(texts: Texts, part: int) -> None:
    metres = slope(bottom=0.8, top=3.0)
    (text,) = texts(KINDS.DEPTH_MAP, [np.round(metres * 1000)] * part + [metres] * (100 - part))
    assert "where metres are expected; some images look like millimetres: bring all to metres;" in text


def test_grey_levels_are_recognised(texts: Texts) -> None:
    (text,) = texts(KINDS.DEPTH_MAP, [np.arange(1, 256).reshape(15, 17)])
    assert text.startswith("it, train: all values are whole numbers up to 255; it looks like an 8-bit picture of depth")


def test_whole_metres_are_no_grey_levels(texts: Texts) -> None:
    assert texts(KINDS.DEPTH_MAP, [np.arange(1, 13).reshape(3, 4)]) == []


def test_a_map_scaled_to_one_is_recognised(texts: Texts) -> None:
    (text,) = texts(KINDS.DEPTH_MAP, [ROOM / ROOM.max()])
    assert "nothing is farther than 1; unless everything is nearer than a metre" in text


def test_a_depth_that_never_changes_is_told(texts: Texts) -> None:
    (text,) = texts(KINDS.DEPTH_MAP, [np.full((4, 4), 2.5)])
    assert text.startswith("it, train: every valid pixel is 2.5;")


def test_valid_depths_of_zero_are_told(texts: Texts) -> None:
    (text,) = texts(KINDS.DEPTH_MAP, [np.where(np.arange(80) < 8, 0.0, ROOM)])
    assert text == ("it, train: 10 % of the valid pixels are 0 or less, which no distance is; mark them as not valid.")


def slope(bottom: float, top: float) -> np.ndarray:
    return np.linspace(top, bottom, 60)[:, None] * np.ones((1, 80)) + 0.001 * ROOM


def test_inverse_depth_is_recognised_by_a_far_bottom(texts: Texts) -> None:
    (text,) = texts(KINDS.DEPTH_MAP, [slope(bottom=3.0, top=0.8)] * 20)
    assert text.startswith(
        "it, train: in 20 of 20 images the bottom is farther away than the top; it looks like inverse"
    )


@pytest.mark.parametrize(("far", "near"), [(0, 20), (15, 5), (19, 0)], ids=["upright", "mixed", "too few"])
def test_views_that_are_mostly_upright_or_few_are_not_called_inverse(texts: Texts, far: int, near: int) -> None:
    maps = [slope(bottom=3.0, top=0.8)] * far + [slope(bottom=0.8, top=3.0)] * near
    assert texts(KINDS.DEPTH_MAP, maps) == []


# -- normals -----------------------------------------------------------------------------------------------------------


def room(flip: Sequence[int] = (1, 1, 1)) -> np.ndarray:
    normals = np.zeros((60, 80, 3))
    normals[..., 2] = -1
    normals[:12] = (0, 1, 0)
    normals[-12:] = (0, -1, 0)
    normals[12:-12, :16] = (1, 0, 0)
    normals[12:-12, -16:] = (-1, 0, 0)
    return normals * np.array(flip)


def test_normals_of_a_room_are_not_suspicious(texts: Texts) -> None:
    assert texts(KINDS.VECTOR_MAP, [room()]) == []


def looking_down(flip: Sequence[int]) -> np.ndarray:
    """As `room`, but three of four columns face the camera, and of the fourth the 36 % of the wall in front."""
    normals = room()
    normals[:, ::4], normals[:, 1::4], normals[:, 2::4] = (0, 0, -1), (0, 0.6, -0.8), (0.6, 0, -0.8)
    return normals * np.array(flip)


@pytest.mark.parametrize(
    ("flip", "wrong", "negate"),
    [
        ((-1, 1, 1), "x in 100 %", f"x, {ROUNDED}"),
        ((1, -1, 1), "y in 100 %", f"y, {ROUNDED}"),
        ((1, -1, -1), "y in 100 % and z in 84 %", "y and z"),
        ((-1, -1, -1), "x in 100 % and y in 100 % and z in 84 %", "x and y and z"),
    ],
)
def test_turned_axes_are_named(texts: Texts, flip: Sequence[int], wrong: str, negate: str) -> None:
    assert texts(KINDS.VECTOR_MAP, [looking_down(flip)] * 5) == [
        "it, train: with x right, y down, z forward, what is seen faces the camera; "
        f"{wrong} of the vectors that tell has the other sign, as in another convention of axes: negate {negate}."
    ]


def ball(degrees: float, shape: tuple[int, int] = (80, 80)) -> tuple[np.ndarray, np.ndarray]:
    """Normals of a ball as a camera sees it, by intersecting its rays, and where it is hit; it fills the lesser side."""
    height, width = shape
    per_pixel = np.tan(np.radians(degrees / 2)) / (min(shape) / 2)
    v, u = np.meshgrid(*(np.arange(n) + 0.5 - n / 2 for n in (height, width)), indexing="ij")
    rays = np.stack([u * per_pixel, v * per_pixel, np.ones(shape)], -1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    radius = np.sin(np.radians(degrees / 2))  # of a ball whose centre is at distance 1
    along = rays[..., 2]
    inside = along**2 - 1 + radius**2
    hit = inside > 0
    points = rays * (along - np.sqrt(np.where(hit, inside, 0)))[..., None]
    normals = (points - np.array([0.0, 0.0, 1.0])) / radius
    assert ((normals * rays).sum(-1)[hit] < 0).all()  # all of it faces its ray
    return np.where(hit[..., None], normals, 0.0), hit


@pytest.mark.parametrize("shape", [(80, 80), (80, 120), (120, 80)])
@pytest.mark.parametrize("degrees", [10, 20, 30, 60])
def test_correct_normals_of_a_ball_accuse_no_axis(texts: Texts, degrees: float, shape: tuple[int, int]) -> None:
    normals, hit = ball(degrees, shape)
    assert texts(KINDS.VECTOR_MAP, [normals] * 160, valid=[hit] * 160) == []


def test_a_few_steep_vectors_prove_nothing(texts: Texts) -> None:
    normals = np.zeros((60, 80, 3))
    normals[..., 2] = -1
    normals[-5:, :10] = (0, 1, 0)
    assert texts(KINDS.VECTOR_MAP, [normals]) == []


def test_vectors_of_another_length_are_told(texts: Texts) -> None:
    (text,) = texts(KINDS.VECTOR_MAP, [room() * 2])
    assert text == (
        "it, train: 100 % of the vectors differ from length 1 by more than 0.05; divide each vector by its length, and "
        "mark zero vectors as not valid."
    )


def test_the_error_of_eight_bits_is_no_other_length(texts: Texts) -> None:
    assert texts(KINDS.VECTOR_MAP, [np.round((room() + 1) * 127.5) / 127.5 - 1]) == []


def test_colours_are_recognised_as_colours(texts: Texts) -> None:
    (text,) = texts(KINDS.VECTOR_MAP, [(room() + 1) / 2])
    assert text.endswith("none has a negative component; it looks like colours: map them back, such as 2 c - 1.")


# -- classes, scalars, attributes --------------------------------------------------------------------------------------


def test_a_label_map_of_a_single_class_is_told(texts: Texts) -> None:
    (text,) = texts(KINDS.LABEL_MAP, [np.ones((6, 8), int)] * 2, ("sky", "road", "car"))
    assert text.startswith("it, train: every valid pixel is 'road', one of 3 classes;")


def test_two_classes_are_not_suspicious(texts: Texts) -> None:
    one, two = np.zeros((6, 8), int), np.ones((6, 8), int)
    assert texts(KINDS.LABEL_MAP, [one, two], ("sky", "road", "car")) == []


def test_scalars_outside_zero_to_one_are_told(texts: Texts) -> None:
    (text,) = texts(KINDS.SCALAR_MAP, [np.where(np.eye(10) > 0, 255.0, 0.0)])
    assert text == (
        "it, train: values go from 0 to 255, and 10 % lie outside 0 to 1; it looks like 8-bit values; divide by 255."
    )


def test_scalars_that_never_change_are_told(texts: Texts) -> None:
    (text,) = texts(KINDS.SCALAR_MAP, [np.zeros((4, 4))])
    assert text.startswith("it, train: every valid pixel is 0;")


def test_zeros_and_ones_are_not_suspicious(texts: Texts) -> None:
    assert texts(KINDS.SCALAR_MAP, [np.eye(10)]) == []


def test_attributes_that_are_always_the_same_are_named(texts: Texts) -> None:
    answers = [[1.0, 0.0, float(number % 2)] for number in range(SAME_AT_LEAST)]
    assert texts(KINDS.ATTRIBUTES, answers, ("hat", "beard", "smile")) == [
        "it, train: hat: always yes, in all images where that is known; there is nothing to tell apart, so check the "
        "column or leave it out.",
        "it, train: beard: always no, in all images where that is known; there is nothing to tell apart, so check the "
        "column or leave it out.",
    ]


def test_few_images_may_agree_by_chance(texts: Texts) -> None:
    assert texts(KINDS.ATTRIBUTES, [[1.0, 0.0]] * (SAME_AT_LEAST - 1), ("hat", "beard")) == []


def test_answers_that_are_neither_yes_nor_no_are_told(texts: Texts) -> None:
    (text,) = texts(KINDS.ATTRIBUTES, [[1.0, -1.0], [-1.0, 1.0]], ("hat", "beard"))
    assert text.startswith("it, train: 2 of 4 answers are neither 0 nor 1, as in files that write -1 for no;")


# -- sizes and missing labels ------------------------------------------------------------------------------------------


def test_labels_on_their_side_are_told(texts: Texts) -> None:
    (text,) = texts(KINDS.DEPTH_MAP, [ROOM.T], image=(60, 80))
    assert text.startswith("it, train: 1 of 1 labels lie on their side beside their images; swap rows and columns")
    assert text.endswith("such as 'id0': image 60 x 80, label 80 x 60 (height x width).")


def test_labels_of_another_aspect_are_told(texts: Texts) -> None:
    (text,) = texts(KINDS.DEPTH_MAP, [ROOM[:, :60]] * 3, image=(60, 80))
    assert text.startswith("it, train: 3 of 3 labels have another aspect than their images and would be stretched;")


def test_scaled_labels_are_not_suspicious(texts: Texts) -> None:
    assert texts(KINDS.DEPTH_MAP, [ROOM], image=(481, 641)) == []


def test_labels_that_are_nowhere_valid_are_told_once_they_are_many(texts: Texts) -> None:
    blank, known = np.zeros((60, 80), bool), np.ones((60, 80), bool)
    (text,) = texts(KINDS.DEPTH_MAP, [ROOM] * 8, valid=[blank] * 2 + [known] * 6)
    assert text.startswith("it, train: 2 of 8 labels are nowhere valid;")
    assert texts(KINDS.DEPTH_MAP, [ROOM] * 20, valid=[blank] * 2 + [known] * 18) == []


def without_labels(*ids: str) -> Tally:
    tally = Tally(("train", "val"), ("depth",), ())
    for id in ids:
        for split in ("train", "val"):
            tally.add(SampleFacts(split, id, (4, 4), id.encode(), {}, ()))
    return tally


def test_a_split_without_labels_is_told_unless_it_is_train_where_that_is_a_fault() -> None:
    (found,) = suspicions(without_labels("a", "b"), {"depth": TargetInfo(KINDS.DEPTH_MAP)})
    assert str(found).startswith("depth, val: none of 2 images has a usable label; a folder or column may be missing")


def test_labels_of_which_none_is_valid_are_not_called_missing(measured: Measured) -> None:
    tally = Tally(["val"], ("depth",), ())
    label = LabelFacts((60, 80), 0, 4800, measured(KINDS.DEPTH_MAP, ROOM, np.zeros((60, 80), bool)))
    tally.add(SampleFacts("val", "a", (60, 80), b"a", {"depth": label}, ()))
    (found,) = suspicions(tally, {"depth": TargetInfo(KINDS.DEPTH_MAP)})
    assert found == Suspicion(
        "val",
        "depth",
        "1 of 1 labels are nowhere valid; the value that stands for a missing pixel may be another one, so open some of "
        "them, else take the task out of the recipe.",
    )


def test_labels_of_photographs_that_were_turned_without_a_trace_are_to_be_looked_at(measured: Measured) -> None:
    tally = Tally(["train"], ("depth",), ())
    label = LabelFacts((60, 80), 4800, 4800, measured(KINDS.DEPTH_MAP, ROOM))
    for id, turned in (("a", False), ("b", True), ("c", True)):
        facts = SampleFacts("train", id, (60, 80), id.encode(), {"depth": label}, (), silently_turned=turned)
        tally.add(facts)
    (found,) = suspicions(tally, {"depth": TargetInfo(KINDS.DEPTH_MAP)})
    assert str(found).startswith(
        "depth, train: 2 of 3 labels belong to photographs that an EXIF orientation mirrors or turns without a change of "
        "size, such as 'b'."
    )


def test_attributes_do_not_mind_how_a_photograph_is_turned(measured: Measured) -> None:
    tally = Tally(["train"], ("hat",), ())
    label = LabelFacts(None, 1, 1, measured(KINDS.ATTRIBUTES, np.array([1.0]), None, ("hat",)))
    tally.add(SampleFacts("train", "a", (60, 80), b"a", {"hat": label}, (), silently_turned=True))
    assert suspicions(tally, {"hat": TargetInfo(KINDS.ATTRIBUTES, ("hat",))}) == []


def test_ids_to_leave_out_that_no_image_has_are_told(measured: Measured) -> None:
    tally = Tally(["train"], ("depth",), ("a", "b.png"))
    label = LabelFacts((60, 80), 4800, 4800, measured(KINDS.DEPTH_MAP, ROOM))
    for id in ("a", "b"):
        tally.add(SampleFacts("train", id, (60, 80), id.encode(), {"depth": label}, ()))
    assert [str(found) for found in suspicions(tally, {"depth": TargetInfo(KINDS.DEPTH_MAP)})] == [
        "data.exclude, all splits: b.png: no split lists this id; ids are written as faults show them, without the ending of "
        "the file."
    ]


def test_where_a_split_cannot_be_listed_nothing_is_said_of_ids_to_leave_out() -> None:
    tally = Tally(["train"], ("depth",), ("a",))
    tally.faults.append(FaultyPart("train", "", Fault(IDS, "no list"), excluded=False))
    assert not any("data.exclude" in str(found) for found in suspicions(tally, {"depth": TargetInfo(KINDS.DEPTH_MAP)}))
