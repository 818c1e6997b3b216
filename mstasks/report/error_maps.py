"""How wrong a prediction is at each pixel, by kind of target, and how that is coloured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mstasks.figures import VOID
from mstasks.report.wording import percent
from mstasks.targets import TargetKind

Pixels = NDArray[np.uint8]
_SEEN = 0.98
"""Share of the errors that lie below the upper end of the colours: a few pixels must not make all others dark."""


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """What an error is for one kind of target.

    Attributes:
        measure: From decoded prediction and label value, without the batch dimension, to the error, shape (H, W).
        name: What it is.
        unit: Follows its numbers.
        largest: Upper end of the colours; None where the errors decide.
        written: The mean over an image as text.
    """

    measure: Callable[[Tensor, Tensor], Tensor]
    name: str
    unit: str
    largest: float | None
    written: Callable[[float], str]


def _wrong(prediction: Tensor, value: Tensor) -> Tensor:
    return (prediction.argmax(0) != value).float()


def _absolute(prediction: Tensor, value: Tensor) -> Tensor:
    return (prediction - value).abs()[0]


def _angle(prediction: Tensor, value: Tensor) -> Tensor:
    """Degrees between the vectors."""
    cosine = functional.cosine_similarity(prediction, value, dim=0)
    return torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))


ERRORS = {
    TargetKind.LABEL_MAP: ErrorKind(_wrong, "wrong pixels", "", 1.0, lambda mean: f"{percent(mean, 0)} wrong"),
    TargetKind.DEPTH_MAP: ErrorKind(_absolute, "absolute error", " m", None, lambda mean: f"mean {mean:.2f} m"),
    TargetKind.VECTOR_MAP: ErrorKind(_angle, "angle between them", "°", None, lambda mean: f"mean {mean:.1f}°"),
    TargetKind.SCALAR_MAP: ErrorKind(_absolute, "absolute difference", "", 1.0, lambda mean: f"mean {mean:.2f}"),
}
"""By kind of dense target."""


def error_map(kind: TargetKind, prediction: Tensor, value: Tensor, valid: Tensor) -> NDArray[np.float32]:
    """The error at each pixel, NaN where there is no label or the prediction is not a number.

    Args:
        kind: Of a dense target.
        prediction: Decoded, without the batch dimension.
        value: The label.
        valid: Where it exists.

    Returns:
        Shape (H, W): 1 for a wrong class and 0 for a right one, metres, degrees, or the absolute difference.
    """
    error = ERRORS[kind].measure(prediction.float(), value if kind is TargetKind.LABEL_MAP else value.float())
    known = valid.reshape(error.shape)
    return error.masked_fill(~known, math.nan).numpy().astype(np.float32)


def mean_error(error: NDArray[np.float32]) -> float | None:
    """Mean over the pixels with a label, None if there is none."""
    known = error[np.isfinite(error)]
    return float(known.mean()) if known.size else None


def upper_end(kind: TargetKind, errors: Iterable[NDArray[np.float32]]) -> float:
    """Where the colours of a task's errors end: a round number that nearly all errors of all images stay below."""
    largest = ERRORS[kind].largest
    if largest is not None:
        return largest
    known = np.concatenate([error[np.isfinite(error)] for error in errors])
    return _round_up(float(np.quantile(known, _SEEN))) if known.size else 1.0


def coloured(error: NDArray[np.float32], largest: float) -> Pixels:
    """RGB of an error map: black for none to bright yellow for `largest` and more, grey where there is no label."""
    known = np.isfinite(error)
    index = (np.where(known, error, 0) / largest * 255).clip(0, 255).round().astype(np.uint8)
    return np.where(known[..., None], _colours()[index], np.uint8(VOID))


@cache
def _colours() -> Pixels:
    """256 colours, from none to the largest error."""
    from matplotlib import colormaps  # here, because it takes a third of a second to import

    return np.ascontiguousarray(colormaps["inferno"](np.arange(256), bytes=True)[:, :3])


def ramp() -> str:
    """The colours as a CSS gradient from left to right."""
    return gradient(_colours())


def gradient(colours: Pixels) -> str:
    """A CSS gradient through colours of shape (n, 3)."""
    chosen = colours[np.linspace(0, len(colours) - 1, 9).round().astype(int)]
    return f"linear-gradient(to right,{','.join(f'rgb({r},{g},{b})' for r, g, b in chosen.tolist())})"


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    factor = next(factor for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if factor * power >= value * (1 - 1e-9))
    return float(f"{factor * power:.2g}")
