"""The steps that a recipe's `data.augment` asks for: looked up in albumentations, checked, built."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from typing import Any

from mstasks.data.honest import argument_refusal, camera_refusal, camera_targets, reach, refusal
from mstasks.data.step import Step
from mstasks.errors import UsageError
from mstasks.targets import TargetInfo

# albumentations asks its server for a newer version when it is imported; nothing here uses the network unasked.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A

Transforms = Sequence[Mapping[str, Mapping[str, Any]]]


class AugmentationError(UsageError, ValueError):
    """A transform that a recipe names cannot be used; the message says which, why, and what to do instead.

    Attributes:
        index: Its place in the recipe's list, from 0.
        reason: The message without the place.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"data.augment[{index}]: {reason}")
        self.index = index
        self.reason = reason

    def __reduce__(self) -> tuple[type[AugmentationError], tuple[int, str]]:
        return AugmentationError, (self.index, self.reason)


def build_steps(transforms: Transforms, infos: Mapping[str, TargetInfo], size: tuple[int, int]) -> list[Step]:
    """The steps of a recipe's `data.augment`, in order.

    Args:
        transforms: Each a mapping of one albumentations class to its arguments.
        infos: The targets that the recipe reads; what is honest depends on their kinds.
        size: Height and width that samples are brought to.

    Raises:
        AugmentationError: The first problem that `check_transforms` would find.
    """
    return [_build(index, entry, infos, size) for index, entry in enumerate(transforms)]


def check_transforms(transforms: Transforms, infos: Mapping[str, TargetInfo]) -> list[AugmentationError]:
    """Every problem of a recipe's `data.augment`, at most one a transform; empty if all is well."""
    errors = []
    for index, entry in enumerate(transforms):
        try:
            _build(index, entry, infos, (64, 64))
        except AugmentationError as error:
            errors.append(error)
    return errors


def _build(
    index: int, entry: Mapping[str, Mapping[str, Any]], infos: Mapping[str, TargetInfo], size: tuple[int, int]
) -> Step:
    if len(entry) != 1:
        raise AugmentationError(index, f"each entry names one transform. Found {sorted(entry)}.")
    (name, arguments), *_ = entry.items()
    arguments = arguments or {}
    try:
        return _step(name, arguments, infos, size)
    except _Reason as reason:
        raise AugmentationError(index, str(reason)) from reason.__cause__


class _Reason(Exception):  # noqa: N818 - becomes an AugmentationError as soon as the place is known
    """Why a transform cannot be used."""


def _step(name: str, arguments: Mapping[str, Any], infos: Mapping[str, TargetInfo], size: tuple[int, int]) -> Step:
    found = _find(name)
    moves = reach(name, issubclass(found, A.ImageOnlyTransform))
    if moves is None:
        raise _Reason(f"{name} is not known to move labels honestly. Use one of those that docs/data.md lists.")
    reason = argument_refusal(name, arguments)
    if reason is not None:
        raise _Reason(f"{name} {reason}")
    transform = _construct(found, arguments, size)
    targets = camera_targets(infos)
    reason = camera_refusal(name, transform, arguments, targets)
    if reason is not None:
        raise _Reason(f"{name} {reason}")
    # By default whatever the targets: else a network of one task would train on other crops than one of all tasks.
    step = Step(transform, moves, size, keeps_aspect="ratio" not in arguments)
    try:
        step.try_out()
    except Exception as error:
        raise _Reason(f"{name} failed on a small image: {error}") from error
    return step


def _find(name: str) -> type[A.BasicTransform]:
    """The class of that name, if a recipe may use it."""
    reason = refusal(name)
    if reason is not None:
        raise _Reason(f"{name} {reason}")
    names = {n for n, found in vars(A).items() if isinstance(found, type) and issubclass(found, A.BasicTransform)}
    names -= {"BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D"}
    if name not in names:
        raise _Reason(
            f"unknown transform '{name}'.{_did_you_mean(name, names)} albumentations {A.__version__} has none."
        )
    found: type[A.BasicTransform] = getattr(A, name)
    if issubclass(found, A.Transform3D):
        raise _Reason(f"{name} is made for volumes. Use RandomResizedCrop or CoarseDropout.")
    return found


def _construct(found: type[A.BasicTransform], arguments: Mapping[str, Any], size: tuple[int, int]) -> A.BasicTransform:
    """An instance with the recipe's arguments, and with ours where the recipe is silent."""
    allowed = set(signature(found).parameters) - {"strict"}
    for argument in arguments:
        if argument not in allowed:
            hint = _did_you_mean(argument, allowed)
            raise _Reason(
                f"{found.__name__} has no argument '{argument}'.{hint} It takes {', '.join(sorted(allowed))}."
            )
    given = dict(arguments)
    if found is A.RandomResizedCrop:
        given["size"] = size
    if "area_for_downscale" in allowed and "interpolation" not in given:
        given.setdefault("area_for_downscale", "image")
    if hasattr(found.__init__, "__signature__"):
        # Only classes that validate their arguments take it; without it they replace a wrong argument by the default.
        given["strict"] = True
    try:
        return found(**given)
    except (ValueError, TypeError) as error:
        raise _Reason(f"{found.__name__}: {_explain(error)}") from error


def _explain(error: Exception) -> str:
    """What albumentations complains of, in one line."""
    details = getattr(error.__cause__, "errors", None)
    if details is None:
        return " ".join(str(error).split())
    complaints = []
    for detail in details():
        place = f"`{'.'.join(map(str, detail['loc']))}`: " if detail["loc"] else ""
        found = f". Found {detail['input']!r}" if detail["loc"] else ""
        complaints.append(f"{place}{detail['msg'].removeprefix('Value error, ').rstrip('.')}{found}.")
    return " ".join(complaints)


def _did_you_mean(word: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(names), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
