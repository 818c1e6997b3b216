"""Test images as cards: prediction beside label beside error, a row a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from mstasks.figures import VOID
from mstasks.picture import FARTHEST, NEAREST, default_palette
from mstasks.report.album import Album
from mstasks.report.bars import Bar, bars
from mstasks.report.error_maps import ERRORS, coloured, error_map, gradient, mean_error, ramp, upper_end
from mstasks.report.examples import Answer, Example
from mstasks.report.markup import Html, element
from mstasks.report.page import Section, figure, table
from mstasks.targets import TargetKind

_ABOUT = {
    TargetKind.VECTOR_MAP: "red points right, green up, blue towards the camera",
    TargetKind.SCALAR_MAP: "black 0, white 1",
    TargetKind.ATTRIBUTES: "bars are probabilities, marks labels; red: wrong side of one half, grey: no label",
}


def pictures(examples: Sequence[Example], album: Album) -> Section:
    """A card for each image, after keys to the colours; empty if there are no images."""
    section = Section("Pictures")
    if not examples:
        return section
    ends = {name: _upper_end([example.answers[name] for example in examples]) for name in examples[0].answers}
    keys = [_key([example.answers[name] for example in examples], end) for name, end in ends.items()]
    cards = [_card(example, ends, album) for example in examples]
    return section.add(element("div", *keys, class_="keys"), element("div", *cards, class_="examples"))


def _upper_end(answers: Sequence[Answer]) -> float:
    kind = answers[0].bound.task.kind
    return upper_end(kind, [_error(answer) for answer in answers]) if kind.dense else 1.0


def _error(answer: Answer) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return error_map(answer.bound.task.kind, answer.prediction, answer.value, answer.valid)


def _card(example: Example, ends: Mapping[str, float], album: Album) -> Html:
    flat = [name for name, answer in example.answers.items() if not answer.bound.task.kind.dense]
    image = element("div", album.picture(example.pixels, f"test image {example.id}"))
    # Few attributes have room beside the image; more of them, or of several tasks, stand below it.
    beside = len(flat) == 1 and len(example.answers[flat[0]].bound.task.info.names) <= 10
    cells = [image] if flat else [image, element("div", _errors(example), class_="across")]
    for name in flat:
        content = [element("div", name, class_="task"), _attributes(example.answers[name])]
        cells.append(element("div", *content, class_="across" if beside else "whole"))
    for name, answer in example.answers.items():
        if answer.bound.task.kind.dense:
            cells.extend(_dense(name, answer, ends[name], f"of {example.id}", album))
    return figure(element("div", *cells, class_="shown"), example.id)


def _errors(example: Example) -> Html:
    """The mean error of each task on one image, below each other."""
    rows = []
    for name, answer in example.answers.items():
        mean = mean_error(_error(answer))
        rows.append((name, "no label" if mean is None else ERRORS[answer.bound.task.kind].written(mean)))
    return table(("task", "error"), rows)


def _dense(name: str, answer: Answer, largest: float, whose: str, album: Album) -> Iterator[Html]:
    """The row of a task: label, prediction, error."""
    task = answer.bound.task
    # Photographs bear some loss; classes keep their exact colours.
    smooth = task.kind is not TargetKind.LABEL_MAP
    label = task.picture(answer.value).numpy()
    valid = answer.valid.numpy().reshape(label.shape[:2])
    error = _error(answer)
    mean = mean_error(error)
    drawn = (
        ("label", np.where(valid[..., None], label, np.uint8(VOID)), "label"),
        ("prediction", task.picture(answer.prediction).numpy(), "prediction"),
        ("error", coloured(error, largest), "no label" if mean is None else ERRORS[task.kind].written(mean)),
    )
    yield element("div", name, class_="task whole")
    for what, pixels, under in drawn:
        picture = album.picture(pixels, f"{name}, {what} {whose}", smooth=smooth)
        yield element("div", picture, element("div", under, class_="under"))


def _attributes(answer: Answer) -> Html:
    """A bar for each attribute, in the colour of success where it is on the label's side of one half."""
    rows = []
    for index, name in enumerate(answer.bound.task.info.names):
        share = float(answer.prediction[index])
        label = float(answer.value[index]) if answer.valid[index] else None
        colour = "plain" if label is None else "good" if (share >= 0.5) == (label >= 0.5) else "bad"
        rows.append(Bar(name, share, f"{100 * share:.0f} %", colour, mark=label))
    return bars(rows)


def _key(answers: Sequence[Answer], largest: float) -> Html:
    """What the colours of a task's pictures mean."""
    task = answers[0].bound.task
    content = [element("strong", answers[0].bound.name), *_meaning(answers)]
    if task.kind is TargetKind.LABEL_MAP:
        content += [_block(colour, name) for colour, name in zip(_ends(), ("error: right", "wrong"), strict=True)]
    elif task.kind.dense:
        error = ERRORS[task.kind]
        content.append(_scale(f"{error.name}: 0", ramp(), f"{largest:g}{error.unit}"))
    if task.kind.dense and not all(bool(answer.valid.all()) for answer in answers):
        content.append(_block((VOID, VOID, VOID), "no label"))
    return element("div", *content, class_="key")


def _meaning(answers: Sequence[Answer]) -> Iterator[Html]:
    task = answers[0].bound.task
    if task.kind is TargetKind.LABEL_MAP:
        yield from _classes(answers)
    elif task.kind is TargetKind.DEPTH_MAP:
        metres = torch.from_numpy(np.geomspace(NEAREST, FARTHEST, 64, dtype=np.float32)).reshape(1, 1, -1)
        yield _scale(f"{NEAREST:g} m", gradient(task.picture(metres)[0].numpy()), f"{FARTHEST:g} m")
    else:
        yield element("span", _ABOUT[task.kind])


def _scale(low: str, colours: str, high: str) -> Html:
    return element("span", low, element("i", class_="ramp", style=f"background:{colours}"), high)


def _block(colour: Sequence[int], name: str) -> Html:
    red, green, blue = colour
    return element("span", element("i", class_="block", style=f"background:rgb({red},{green},{blue})"), name)


def _ends() -> tuple[Sequence[int], Sequence[int]]:
    """The colours of no error and of the largest one."""
    none, most = coloured(np.array([[0, 1]], dtype=np.float32), 1.0)[0].tolist()
    return none, most


def _classes(answers: Sequence[Answer]) -> Iterator[Html]:
    """Names and colours of the classes that are in the pictures."""
    info = answers[0].bound.task.info
    colours = info.colours or default_palette(len(info.names))
    shown = [torch.cat([a.value[a.valid], a.prediction.argmax(0).flatten()]) for a in answers]
    for index in np.unique(torch.cat(shown).numpy()).tolist():
        yield _block(colours[index], info.names[index])
