"""The summary of a compact run: what is its own, what is its parent's, and which metrics count as equal."""

from __future__ import annotations

from typing import Any

import pytest

from mstasks.compact_summary import changed_metrics, compact_summary
from mstasks.macs import Cost
from mstasks.structure import CompactStructure

PARENT: dict[str, Any] = {
    "method": "sparse",
    "steps": 6,
    "parent": None,
    "tasks": {"depth": {"test": {"rmse": 0.5}}},
    "network": {},
    "advice": ["train longer"],
    "sparsity": {
        "scope": "backbone",
        "zero_groups": 0.3,
        "target": {"macs": 0.5},
        "reached": {"macs": 0.3},
        "removable_parameters": 0.9,
        "macs_dense": 90,
        "parameters_dense": 900,
        "macs_compact": 1,
        "network_macs_dense": 100,
    }
    | {"network_macs_compact": 1, "parameters_compact": 1, "network_parameters_compact": 1},
}
DENSE = {"backbone": Cost(900, 90), "trunk": Cost(50, 5), "heads.depth": Cost(50, 5)}
SMALL = {"backbone": Cost(400, 40), "trunk": Cost(30, 3), "heads.depth": Cost(40, 4)}
STRUCTURE = CompactStructure(multiple=8, channels={"a": 8, "b": 16}, dense={"a": 20, "b": 16})


def summary(parent: dict[str, Any] = PARENT) -> dict[str, Any]:
    scores = {"depth": {"test": {"rmse": 0.5}}}
    return compact_summary(
        parent, "../001", scores, STRUCTURE, costs=[DENSE, SMALL], files=[4000, 1900], difference=1e-6
    )


def test_costs_are_those_of_the_compact_network_and_the_rest_the_parents() -> None:
    made = summary()
    assert (made["method"], made["steps"], made["parent"]) == ("sparse", 6, "../001")
    assert "advice" not in made
    assert made["network"]["trunk"] == {"parameters": 30, "macs": 3}
    expected = {"macs_compact": 40, "parameters_compact": 400, "network_macs_compact": 47}
    expected |= {"reached": {"macs": 40 / 90}, "removable_parameters": 1 - 400 / 900}
    assert made["sparsity"] == PARENT["sparsity"] | expected | {"network_parameters_compact": 470}
    assert made["compact"] == {
        "multiple": 8,
        "folded": 0,
        "difference": 1e-6,
        "channels": {"dense": 36, "compact": 24},
        "parameters": {"dense": 1000, "compact": 470},
        "macs": {"dense": 100, "compact": 47},
        "bytes": {"dense": 4000, "compact": 1900},
    }


def test_a_parent_without_sparsity_has_a_child_without() -> None:
    assert "sparsity" not in summary({key: value for key, value in PARENT.items() if key != "sparsity"})


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (0.51234, 0.51237, True),
        (0.5123, 0.5125, False),
        (23.456, 23.457, True),
        (23.45, 23.46, False),
        (None, None, True),
        (None, 0.5, False),
        (0.5, None, False),
    ],
)
def test_metrics_are_compared_to_four_digits(before: float | None, after: float | None, same: bool) -> None:
    sentences = list(changed_metrics({"depth": {"test": {"rmse": before}}}, {"depth": {"test": {"rmse": after}}}))
    assert sentences == ([] if same else [f"depth rmse is {after} here and {before} in the parent's summary."])


def test_parts_of_metrics_are_left_out() -> None:
    before, after = ({"edges": {"test": {"mean": 0.5, "mean/first": part}}} for part in (0.1, 0.9))
    assert list(changed_metrics(before, after)) == []
