"""A sentence for everything that adapting loses to, on the same draws."""

from __future__ import annotations

from typing import Any

import pytest

from mstasks.adapt.findings import difference, findings
from mstasks.statistics import spread


def section(*, higher: bool, **columns: list[float | None]) -> dict[str, Any]:
    """The `adapt` section of a summary with these scores, draw by draw."""
    draws = range(len(columns["adapted"]))
    return {
        "primary": "score",
        "higher_is_better": higher,
        "columns": {name: {"mean": spread(v).mean, "sd": spread(v).sd} for name, v in columns.items()},
        "draws": [
            {"draw": draw, "scores": {name: {"score": values[draw], "other": 9.0} for name, values in columns.items()}}
            for draw in draws
        ],
    }


@pytest.mark.parametrize(("higher", "sign"), [(True, 1), (False, -1)])
def test_the_difference_is_positive_where_adapting_is_better(higher: bool, sign: int) -> None:
    adapt = section(higher=higher, adapted=[3.0, 4.0, 8.0], ridge=[1.0, 3.0, 5.0])
    mean, interval = difference(adapt, "ridge")
    assert mean == pytest.approx(sign * 2.0)
    assert interval is not None
    # the differences 2, 1, 3 have sd 1; t(0.975) with two degrees of freedom is 4.3027
    half = 4.3027 / 3**0.5
    assert interval == pytest.approx((sign * 2 - half, sign * 2 + half), rel=1e-4)


def test_a_single_draw_has_no_interval() -> None:
    assert difference(section(higher=True, adapted=[3.0], ridge=[1.0]), "ridge") == (2.0, None)


def test_a_score_that_is_missing_leaves_its_pair_out() -> None:
    adapt = section(higher=True, adapted=[3.0, None, 5.0], ridge=[1.0, 9.0, 1.0])
    assert difference(adapt, "ridge")[0] == 3.0
    assert difference(section(higher=True, adapted=[None], ridge=[1.0]), "ridge") == (None, None)
    assert not list(findings(section(higher=True, adapted=[None], ridge=[1.0])))


def test_nothing_is_said_of_what_adapting_beats() -> None:
    columns = {"adapted": [0.5, 0.6], "ridge": [0.4, 0.5], "trivial": [0.5, 0.6], "scratch": [0.1, 0.2]}
    assert not list(findings(section(higher=True, **columns)))  # type: ignore[arg-type]


def test_each_loss_is_a_sentence() -> None:
    columns = {"adapted": [40.0, 44.0], "trivial": [39.0, 41.0], "ridge": [42.0, 41.0], "probe": [1.0, 1.0]}
    adapt = section(higher=False, **columns, **{"tiny/001": [40.0, 43.9]})  # type: ignore[arg-type]
    assert list(findings(adapt)) == [
        "adapting loses to the trivial predictor, which never looks at the image: score 42 against 40, in the mean over "
        "2 draws.",
        "adapting loses to ridge regression: score 42 against 41.5, in the mean over 2 draws.",
        "adapting loses to a linear probe: score 42 against 1, in the mean over 2 draws.",
        "adapting loses to baseline 'tiny/001': score 42 against 41.95, in the mean over 2 draws.",
    ]


def test_one_draw_is_called_one() -> None:
    (said,) = findings(section(higher=True, adapted=[0.1], ridge=[0.2]))
    assert said.endswith("score 0.1 against 0.2, in the mean over 1 draw.")
