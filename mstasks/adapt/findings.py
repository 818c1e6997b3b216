"""What adapting is compared with, and a sentence for each comparison that it loses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mstasks.statistics import Score, is_number, paired_difference

_SAID = {
    "trivial": "the trivial predictor, which never looks at the image",
    "ridge": "ridge regression",
    "probe": "a linear probe",
}


def findings(adapt: Mapping[str, Any]) -> Iterator[str]:
    """What adapting loses to: references and baselines that are better in the mean over draws.

    Args:
        adapt: The `adapt` section of a summary.
    """
    for column in adapt["columns"]:
        if column != "adapted":
            yield from _losing(adapt, column)


def difference(adapt: Mapping[str, Any], column: str) -> tuple[float | None, tuple[float, float] | None]:
    """By how much adapting is better than a column, in the mean over paired draws, with its 95 % interval."""
    sign = 1.0 if adapt["higher_is_better"] else -1.0
    own, other = (_values(adapt, each) for each in ("adapted", column))
    pairs = paired_difference([_signed(value, sign) for value in own], [_signed(value, sign) for value in other])
    return pairs.mean, pairs.interval


def _signed(value: Score, sign: float) -> Score:
    return None if value is None else sign * value


def _values(adapt: Mapping[str, Any], column: str) -> list[Score]:
    return [draw["scores"][column].get(adapt["primary"]) for draw in adapt["draws"]]


def _losing(adapt: Mapping[str, Any], column: str) -> Iterator[str]:
    ahead, _ = difference(adapt, column)
    if is_number(ahead) and ahead < 0:
        count = len(adapt["draws"])
        mean = adapt["columns"]
        yield (
            f"adapting loses to {_SAID.get(column, f'baseline {column!r}')}: {adapt['primary']} "
            f"{mean['adapted']['mean']:.4g} against {mean[column]['mean']:.4g}, "
            f"in the mean over {count} draw{'s' if count > 1 else ''}."
        )
