"""Pictures of labels and predictions."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from mstasks import TargetInfo, TargetKind
from mstasks.picture import CELL_HEIGHT, CELL_WIDTH, FARTHEST, NEAREST, default_palette, picture_of_kind


def info(kind: TargetKind, names: int = 4) -> TargetInfo:
    named = kind in (TargetKind.LABEL_MAP, TargetKind.ATTRIBUTES)
    return TargetInfo(kind, names=tuple(f"name{index}" for index in range(names)) if named else ())


def draw(kind: TargetKind, value: Tensor) -> Tensor:
    return picture_of_kind(kind, info(kind), value)


def draw_depth(*metres: float) -> Tensor:
    return draw(TargetKind.DEPTH_MAP, torch.tensor(metres).reshape(1, 1, -1))[0].int()


def draw_normal(*vector: float) -> list[int]:
    return draw(TargetKind.VECTOR_MAP, torch.tensor(vector).reshape(3, 1, 1))[0, 0].tolist()


EXAMPLES = [
    (TargetKind.LABEL_MAP, torch.randint(0, 4, (6, 7), generator=torch.Generator().manual_seed(0)), (6, 7, 3)),
    (TargetKind.LABEL_MAP, torch.randn(4, 6, 7), (6, 7, 3)),
    (TargetKind.DEPTH_MAP, torch.rand(1, 6, 7) * 12, (6, 7, 3)),
    (TargetKind.VECTOR_MAP, torch.nn.functional.normalize(torch.randn(3, 6, 7), dim=0), (6, 7, 3)),
    (TargetKind.SCALAR_MAP, torch.rand(1, 6, 7), (6, 7, 3)),
    (TargetKind.ATTRIBUTES, torch.rand(4), (4 * CELL_HEIGHT, CELL_WIDTH, 3)),
]


def test_every_kind_has_an_example() -> None:
    assert {kind for kind, _, _ in EXAMPLES} == set(TargetKind)


@pytest.mark.parametrize(("kind", "value", "shape"), EXAMPLES)
def test_a_picture_is_bytes_channels_last(kind: TargetKind, value: Tensor, shape: tuple[int, ...]) -> None:
    picture = draw(kind, value)
    assert picture.dtype == torch.uint8
    assert picture.shape == shape
    assert picture.is_contiguous()
    assert torch.unique(picture).numel() > 1


@pytest.mark.parametrize(
    ("kind", "value", "shape"), [example for example in EXAMPLES if example[1].is_floating_point()]
)
@pytest.mark.parametrize("extreme", [math.nan, math.inf, -math.inf])
def test_extreme_values_are_drawn_all_the_same(
    kind: TargetKind, value: Tensor, shape: tuple[int, ...], extreme: float
) -> None:
    assert draw(kind, torch.full_like(value, extreme)).shape == shape


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_any_float_type_with_a_gradient_will_do(dtype: torch.dtype) -> None:
    value = torch.tensor([0.0, 1.0, 0.5, 0.0], dtype=dtype, requires_grad=True)
    assert draw(TargetKind.ATTRIBUTES, value)[CELL_HEIGHT, 0].tolist() == [255, 255, 255]


def test_label_indices_take_the_declared_colours() -> None:
    colours = ((1, 2, 3), (4, 5, 6))
    declared = TargetInfo(TargetKind.LABEL_MAP, names=("a", "b"), colours=colours)
    picture = picture_of_kind(TargetKind.LABEL_MAP, declared, torch.tensor([[0, 1, 1]]))
    assert picture.tolist() == [[[1, 2, 3], [4, 5, 6], [4, 5, 6]]]


def test_class_scores_are_drawn_as_their_largest() -> None:
    labels = torch.tensor([[0, 1], [3, 2]])
    scores = torch.nn.functional.one_hot(labels, 4).permute(2, 0, 1) * 5.0 - 2
    assert torch.equal(draw(TargetKind.LABEL_MAP, scores), draw(TargetKind.LABEL_MAP, labels))


def test_labels_out_of_range_do_not_stop_a_report() -> None:
    assert draw(TargetKind.LABEL_MAP, torch.tensor([[255, -1]])).shape == (1, 2, 3)


@pytest.mark.parametrize("count", [1, 2, 13, 41, 1000])
def test_the_default_colours_are_distinct_and_leave_black_and_white_free(count: int) -> None:
    palette = default_palette(count)
    assert len(palette) == len(set(palette)) == count
    assert not {(0, 0, 0), (255, 255, 255)} & set(palette)


def test_a_class_keeps_its_default_colour_whatever_the_number_of_classes() -> None:
    assert default_palette(41)[:13] == default_palette(13)


def test_default_colours_of_forty_classes_are_easy_to_tell_apart() -> None:
    closest = min(math.dist(one, other) for one, other in itertools.combinations(default_palette(40), 2))
    assert closest > 30


def test_a_palette_of_any_length_can_be_had() -> None:
    assert len(default_palette(20_000)) == 20_000


def test_depth_is_lightest_near_and_darkest_far() -> None:
    brightness = draw_depth(*torch.logspace(math.log10(NEAREST), math.log10(FARTHEST), 20).tolist()).sum(1)
    assert (brightness.diff() < 0).all()


def test_depth_colours_do_not_depend_on_the_rest_of_the_map() -> None:
    assert torch.equal(draw_depth(2.0, 9.0)[0], draw_depth(2.0, 1.0)[0])


def test_equal_ratios_of_depth_are_equally_far_apart_in_the_table() -> None:
    # 256 colours over log(20): one percent of depth is below a step, ten percent are eight steps, near as well as far.
    table = draw_depth(*(NEAREST * 20 ** (step / 255) for step in range(256)))
    for near in (0.6, 1.0, 3.0, 8.0):
        positions = [int((table - colour).abs().sum(1).argmin()) for colour in draw_depth(near, 1.1 * near)]
        assert positions[1] - positions[0] == pytest.approx(255 * math.log(1.1) / math.log(20), abs=1.1)


def test_depth_beyond_the_range_takes_the_colour_of_its_end() -> None:
    assert torch.equal(draw_depth(0.0, 50.0), draw_depth(NEAREST, FARTHEST))


def test_normals_are_drawn_as_usual() -> None:
    assert draw_normal(0, 0, -1) == [128, 128, 255]  # facing the camera: lilac
    assert draw_normal(0, -1, 0) == [128, 255, 128]  # a floor points up, which is -y: green
    assert draw_normal(1, 0, 0) == [255, 128, 128]  # the wall on the left points right: red
    assert draw_normal(0, 0, 0) == [128, 128, 128]


def test_scalars_are_grey() -> None:
    picture = draw(TargetKind.SCALAR_MAP, torch.tensor([[[0.0, 0.5, 1.0, 7.0, -1.0]]]))
    assert picture[0].tolist() == [[level] * 3 for level in (0, 128, 255, 255, 0)]


def test_attributes_are_cells_from_top_to_bottom() -> None:
    picture = draw(TargetKind.ATTRIBUTES, torch.tensor([0.0, 1.0, 0.2]))
    assert [torch.unique(cell).tolist() for cell in torch.split(picture, CELL_HEIGHT)] == [[0], [255], [51]]


@pytest.mark.parametrize(
    ("kind", "shape", "text"),
    [
        (TargetKind.LABEL_MAP, (4,), r"label map needs class indices .* Found \(4,\)"),
        (TargetKind.LABEL_MAP, (4, 4), r"label map needs class indices .* Found \(4, 4\), torch.float32"),
        (TargetKind.DEPTH_MAP, (2, 4, 4), r"depth map needs shape \(1, height, width\)\. Found \(2, 4, 4\)"),
        (TargetKind.VECTOR_MAP, (1, 4, 4), r"vector map needs shape \(3, height, width\)\. Found \(1, 4, 4\)"),
        (TargetKind.SCALAR_MAP, (4, 4), r"scalar map needs shape \(1, height, width\)\. Found \(4, 4\)"),
        (TargetKind.ATTRIBUTES, (1, 4), r"attributes needs shape \(attributes,\)\. Found \(1, 4\)"),
    ],
)
def test_wrong_shapes_are_explained(kind: TargetKind, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        draw(kind, torch.zeros(shape))
