from __future__ import annotations

import itertools

from mstasks.report.labels import Label, PlacedLabel, placed

WITHIN = (0, 0, 360, 200)


def box(label: PlacedLabel, width: float) -> tuple[float, float, float, float]:
    left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
    return left, label.y - 10, left + width, label.y + 2


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])


def test_a_label_stands_right_of_its_point() -> None:
    assert placed([Label("a", 50, 50, 20)], WITHIN) == [PlacedLabel("a", 57, 54, "start")]


def test_a_label_at_the_right_edge_stands_left_of_its_point() -> None:
    assert placed([Label("a", 350, 50, 40)], WITHIN)[0].anchor == "end"


def test_labels_of_points_close_together_do_not_overlap() -> None:
    labels = [Label(f"arm {index}", x, y, 36) for index, (x, y) in enumerate([(100, 100), (106, 101), (103, 112)])]
    boxes = [box(label, 36) for label in placed(labels, WITHIN)]
    assert not any(overlap(one, other) for one, other in itertools.combinations(boxes, 2))


def test_a_label_does_not_cover_what_it_is_to_avoid() -> None:
    (label,) = placed([Label("a", 50, 50, 20)], WITHIN, [(55, 45, 90, 55)])
    assert not overlap(box(label, 20), (55, 45, 90, 55))


def test_points_without_a_name_get_no_label() -> None:
    assert placed([Label("", 50, 50, 0)], WITHIN) == []
