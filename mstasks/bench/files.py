"""bench.json and bench.png of a run."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from mstasks.bench.chart import draw_bench
from mstasks.bench.result import BenchResult
from mstasks.runfolder import RunFolder, finite, write_json


def write_bench(result: BenchResult, run: RunFolder) -> tuple[Path, Path]:
    """Write bench.json and bench.png, numbered if there are some already: bench-2.json.

    Returns:
        The two paths.
    """
    for number in count(1):
        stem = "bench" if number == 1 else f"bench-{number}"
        numbers, chart = run.path / f"{stem}.json", run.path / f"{stem}.png"
        if not numbers.exists() and not chart.exists():
            break
    write_json(numbers, finite(result.document()))
    draw_bench(result, chart)
    return numbers, chart
