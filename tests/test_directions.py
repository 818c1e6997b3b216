from __future__ import annotations

from typing import Any

import pytest

from mstasks.directions import direction

ENTRY: dict[str, Any] = {"primary": "rmse", "higher_is_better": False, "test": {"rmse": 0.5, "delta1": 0.9}}


@pytest.mark.parametrize(
    ("metric", "higher"), [("rmse", False), ("delta1", True), ("delta1/near", True), ("rmse/far", False), ("odd", None)]
)
def test_directions_are_those_that_the_summary_tells(metric: str, higher: bool | None) -> None:
    assert direction({**ENTRY, "directions": {"rmse": False, "delta1": True}}, metric) is higher


def test_a_summary_without_directions_knows_its_primary_metric() -> None:
    assert direction(ENTRY, "rmse") is False
    assert direction(ENTRY, "delta1") is None
