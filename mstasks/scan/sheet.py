"""The contact sheet: some images of each split with the labels of every task beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mstasks.bound import BoundTask
from mstasks.data.contract import image_shape
from mstasks.data.dataset import Split
from mstasks.data.files import printable
from mstasks.data.sampling import Sampler, resized
from mstasks.figures import CELL_INCHES, VOID, Column, cell_height, draw_grid, picture
from mstasks.scan.answers import Answer, draw_answers
from mstasks.scan.facts import Fault
from mstasks.scan.sample import Examiner, attempt, label_batch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mstasks.data.sample import RawTarget

PER_SPLIT = 3
"""Images of each split."""
_LONGEST = 480
"""Pixels of a cell's longer side: twice what is drawn, so that nothing large is kept or gets coarse."""
_LETTERS = 38
"""Of an id below its image; a longer one loses its middle."""
_POINTS = 72
_MARGIN = 0.94
"""Part of a cell's width that text may fill."""

_Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _Row:
    """An image with what to draw beside it; a task without a label has no picture, and no answers."""

    title: str
    image: _Pixels
    pictures: Mapping[str, _Pixels]
    answers: tuple[Answer, ...]


def draw_sheet(examine: Examiner, chosen: Sequence[tuple[Split, str]], path: Path) -> bool:
    """Draw data.png.

    Invalid pixels are grey, as in the pictures of a run; attributes of all tasks share a column.

    Args:
        examine: Has the data set and the tasks.
        chosen: Split and id of images that could be read before; one that no longer can is left out.
        path: The file.

    Returns:
        Whether there was anything to draw.
    """
    found = [attempt(id, _row, examine, split, id) for split, id in chosen]
    rows = [row for row in found if not isinstance(row, Fault)]
    if not rows:
        return False
    aspect = float(np.median([row.image.shape[0] / row.image.shape[1] for row in rows]))
    columns = [Column("image", lambda axis, index: _photograph(axis, rows[index]))]
    tasks = examine.tasks.values()
    columns += [Column(task.name, partial(_label, rows, task.name)) for task in tasks if task.task.kind.dense]
    named = [task.name for task in tasks if not task.task.kind.dense]
    if named:
        title = named[0] if len(named) == 1 else f"{len(named)} tasks of attributes"
        height = _POINTS * cell_height(aspect)
        columns.append(Column(title, lambda axis, index: _answers(axis, rows[index].answers, height)))
    draw_grid(columns, len(rows), path, aspect)
    return True


def _row(examine: Examiner, split: Split, id: str) -> _Row:
    sample = examine.dataset.load(id, tuple(examine.infos))
    pictures: dict[str, _Pixels] = {}
    answers: list[Answer] = []
    for bound in examine.tasks.values():
        raw = sample.targets.get(bound.target)
        if bound.task.kind.dense and raw is not None:
            pictures[bound.name] = _picture(examine, bound, id, raw)
        elif not bound.task.kind.dense:
            answers += _known(examine, bound, id, raw)
    image = resized(sample.image, _shrunk(*image_shape(id, sample.image)))
    title = _short(id) if id.startswith(f"{split}/") else f"{split}: {_short(id)}"
    return _Row(title, image, pictures, tuple(answers))


def _picture(examine: Examiner, bound: BoundTask, id: str, raw: RawTarget) -> _Pixels:
    label = bound.labels(label_batch(id, bound.target, examine.infos[bound.target], raw).targets)
    height, width = label.valid.shape[-2:]
    mask = label.valid[0].numpy().reshape(height, width)
    pixels = np.where(mask[..., None], bound.task.picture(label.value[0]).numpy(), np.uint8(VOID))
    return np.asarray(Sampler(None, (height, width), _shrunk(height, width))(pixels))


def _known(examine: Examiner, bound: BoundTask, id: str, raw: RawTarget | None) -> list[Answer]:
    names = bound.task.info.names
    if raw is None:
        return [(name, None) for name in names]
    label = bound.labels(label_batch(id, bound.target, examine.infos[bound.target], raw).targets)
    pairs = zip(names, label.value[0].tolist(), label.valid[0].tolist(), strict=True)
    return [(name, value > 0.5 if valid else None) for name, value, valid in pairs]


def _shrunk(height: int, width: int) -> tuple[int, int]:
    """The size at which a cell keeps a picture, of the same aspect."""
    by = min(1.0, _LONGEST / max(height, width))
    return max(1, round(by * height)), max(1, round(by * width))


def _short(id: str) -> str:
    text, half = printable(id), _LETTERS // 2
    return text if len(text) <= _LETTERS else f"{text[: half - 1]}…{text[-half:]}"


def _photograph(axis: Axes, row: _Row) -> None:
    picture(axis, row.image)
    axis.text(0.5, -0.02, row.title, ha="center", va="top", fontsize=6, transform=axis.transAxes, parse_math=False)


def _label(rows: Sequence[_Row], task: str, axis: Axes, index: int) -> None:
    pixels = rows[index].pictures.get(task)
    if pixels is None:
        _say(axis, "no label")
    else:
        picture(axis, pixels)


def _answers(axis: Axes, answers: Sequence[Answer], height: float) -> None:
    if any(answer is not None for _, answer in answers):
        draw_answers(axis, answers, _POINTS * CELL_INCHES * _MARGIN, height)
    else:
        _say(axis, "no label")


def _say(axis: Axes, text: str) -> None:
    axis.axis("off")
    axis.text(0.5, 0.5, text, ha="center", va="center", fontsize=7, color="0.5", transform=axis.transAxes)
