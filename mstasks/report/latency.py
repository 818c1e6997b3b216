"""How fast the networks of a run are: the numbers of its newest bench.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mstasks.errors import MstasksError
from mstasks.report.bars import Bar, bars
from mstasks.report.markup import Html, element
from mstasks.report.page import Section, collapsible, figure, figures, paragraph, table
from mstasks.report.source import Source
from mstasks.report.wording import count
from mstasks.runfolder import RunFolder

_COLOURS: Mapping[str, int | str] = {"dense": "plain", "masked": 1, "compact": 0, "exported": 2}


def latency(source: Source) -> Section:
    """Bars of the medians, and all numbers folded away; empty for a run that `mstasks bench` was not run on.

    Raises:
        MstasksError: If the file is damaged.
    """
    section = Section("Latency")
    for name, run in source.networks():
        path = newest_bench(run)
        if path is not None:
            section.add(element("h3", name) if name else Html(), *_read(path))
    return section


def newest_bench(run: RunFolder) -> Path | None:
    """The last of bench.json, bench-2.json, bench-3.json and so on; None if there is none."""
    found = {path: re.fullmatch(r"bench(?:-(\d+))?\.json", path.name) for path in run.path.glob("bench*.json")}
    numbers = {path: int(match[1] or 1) for path, match in found.items() if match}
    return max(numbers, key=numbers.__getitem__) if numbers else None


def _read(path: Path) -> list[Html]:
    try:
        return list(_shown(json.loads(path.read_text(encoding="utf-8")), path.name))
    except (ValueError, KeyError, TypeError) as error:
        raise MstasksError(f"{path}: damaged: {error!r}. Delete it, or run `mstasks bench` again.") from error


def _shown(content: Mapping[str, Any], name: str) -> Iterator[Html]:
    batches = list(dict.fromkeys(arm["batch"] for arm in content["arms"]))
    by_batch = {batch: [arm for arm in content["arms"] if arm["batch"] == batch] for batch in batches}
    yield figures(*(_chart(batch, arms) for batch, arms in by_batch.items()), halves=True)
    yield paragraph(f"{_conditions(content)}. Medians over rounds in which all take turns; from {name}.", note=True)
    columns = ("network", "MACs", "parameters", "weights file", *(f"memory, batch {batch}" for batch in batches))
    costs = [_costs(network, facts, batches) for network, facts in content["networks"].items()]
    times = ("network", "backend", "batch", "median", "quartiles", "times as fast", "difference")
    yield collapsible(
        "All numbers of the measurement",
        table(times, [_times(arm) for arm in content["arms"]], numbers=times[2:]),
        table(columns, costs, numbers=columns[1:]),
    )
    for sentence in content["left_out"]:
        yield paragraph(f"Left out: {sentence}", note=True)


def _chart(batch: int, arms: Sequence[Mapping[str, Any]]) -> Html:
    longest = max(arm["seconds"]["median"] for arm in arms)
    rows = [
        Bar(
            f"{arm['network']}, {arm['backend']}",
            arm["seconds"]["median"] / longest,
            f"{_milliseconds(arm['seconds']['median'])} ms, {arm['speedup']:.2f}×",
            _COLOURS.get(arm["network"], 3),
        )
        for arm in arms
    ]
    images = "one image" if batch == 1 else f"{batch} images at once"
    return figure(bars(rows), f"Time of {images}, and how many times as fast as the first")


def _conditions(content: Mapping[str, Any]) -> str:
    """What the times hold for."""
    (height, width), machine = content["size"], content["machine"]
    threads = f"{machine['threads']} thread{'s' if machine['threads'] != 1 else ''}"
    return f"{height}×{width} images, {machine['device']}, {machine['processor']}, {threads}, torch {machine['torch']}"


def _costs(network: str, facts: Mapping[str, Any], batches: Sequence[int]) -> tuple[str, ...]:
    memory = facts["peak_memory"] or {}
    sizes = (facts["bytes"], *(memory.get(str(batch)) for batch in batches))
    megabytes = ("–" if size is None else f"{size / 1e6:.2f} MB" for size in sizes)
    return network, count(facts["macs"]), count(facts["parameters"]), *megabytes


def _times(arm: Mapping[str, Any]) -> tuple[str, ...]:
    seconds = arm["seconds"]
    quartiles = f"{_milliseconds(seconds['first_quartile'])} to {_milliseconds(seconds['third_quartile'])} ms"
    median = f"{_milliseconds(seconds['median'])} ms"
    difference = "–" if arm["difference"] is None else f"{arm['difference']:.0e}"
    return arm["network"], arm["backend"], str(arm["batch"]), median, quartiles, f"{arm['speedup']:.2f}×", difference


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"
