"""bench.png: a bar for each arm, beside its batch size's others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mstasks.bench.result import ArmResult, BenchResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"dense": "#9a9a9a", "masked": "#c98b5a", "compact": "#3f76b5", "exported": "#4f9d69"}
_DPI = 110


def draw_bench(result: BenchResult, path: Path) -> None:
    """Draw the medians, shorter is better, with a line from the first to the third quartile.

    Args:
        result: What was measured.
        path: The PNG.
    """
    from matplotlib.figure import Figure

    batches = list(dict.fromkeys(arm.batch for arm in result.arms))
    by_batch = [[arm for arm in result.arms if arm.batch == batch] for batch in batches]
    height = 0.26 * max(map(len, by_batch)) + 1.1
    figure = Figure(figsize=(5.6 * len(batches), height), layout="constrained")
    for axis, arms in zip(figure.subplots(1, len(batches), squeeze=False)[0], by_batch, strict=True):
        _draw_batch(axis, arms)
    figure.suptitle(f"forward pass: {result.conditions}", fontsize=9)
    figure.savefig(path, dpi=_DPI)


def _draw_batch(axis: Axes, arms: Sequence[ArmResult]) -> None:
    places = range(len(arms))
    medians = [arm.times.median * 1e3 for arm in arms]
    quartiles = [[quartile * 1e3 for quartile in arm.times.quartiles] for arm in arms]
    colours = [COLOURS[arm.network] for arm in arms]
    axis.barh(places, medians, color=colours, height=0.72)
    axis.hlines(places, *zip(*quartiles, strict=True), color="0.15", linewidth=1.2)
    for place, arm, (_, third) in zip(places, arms, quartiles, strict=True):
        text = f"{arm.times.median * 1e3:.3g} ms, {arm.speedup:.2f} x"
        axis.annotate(text, (third, place), (4, 0), textcoords="offset points", va="center", fontsize=7)
    longest = max(third for _, third in quartiles)
    axis.set(xlim=(0, longest * 1.35), ylim=(len(arms) - 0.4, -0.6))
    axis.set_yticks(places, [f"{arm.network}  {arm.backend}" for arm in arms], fontsize=8)
    axis.tick_params(axis="x", labelsize=7)
    axis.set_xlabel(f"milliseconds, batch {arms[0].batch}; x: times as fast as the first", fontsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
