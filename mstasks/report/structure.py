"""Where a network thinned out, and which task each channel that is left serves: a row a layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mstasks.report.frame import colour_class, legend
from mstasks.report.markup import Html, element, joined
from mstasks.report.page import figure, paragraph
from mstasks.sparsity.draw_serves import shares
from mstasks.sparsity.layout import Place, places
from mstasks.sparsity.record import ALIVE, REMOVED, STAYS, SpaceRecord, SparsityRecord

_MOST_COLUMNS = 96
_NAMES = {ALIVE: "alive", STAYS: "zero, but not removable", REMOVED: "removed"}
_COLOURS = {ALIVE: "s0", STAYS: "stays", REMOVED: "void"}
_FIXED = ("cannot be removed", "plain")
Array = NDArray[np.float64]


def structure_figure(record: SparsityRecord) -> Html:
    """Each layer as a bar: its width goes with the square root of its channels, and the parts of it are to scale."""
    shown = places(record)
    if not record.spaces:
        return Html()
    widest = max(math.sqrt(place.layer.size) for place in shown)
    rows = [_row(place, _silhouette(place, math.sqrt(place.layer.size) / widest), _left(place)) for place in shown]
    seen = {state for space in record.spaces for state in space.groups} | {ALIVE, REMOVED}
    names: list[tuple[str, int | str]] = [(name, _COLOURS[state]) for state, name in _NAMES.items() if state in seen]
    if record.excluded:
        names.append(_FIXED)
    size, alive = (sum(getattr(space, key) for space in record.spaces) for key in ("size", "alive"))
    what = "channels" if record.groups == "channel" else f"{record.groups} groups"
    caption = f"{alive} of {size} {what} are alive, from the image at the top to the trunk at the bottom"
    return figure(joined([_layers(rows), legend(names, blocks=True)]), caption)


def serves_figure(record: SparsityRecord, tasks: Mapping[str, int]) -> Html:
    """Each layer as a strip, in it a thin column for each channel that is left, divided as it serves the tasks.

    Args:
        record: Of the run; nothing is drawn if it does not say what channels serve.
        tasks: Names with the numbers of their colours.
    """
    measured = [
        (place, shares(place.layer))
        for place in places(record, excluded=False)
        if isinstance(place.layer, SpaceRecord) and place.layer.serves is not None
    ]
    rows = [_row(place, _strip(parts, _colours(place, tasks)), _left(place)) for place, parts in measured if parts.size]
    if not rows:
        return Html()
    names = list(dict.fromkeys(task for place, _ in measured for task in _tasks(place)))
    note = paragraph(
        "A column is a channel, divided as its saliency is among the tasks, its main task at the base. "
        f"Of more than {_MOST_COLUMNS} channels in a layer, neighbours are averaged.",
        note=True,
    )
    keys: list[tuple[str, int | str]] = [(name, tasks.get(name, index)) for index, name in enumerate(names)]
    return figure(
        joined([_layers(rows), legend(keys, blocks=True), note]), "Which task each channel that is left serves"
    )


def _layers(rows: Sequence[Html]) -> Html:
    return element("div", *rows, class_="layers")


def _row(place: Place, drawn: Html, left: str) -> Html:
    return joined(
        [
            element("span", place.label, class_="label", title=place.layer.name),
            drawn,
            element("span", left, class_="value"),
        ]
    )


def _left(place: Place) -> str:
    layer = place.layer
    return f"{layer.alive} of {layer.size}" if isinstance(layer, SpaceRecord) else f"{layer.size}"


def _silhouette(place: Place, width: float) -> Html:
    """A centred bar; from the outside in, each part covers the middle of the one before."""
    return element("span", *_covers(place, width), class_="hull")


def _covers(place: Place, width: float) -> Iterator[Html]:
    layer = place.layer
    if not isinstance(layer, SpaceRecord):
        yield _centred(width, _FIXED[1])
        return
    inside = layer.size
    for state in (REMOVED, STAYS, ALIVE):
        found = layer.groups.count(state)
        if found:
            yield _centred(width * inside / layer.size, _COLOURS[state])
        inside -= found


def _centred(width: float, colour: str) -> Html:
    return element("i", class_=colour, style=f"left:{50 - 50 * width:.2f}%;width:{100 * width:.2f}%")


def _tasks(place: Place) -> list[str]:
    return list(place.layer.serves or ()) if isinstance(place.layer, SpaceRecord) else []


def _colours(place: Place, tasks: Mapping[str, int]) -> list[str]:
    return [colour_class(tasks.get(name, index)) for index, name in enumerate(_tasks(place))]


def _strip(parts: Array, colours: Sequence[str]) -> Html:
    """A strip of shares, shape (tasks, channels), in which every column sums to 1; the largest share at the base."""
    parts = averaged(parts, _MOST_COLUMNS)
    count = parts.shape[1]
    order = np.argsort(np.arange(len(parts))[:, None] != parts.argmax(axis=0), axis=0, kind="stable")
    tops = np.take_along_axis(parts, order, axis=0).cumsum(axis=0)
    paths = []
    for task, colour in enumerate(colours):
        places = (order == task).argmax(axis=0)
        high = tops[places, np.arange(count)]
        low = high - parts[task]
        words = [
            f"M{column} {100 * (1 - top):.0f}h1V{100 * (1 - base):.0f}h-1z"
            for column, (base, top) in enumerate(zip(low, high, strict=True))
            if top - base > 0.005
        ]
        paths.append(element("path", d="".join(words), fill="currentColor", class_=colour))
    return element(
        "svg", *paths, class_="strip", view_box=f"0 0 {count} 100", preserveAspectRatio="none", aria_hidden="true"
    )


def averaged(parts: Array, columns: int) -> Array:
    """At most so many columns, each the mean of neighbours of about equal number."""
    count = parts.shape[1]
    if count <= columns:
        return parts
    groups = np.array_split(parts, columns, axis=1)
    return np.stack([group.mean(axis=1) for group in groups], axis=1)
